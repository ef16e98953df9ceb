//! Figures of a summary: what a study compares. A number or `None`, never a NaN.
//!
//! Definitions are those of `mesh_optimize::stats`: Sharpe's ratio over the sample deviation (n - 1), Sortino's over
//! the root mean square of all losses, both over whole periods and annualised; a year has 365 days of 24 hours.

use mesh_kernel::account::Money;
use mesh_kernel::run::{RunRules, Summary};

use crate::history::History;

const YEAR_NS: f64 = 365.0 * 86_400e9;
/// Below this share of the mean square, a variance is what rounding left of equal returns.
const ROUNDING: f64 = 1e-12;

/// Figures of one run. Shares are fractions: 0.1 is a tenth; amounts are in the quote currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Growth of equity.
    pub total_return: Option<f64>,
    /// The same, compounded to a year.
    pub cagr: Option<f64>,
    /// Standard deviation of the periods' returns, for a year.
    pub volatility: Option<f64>,
    /// Sharpe ratio for a year.
    pub sharpe: Option<f64>,
    /// Sharpe ratio of one period: what the deflated Sharpe ratio asks for.
    pub sharpe_per_period: Option<f64>,
    /// Sortino ratio for a year, target 0.
    pub sortino: Option<f64>,
    /// `cagr` over `max_drawdown`.
    pub calmar: Option<f64>,
    /// Largest fall of equity from a peak, at closes, of that peak.
    pub max_drawdown: Option<f64>,
    /// Gains of trades over losses.
    pub profit_factor: Option<f64>,
    /// Share of trades that gained.
    pub win_rate: Option<f64>,
    /// Mean gain of a trade.
    pub expectancy: Option<f64>,
    /// Trades that ended.
    pub trades: Option<f64>,
    /// Positions that the venue closed by force.
    pub liquidations: Option<f64>,
    /// Share of bars that ended with a position.
    pub exposure: Option<f64>,
    /// Notional of all fills.
    pub turnover: Option<f64>,
    /// Fees paid.
    pub fees: Option<f64>,
    /// Funding received; negative where more was paid.
    pub funding: Option<f64>,
    /// Equity at the end.
    pub final_equity: Option<f64>,
    /// Periods whose returns were taken.
    pub periods: Option<f64>,
}

impl Figures {
    /// Names, in the order of `values`.
    pub const NAMES: [&'static str; 19] = [
        "total_return",
        "cagr",
        "volatility",
        "sharpe",
        "sharpe_per_period",
        "sortino",
        "calmar",
        "max_drawdown",
        "profit_factor",
        "win_rate",
        "expectancy",
        "trades",
        "liquidations",
        "exposure",
        "turnover",
        "fees",
        "funding",
        "final_equity",
        "periods",
    ];

    /// Of a run over a history. Nothing is known of one that left the range of exact integers.
    #[must_use]
    pub fn of(summary: &Summary, history: &History, rules: &RunRules) -> Self {
        if summary.overflows > 0 {
            return Self::default();
        }
        let money = |money: Money| rules.scale.money(money);
        let count = |count: u32| finite(f64::from(count));
        let returns = &summary.returns;
        let (periods, yearly) = (f64::from(returns.count), YEAR_NS / history.period_ns() as f64);
        let initial = money(rules.scale.money_of(rules.initial_cash));
        let total_return = over(money(summary.equity) - initial, initial);
        let cagr = total_return.and_then(|growth| {
            let years = history.span_ns() as f64 / YEAR_NS;
            // Lost capital has no rate of growth.
            finite((1.0 + growth).powf(1.0 / years) - 1.0).filter(|_| growth >= -1.0)
        });
        let mean = over(returns.sum, periods);
        let deviation = mean.and_then(|mean| {
            let variance = over(returns.squares - returns.sum * mean, periods - 1.0)?;
            finite(variance.sqrt()).filter(|_| variance > returns.squares / periods * ROUNDING)
        });
        let sharpe = mean.zip(deviation).and_then(|(mean, deviation)| over(mean, deviation));
        let downside = over(returns.losses_squared, periods).map(f64::sqrt);
        let sortino = mean.zip(downside).and_then(|(mean, downside)| over(mean, downside));
        let annual = |ratio: Option<f64>| ratio.and_then(|ratio| finite(ratio * yearly.sqrt()));
        let max_drawdown = finite(summary.drawdown);
        let gain = money(summary.gained) - money(summary.lost);
        Self {
            total_return,
            cagr,
            volatility: annual(deviation),
            sharpe: annual(sharpe),
            sharpe_per_period: sharpe,
            sortino: annual(sortino),
            calmar: cagr.zip(max_drawdown).and_then(|(growth, fall)| over(growth, fall)),
            max_drawdown,
            profit_factor: over(money(summary.gained), money(summary.lost)),
            win_rate: over(f64::from(summary.wins), f64::from(summary.trades)),
            expectancy: over(gain, f64::from(summary.trades)),
            trades: count(summary.trades),
            liquidations: count(summary.liquidations),
            exposure: over(f64::from(summary.bars_held), f64::from(summary.bars)),
            turnover: finite(money(summary.turnover)),
            fees: finite(money(summary.fees)),
            funding: finite(0.0 - money(summary.funding)),
            final_equity: finite(money(summary.equity)),
            periods: finite(periods),
        }
    }

    /// All figures, in the order of `NAMES`.
    #[must_use]
    pub const fn values(&self) -> [Option<f64>; 19] {
        [
            self.total_return,
            self.cagr,
            self.volatility,
            self.sharpe,
            self.sharpe_per_period,
            self.sortino,
            self.calmar,
            self.max_drawdown,
            self.profit_factor,
            self.win_rate,
            self.expectancy,
            self.trades,
            self.liquidations,
            self.exposure,
            self.turnover,
            self.fees,
            self.funding,
            self.final_equity,
            self.periods,
        ]
    }

    /// The figure of a name; the outer `None` where there is no such figure.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<f64>> {
        Self::NAMES.iter().zip(self.values()).find(|(known, _)| **known == name).map(|(_, value)| value)
    }
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// A quotient by something above 0.
fn over(a: f64, b: f64) -> Option<f64> {
    if b > 0.0 { finite(a / b) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_backtest::TimedBar;
    use mesh_kernel::Bar;
    use mesh_kernel::account::Scale;
    use mesh_kernel::fills::{Costs, FillRules};
    use mesh_kernel::returns::Returns;
    use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};

    const DAY: u64 = 86_400_000_000_000;

    fn rules() -> RunRules {
        RunRules {
            fills: FillRules::default(),
            costs: Costs::default(),
            sizing: SizingRules {
                method: SizingMethod::FixedFraction { fraction: 1.0 },
                tier_factors: [1.0; 3],
                leverage_max: 1.0,
                notional_max: 0.0,
                notional_min: 0.0,
            },
            margin: Margin::default(),
            scale: Scale::new(2, 2).unwrap(),
            initial_cash: 100.0,
        }
    }

    fn history(days: u64) -> History {
        let bar = Bar { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        let bars: Vec<_> = (0..days).map(|i| TimedBar { open_ns: i * DAY, bar }).collect();
        History::new(&bars, &[], crate::Inputs::default(), Scale::new(2, 2).unwrap(), DAY).unwrap()
    }

    fn of(equity: &[f64]) -> Figures {
        let rules = rules();
        let mut returns = Returns::new(100.0);
        equity.iter().for_each(|equity| returns.close(*equity));
        let bars = equity.len() as u32;
        let money = rules.scale.money_of(*equity.last().unwrap());
        let summary = Summary { bars, returns, equity: money, drawdown: 0.25, ..Summary::default() };
        Figures::of(&summary, &history(equity.len() as u64), &rules)
    }

    #[test]
    fn ratios_are_those_of_the_definitions() {
        let figures = of(&[110.0, 99.0, 108.9, 130.68]);
        let returns = [0.1, -0.1, 0.1, 0.2];
        let mean = returns.iter().sum::<f64>() / 4.0;
        let variance = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 3.0;
        let close = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found:?} {expected}");
        };
        close(figures.total_return, 0.3068);
        close(figures.sharpe_per_period, mean / variance.sqrt());
        close(figures.sharpe, mean / variance.sqrt() * 365f64.sqrt());
        close(figures.sortino, mean / (0.01f64 / 4.0).sqrt() * 365f64.sqrt());
        let cagr = 1.3068f64.powf(365.0 / 4.0) - 1.0;
        close(figures.cagr, cagr);
        close(figures.calmar, cagr / 0.25);
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let steady = of(&[100.0, 100.0]);
        assert_eq!((steady.sharpe, steady.sortino, steady.profit_factor, steady.win_rate), (None, None, None, None));
        assert_eq!(of(&[110.0, 121.0, 133.1]).sharpe, None, "equal returns");
        assert_eq!(of(&[110.0]).sharpe, None, "one return");
        assert_eq!(of(&[-10.0]).cagr, None, "lost capital");
        let broken = Summary { overflows: 1, ..Summary::default() };
        assert_eq!(Figures::of(&broken, &history(2), &rules()), Figures::default());
    }

    #[test]
    fn figures_have_names() {
        let figures = of(&[110.0, 99.0]);
        assert_eq!(figures.get("sharpe"), Some(figures.sharpe));
        assert_eq!(figures.get("max_drawdown"), Some(Some(0.25)));
        assert_eq!(figures.get("nope"), None);
    }
}
