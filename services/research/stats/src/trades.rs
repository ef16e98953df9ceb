//! Statistics of closed trades.

use std::path::Path;

use mesh_optimize::stats::concentration as shares;
use mesh_optimize::stats::monte_carlo::{self as paths, PERCENTILES, Resampling};
use mesh_optimize::stats::random_entries::{Holding, significance};
use mesh_optimize::stats::stress::{self as worse, Fill};
use serde_json::{Map, Value};

use crate::Failure;
use crate::data::Table;
use crate::options::{Chance, Returns};
use crate::report::{Report, percent};
use crate::series;

const PROFIT: [&str; 2] = ["pnl", "profit"];
const BP: f64 = 1e-4;

/// The profits: a column of that name, or the only one.
fn profits(table: &Table) -> Result<Vec<f64>, Failure> {
    Ok(table.series(None, &PROFIT)?)
}

/// Whether each trade bought first.
fn sides(table: &Table) -> Result<Vec<bool>, Failure> {
    const SIDE: [&str; 2] = ["side", "direction"];
    let sides = table.text(&SIDE).ok_or_else(|| table.missing(&SIDE))?;
    let is_long = |(row, side): (usize, &String)| match side.to_ascii_lowercase().as_str() {
        "long" | "buy" => Ok(true),
        "short" | "sell" => Ok(false),
        _ => Err(table.wrong(row, "long, short, buy or sell", &format!("`{side}`")).into()),
    };
    sides.iter().enumerate().map(is_long).collect()
}

pub(crate) fn monte_carlo(
    file: &Path,
    initial: f64,
    resampling: Resampling,
    ruin: f64,
    chance: &Chance,
) -> Result<Report, Failure> {
    let profits = profits(&Table::read(file)?)?;
    let found = paths::simulate(initial, &profits, resampling, chance.resamples, chance.seed)?;
    let summary = paths::summarise(initial, &found)?;
    let ruined = paths::probability(&found, |path| path.lowest < ruin * initial);
    let percentiles = |values: [f64; 7]| -> Map<String, Value> {
        PERCENTILES.iter().map(|p| format!("p{:02.0}", 100.0 * p)).zip(values.map(Value::from)).collect()
    };
    let [.., worst, _] = summary.drawdown_share;
    let mut report =
        Report::new("monte-carlo", Ok(worst), "Efron, 1979; Politis and Romano, 'The stationary bootstrap', 1994")
            .with("drawdown_share", percentiles(summary.drawdown_share))
            .with("last", percentiles(summary.last))
            .with("probability_of_loss", summary.probability_of_loss)
            .stat("probability_of_ruin", ruined.clone())
            .with("ruin", ruin)
            .with("initial", initial)
            .with("trades", profits.len());
    report = match resampling {
        Resampling::Shuffle => report.with("by", "shuffle"),
        Resampling::Bootstrap => report.with("by", "bootstrap"),
        Resampling::StationaryBootstrap(block) => report.with("by", "blocks").with("block", block),
    };
    Ok(report.with("resamples", chance.resamples).with("seed", chance.seed).read_as(format!(
        "With other luck these trades fall by more than {} in one path of 20; {} end below their start, {} fall below {} of it.",
        percent(worst),
        percent(summary.probability_of_loss),
        ruined.map_or_else(|_| "none".to_owned(), percent),
        percent(ruin)
    )))
}

pub(crate) fn stress(file: &Path, fee_bps: f64, slippages: &[f64]) -> Result<Report, Failure> {
    let table = Table::read(file)?;
    let sides = sides(&table)?;
    let (quantities, entries, exits) = (
        table.named(&["quantity", "qty"])?,
        table.named(&["entry_price", "entry"])?,
        table.named(&["exit_price", "exit"])?,
    );
    let trades: Vec<Fill> = (0..sides.len())
        .map(|row| Fill { is_long: sides[row], quantity: quantities[row], entry: entries[row], exit: exits[row] })
        .collect();
    let fee = fee_bps * BP;
    let value = worse::breakeven_slippage_bp(&trades, fee);
    let mut report = Report::new(
        "stress",
        value.clone(),
        "Perold, 'The implementation shortfall', 1988; each fill is moved against the trade by a share of its price",
    )
    .stat("breakeven_slippage_bps", value.clone())
    .stat("breakeven_fee_bps", worse::breakeven_fee(&trades, 0.0).map(|fee| fee / BP))
    .stat("profit_with_double_fees", worse::total_profit(&trades, 0.0, 2.0 * fee));
    for slippage in slippages {
        report = report.stat(format!("profit_at_{slippage}_bps"), worse::total_profit(&trades, *slippage, fee));
    }
    let reading = value.map_or_else(
        |_| String::new(),
        |value| format!("Nothing is left once each fill is worse by {value:.1} basis points."),
    );
    Ok(report.with("fee_bps", fee_bps).with("trades", trades.len()).read_as(reading))
}

pub(crate) fn concentration(file: &Path, top: usize) -> Result<Report, Failure> {
    let table = Table::read(file)?;
    let profits = profits(&table)?;
    let found = shares::of_profits(&profits, top)?;
    let mut report = Report::new(
        "concentration",
        found.share_of_profit.clone(),
        "Herfindahl, 1950; Hirschman, 1945 (effective number)",
    )
    .stat("share_of_profit", found.share_of_profit.clone())
    .stat("share_of_gains", found.share_of_gains)
    .with("profit_without", found.profit_without)
    .with("to_nothing", found.to_nothing)
    .stat("effective", found.effective)
    .with("top", top)
    .with("trades", profits.len());
    if let Some(symbols) = table.text(&["symbol", "instrument"]) {
        let trades: Vec<(&str, f64)> = symbols.iter().map(String::as_str).zip(profits.iter().copied()).collect();
        let sums = shares::by_symbol(&trades);
        let of_symbols = shares::of_profits(&sums.values().copied().collect::<Vec<f64>>(), 1)?;
        report = report
            .with("by_symbol", sums)
            .stat("share_of_best_symbol", of_symbols.share_of_profit)
            .stat("effective_symbols", of_symbols.effective);
    }
    let reading = found.share_of_profit.map_or_else(
        |_| String::new(),
        |share| {
            format!(
                "The best {top} of {} trades make {} of the profit; without the best {} nothing is left of it.",
                profits.len(),
                percent(share),
                found.to_nothing
            )
        },
    );
    Ok(report.read_as(reading))
}

pub(crate) fn random_entries(market: &Returns, file: &Path, chance: &Chance) -> Result<Report, Failure> {
    let returns = series::returns(market)?;
    let table = Table::read(file)?;
    let sides = sides(&table)?;
    let (entries, exits) = (table.named(&["entry_bar", "entry"])?, table.named(&["exit_bar", "exit"])?);
    let mut holdings = Vec::with_capacity(sides.len());
    for (row, is_long) in sides.into_iter().enumerate() {
        let (entry, exit) = (entries[row], exits[row]);
        let is_count = |number: f64| number.fract() == 0.0 && (0.0..=returns.len() as f64).contains(&number);
        if !is_count(entry) || !is_count(exit) || exit <= entry {
            let expected = format!("periods of 0..{} with the exit after the entry", returns.len());
            return Err(table.wrong(row, &expected, &format!("{entry} to {exit}")).into());
        }
        holdings.push(Holding { is_long, periods: entry as usize..exit as usize });
    }
    let found = significance(&returns, &holdings, chance.resamples, chance.seed)?;
    Ok(Report::new("random-entries", Ok(found.p_value), "Aronson, 'Evidence-based technical analysis', 2006; Phipson and Smyth, 2010 (p-value)")
        .with("p_value", found.p_value)
        .with("observed", found.observed)
        .with("mean_by_chance", found.mean_by_chance)
        .with("deviation_by_chance", found.deviation_by_chance)
        .with("trades", holdings.len())
        .with("n", returns.len())
        .with("resamples", found.resamples)
        .with("seed", chance.seed)
        .read_as(format!(
            "Entries at random, with the same sides and holding times, do as well with a probability of {}; for the best of many rules this is too kind: see dsr and pbo.",
            percent(found.p_value)
        )))
}
