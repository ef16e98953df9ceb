//! Figures of a run: what it earned, at what risk, where. Floating point: for people and searches, never for books.
//!
//! Returns are those of equity from bar to bar; a year has 365 days of 24 hours. What can't be computed (a ratio to
//! nothing, growth of lost capital) is `None`, never a NaN. The statistics are those of `mesh_optimize::stats`.

use mesh_kernel::account::Money;
use mesh_optimize::stats::performance::{annualised, cagr, profit_factor, sharpe, sortino, trades, win_rate};
use mesh_optimize::stats::{drawdown, moments};
use serde::Serialize;

use crate::data::Series;
use crate::ledger::Trade;
use crate::outcome::{Outcome, REGIMES};

const YEAR_NS: f64 = 365.0 * 86_400e9;

/// Figures of a whole run. Shares are fractions: 0.1 is a tenth. Amounts are in the quote currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// Growth of equity from the first point to the last.
    pub total_return: Option<f64>,
    /// The same, compounded to a year.
    pub cagr: Option<f64>,
    /// Standard deviation of the bars' returns (divisor n - 1), for a year.
    pub volatility: Option<f64>,
    /// Sharpe ratio for a year, nothing subtracted for a riskless rate.
    pub sharpe: Option<f64>,
    /// Sharpe ratio of one bar: what the deflated Sharpe ratio asks for.
    pub sharpe_per_bar: Option<f64>,
    /// Sortino ratio for a year, target 0.
    pub sortino: Option<f64>,
    /// `cagr` over `max_drawdown`.
    pub calmar: Option<f64>,
    /// Largest fall of equity from a peak, of that peak.
    pub max_drawdown: Option<f64>,
    /// Most bars from a peak to the first that is as high again, or to the end.
    pub max_drawdown_bars: Option<usize>,
    /// Gains of trades over losses.
    pub profit_factor: Option<f64>,
    /// Share of trades that gained.
    pub win_rate: Option<f64>,
    /// Mean gain of a trade.
    pub expectancy: Option<f64>,
    /// Closed trades.
    pub trades: usize,
    /// Most losing trades in a row.
    pub longest_losing: usize,
    /// Positions that are still open.
    pub open_positions: usize,
    /// Share of bars that ended with a position.
    pub exposure: f64,
    /// Mean notional over equity.
    pub mean_leverage: f64,
    /// Notional of all fills.
    pub turnover: f64,
    /// All fees.
    pub fees: f64,
    /// All funding received; negative where more was paid.
    pub funding: f64,
    /// Equity at the start.
    pub initial_equity: f64,
    /// Equity at the end.
    pub final_equity: f64,
    /// Bars decided on.
    pub bars: usize,
    /// Bars that could not be used.
    pub bad_bars: usize,
    /// Entries that rank, size or limits refused.
    pub refused: usize,
}

/// Figures of some of the trades.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The symbol, or the kind of market at the entry.
    pub name: String,
    /// Closed trades.
    pub trades: usize,
    /// Their gain after all costs.
    pub pnl: f64,
    /// Gains over losses.
    pub profit_factor: Option<f64>,
    /// Share that gained.
    pub win_rate: Option<f64>,
    /// Mean gain of one.
    pub expectancy: Option<f64>,
    /// Fees.
    pub fees: f64,
    /// Funding received.
    pub funding: f64,
    /// Bars of the symbol, or of this kind of market.
    pub bars: usize,
}

/// Equity as `f64`, the start first.
#[must_use]
pub fn equity(outcome: &Outcome) -> Vec<f64> {
    outcome.equity.iter().map(|point| outcome.decimals.money(point.equity)).collect()
}

/// Returns from bar to bar; 0 from where the capital is gone.
#[must_use]
pub fn returns(equity: &[f64]) -> Vec<f64> {
    let step = |(before, after): (&f64, &f64)| if *before > 0.0 { after / before - 1.0 } else { 0.0 };
    equity.iter().zip(equity.iter().skip(1)).map(step).collect()
}

/// Figures of a run.
#[must_use]
pub fn metrics(outcome: &Outcome) -> Metrics {
    let equity = equity(outcome);
    let returns = returns(&equity);
    let periods = YEAR_NS / outcome.interval_ns as f64;
    let yearly = |per_bar: Option<f64>| per_bar.and_then(|per_bar| annualised(per_bar, periods).ok());
    let (first, last) = (equity.first().copied().unwrap_or(0.0), equity.last().copied().unwrap_or(0.0));
    let falls = drawdown::of_equity(&equity).ok();
    let growth = cagr(&returns, periods).ok();
    let deepest = falls.map(|falls| falls.deepest_share);
    let pnl: Vec<f64> = outcome.trades.iter().map(|trade| outcome.decimals.money(trade.pnl)).collect();
    let of_trades = trades(&pnl).ok();
    let per_bar = sharpe(&returns).ok();
    Metrics {
        total_return: (first > 0.0).then(|| last / first - 1.0).filter(|growth| growth.is_finite()),
        cagr: growth,
        volatility: yearly(moments::deviation(&returns).ok()),
        sharpe: yearly(per_bar),
        sharpe_per_bar: per_bar,
        sortino: yearly(sortino(&returns, 0.0).ok()),
        calmar: growth.zip(deepest.filter(|deepest| *deepest > 0.0)).map(|(growth, deepest)| growth / deepest),
        max_drawdown: deepest,
        max_drawdown_bars: falls.map(|falls| falls.longest),
        profit_factor: profit_factor(&pnl).ok(),
        win_rate: win_rate(&pnl).ok(),
        expectancy: of_trades.as_ref().and_then(|of| of.expectancy.clone().ok()),
        trades: pnl.len(),
        longest_losing: of_trades.map_or(0, |of| of.longest_losing),
        open_positions: outcome.open.len(),
        exposure: mean(outcome, |_, gross| if gross > 0.0 { 1.0 } else { 0.0 }),
        mean_leverage: mean(outcome, |equity, gross| if equity > 0.0 { gross / equity } else { 0.0 }),
        turnover: outcome.decimals.money(outcome.turnover),
        fees: outcome.decimals.money(outcome.fees),
        funding: outcome.decimals.money(outcome.funding),
        initial_equity: first,
        final_equity: last,
        bars: outcome.bars,
        bad_bars: outcome.bad_bars,
        refused: outcome.gates.refused(),
    }
}

/// Mean over the bars of something made of equity and notional.
fn mean(outcome: &Outcome, of: impl Fn(f64, f64) -> f64) -> f64 {
    let money = |money: Money| outcome.decimals.money(money);
    let points = outcome.equity.iter().skip(1);
    let sum: f64 = points.map(|point| of(money(point.equity), money(point.gross))).sum();
    sum / outcome.equity.len().saturating_sub(1).max(1) as f64
}

/// Figures by symbol, in the order of the series.
#[must_use]
pub fn by_symbol(outcome: &Outcome, series: &[Series]) -> Vec<Share> {
    let share = |(i, one): (usize, &Series)| {
        let trades = outcome.trades.iter().filter(|trade| trade.symbol == i);
        of_trades(outcome, one.symbol.clone(), one.bars.len(), trades)
    };
    series.iter().enumerate().map(share).collect()
}

/// Figures by the kind of market at the entry.
#[must_use]
pub fn by_regime(outcome: &Outcome) -> Vec<Share> {
    let share = |(regime, bars): (&mesh_kernel::regime::Regime, &usize)| {
        let trades = outcome.trades.iter().filter(|trade| trade.regime == *regime);
        of_trades(outcome, regime.name().to_owned(), *bars, trades)
    };
    REGIMES.iter().zip(&outcome.regime_bars).map(share).collect()
}

fn of_trades<'a>(outcome: &Outcome, name: String, bars: usize, trades: impl Iterator<Item = &'a Trade>) -> Share {
    let trades: Vec<&Trade> = trades.collect();
    let money = |of: fn(&Trade) -> Money| outcome.decimals.money(trades.iter().map(|trade| of(trade)).sum());
    let pnl: Vec<f64> = trades.iter().map(|trade| outcome.decimals.money(trade.pnl)).collect();
    Share {
        name,
        trades: trades.len(),
        pnl: money(|trade| trade.pnl),
        profit_factor: profit_factor(&pnl).ok(),
        win_rate: win_rate(&pnl).ok(),
        expectancy: moments::mean(&pnl).ok(),
        fees: money(|trade| trade.fees),
        funding: money(|trade| trade.funding),
        bars,
    }
}
