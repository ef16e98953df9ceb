//! Funding fade: goes against a crowd that pays for its position. Where funding and premium are both extreme on one
//! side, it enters the other; it leaves when funding is back to normal.

use crate::bar::Bar;
use crate::context::input;
use crate::decision::{Gate, Side, Tier};
use crate::math::abs;
use crate::params::{ParamError, trade_params};
use crate::strategy::Input;
use crate::strategy::condition::{Condition, Needed, at_least, at_most, condition, of_side, side_of, tier_of, wish};
use crate::strategy::features::features;
use crate::strategy::series::{FromSeries, SeriesKey, Streamed};
use crate::trader::Wish;

/// Longest window of volumes.
pub const WINDOW: usize = crate::strategy::series::WINDOW;

trade_params! {
    /// Parameters of funding fade.
    pub struct Params {
        /// Period of the average true range.
        atr_period: u32, "bars", 14, 1, 200;
        /// Distance of the stop from the close of the entry's bar; 0 for no stop.
        stop_atr: f64, "ATR", 2.0, 0.0, 20.0;
        /// Short positions may be opened.
        allow_short: bool, "1", 1, 0, 1;
        /// Least funding for 8 hours, either way, that counts as extreme.
        funding_min_bp: f64, "bp", 5, 0, 500;
        /// Least premium, of the same sign as funding, that counts as extreme.
        premium_min_pct: f64, "%", 0.05, 0, 5;
        /// Funding up to which the extreme is over: the position is closed.
        funding_exit_bp: f64, "bp", 1, -500, 500;
        /// Widest spread.
        spread_max_bp: f64, "bp", 5, 0, 1_000;
        /// Period of the volume z-score.
        volume_period: u32, "bars", 20, 2, WINDOW;
        /// Least volume z-score.
        volume_z_min: f64, "1", -20, -20, 20;
        /// Most volume z-score: no fading of a rush.
        volume_z_max: f64, "1", 4, -20, 20;
        /// Funding and premium at this multiple of their least make the medium tier.
        tier_medium_factor: f64, "1", 1.5, 1, 10;
        /// Funding and premium at this multiple of their least make the high tier.
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
        let rules = [
            ("funding_exit_bp <= funding_min_bp", self.funding_exit_bp, self.funding_min_bp),
            ("volume_z_min <= volume_z_max", self.volume_z_min, self.volume_z_max),
            ("tier_medium_factor <= tier_high_factor", self.tier_medium_factor, self.tier_high_factor),
        ];
        match rules.into_iter().find(|(_, left, right)| left > right) {
            Some((rule, left, right)) => Err(ParamError::Relation { rule, left, right }),
            None => Ok(()),
        }
    }

    /// Bars until the first decision that is not blocked by warm-up.
    #[must_use]
    pub fn warm_up(&self) -> u32 {
        (self.atr_period + 1).max(2 * self.adx_period).max(self.volume_period)
    }
}

/// Bits of `Decision::reasons`.
pub mod reason {
    pub use crate::trader::reason::{PARTIAL, PYRAMID, SIGNAL, STOP, TARGET, TIME};
    /// Longs pay.
    pub const FUNDING_POSITIVE: u64 = 1 << 0;
    /// Shorts pay.
    pub const FUNDING_NEGATIVE: u64 = 1 << 1;
    /// Funding is extreme.
    pub const FUNDING: u64 = 1 << 2;
    /// The premium is extreme on the same side.
    pub const PREMIUM: u64 = 1 << 3;
    /// The side may be traded.
    pub const SIDE: u64 = 1 << 4;
    /// The spread is narrow enough.
    pub const SPREAD: u64 = 1 << 5;
    /// Volume is large enough.
    pub const VOLUME_Z_MIN: u64 = 1 << 6;
    /// Volume is no rush.
    pub const VOLUME_Z_MAX: u64 = 1 << 7;
    /// No input is missing.
    pub const INPUTS: u64 = 1 << 8;
}

/// All that funding fade remembers.
pub type State = crate::strategy::State<FundingFade>;

features! {
    /// Average true range, in the quote currency.
    atr,
    /// Volume z-score.
    volume_z,
    /// ADX, 0 to 100.
    adx,
}

/// Funding fade remembers nothing of its signal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FundingFade;

impl crate::strategy::Strategy for FundingFade {
    const NAME: &'static str = "funding_fade";
    type Params = Params;
    type Features = Features;
    type Indicators = Streamed<Self, 3>;

    fn wish<const WHY: bool>(&mut self, p: &Params, input: &Input<'_, Features>, held: Side) -> Wish {
        let funding = input.context.funding_bp_8h.filter(|x| x.is_finite());
        let crowd = side_of(funding.unwrap_or(0.0));
        // Funding as those pay it who stand against the position.
        let is_over = funding.is_some_and(|rate| -rate * held.sign() <= p.funding_exit_bp);
        let direction = of_side(crowd, reason::FUNDING_POSITIVE, reason::FUNDING_NEGATIVE);
        let conditions = conditions(p, input, crowd);
        let wish = wish(&conditions, crowd.opposite(), || tier(p, input), input.features.adx, direction);
        if is_over { Wish { leave: held, ..wish } } else { wish }
    }
}

impl FromSeries for FundingFade {
    const SLOTS: usize = 3;

    fn series(params: &Params, slot: usize) -> SeriesKey {
        match slot {
            0 => SeriesKey::Atr(params.atr_period),
            1 => SeriesKey::VolumeZ(params.volume_period),
            _ => SeriesKey::Adx(params.adx_period),
        }
    }

    #[inline]
    fn features(_bar: &Bar, at: usize, value: impl Fn(usize, usize) -> f64) -> Features {
        Features { atr: value(0, at), volume_z: value(1, at), adx: value(2, at) }
    }
}

fn conditions(p: &Params, input: &Input<'_, Features>, crowd: Side) -> [Condition; 7] {
    const NEEDED: u32 = input::PREMIUM | input::SPREAD | input::FUNDING;
    let context = input.context;
    let inputs = Needed::of(context, NEEDED);
    let [funding, premium, spread] =
        [context.funding_bp_8h, context.premium_pct, context.spread_bp].map(|x| inputs.known(x));
    let sign = crowd.sign();
    let allowed = crowd == Side::Short || (crowd == Side::Long && p.allow_short);
    let volume = input.features.volume_z;
    [
        inputs.are_there(reason::INPUTS),
        inputs.given(at_least(Gate::Funding, reason::FUNDING, abs(funding), p.funding_min_bp)),
        inputs.given(at_least(Gate::Premium, reason::PREMIUM, premium * sign, p.premium_min_pct)),
        condition(Gate::Trend, reason::SIDE, allowed, -sign, 0.0),
        inputs.given(at_most(Gate::Spread, reason::SPREAD, spread, p.spread_max_bp)),
        at_least(Gate::VolumeZ, reason::VOLUME_Z_MIN, volume, p.volume_z_min),
        at_most(Gate::VolumeZ, reason::VOLUME_Z_MAX, volume, p.volume_z_max),
    ]
}

/// How far funding and premium, both, stand above what an entry asks for.
fn tier(p: &Params, input: &Input<'_, Features>) -> Tier {
    let of = |input: Option<f64>, least| (abs(input.unwrap_or(0.0)), least);
    let (funding, premium) = (input.context.funding_bp_8h, input.context.premium_pct);
    let figures = [of(funding, p.funding_min_bp), of(premium, p.premium_min_pct)];
    tier_of(figures, p.tier_medium_factor, p.tier_high_factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::decision::{Action, Decision};
    use crate::exits::ExitReason;

    const BAR: Bar = Bar { open: 100.0, high: 100.5, low: 99.5, close: 100.0, volume: 10.0 };

    fn context(funding_bp: f64, premium_pct: f64) -> Context {
        let (funding_bp_8h, premium_pct) = (Some(funding_bp), Some(premium_pct));
        Context { funding_bp_8h, premium_pct, spread_bp: Some(1.0), ..Context::default() }
    }

    fn warm() -> (Params, State) {
        let p = Params { atr_period: 3, volume_period: 4, adx_period: 2, ..Params::default() };
        let mut state = State::new(&p);
        for _ in 0..4 {
            state.on_bar_with(&p, &BAR, &context(0.0, 0.0));
        }
        (p, state)
    }

    fn decide(context: &Context) -> Decision {
        let (p, mut state) = warm();
        state.on_bar_with(&p, &BAR, context)
    }

    #[test]
    fn fades_the_side_that_pays() {
        assert_eq!(decide(&context(8.0, 0.1)).action, Action::EnterShort);
        assert_eq!(decide(&context(-8.0, -0.1)).action, Action::EnterLong);
        assert_eq!(decide(&context(8.0, 0.06)).confidence, Tier::Low);
        assert_eq!(decide(&context(80.0, 1.0)).confidence, Tier::High);
    }

    #[test]
    fn each_gate_answers_why_not() {
        assert_eq!(decide(&context(4.0, 0.1)).gate, Gate::Funding);
        assert_eq!(decide(&context(8.0, -0.1)).gate, Gate::Premium);
        assert_eq!(decide(&Context { spread_bp: Some(9.0), ..context(8.0, 0.1) }).gate, Gate::Spread);
        assert_eq!(decide(&Context { spread_bp: None, ..context(8.0, 0.1) }).gate, Gate::MissingInput);
        let (mut p, mut state) = warm();
        p.allow_short = false;
        assert_eq!(state.on_bar_with(&p, &BAR, &context(8.0, 0.1)).gate, Gate::Trend);
        p = Params { allow_short: true, volume_z_max: 1.0, ..p };
        assert_eq!(state.on_bar_with(&p, &Bar { volume: 99.0, ..BAR }, &context(8.0, 0.1)).gate, Gate::VolumeZ);
    }

    #[test]
    fn leaves_when_funding_is_normal_again() {
        let (p, mut state) = warm();
        assert_eq!(state.on_bar_with(&p, &BAR, &context(8.0, 0.1)).action, Action::EnterShort);
        assert_eq!(state.on_bar_with(&p, &BAR, &context(3.0, 0.0)).gate, Gate::InPosition);
        assert_eq!(state.on_bar_with(&p, &BAR, &Context::default()).gate, Gate::InPosition, "unknown is not over");
        let over = state.on_bar_with(&p, &BAR, &context(0.5, 0.0));
        assert_eq!((over.action, over.exit), (Action::ExitShort, ExitReason::Signal));
    }
}
