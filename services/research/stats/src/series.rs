//! Statistics of one series of returns.

use mesh_optimize::stats::monte_carlo::Resampling;
use mesh_optimize::stats::sharpe::Observed;
use mesh_optimize::stats::{Stat, bootstrap as resampled, drawdown as falls, moments, performance as of};

use crate::Failure;
use crate::data::Table;
use crate::options::{Chance, Returns};
use crate::report::{Report, percent};

const SHARPE: &str = "Sharpe, 'The Sharpe ratio', 1994; no riskless rate is subtracted";

/// The returns of a file.
pub(crate) fn returns(from: &Returns) -> Result<Vec<f64>, Failure> {
    Ok(Table::read(&from.returns)?.series(from.column.as_deref(), &["return", "returns"])?)
}

/// Adds how many returns there are and how they are distributed.
fn with_moments(report: Report, returns: &[f64]) -> Report {
    report
        .with("n", returns.len())
        .stat("mean", moments::mean(returns))
        .stat("deviation", moments::deviation(returns))
        .stat("skew", moments::skewness(returns))
        .stat("kurtosis", moments::kurtosis(returns))
}

pub(crate) fn sharpe(from: &Returns, year: f64) -> Result<Report, Failure> {
    let returns = returns(from)?;
    let value = of::sharpe(&returns);
    let annual = value.clone().and_then(|value| of::annualised(value, year));
    let reading = match (&value, &annual) {
        (Ok(value), Ok(annual)) => format!(
            "A period earns {value:.4} of its standard deviation on the mean, a year of {year} periods {annual:.2}. Whether that is more than luck, psr says."
        ),
        _ => String::new(),
    };
    let report = Report::new("sharpe", value.clone(), SHARPE);
    let report = report.stat("sharpe", value).stat("sharpe_annual", annual).with("periods_per_year", year);
    Ok(with_moments(report, &returns).read_as(reading))
}

pub(crate) fn probabilistic(from: &Returns, benchmark: f64, confidence: f64) -> Result<Report, Failure> {
    let returns = returns(from)?;
    let observed = Observed::of(&returns)?;
    let value = observed.probabilistic(benchmark);
    let record = observed.min_track_record(benchmark, confidence);
    let mut reading = value.as_ref().map_or_else(
        |_| String::new(),
        |value| {
            format!(
                "The true Sharpe ratio is above {benchmark} with a probability of {}; below 95 % is weak.",
                percent(*value)
            )
        },
    );
    if let Ok(record) = &record {
        reading +=
            &format!(" It takes {record:.0} periods to be {} sure; there are {}.", percent(confidence), returns.len());
    }
    Ok(Report::new("psr", value, "Bailey and Lopez de Prado, 'The Sharpe ratio efficient frontier', 2012")
        .with("n", observed.periods)
        .with("sharpe", observed.sharpe)
        .with("skew", observed.skewness)
        .with("kurtosis", observed.kurtosis)
        .with("benchmark", benchmark)
        .stat("min_track_record", record)
        .with("confidence", confidence)
        .read_as(reading))
}

pub(crate) fn performance(from: &Returns, year: f64) -> Result<Report, Failure> {
    let returns = returns(from)?;
    let yearly = |stat: Stat| stat.and_then(|value| of::annualised(value, year));
    let total = of::total_return(&returns);
    let fall = of::max_drawdown(&returns).map(|fall| fall.deepest_share);
    let reading = match (&total, &fall) {
        (Ok(total), Ok(fall)) => format!(
            "{} periods made {}, and at worst had lost {} from the highest before.",
            returns.len(),
            percent(*total),
            percent(*fall)
        ),
        _ => String::new(),
    };
    let report = Report::new(
        "performance",
        total.clone(),
        "Sharpe, 1994; Sortino and van der Meer, 1991; Young (Calmar), 1991; Martin (ulcer), 1987",
    )
    .stat("total_return", total)
    .stat("cagr", of::cagr(&returns, year))
    .stat("volatility_annual", yearly(moments::deviation(&returns)))
    .stat("sharpe", of::sharpe(&returns))
    .stat("sharpe_annual", yearly(of::sharpe(&returns)))
    .stat("sortino", of::sortino(&returns, 0.0))
    .stat("sortino_annual", yearly(of::sortino(&returns, 0.0)))
    .stat("calmar", of::calmar(&returns, year))
    .stat("max_drawdown", fall)
    .stat("ulcer_index", falls::equity_of(&returns).and_then(|equity| falls::ulcer_index(&equity)))
    .stat("profit_factor", of::profit_factor(&returns))
    .stat("win_rate", of::win_rate(&returns))
    .stat("value_at_risk_5", of::value_at_risk(&returns, 0.05))
    .stat("conditional_value_at_risk_5", of::conditional_value_at_risk(&returns, 0.05))
    .with("periods_per_year", year);
    Ok(with_moments(report, &returns).read_as(reading))
}

pub(crate) fn drawdown(from: &Returns) -> Result<Report, Failure> {
    let returns = returns(from)?;
    let equity = falls::equity_of(&returns)?;
    let fall = falls::of_equity(&equity)?;
    let ulcer = falls::ulcer_index(&equity);
    Ok(Report::new(
        "drawdown",
        Ok(fall.deepest_share),
        "Martin and McCann, 'The investor's guide to Fidelity funds', 1989 (ulcer index)",
    )
    .with("max_drawdown", fall.deepest_share)
    .with("longest", fall.longest)
    .with("current", fall.current)
    .stat("ulcer_index", ulcer)
    .with("n", returns.len())
    .read_as(format!(
        "At worst {} of the highest equity before was lost; the longest way back to a high took {} periods{}.",
        percent(fall.deepest_share),
        fall.longest,
        if fall.current > 0 { format!(", and the last high is {} periods ago", fall.current) } else { String::new() }
    )))
}

pub(crate) fn bootstrap(
    from: &Returns,
    mean: bool,
    block: f64,
    confidence: f64,
    chance: &Chance,
) -> Result<Report, Failure> {
    let returns = returns(from)?;
    let resampling = if block > 1.0 { Resampling::StationaryBootstrap(block) } else { Resampling::Bootstrap };
    let statistic: fn(&[f64]) -> Stat = if mean { moments::mean } else { of::sharpe };
    let found = resampled::interval(&returns, resampling, chance.resamples, chance.seed, confidence, statistic)?;
    let what = if mean { "mean return" } else { "Sharpe ratio a period" };
    Ok(Report::new(
        "bootstrap",
        Ok(found.estimate),
        "Efron, 1979; Politis and Romano, 'The stationary bootstrap', 1994",
    )
    .with("of", if mean { "mean" } else { "sharpe" })
    .with("low", found.low)
    .with("high", found.high)
    .with("error", found.error)
    .with("share_not_above_zero", found.share_not_above_zero)
    .with("confidence", confidence)
    .with("block", block)
    .with("resamples", found.resamples)
    .with("seed", chance.seed)
    .with("n", returns.len())
    .read_as(format!(
        "The {what} lies between {:.4} and {:.4} with {} confidence; {} of the resamples are not above 0.",
        found.low,
        found.high,
        percent(confidence),
        percent(found.share_not_above_zero)
    )))
}
