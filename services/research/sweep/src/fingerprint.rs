//! A fingerprint of the kernel: what its strategies decide over one history that never changes. A study is only gone on with
//! by a kernel that decides as the one that began it.

use mesh_backtest::TimedBar;
use mesh_kernel::Bar;
use mesh_kernel::account::Scale;
use mesh_kernel::digest::Digest;
use mesh_kernel::fills::{Costs, FillRules};
use mesh_kernel::run::{RunRules, Summary};
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_optimize::Rng;
use mesh_study::strategies::{self, Threaded, Visit};
use mesh_sweep::{Figures, History, Inputs, streaming};

use crate::failure::Failure;

const BARS: usize = 3_000;

/// The fingerprint, in hex.
///
/// # Errors
/// Never in practice: the history is a good one.
pub(crate) fn kernel() -> Result<String, Failure> {
    let wrong = |what: &str| Failure::bad(format!("the kernel's fingerprint can't be taken: {what}"));
    let scale = Scale::new(4, 6).ok_or_else(|| wrong("decimals"))?;
    let history = history(scale).map_err(|error| wrong(&error.to_string()))?;
    let method = SizingMethod::Volatility { risk_fraction: 0.01 };
    let tier_factors = [0.5, 0.75, 1.0];
    let sizing = SizingRules { method, tier_factors, leverage_max: 2.0, notional_max: 0.0, notional_min: 10.0 };
    let costs = Costs { taker_fee_rate: 50_000, maker_fee_rate: 20_000, slippage_bp: 1.0, ..Costs::default() };
    let margin = Margin { leverage: 2.0, maintenance_rate: 0.005, fee_rate: 0 };
    let rules = RunRules { fills: FillRules::default(), costs, sizing, margin, scale, initial_cash: 10_000.0 };
    let mut digest = Digest::new();
    for name in strategies::NAMES {
        let of = strategies::with(name, Decides { history: &history, rules: &rules });
        let (summary, figures) = of.ok_or_else(|| wrong(name))?;
        digest = digest.u64(summary.digest).u64(u64::from(summary.trades));
        digest = figures.values().iter().fold(digest, |digest, value| digest.f64(value.unwrap_or(-1.0)));
    }
    Ok(format!("{:016x}", digest.finish()))
}

struct Decides<'a> {
    history: &'a History,
    rules: &'a RunRules,
}

impl Visit for Decides<'_> {
    type Output = (Summary, Figures);
    fn visit<S: Threaded>(self) -> Self::Output {
        let summary = streaming::<S>(self.history, &S::Params::default(), self.rules);
        (summary, Figures::of(&summary, self.history, self.rules))
    }
}

fn history(scale: Scale) -> Result<History, mesh_sweep::HistoryError> {
    let mut rng = Rng::seeded(1);
    let mut close = 100.0;
    let mut bars = Vec::with_capacity(BARS);
    let mut inputs = Inputs::default();
    for i in 0..BARS as u64 {
        let open = close;
        let drift = if (i / 200).is_multiple_of(2) { 0.4 } else { 0.6 };
        close = open * (1.0 + (rng.uniform() - drift) * 0.01);
        let (high, low) = (f64::max(open, close) * 1.001, f64::min(open, close) * 0.999);
        let bar = Bar { open, high, low, close, volume: 1.0 + rng.uniform() * 9.0 };
        bars.push(TimedBar { open_ns: i * 300_000_000_000, bar });
        inputs.btc_trend.push(rng.uniform() - 0.5);
        inputs.breadth_pct.push(rng.uniform() * 100.0);
        inputs.book_imbalance.push(rng.uniform() * 2.0 - 1.0);
        inputs.premium_pct.push((rng.uniform() - 0.5) * 0.2);
        inputs.spread_bp.push(rng.uniform() * 2.0);
        inputs.funding_bp_8h.push((rng.uniform() - 0.5) * 20.0);
    }
    History::new(&bars, &[], inputs, scale, 86_400_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_each_time_and_sees_trades() {
        let first = kernel().unwrap();
        assert_eq!((first.len(), &first), (16, &kernel().unwrap()));
    }
}
