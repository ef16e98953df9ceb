//! What a series of returns, or a list of trades, has earned and at what risk.
//!
//! Sharpe (1966, 1994), Sortino and van der Meer (1991), Calmar ratio (Young, 1991).

use serde::{Deserialize, Serialize};

use super::drawdown::{self, Drawdown};
use super::moments::Moments;
use super::{Stat, Undefined, check, finite, quantile, ratio, sorted};

/// Sharpe ratio per period: mean over standard deviation (divisor n - 1), nothing subtracted for a riskless rate.
pub fn sharpe(returns: &[f64]) -> Stat {
    check(returns, "returns", 2)?;
    let moments = Moments::of(returns);
    finite(moments.squares)?;
    ratio(moments.mean, moments.deviation(), "the variance of the returns")
}

/// Sortino ratio per period: mean above `target` over the root mean square of the shortfalls below it, over all periods.
pub fn sortino(returns: &[f64], target: f64) -> Stat {
    check(returns, "returns", 1)?;
    let shortfalls: f64 = returns.iter().map(|value| (value - target).min(0.0).powi(2)).sum();
    let downside = finite((shortfalls / returns.len() as f64).sqrt())?;
    ratio(Moments::of(returns).mean - target, downside, "the downside deviation")
}

/// A ratio per period as one per year: times the square root of the periods of a year.
pub fn annualised(per_period: f64, periods_per_year: f64) -> Stat {
    if periods_per_year > 0.0 {
        finite(per_period * periods_per_year.sqrt())
    } else {
        Err(Undefined::argument("periods_per_year", "above 0", periods_per_year))
    }
}

/// Growth over all returns, compounded: 0.1 is a tenth more.
pub fn total_return(returns: &[f64]) -> Stat {
    let equity = drawdown::equity_of(returns)?;
    Ok(equity[equity.len() - 1] - 1.0)
}

/// Compound growth in a year.
pub fn cagr(returns: &[f64], periods_per_year: f64) -> Stat {
    let total = total_return(returns)?;
    if periods_per_year > 0.0 {
        finite((1.0 + total).powf(periods_per_year / returns.len() as f64) - 1.0)
    } else {
        Err(Undefined::argument("periods_per_year", "above 0", periods_per_year))
    }
}

/// Compound growth in a year over the deepest drawdown's share.
pub fn calmar(returns: &[f64], periods_per_year: f64) -> Stat {
    let deepest = max_drawdown(returns)?.deepest_share;
    ratio(cagr(returns, periods_per_year)?, deepest, "the drawdown")
}

/// Falls of the compounded path.
pub fn max_drawdown(returns: &[f64]) -> Result<Drawdown, Undefined> {
    drawdown::of_equity(&drawdown::equity_of(returns)?)
}

/// Gains over losses, of returns or of trades' profits.
pub fn profit_factor(values: &[f64]) -> Stat {
    check(values, "values", 1)?;
    // A sum of nothing is -0.0.
    let gains = values.iter().filter(|value| **value > 0.0).sum::<f64>() + 0.0;
    let losses: f64 = -values.iter().filter(|value| **value < 0.0).sum::<f64>();
    ratio(gains, losses, "the sum of losses")
}

/// Share of values above 0.
pub fn win_rate(values: &[f64]) -> Stat {
    check(values, "values", 1)?;
    Ok(values.iter().filter(|value| **value > 0.0).count() as f64 / values.len() as f64)
}

/// Value at risk, historical: the return that a share `p` of the periods falls short of (usually negative).
pub fn value_at_risk(returns: &[f64], p: f64) -> Stat {
    quantile(&sorted(returns), p)
}

/// Conditional value at risk, historical: mean of the returns at or below the value at risk.
pub fn conditional_value_at_risk(returns: &[f64], p: f64) -> Stat {
    let limit = value_at_risk(returns, p)?;
    let tail: Vec<f64> = returns.iter().copied().filter(|value| *value <= limit).collect();
    // Rounding in the interpolation may leave even the smallest above the limit.
    if tail.is_empty() { Ok(limit) } else { super::moments::mean(&tail) }
}

/// The outcome of trades, in money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trades {
    /// How many.
    pub count: usize,
    /// Their sum.
    pub total: f64,
    /// Mean profit of a trade: win rate times mean win less loss rate times mean loss.
    pub expectancy: Stat,
    /// Share above 0.
    pub win_rate: Stat,
    /// Gains over losses.
    pub profit_factor: Stat,
    /// Mean of those above 0.
    pub mean_win: Stat,
    /// Mean of those below 0, a negative number.
    pub mean_loss: Stat,
    /// Mean win over mean loss, without sign.
    pub payoff: Stat,
    /// Most trades below 0 in a row.
    pub longest_losing: usize,
}

/// Statistics of trades' profits after costs.
pub fn trades(profits: &[f64]) -> Result<Trades, Undefined> {
    check(profits, "profits", 0)?;
    let of = |wanted: fn(f64) -> bool| -> Stat {
        super::moments::mean(&profits.iter().copied().filter(|profit| wanted(*profit)).collect::<Vec<f64>>())
    };
    let (mean_win, mean_loss) = (of(|profit| profit > 0.0), of(|profit| profit < 0.0));
    let payoff = match (&mean_win, &mean_loss) {
        (Ok(win), Ok(loss)) => ratio(*win, -loss, "the mean loss"),
        (Err(none), _) | (_, Err(none)) => Err(none.clone()),
    };
    let runs = profits.iter().scan(0, |run, profit| {
        *run = if *profit < 0.0 { *run + 1 } else { 0 };
        Some(*run)
    });
    Ok(Trades {
        count: profits.len(),
        total: finite(profits.iter().sum())?,
        expectancy: super::moments::mean(profits),
        win_rate: win_rate(profits),
        profit_factor: profit_factor(profits),
        mean_win,
        mean_loss,
        payoff,
        longest_losing: runs.max().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trades_by_hand() {
        let of = trades(&[10.0, -5.0, -1.0, 20.0, 0.0]).unwrap();
        assert_eq!((of.count, of.total, of.longest_losing), (5, 24.0, 2));
        assert_eq!((of.expectancy, of.win_rate), (Ok(4.8), Ok(0.4)));
        assert_eq!((of.profit_factor, of.payoff), (Ok(5.0), Ok(5.0)));
        assert_eq!((of.mean_win, of.mean_loss), (Ok(15.0), Ok(-3.0)));
    }

    #[test]
    fn what_is_not_defined_says_why() {
        assert_eq!(sharpe(&[0.01]), Err(Undefined::too_few("returns", 2, 1)));
        assert_eq!(sharpe(&[0.01; 5]), Err(Undefined::zero("the variance of the returns")));
        assert_eq!(sortino(&[0.01, 0.02], 0.0), Err(Undefined::zero("the downside deviation")));
        assert_eq!(profit_factor(&[1.0, 2.0]), Err(Undefined::zero("the sum of losses")));
        assert_eq!(calmar(&[0.1, 0.1], 365.0), Err(Undefined::zero("the drawdown")));
        assert_eq!(cagr(&[-1.5], 365.0), Err(Undefined::Ruined { index: 0 }));
        let none = trades(&[]).unwrap();
        assert_eq!(none.expectancy.unwrap_err().to_string(), "needs at least 1 values, got 0");
        assert!(sharpe(&[0.0, f64::NAN]).unwrap_err().to_string().contains("returns number 1 is not finite"));
    }
}
