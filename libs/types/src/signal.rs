//! Signal bodies: what strategies and models conclude.

use crate::decimal::PackedDecimal;
use crate::enums::{Confidence, Side, SignalAction};
use crate::fixed::FixedStr;
use crate::instrument::InstrumentId;
use crate::wire::{Coded, F64, U32, U64};
use crate::wire_struct;

/// A strategy's name in messages.
pub type StrategyName = FixedStr<24>;

wire_struct! {
    /// A candidate to enter or exit. The portfolio decides whether it becomes an order.
    Signal, 119 {
        /// What to trade.
        instrument: InstrumentId,
        /// The strategy.
        strategy: FixedStr<24>,
        /// What it proposes.
        action: Coded<SignalAction>,
        /// How sure it is.
        confidence: Coded<Confidence>,
        /// Zero.
        reserved: [u8; 2],
        /// Rank among candidates of one bar: confidence rank * 100 + ADX where known.
        score: F64,
        /// Price at the decision.
        reference_price: PackedDecimal,
        /// Where the strategy would give up; 0 for none.
        stop_price: PackedDecimal,
        /// Size hint in the quote currency; 0 leaves it to the portfolio.
        notional: PackedDecimal,
        /// Start of the bar it decided on, ns since the Unix epoch.
        bar_ns: U64,
        /// Length of the bar, ns.
        interval_ns: U64,
        /// Which conditions held, a bit each, as the strategy documents them.
        reasons: U64,
        /// Digest of inputs, parameters, state and output of the decision.
        decision_digest: U64,
    }
}

wire_struct! {
    /// Why a candidate did or did not pass: the first gate that failed, and by how much.
    Decision, 100 {
        /// The instrument.
        instrument: InstrumentId,
        /// The strategy.
        strategy: FixedStr<24>,
        /// Start of the bar, ns since the Unix epoch.
        bar_ns: U64,
        /// What it proposed; 0 for nothing.
        action: Coded<SignalAction>,
        /// Zero.
        reserved: [u8; 3],
        /// The first gate that failed; empty where all passed.
        gate: FixedStr<16>,
        /// What the gate saw.
        value: F64,
        /// What it asks for.
        threshold: F64,
        /// Which conditions held, a bit each.
        reasons: U64,
    }
}

wire_struct! {
    /// A price difference between two places.
    Arbitrage, 113 {
        /// Where to buy.
        buy: InstrumentId,
        /// Where to sell.
        sell: InstrumentId,
        /// Price there.
        buy_price: PackedDecimal,
        /// Price there.
        sell_price: PackedDecimal,
        /// Quantity of the base.
        quantity: PackedDecimal,
        /// What remains after fees and gas, in the quote currency.
        net_profit: PackedDecimal,
        /// Fees of both sides, in the quote currency.
        fees: PackedDecimal,
        /// Side of the first leg to send.
        first_leg: Coded<Side>,
        /// Zero.
        reserved: [u8; 3],
        /// Good until, ns since the Unix epoch.
        expires_ns: U64,
        /// Block it was computed on; 0 where no chain is involved.
        block: U64,
    }
}

wire_struct! {
    /// Where events push an instrument, -1 to 1, fading with time.
    EventBias, 64 {
        /// The instrument.
        instrument: InstrumentId,
        /// Bias, -1 to 1.
        bias: F64,
        /// Weight of the evidence, 0 to 1.
        weight: F64,
        /// Half-life, ns.
        half_life_ns: U64,
        /// Events behind it.
        event_count: U32,
        /// Zero.
        reserved: [u8; 4],
        /// Computed at, ns since the Unix epoch.
        as_of_ns: U64,
    }
}

wire_struct! {
    /// A model's forecast.
    Prediction, 104 {
        /// The instrument.
        instrument: InstrumentId,
        /// The model.
        model: FixedStr<24>,
        /// Predicted Sharpe ratio.
        sharpe: F64,
        /// Probability that there is an edge, 0 to 1.
        edge_probability: F64,
        /// Content hash of the model, first 16 bytes.
        model_hash: [u8; 16],
        /// How long it took, ns.
        latency_ns: U64,
        /// Features it saw are those of this bar, ns since the Unix epoch.
        bar_ns: U64,
        /// Good until, ns since the Unix epoch.
        expires_ns: U64,
    }
}
