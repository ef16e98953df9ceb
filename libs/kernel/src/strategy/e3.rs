//! E3: follows a bar whose body is large against the average range, where volume, book, premium, volatility, spread
//! and funding allow it. Every condition is evaluated on every bar; an entry needs all of them.

use crate::bar::Bar;
use crate::context::input;
use crate::decision::{Gate, Side, Tier};
use crate::indicators::market::body_over_atr;
use crate::math::abs;
use crate::params::{ParamError, trade_params};
use crate::strategy::Input;
use crate::strategy::condition::{Condition, Needed, at_least, at_most, condition, of_side, side_of, tier_of, wish};
use crate::strategy::features::features;
use crate::strategy::series::{FromSeries, SeriesKey, Streamed};
use crate::trader::Wish;

/// Longest window of volumes and returns.
pub const WINDOW: usize = crate::strategy::series::WINDOW;

trade_params! {
    /// Parameters of E3. What is measured towards the entry's side changes its sign for shorts.
    pub struct Params {
        /// Period of the average true range.
        atr_period: u32, "bars", 14, 1, 200;
        /// Distance of the stop from the close of the entry's bar; 0 for no stop.
        stop_atr: f64, "ATR", 1.5, 0.0, 20.0;
        /// Short positions may be opened.
        allow_short: bool, "1", 1, 0, 1;
        /// Least body of the bar.
        body_over_atr_min: f64, "ATR", 0.8, 0, 10;
        /// Period of the volume z-score.
        volume_period: u32, "bars", 20, 2, WINDOW;
        /// Least volume z-score.
        volume_z_min: f64, "1", 1, -20, 20;
        /// Least imbalance of the book towards the entry's side.
        book_imbalance_min: f64, "1", 0.05, -1, 1;
        /// Most premium towards the entry's side: no chasing.
        premium_max_pct: f64, "%", 0.1, -5, 5;
        /// Period of the realised volatility.
        volatility_period: u32, "bars", 20, 1, WINDOW;
        /// Least realised volatility of a bar.
        realised_vol_min_bp: f64, "bp", 0, 0, 10_000;
        /// Most realised volatility of a bar.
        realised_vol_max_bp: f64, "bp", 300, 0, 10_000;
        /// Widest spread.
        spread_max_bp: f64, "bp", 5, 0, 1_000;
        /// Most funding that the entry's side would pay for 8 hours.
        funding_max_bp: f64, "bp", 5, -500, 500;
        /// Body and volume at this multiple of their least make the medium tier.
        tier_medium_factor: f64, "1", 1.5, 1, 10;
        /// Body and volume at this multiple of their least make the high tier.
        tier_high_factor: f64, "1", 2.0, 1, 10;
        /// Period of ADX, which ranks entries.
        adx_period: u32, "bars", 14, 2, 200;
    }
}

impl Params {
    /// Checks every range, and that the parameters agree with each other.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn validate(&self) -> Result<(), ParamError> {
        self.check_ranges()?;
        let (left, right) = (self.realised_vol_min_bp, self.realised_vol_max_bp);
        if left > right {
            return Err(ParamError::Relation { rule: "realised_vol_min_bp <= realised_vol_max_bp", left, right });
        }
        let (left, right) = (self.tier_medium_factor, self.tier_high_factor);
        if left > right {
            return Err(ParamError::Relation { rule: "tier_medium_factor <= tier_high_factor", left, right });
        }
        Ok(())
    }

    /// Many trades, for tests of the machinery around it: every condition as wide as it goes, except a body.
    #[must_use]
    pub fn high_trade() -> Self {
        Self {
            body_over_atr_min: 0.1,
            volume_z_min: -20.0,
            book_imbalance_min: -1.0,
            premium_max_pct: 5.0,
            realised_vol_max_bp: 10_000.0,
            spread_max_bp: 1_000.0,
            funding_max_bp: 500.0,
            ..Self::default()
        }
    }

    /// Bars until the first decision that is not blocked by warm-up.
    #[must_use]
    pub fn warm_up(&self) -> u32 {
        let ranges = (self.atr_period + 1).max(2 * self.adx_period);
        ranges.max(self.volume_period).max(self.volatility_period + 1)
    }
}

/// Bits of `Decision::reasons`.
pub mod reason {
    pub use crate::trader::reason::{PARTIAL, PYRAMID, SIGNAL, STOP, TARGET, TIME};
    /// The bar rose.
    pub const UP: u64 = 1 << 0;
    /// The bar fell.
    pub const DOWN: u64 = 1 << 1;
    /// The side may be traded.
    pub const SIDE: u64 = 1 << 2;
    /// The body is large enough.
    pub const BODY: u64 = 1 << 3;
    /// Volume is large enough.
    pub const VOLUME_Z: u64 = 1 << 4;
    /// The book leans far enough.
    pub const BOOK_IMBALANCE: u64 = 1 << 5;
    /// The premium is not too far gone.
    pub const PREMIUM: u64 = 1 << 6;
    /// Realised volatility is high enough.
    pub const REALISED_VOL_MIN: u64 = 1 << 7;
    /// Realised volatility is low enough.
    pub const REALISED_VOL_MAX: u64 = 1 << 8;
    /// The spread is narrow enough.
    pub const SPREAD: u64 = 1 << 9;
    /// Funding is bearable.
    pub const FUNDING: u64 = 1 << 10;
    /// No input is missing.
    pub const INPUTS: u64 = 1 << 11;
}

/// All that E3 remembers.
pub type State = crate::strategy::State<E3>;

features! {
    /// Average true range, in the quote currency.
    atr,
    /// Body over the average true range, positive where the bar rose.
    body_over_atr,
    /// Volume z-score.
    volume_z,
    /// Realised volatility of a bar, bp.
    realised_vol_bp,
    /// ADX, 0 to 100.
    adx,
}

/// E3 remembers nothing of its signal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct E3;

impl crate::strategy::Strategy for E3 {
    const NAME: &'static str = "e3";
    type Params = Params;
    type Features = Features;
    type Indicators = Streamed<Self, 4>;

    fn wish<const WHY: bool>(&mut self, p: &Params, input: &Input<'_, Features>, _held: Side) -> Wish {
        let features = input.features;
        let side = side_of(features.body_over_atr);
        let direction = of_side(side, reason::UP, reason::DOWN);
        wish(&conditions(p, input, side), side, || tier(p, features), features.adx, direction)
    }
}

impl FromSeries for E3 {
    const SLOTS: usize = 4;

    fn series(params: &Params, slot: usize) -> SeriesKey {
        match slot {
            0 => SeriesKey::Atr(params.atr_period),
            1 => SeriesKey::VolumeZ(params.volume_period),
            2 => SeriesKey::RealisedVol(params.volatility_period),
            _ => SeriesKey::Adx(params.adx_period),
        }
    }

    #[inline]
    fn features(bar: &Bar, at: usize, value: impl Fn(usize, usize) -> f64) -> Features {
        let atr = value(0, at);
        Features {
            atr,
            body_over_atr: body_over_atr(bar, atr),
            volume_z: value(1, at),
            realised_vol_bp: value(2, at),
            adx: value(3, at),
        }
    }
}

fn conditions(p: &Params, input: &Input<'_, Features>, side: Side) -> [Condition; 10] {
    const NEEDED: u32 = input::BOOK_IMBALANCE | input::PREMIUM | input::SPREAD | input::FUNDING;
    let (features, context) = (input.features, input.context);
    let inputs = Needed::of(context, NEEDED);
    let sign = side.sign();
    let allowed = side == Side::Long || (side == Side::Short && p.allow_short);
    let volatility = features.realised_vol_bp;
    let [imbalance, premium, spread, funding] =
        [context.book_imbalance, context.premium_pct, context.spread_bp, context.funding_bp_8h]
            .map(|x| inputs.known(x));
    [
        at_least(Gate::Body, reason::BODY, features.body_over_atr * sign, p.body_over_atr_min),
        condition(Gate::Trend, reason::SIDE, allowed, sign, 0.0),
        at_least(Gate::VolumeZ, reason::VOLUME_Z, features.volume_z, p.volume_z_min),
        at_least(Gate::RealisedVol, reason::REALISED_VOL_MIN, volatility, p.realised_vol_min_bp),
        at_most(Gate::RealisedVol, reason::REALISED_VOL_MAX, volatility, p.realised_vol_max_bp),
        inputs.are_there(reason::INPUTS),
        inputs.given(at_least(Gate::BookImbalance, reason::BOOK_IMBALANCE, imbalance * sign, p.book_imbalance_min)),
        inputs.given(at_most(Gate::Premium, reason::PREMIUM, premium * sign, p.premium_max_pct)),
        inputs.given(at_most(Gate::Spread, reason::SPREAD, spread, p.spread_max_bp)),
        inputs.given(at_most(Gate::Funding, reason::FUNDING, funding * sign, p.funding_max_bp)),
    ]
}

/// How far body and volume, both, stand above what an entry asks for.
fn tier(p: &Params, features: &Features) -> Tier {
    let figures = [(abs(features.body_over_atr), p.body_over_atr_min), (features.volume_z, p.volume_z_min)];
    tier_of(figures, p.tier_medium_factor, p.tier_high_factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::decision::{Action, Decision};

    fn params() -> Params {
        Params { atr_period: 3, volume_period: 4, volatility_period: 3, adx_period: 2, ..Params::default() }
    }

    const CONTEXT: Context = Context {
        btc_trend: None,
        breadth_pct: None,
        book_imbalance: Some(0.5),
        premium_pct: Some(0.01),
        spread_bp: Some(1.0),
        funding_bp_8h: Some(1.0),
    };

    /// Quiet bars, then one with a large body and volume upwards (or downwards).
    fn at_burst(change: impl Fn(&mut Params), context: &Context, up: bool) -> Decision {
        let mut p = params();
        change(&mut p);
        p.validate().unwrap();
        let mut state = State::new(&p);
        for i in 0..6 {
            let close = 100.0 + f64::from(i % 2) * 0.1;
            state.on_bar_with(&p, &Bar { open: 100.0, high: 100.5, low: 99.5, close, volume: 10.0 }, context);
        }
        let close = if up { 102.0 } else { 98.0 };
        state.on_bar_with(&p, &Bar { open: 100.0, high: 102.0, low: 98.0, close, volume: 50.0 }, context)
    }

    #[test]
    fn enters_where_all_conditions_hold() {
        let long = at_burst(|_| (), &CONTEXT, true);
        assert_eq!((long.action, long.gate), (Action::EnterLong, Gate::Passed));
        let mirrored = Context { book_imbalance: Some(-0.5), ..CONTEXT };
        assert_eq!(at_burst(|_| (), &mirrored, false).action, Action::EnterShort);
        assert_eq!(at_burst(|_| (), &CONTEXT, false).gate, Gate::BookImbalance);
    }

    /// The bug of another system: its entry ignored volume, book and funding. One bad input must bar the entry.
    #[test]
    fn each_condition_alone_bars_the_entry() {
        type Change = fn(&mut Params, &mut Context);
        let cases: [(Change, Gate, u64); 10] = [
            (|p, _| p.body_over_atr_min = 9.0, Gate::Body, reason::BODY),
            (|p, _| p.volume_z_min = 9.0, Gate::VolumeZ, reason::VOLUME_Z),
            (|p, _| p.realised_vol_min_bp = 300.0, Gate::RealisedVol, reason::REALISED_VOL_MIN),
            (|p, _| p.realised_vol_max_bp = 1.0, Gate::RealisedVol, reason::REALISED_VOL_MAX),
            (|_, c| c.book_imbalance = Some(0.0), Gate::BookImbalance, reason::BOOK_IMBALANCE),
            (|_, c| c.premium_pct = Some(0.2), Gate::Premium, reason::PREMIUM),
            (|_, c| c.spread_bp = Some(6.0), Gate::Spread, reason::SPREAD),
            (|_, c| c.funding_bp_8h = Some(6.0), Gate::Funding, reason::FUNDING),
            (|_, c| c.funding_bp_8h = None, Gate::MissingInput, reason::INPUTS),
            (|_, c| c.spread_bp = Some(f64::NAN), Gate::MissingInput, reason::INPUTS),
        ];
        for (change, gate, bit) in cases {
            let mut context = CONTEXT;
            change(&mut params(), &mut context);
            let found = at_burst(|p| change(p, &mut CONTEXT.clone()), &context, true);
            assert_eq!((found.action, found.gate), (Action::None, gate));
            assert_eq!(found.reasons & bit, 0);
            assert!(found.gate_value.is_finite());
            if gate != Gate::MissingInput {
                let all = at_burst(|_| (), &CONTEXT, true).reasons;
                assert_eq!(found.reasons | bit, all, "the other conditions keep their bits");
            }
        }
    }

    #[test]
    fn high_trade_enters_on_a_small_body() {
        let all =
            Params { atr_period: 3, volume_period: 4, volatility_period: 3, adx_period: 2, ..Params::high_trade() };
        let bad = Context { book_imbalance: Some(-0.9), spread_bp: Some(90.0), funding_bp_8h: Some(90.0), ..CONTEXT };
        assert!(at_burst(|p| *p = all, &bad, true).action.is_entry());
    }

    #[test]
    fn tiers_grow_with_body_and_volume() {
        let tier = |medium, high| {
            let change = |p: &mut Params| (p.tier_medium_factor, p.tier_high_factor) = (medium, high);
            at_burst(change, &CONTEXT, true).confidence
        };
        assert_eq!((tier(1.0, 1.0), tier(1.0, 10.0), tier(10.0, 10.0)), (Tier::High, Tier::Medium, Tier::Low));
    }
}
