//! Parameters of momentum.

use crate::decision::Side;
use crate::params::{ParamError, trade_params};
use crate::regime::RegimeRules;

/// Longest window of Bollinger bands and volumes.
pub const WINDOW: usize = crate::strategy::series::WINDOW;

trade_params! {
    /// Parameters of momentum. With the defaults every crossing is an entry of the low tier at least; the higher
    /// tiers ask for more, and `min_tier` says from which on it trades.
    pub struct Params {
        /// Period of the fast average of closes.
        ema_fast: u32, "bars", 12, 2, 400;
        /// Period of the slow average of closes; longer than the fast one.
        ema_slow: u32, "bars", 26, 3, 800;
        /// Period of the average true range.
        atr_period: u32, "bars", 14, 1, 200;
        /// Distance of the stop from the close of the entry's bar; 0 for no stop.
        stop_atr: f64, "ATR", 2.0, 0.0, 20.0;
        /// Short positions may be opened.
        allow_short: bool, "1", 1, 0, 1;
        /// An entry needs the averages to cross in its bar; else their order is enough.
        require_cross: bool, "1", 1, 0, 1;
        /// Lowest tier that is traded: 1 low, 2 medium, 3 high.
        min_tier: u32, "tier", 1, 1, 3;
        /// Period of ADX.
        adx_period: u32, "bars", 14, 2, 200;
        /// Least ADX of the low tier.
        adx_low: f64, "1", 0, 0, 100;
        /// Least ADX of the medium tier.
        adx_medium: f64, "1", 20, 0, 100;
        /// Least ADX of the high tier.
        adx_high: f64, "1", 30, 0, 100;
        /// Period of RSI.
        rsi_period: u32, "bars", 14, 1, 200;
        /// Least RSI towards the entry's side (100 - RSI for shorts) of the low tier.
        rsi_low: f64, "1", 0, 0, 100;
        /// The same of the medium tier.
        rsi_medium: f64, "1", 50, 0, 100;
        /// The same of the high tier.
        rsi_high: f64, "1", 55, 0, 100;
        /// Most RSI towards the entry's side, of every tier; 100 for no limit.
        rsi_limit: f64, "1", 100, 0, 100;
        /// Period of the Bollinger bands.
        bb_period: u32, "bars", 20, 2, WINDOW;
        /// Deviations of the Bollinger bands.
        bb_deviations: f64, "1", 2.0, 0.1, 10.0;
        /// Least width of the bands of the low tier.
        bb_width_low: f64, "bp", 0, 0, 10_000;
        /// Least width of the bands of the medium tier.
        bb_width_medium: f64, "bp", 50, 0, 10_000;
        /// Least width of the bands of the high tier.
        bb_width_high: f64, "bp", 100, 0, 10_000;
        /// Period of the volume z-score.
        volume_period: u32, "bars", 20, 2, WINDOW;
        /// Least volume z-score of the low tier.
        volume_z_low: f64, "1", -20, -20, 20;
        /// Least volume z-score of the medium tier.
        volume_z_medium: f64, "1", 0, -20, 20;
        /// Least volume z-score of the high tier.
        volume_z_high: f64, "1", 1, -20, 20;
        /// Least average true range of an entry, of the close; 0 for none.
        atr_floor_bp: f64, "bp", 0, 0, 10_000;
        /// Entries need the leading market's trend on their side.
        btc_filter: bool, "1", 0, 0, 1;
        /// Least share of the watch-list that speaks for an entry; 0 for no filter.
        breadth_min_pct: f64, "%", 0, 0, 100;
        /// Entries are taken in trends only (or, faded, see `reverse_mode`, in ranges).
        regime_filter: bool, "1", 0, 0, 1;
        /// ADX from which on the market counts as trending.
        regime_adx_trend: f64, "1", 25, 0, 100;
        /// ADX up to which the market counts as ranging.
        regime_adx_range: f64, "1", 20, 0, 100;
        /// Average true range from which on no entry is taken, of the close; 0 for never.
        volatile_atr_bp: f64, "bp", 0, 0, 10_000;
        /// Signals are faded: 0 never, 1 always, 2 where the market ranges and breadth, if known, is undecided.
        reverse_mode: u32, "mode", 0, 0, 2;
        /// Breadth counts as undecided up to this distance from 50.
        reverse_breadth_band_pct: f64, "%", 20, 0, 50;
    }
}

impl Params {
    /// Checks every range, and that the parameters agree with each other.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn validate(&self) -> Result<(), ParamError> {
        self.check_ranges()?;
        let rule = |holds: bool, rule, left, right| {
            if holds { Ok(()) } else { Err(ParamError::Relation { rule, left, right }) }
        };
        let (fast, slow) = (f64::from(self.ema_fast), f64::from(self.ema_slow));
        rule(fast < slow, "ema_fast < ema_slow", fast, slow)?;
        let (range, trend) = (self.regime_adx_range, self.regime_adx_trend);
        rule(range <= trend, "regime_adx_range <= regime_adx_trend", range, trend)
    }

    /// Bars until the first decision that is not blocked by warm-up.
    #[must_use]
    pub fn warm_up(&self) -> u32 {
        // A crossing compares two bars with both averages.
        let averages = self.ema_fast.max(self.ema_slow) + 1;
        let wilder = (self.atr_period + 1).max(self.rsi_period + 1).max(2 * self.adx_period);
        averages.max(wilder).max(self.bb_period).max(self.volume_period)
    }

    /// True where a signal, before it is faded, enters no side but the one held and leaves none, whatever else is known.
    #[must_use]
    #[inline]
    pub fn comes_to_nothing(&self, signal: Side, held: Side) -> bool {
        match (signal, self.reverse_mode) {
            (Side::Flat, _) => true,
            (side, 0) => side == held,
            (side, 1) => side.opposite() == held,
            _ => false,
        }
    }

    /// Where one kind of market ends and another begins.
    #[must_use]
    pub const fn regime_rules(&self) -> RegimeRules {
        RegimeRules {
            adx_trend: self.regime_adx_trend,
            adx_range: self.regime_adx_range,
            volatile_atr_bp: self.volatile_atr_bp,
        }
    }
}
