//! Execution bodies: orders and their fate. Quantities are of the base, prices and notionals in the quote currency.

use crate::decimal::PackedDecimal;
use crate::enums::{
    CancelReason, OrderState, OrderType, Outcome, RejectReason, Side, SignalAction, TimeInForce, TriggerKind,
};
use crate::fixed::FixedStr;
use crate::ids::{ClientOrderId, MessageId};
use crate::instrument::{InstrumentId, Venue};
use crate::wire::{Coded, U64};
use crate::wire_struct;

wire_struct! {
    /// An order for an executor. Sent again with the same id it is the same order.
    OrderRequest, 94 {
        /// The order.
        client_order_id: ClientOrderId,
        /// What to trade.
        instrument: InstrumentId,
        /// Buy or sell.
        side: Coded<Side>,
        /// How it is priced.
        order_type: Coded<OrderType>,
        /// How long it stands.
        time_in_force: Coded<TimeInForce>,
        /// 1 when it may only reduce a position.
        reduce_only: u8,
        /// Base quantity, a multiple of the lot.
        quantity: PackedDecimal,
        /// Limit price, a multiple of the tick; 0 for a market order.
        price: PackedDecimal,
        /// A market order is not filled beyond this price; 0 for no bound.
        worst_price: PackedDecimal,
        /// When it was decided, ns since the Unix epoch.
        decided_ns: U64,
        /// An executor refuses it after, ns since the Unix epoch; 0 for never.
        expires_ns: U64,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// More terms of an order; stands in the same message, behind the order's request or intent.
    OrderTerms, 104 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// What it waits for before it is worked.
        trigger: Coded<TriggerKind>,
        /// The price that it waits for, a multiple of the tick; 0 where a trailing stop starts from the market.
        trigger_price: PackedDecimal,
        /// A trailing stop's distance from the best price, a multiple of the tick; else 0.
        trail: PackedDecimal,
        /// It is ended after, ns since the Unix epoch; 0 for never.
        good_till_ns: U64,
        /// Once this order or that one is triggered or filled in part, the other is ended; zero for none.
        linked_order_id: ClientOrderId,
        /// Zero.
        reserved: [u8; 21],
    }
}

wire_struct! {
    /// Where the trigger of a waiting order stands now.
    OrderTrigger, 80 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// 1 from when it is worked.
        triggered: u8,
        /// The price that it waits for, or waited for.
        trigger_price: PackedDecimal,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// Zero.
        reserved: [u8; 22],
    }
}

wire_struct! {
    /// Take an order back.
    OrderCancel, 48 {
        /// The order; zero for all of the instrument, or of all where that is zero too.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// When it was decided, ns since the Unix epoch.
        decided_ns: U64,
    }
}

wire_struct! {
    /// Change price and quantity of a working order. It stands in the same message as the request of the order that takes its
    /// place, behind it.
    OrderReplace, 82 {
        /// The order.
        client_order_id: ClientOrderId,
        /// The one that takes its place.
        new_client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// The most that both together may be filled: where more is filled already, the new one is refused.
        quantity: PackedDecimal,
        /// New price.
        price: PackedDecimal,
        /// When it was decided, ns since the Unix epoch.
        decided_ns: U64,
    }
}

wire_struct! {
    /// The venue took the order.
    OrderAccepted, 88 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// The venue's id for it.
        venue_order_id: FixedStr<40>,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
    }
}

wire_struct! {
    /// The order was refused, for certain.
    OrderRejected, 120 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Why.
        reason: Coded<RejectReason>,
        /// Zero.
        reserved: [u8; 7],
        /// Why, in the venue's words.
        text: FixedStr<64>,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
    }
}

wire_struct! {
    /// A part of the order, or all of it, was filled.
    Fill, 150 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// The order's side.
        side: Coded<Side>,
        /// 1 when the order was resting.
        maker: u8,
        /// Price of this fill.
        price: PackedDecimal,
        /// Quantity of this fill.
        quantity: PackedDecimal,
        /// Filled of the order so far, this fill included.
        cumulative_quantity: PackedDecimal,
        /// Fee; negative is a rebate.
        fee: PackedDecimal,
        /// What the fee is paid in.
        fee_asset: FixedStr<12>,
        /// The venue's id of the trade: the same one is the same fill.
        trade_id: FixedStr<40>,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// Sequence of the book that it was filled against, at the paper exchange; else 0.
        book_sequence: U64,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// The order ended before it was filled.
    OrderCancelled, 64 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Why.
        reason: Coded<CancelReason>,
        /// Zero.
        reserved: [u8; 6],
        /// Filled of it before.
        filled_quantity: PackedDecimal,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
    }
}

wire_struct! {
    /// A position after a change.
    Position, 100 {
        /// The instrument.
        instrument: InstrumentId,
        /// The strategy that holds it.
        strategy: FixedStr<24>,
        /// Base quantity; negative is short.
        quantity: PackedDecimal,
        /// Average entry price; 0 when flat.
        entry_price: PackedDecimal,
        /// Realised profit, fees not taken off, in the quote currency.
        realized_pnl: PackedDecimal,
        /// Fees paid, in the quote currency.
        fees: PackedDecimal,
        /// Fills behind it.
        fill_count: U64,
        /// Updated at, ns since the Unix epoch.
        updated_ns: U64,
    }
}

wire_struct! {
    /// A balance at a venue.
    Balance, 48 {
        /// The venue.
        venue: Coded<Venue>,
        /// Zero.
        reserved: u8,
        /// The asset.
        asset: FixedStr<12>,
        /// All of it.
        total: PackedDecimal,
        /// What is free.
        available: PackedDecimal,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
        /// Updated at, ns since the Unix epoch.
        updated_ns: U64,
    }
}

wire_struct! {
    /// What risk said of a signal: allowed, reduced or vetoed, and why.
    RiskVerdict, 156 {
        /// The signal.
        signal: MessageId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Its strategy.
        strategy: FixedStr<24>,
        /// What it proposed.
        action: Coded<SignalAction>,
        /// 1 when an order follows.
        allowed: u8,
        /// The first check that failed, or the one that took most away.
        reason: Coded<RejectReason>,
        /// What risk said.
        outcome: Coded<Outcome>,
        /// Quantity asked for.
        requested_quantity: PackedDecimal,
        /// Quantity allowed.
        allowed_quantity: PackedDecimal,
        /// What that check saw.
        actual: PackedDecimal,
        /// What it allows.
        limit: PackedDecimal,
        /// The same for people.
        text: FixedStr<40>,
        /// When it was decided, ns since the Unix epoch.
        decided_ns: U64,
    }
}

wire_struct! {
    /// An order as it is written down before it is sent.
    Intent, 138 {
        /// The order: a hash of what caused it.
        client_order_id: ClientOrderId,
        /// What to trade.
        instrument: InstrumentId,
        /// The strategy.
        strategy: FixedStr<24>,
        /// The signal that caused it.
        signal: MessageId,
        /// What the signal proposed.
        action: Coded<SignalAction>,
        /// Buy or sell.
        side: Coded<Side>,
        /// How it is priced.
        order_type: Coded<OrderType>,
        /// How long it stands.
        time_in_force: Coded<TimeInForce>,
        /// 1 when it may only reduce a position.
        reduce_only: u8,
        /// Base quantity.
        quantity: PackedDecimal,
        /// Limit price; 0 for a market order.
        price: PackedDecimal,
        /// A market order is not filled beyond this price; 0 for no bound.
        worst_price: PackedDecimal,
        /// When it was decided, ns since the Unix epoch.
        decided_ns: U64,
        /// An executor refuses it after, ns since the Unix epoch; 0 for never.
        expires_ns: U64,
        /// Zero.
        reserved: [u8; 6],
    }
}

wire_struct! {
    /// What became of an order? An executor answers with its status and its fills.
    OrderStatusRequest, 40 {
        /// The order; zero asks for all that are not final.
        client_order_id: ClientOrderId,
        /// Its instrument; zero where the order is zero.
        instrument: InstrumentId,
    }
}

wire_struct! {
    /// What an executor knows of an order.
    OrderStatus, 106 {
        /// The order.
        client_order_id: ClientOrderId,
        /// Its instrument.
        instrument: InstrumentId,
        /// Where it is; `unknown` when the executor never had it.
        state: Coded<OrderState>,
        /// Zero.
        reserved: [u8; 8],
        /// Filled of it.
        filled_quantity: PackedDecimal,
        /// The venue's id for it.
        venue_order_id: FixedStr<40>,
        /// When the venue says so, ns since the Unix epoch.
        venue_ns: U64,
    }
}
