//! Risk bodies: how far a candidate was from each limit, and what the loss limits remember.

use crate::decimal::PackedDecimal;
use crate::enums::{Gate, Outcome, Scope, Unit};
use crate::fixed::FixedStr;
use crate::ids::MessageId;
use crate::instrument::{InstrumentId, Venue};
use crate::limits::{MAX_LOSSES, MAX_RISK_MARGINS};
use crate::wire::{Coded, Tailed, U16, U32, U64};
use crate::wire_struct;

wire_struct! {
    /// One gate that a candidate came to.
    RiskMargin, 31 {
        /// Which.
        gate: Coded<Gate>,
        /// What its numbers are in.
        unit: Coded<Unit>,
        /// Whose limit it was: the tightest that applies.
        scope: Coded<Scope>,
        /// What it said.
        outcome: Coded<Outcome>,
        /// What it saw.
        actual: PackedDecimal,
        /// What it allows.
        limit: PackedDecimal,
        /// How far the one is from the other; negative by as much as the gate was missed.
        margin: PackedDecimal,
    }
}

wire_struct! {
    /// Every gate that a candidate came to, in order, up to the first that refused it; stands in the same message, behind the
    /// verdict.
    RiskMargins, 24 {
        /// The signal.
        signal: MessageId,
        /// Gates that follow.
        margin_count: U16,
        /// Zero.
        reserved: [u8; 2],
    }
}

impl Tailed for RiskMargins {
    type Item = RiskMargin;
    const ITEM_NAME: &'static str = "margins";
    const MAX_ITEMS: usize = MAX_RISK_MARGINS;
    fn item_count(&self) -> usize {
        usize::from(self.margin_count.get())
    }
}

wire_struct! {
    /// A position that was closed with a loss.
    RiskLoss, 17 {
        /// When, ns since the Unix epoch.
        at_ns: U64,
        /// How much, with fees; positive.
        amount: PackedDecimal,
    }
}

wire_struct! {
    /// What the loss limits of one scope remember, of one quote currency. Profits are realised ones, fees taken off.
    RiskAccount, 160 {
        /// Whose account.
        scope: Coded<Scope>,
        /// The venue, of that scope.
        venue: Coded<Venue>,
        /// The strategy, of that scope.
        strategy: FixedStr<24>,
        /// The instrument, of that scope.
        instrument: InstrumentId,
        /// The quote currency.
        quote: FixedStr<12>,
        /// Start of the day that is counted, ns since the Unix epoch (UTC).
        day_ns: U64,
        /// Profit at the start of the day.
        day_start: PackedDecimal,
        /// Greatest profit so far.
        peak: PackedDecimal,
        /// Profit when this was said.
        profit: PackedDecimal,
        /// Positions closed with a loss, one after the other, without a profit between them.
        loss_streak: U32,
        /// What has tripped; `none` where nothing has.
        trip: Coded<Gate>,
        /// What its numbers are in.
        trip_unit: Coded<Unit>,
        /// When it tripped, ns since the Unix epoch.
        tripped_ns: U64,
        /// When it ends by itself, ns since the Unix epoch; 0 where only a reset ends it.
        until_ns: U64,
        /// What it saw.
        actual: PackedDecimal,
        /// What it allows.
        limit: PackedDecimal,
        /// The last reset, ns since the Unix epoch.
        reset_ns: U64,
        /// When this was said, ns since the Unix epoch.
        updated_ns: U64,
        /// Losses that follow, oldest first.
        loss_count: U16,
        /// Zero.
        reserved: [u8; 5],
    }
}

impl Tailed for RiskAccount {
    type Item = RiskLoss;
    const ITEM_NAME: &'static str = "losses";
    const MAX_ITEMS: usize = MAX_LOSSES;
    fn item_count(&self) -> usize {
        usize::from(self.loss_count.get())
    }
}
