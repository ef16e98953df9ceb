//! What a strategy answers to a bar: an action, or the first gate that stood in its way.

use crate::digest::Digest;
use crate::exits::ExitReason;

/// Which way a position points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// No position.
    #[default]
    Flat = 0,
    /// Gains when the price rises.
    Long = 1,
    /// Gains when the price falls.
    Short = 2,
}

impl Side {
    /// 1 for long, -1 for short, 0 for flat: multiplies a price difference into a gain.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Flat => 0.0,
            Self::Long => 1.0,
            Self::Short => -1.0,
        }
    }

    /// The other direction; flat stays flat.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Flat => Self::Flat,
            Self::Long => Self::Short,
            Self::Short => Self::Long,
        }
    }
}

/// What is proposed. Codes 1-4 are those of `SignalAction` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Nothing.
    #[default]
    None = 0,
    /// Open a long position, or add to it.
    EnterLong = 1,
    /// Open a short position, or add to it.
    EnterShort = 2,
    /// Close a long position, or the `fraction` of it that the decision names.
    ExitLong = 3,
    /// Close a short position, or the `fraction` of it that the decision names.
    ExitShort = 4,
}

impl Action {
    /// The entry towards a side; `None` for flat.
    #[must_use]
    pub const fn enter(side: Side) -> Self {
        match side {
            Side::Flat => Self::None,
            Side::Long => Self::EnterLong,
            Side::Short => Self::EnterShort,
        }
    }

    /// The exit of a side; `None` for flat.
    #[must_use]
    pub const fn exit(side: Side) -> Self {
        match side {
            Side::Flat => Self::None,
            Side::Long => Self::ExitLong,
            Side::Short => Self::ExitShort,
        }
    }

    /// True where new risk is taken.
    #[must_use]
    pub const fn is_entry(self) -> bool {
        matches!(self, Self::EnterLong | Self::EnterShort)
    }

    /// True where risk is given up.
    #[must_use]
    pub const fn is_exit(self) -> bool {
        matches!(self, Self::ExitLong | Self::ExitShort)
    }
}

/// Confidence tier of an entry; its rank is its code, as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tier {
    /// No tier's conditions hold.
    #[default]
    None = 0,
    /// Weakest that may trade.
    Low = 1,
    /// Between the two.
    Medium = 2,
    /// Strongest.
    High = 3,
}

impl Tier {
    /// 0 for none, 1 low, 2 medium, 3 high.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }
}

/// Rank of an entry among those of one bar: confidence rank * 100 + ADX. Ties go by symbol, in the selector.
#[must_use]
pub fn score(tier: Tier, adx: f64) -> f64 {
    f64::from(tier.rank()) * 100.0 + adx
}

macro_rules! gates {
    ($($(#[doc = $doc:literal])+ $gate:ident = $code:literal, $name:literal;)+) => {
        /// What can stop a decision. Each has a name of at most 16 characters: the `gate` of a `Decision` message.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Gate {
            $($(#[doc = $doc])+ $gate = $code,)+
            /// All passed, or nothing was asked.
            #[default]
            Passed = 0,
        }

        impl Gate {
            /// Every gate that can fail.
            pub const ALL: &'static [Self] = &[$(Self::$gate),+];

            /// Its name in messages and tables; empty where all passed.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Passed => "",
                    $(Self::$gate => $name,)+
                }
            }
        }
    };
}

gates! {
    /// The bar is not usable: not finite, not positive, or not ordered. The value is the close's validity, 0.
    BadBar = 1, "bad_bar";
    /// Indicators have not seen enough bars: value bars seen, threshold bars needed.
    WarmUp = 2, "warm_up";
    /// A position is held already and nothing asks to change it: value 1 long or -1 short.
    InPosition = 3, "in_position";
    /// The fast and slow averages did not cross in this bar: value their distance in bp of the slow one.
    EmaCross = 4, "ema_cross";
    /// The averages are level, or point to a side that may not be traded.
    Trend = 5, "trend";
    /// The regime is one that the strategy stays out of: value the regime's code.
    Regime = 6, "regime";
    /// The average true range is below its floor, bp of the close.
    AtrFloor = 7, "atr_floor";
    /// ADX is below the tier's.
    Adx = 8, "adx";
    /// RSI towards the entry's side (100 - RSI for shorts) is below the tier's.
    Rsi = 9, "rsi";
    /// RSI towards the entry's side is above its limit: too far gone.
    RsiLimit = 10, "rsi_limit";
    /// Bollinger bands are narrower than the tier's, bp.
    BandWidth = 11, "band_width";
    /// Volume z-score is outside of its bounds.
    VolumeZ = 12, "volume_z";
    /// The leading market's trend is against the entry.
    BtcTrend = 13, "btc_trend";
    /// Market breadth is against the entry, per cent.
    Breadth = 14, "breadth";
    /// Still within the pause after an exit: value bars left.
    Cooldown = 15, "cooldown";
    /// Not far enough for an addition: value gain since the last entry, threshold the step.
    PyramidStep = 16, "pyramid_step";
    /// Inputs are missing: threshold the bits of those needed, value of those missing (`context::input`).
    MissingInput = 17, "missing_input";
    /// The bar's body is too small, ATR.
    Body = 18, "body_over_atr";
    /// The book leans too little towards the entry, or against it.
    BookImbalance = 19, "book_imbalance";
    /// Premium is outside of its bounds, per cent.
    Premium = 20, "premium";
    /// Realised volatility is outside of its bounds, bp a bar.
    RealisedVol = 21, "realised_vol";
    /// Spread is too wide, bp.
    Spread = 22, "spread";
    /// Funding is outside of its bounds, bp for 8 hours.
    Funding = 23, "funding";
}

/// The answer to one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision {
    /// What to do first.
    pub action: Action,
    /// What to do after that in the same bar: the entry of a reversal, whose exit is `action`. `None` otherwise.
    pub then: Action,
    /// Tier of the entry; `None` where there is none.
    pub confidence: Tier,
    /// Rank among the entries of one bar, see [`score`]; 0 where there is no entry.
    pub score: f64,
    /// Where to give up the position that is entered or held; 0 for nowhere.
    pub stop_price: f64,
    /// Where to close it with a gain; 0 for nowhere.
    pub target_price: f64,
    /// Why `action` ends a position; none where it does not.
    pub exit: ExitReason,
    /// The level whose touch ended it, for fills inside the bar; 0 for an exit at the market.
    pub exit_price: f64,
    /// Part of the position that ends, 0 to 1; 0 without an exit.
    pub fraction: f64,
    /// Conditions that held, a bit each; each strategy lists its bits.
    pub reasons: u64,
    /// The first gate that failed; [`Gate::Passed`] with an action.
    pub gate: Gate,
    /// What that gate saw.
    pub gate_value: f64,
    /// What it asks for.
    pub gate_threshold: f64,
    /// Digest of inputs, parameters, state and output (promise N1). 0 from paths that leave it out for speed.
    pub digest: u64,
}

impl Decision {
    /// Nothing is done, because of a gate.
    #[must_use]
    pub const fn blocked(gate: Gate, value: f64, threshold: f64) -> Self {
        Self {
            action: Action::None,
            then: Action::None,
            confidence: Tier::None,
            score: 0.0,
            stop_price: 0.0,
            target_price: 0.0,
            exit: ExitReason::None,
            exit_price: 0.0,
            fraction: 0.0,
            reasons: 0,
            gate,
            gate_value: value,
            gate_threshold: threshold,
            digest: 0,
        }
    }

    /// The entry in this decision, first or second; `None` where there is none.
    #[must_use]
    pub const fn entry(&self) -> Action {
        if self.action.is_entry() { self.action } else { self.then }
    }

    /// Adds the decision (without its own digest) to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let codes = u64::from(self.action as u8)
            | u64::from(self.then as u8) << 8
            | u64::from(self.confidence as u8) << 16
            | u64::from(self.gate as u8) << 24
            | u64::from(self.exit as u8) << 32;
        digest
            .u64(codes)
            .f64(self.score)
            .f64(self.stop_price)
            .f64(self.target_price)
            .f64(self.exit_price)
            .f64(self.fraction)
            .u64(self.reasons)
            .f64(self.gate_value)
            .f64(self.gate_threshold)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn gate_names_fit_the_message_and_are_unique() {
        let names: BTreeSet<_> = Gate::ALL.iter().map(|g| g.name()).collect();
        let codes: BTreeSet<_> = Gate::ALL.iter().map(|g| *g as u8).collect();
        assert_eq!(names.len(), Gate::ALL.len());
        assert_eq!(codes.len(), Gate::ALL.len());
        assert!(names.iter().all(|n| !n.is_empty() && n.len() <= 16));
    }
}
