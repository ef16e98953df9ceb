//! Strategies as state machines over bars: `State::new(&params)`, then one `on_bar` a closed bar.
//!
//! Every bar is judged in three steps, kept apart so that a sweep shares the first between configurations:
//! [`Indicators`] make features of bars; the [`Strategy`] makes a wish of features and context; the trader makes a
//! decision of the wish and the position. [`Core`] is the last two, [`State`] all three.

mod condition;
pub mod e3;
mod features;
pub mod funding_fade;
pub mod momentum;
pub mod series;

use core::fmt::Debug;

use crate::bar::Bar;
use crate::context::Context;
use crate::decision::{Decision, Gate, Side};
use crate::digest::Digest;
use crate::params::ParamSpec;
use crate::trader::{TradeRules, Trader, Wish};

/// Parameters of a strategy, as drivers and sweeps handle those of any. Each has inherent methods for the rest:
/// `set`, `values`, `from_values`, `validate`.
pub trait StrategyParams: Copy + Debug + Default + PartialEq {
    /// What there is to set.
    const SPEC: &'static [ParamSpec];

    /// From numbers in the order of `SPEC`; parameters beyond the slice take their defaults.
    ///
    /// # Errors
    /// Where a value is out of range or contradicts another, or there are more values than parameters.
    fn from_values(values: &[f64]) -> Result<Self, crate::params::ParamError>;

    /// Back from the values of `for_each_value`, by their number, unchecked: for paths that get them from one that did.
    fn from_checked(value: impl Fn(usize) -> f64) -> Self;

    /// All values, in the order of `SPEC`.
    fn for_each_value(&self, to: impl FnMut(f64));

    /// Bars until the first decision that is not blocked by warm-up.
    fn warm_up(&self) -> u32;

    /// How positions are held and ended.
    fn trade_rules(&self) -> TradeRules;

    /// Digest of all values.
    fn digest(&self) -> u64;
}

/// Parameters, and what is worked out of them once for all bars.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a, P> {
    /// The parameters.
    pub params: &'a P,
    /// How positions are held and ended.
    pub trade: TradeRules,
    /// Bars until the first decision that is not blocked by warm-up.
    pub warm_up: u32,
}

impl<'a, P: StrategyParams> Terms<'a, P> {
    /// Of parameters.
    #[must_use]
    pub fn of(params: &'a P) -> Self {
        Self { params, trade: params.trade_rules(), warm_up: params.warm_up() }
    }
}

/// What the indicators say of one bar.
pub trait Features: Copy + Debug + Default + PartialEq {
    /// Average true range, in the quote currency: it measures stops and targets.
    fn atr(&self) -> f64;
    /// Adds them to a digest.
    fn digest_into(&self, digest: Digest) -> Digest;
}

/// Streaming indicators of a strategy.
pub trait Indicators: Copy + Debug + PartialEq {
    /// Parameters that shape them.
    type Params;
    /// What they make of a bar.
    type Features;
    /// Before the first bar.
    fn new(params: &Self::Params) -> Self;
    /// Takes a closed bar.
    fn take(&mut self, bar: &Bar);
    /// What they say of the bar that was taken last; those that still warm up say 0.
    fn features(&self, bar: &Bar) -> Self::Features;

    /// Takes a closed bar; what they say of it.
    #[inline]
    fn update(&mut self, bar: &Bar) -> Self::Features {
        self.take(bar);
        self.features(bar)
    }

    /// Adds the state to a digest.
    fn digest_into(&self, digest: Digest) -> Digest;
}

/// A strategy: the memory of its signal, without position or indicators, and how it judges a bar.
pub trait Strategy: Copy + Debug + Default + PartialEq {
    /// Its name in configuration and messages.
    const NAME: &'static str;
    /// Its parameters.
    type Params: StrategyParams;
    /// What its indicators say of one bar.
    type Features: Features;
    /// Its indicators.
    type Indicators: Indicators<Params = Self::Params, Features = Self::Features>;

    /// What it wishes for a bar, all indicators warm. `held` is the side of its position. Without `WHY`, reasons and
    /// gate may be left out, and what nothing asks for: the tier without an entry, support without additions.
    fn wish<const WHY: bool>(&mut self, params: &Self::Params, input: &Input<'_, Self::Features>, held: Side) -> Wish;

    /// Takes a bar, all indicators warm, whose wish comes to nothing whatever its features are: it enters no side but
    /// the one held, and leaves none. Support is asked for with `adds` alone. False, and nothing changes, where `wish`
    /// must be asked.
    #[inline]
    fn rests(&mut self, _: &Self::Params, _: &Self::Indicators, _: &Bar, _held: Side, _adds: bool) -> bool {
        false
    }

    /// Adds its memory to a digest; nothing where it has none.
    fn digest_into(&self, digest: Digest) -> Digest {
        digest
    }
}

/// What a bar is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a, F> {
    /// The bar.
    pub bar: &'a Bar,
    /// What the indicators say of it.
    pub features: &'a F,
    /// What is known beside it.
    pub context: &'a Context,
}

/// What remains of a strategy where the features come from elsewhere: a few numbers a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Core<S> {
    /// Memory of the signal.
    pub signal: S,
    /// Position and pause.
    pub trader: Trader,
    /// Bars so far, bad ones left out.
    pub bars: u32,
}

impl<S: Strategy> Core<S> {
    /// Takes a closed bar that is valid, with its features.
    pub fn step(&mut self, params: &S::Params, input: &Input<'_, S::Features>) -> Decision {
        self.decide::<true>(&Terms::of(params), input)
    }

    /// `step` without the reasons: what is done is the same, why (reasons, gate) may be left out.
    #[inline]
    pub fn act(&mut self, params: &S::Params, input: &Input<'_, S::Features>) -> Decision {
        self.decide::<false>(&Terms::of(params), input)
    }

    /// `act` with what makes features and context: most bars ask for none. `rests` is what [`Strategy::rests`] says of
    /// the bar, for the side held and whether the price asks for an addition.
    #[inline]
    pub fn act_lazily(
        &mut self,
        terms: &Terms<'_, S::Params>,
        bar: &Bar,
        rests: impl FnOnce(&mut S, Side, bool) -> bool,
        features: impl FnOnce() -> S::Features,
        context: impl FnOnce() -> Context,
    ) -> Decision {
        let (position, rules) = (&self.trader.position, &terms.trade);
        let has_levels = position.side == Side::Flat || position.atr > 0.0;
        if has_levels && self.bars.saturating_add(1) >= terms.warm_up {
            let (held, adds) = (position.side, self.trader.may_add(rules, bar));
            if rests(&mut self.signal, held, adds) {
                self.bars = self.bars.saturating_add(1);
                return self.trader.pass(rules, bar);
            }
        }
        self.decide::<false>(terms, &Input { bar, features: &features(), context: &context() })
    }

    #[inline]
    fn decide<const WHY: bool>(&mut self, terms: &Terms<'_, S::Params>, input: &Input<'_, S::Features>) -> Decision {
        self.bars = self.bars.saturating_add(1);
        if self.bars < terms.warm_up {
            return Decision::blocked(Gate::WarmUp, f64::from(self.bars), f64::from(terms.warm_up));
        }
        let wish = self.signal.wish::<WHY>(terms.params, input, self.trader.position.side);
        if !WHY && wish.enter == Side::Flat && self.trader.position.side == Side::Flat {
            // What the trader makes of most bars.
            self.trader.rest(1);
            return Decision::default();
        }
        self.trader.on_bar(&terms.trade, input.bar, input.features.atr(), &wish)
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.signal.digest_into(self.trader.digest_into(digest.u64(u64::from(self.bars))))
    }
}

/// Digest of one decision: inputs, parameters, state before and after, output. Whichever path made it, streaming or
/// over shared features, has the same.
#[must_use]
pub fn decision_digest<S: Strategy>(
    params: &S::Params,
    input: &Input<'_, S::Features>,
    states: [&Core<S>; 2],
    decision: &Decision,
) -> u64 {
    let digest = input.context.digest_into(input.bar.digest_into(Digest::new()));
    let digest = input.features.digest_into(digest).u64(params.digest());
    let digest = states.iter().fold(digest, |digest, state| state.digest_into(digest));
    decision.digest_into(digest).finish()
}

/// All that a strategy remembers between bars: plain data, so a copy is a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State<S: Strategy> {
    indicators: S::Indicators,
    core: Core<S>,
}

impl<S: Strategy> State<S> {
    /// Before the first bar.
    #[must_use]
    pub fn new(params: &S::Params) -> Self {
        Self { indicators: S::Indicators::new(params), core: Core::default() }
    }

    /// Takes one closed bar, in the order of time, and answers with a digest. The state then assumes that the
    /// decision is carried out at the close; `set_position` and `on_fill` tell it otherwise.
    pub fn on_bar(&mut self, params: &S::Params, bar: &Bar) -> Decision {
        self.on_bar_with(params, bar, &Context::default())
    }

    /// The same with what is known beside the bar.
    pub fn on_bar_with(&mut self, params: &S::Params, bar: &Bar, context: &Context) -> Decision {
        let before = self.core;
        let (mut decision, features) = self.advance(params, bar, context);
        let input = Input { bar, features: &features, context };
        decision.digest = decision_digest(params, &input, [&before, &self.core], &decision);
        decision
    }

    /// `on_bar` without the digest, for sweeps.
    pub fn step(&mut self, params: &S::Params, bar: &Bar) -> Decision {
        self.advance(params, bar, &Context::default()).0
    }

    /// `on_bar_with` without the digest, for sweeps.
    pub fn step_with(&mut self, params: &S::Params, bar: &Bar, context: &Context) -> Decision {
        self.advance(params, bar, context).0
    }

    fn advance(&mut self, params: &S::Params, bar: &Bar, context: &Context) -> (Decision, S::Features) {
        if !bar.is_valid() {
            return (Decision::blocked(Gate::BadBar, 0.0, 1.0), S::Features::default());
        }
        let features = self.indicators.update(bar);
        (self.core.step(params, &Input { bar, features: &features, context }), features)
    }

    /// What is held in truth, after a refusal or a restart. `entry_price` and `stop_price` 0 where flat. A position
    /// that the strategy did not expect gets its other levels with the next bar.
    pub fn set_position(&mut self, side: Side, entry_price: f64, stop_price: f64) {
        self.core.trader.set_position(side, entry_price, stop_price);
    }

    /// The entry was filled at this price: stop, target and trailing are measured from it.
    pub fn on_fill(&mut self, params: &S::Params, price: f64) {
        self.core.trader.position.anchor(&params.trade_rules().exits, price);
    }

    /// The side that the strategy believes to hold.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.core.trader.position.side
    }

    /// What it remembers beside the indicators.
    #[must_use]
    pub const fn core(&self) -> &Core<S> {
        &self.core
    }

    /// Digest of everything remembered, the indicators' windows included.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.core.digest_into(self.indicators.digest_into(Digest::new())).finish()
    }
}
