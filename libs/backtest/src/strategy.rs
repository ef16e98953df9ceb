//! What the engine asks of a strategy, and the kernel's strategies behind it.

use mesh_kernel::strategy::{Core, Indicators, Input, Strategy, StrategyParams, decision_digest};
use mesh_kernel::trader::{TradeRules, Trader};
use mesh_kernel::{Bar, Context, Decision, Gate};

/// Decides bar by bar on one symbol.
pub trait Decider {
    /// Takes a closed bar.
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision;
    /// What it believes to hold; the engine corrects it after fills and refusals.
    fn trader(&mut self) -> &mut Trader;
    /// How it holds.
    fn rules(&self) -> &TradeRules;
}

/// A strategy of the kernel: its `State` in parts, so that what is held can be corrected.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<S: Strategy> {
    params: S::Params,
    rules: TradeRules,
    indicators: S::Indicators,
    core: Core<S>,
}

impl<S: Strategy> Kernel<S> {
    /// Before the first bar.
    #[must_use]
    pub fn new(params: &S::Params) -> Self {
        Self {
            params: *params,
            rules: params.trade_rules(),
            indicators: S::Indicators::new(params),
            core: Core::default(),
        }
    }
}

impl<S: Strategy> Decider for Kernel<S> {
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
        let before = self.core;
        let valid = bar.is_valid();
        let features = if valid { self.indicators.update(bar) } else { S::Features::default() };
        let input = Input { bar, features: &features, context };
        let mut decision =
            if valid { self.core.step(&self.params, &input) } else { Decision::blocked(Gate::BadBar, 0.0, 1.0) };
        decision.digest = decision_digest(&self.params, &input, [&before, &self.core], &decision);
        decision
    }

    fn trader(&mut self) -> &mut Trader {
        &mut self.core.trader
    }

    fn rules(&self) -> &TradeRules {
        &self.rules
    }
}
