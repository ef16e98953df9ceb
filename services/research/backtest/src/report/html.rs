//! One self-contained page: plots as inline SVG, tables, no script, nothing from outside.

use std::fmt::Write as _;

use mesh_backtest::gates::NEAREST;
use mesh_backtest::monthly::months;
use mesh_backtest::watch::Watch;
use mesh_backtest::{Series, Trade};
use mesh_kernel::Side;
use mesh_kernel::regime::Regime;
use serde_json::Value;

use super::svg::{Band, Mark, Plot, Point};
use super::{Report, moment, reason_name, short, shown, side_name};

/// Symbols whose prices are plotted.
const MOST_PRICES: usize = 8;
/// Trades of a symbol up to which entries and exits are marked; of more, only the lines between the two are drawn.
const MOST_MARKED: usize = 400;
/// Rows of the table of trades.
const MOST_TRADES: usize = 500;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1d2530;--soft:#667;--grid:#8883;--line:#2a6fdb;--good:#16955b;--bad:#d0433b;--card:#fff;--page:#f4f5f7}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7ec;--soft:#99a;--line:#6aa3ff;--card:#1b2028;--page:#12151a}}
body{margin:0 auto;max-width:1080px;padding:24px;background:var(--page);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
section{background:var(--card);border-radius:10px;padding:14px 18px;margin:14px 0;overflow-x:auto}
h1{font-size:22px;margin:0}h2{font-size:15px;margin:0 0 8px}p{color:var(--soft);margin:4px 0}
svg{width:100%;height:auto;display:block}text{font-size:11px;fill:var(--soft)}.value{text-anchor:end}
.grid{stroke:var(--grid)}.line{fill:none;stroke:var(--line);stroke-width:1.4;vector-effect:non-scaling-stroke}
.fill{fill:var(--bad);opacity:.25}.leg{stroke-width:1.2;opacity:.7}.win{stroke:var(--good)}.loss{stroke:var(--bad)}
.long{fill:var(--good)}.short{fill:var(--bad)}.out{fill:var(--soft)}
.trend_up{fill:#16955b22}.trend_down{fill:#d0433b22}.range{fill:#8882}.volatile{fill:#e8a01c33}.unknown{fill:none}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:3px 7px;text-align:right;white-space:nowrap}
td:first-child,th:first-child{text-align:left}tr:nth-child(even) td{background:#8881}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:2px 24px}
.figures div{display:flex;justify-content:space-between}.figures span{color:var(--soft)}
";

/// The page.
pub(crate) fn page(report: &Report<'_>) -> String {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let title = format!("Backtest: {}", escaped(report.strategy));
    // Writing to a String never fails.
    let _ = write!(
        html,
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1><p>{} · fills {} · digest {:016x}</p>\n",
        span(report),
        escaped(report.fills),
        report.outcome.digest
    );
    section(&mut html, "Figures", &figures(report));
    section(&mut html, "Equity", &equity(report));
    section(&mut html, "Drawdown", &drawdown(report));
    section(&mut html, "Monthly returns", &monthly(report));
    for (i, series) in report.series.iter().enumerate().take(MOST_PRICES) {
        let title = format!("{}: price, trades and kind of market", series.symbol);
        section(&mut html, &title, &(prices(report, i, series) + LEGEND));
    }
    section(&mut html, "By symbol", &shares(&report.symbols));
    section(&mut html, "By kind of market at the entry", &shares(&report.regimes));
    section(&mut html, "Why not: the first gate that failed", &why_not(report));
    section(&mut html, "Trades", &trades(report));
    if let Some(Ok(Value::Object(ticks))) = report.ticks.map(serde_json::to_value) {
        section(&mut html, "Ticks, orders and fills", &pairs(&ticks));
    }
    section(&mut html, "Parameters", &parameters(report));
    html.push_str("</body></html>\n");
    html
}

const LEGEND: &str = "<p>Lines from entry to exit: green gained, red lost. Triangles: entries (green long, red short), exits grey; \
                      left out where trades are too many to tell apart. Background: green rising trend, red falling trend, \
                      grey range, yellow volatile.</p>";

fn section(html: &mut String, title: &str, body: &str) {
    let _ = writeln!(html, "<section><h2>{}</h2>{body}</section>", escaped(title));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn span(report: &Report<'_>) -> String {
    let equity = &report.outcome.equity;
    let ends = equity.first().zip(equity.last());
    ends.map_or_else(String::new, |(first, last)| format!("{} to {} UTC", moment(first.time_ns), moment(last.time_ns)))
}

fn figures(report: &Report<'_>) -> String {
    match serde_json::to_value(&report.metrics) {
        Ok(Value::Object(metrics)) => pairs(&metrics),
        _ => String::new(),
    }
}

/// Names and values side by side.
fn pairs(values: &serde_json::Map<String, Value>) -> String {
    let mut html = String::from("<div class=\"figures\">");
    for (name, value) in values {
        let shown = value.as_str().map_or_else(|| shown(value), escaped);
        let _ = write!(html, "<div><span>{}</span><b>{shown}</b></div>", name.replace('_', " "));
    }
    html + "</div>"
}

fn equity_points(report: &Report<'_>) -> Vec<Point> {
    let outcome = report.outcome;
    outcome.equity.iter().map(|point| (point.time_ns, outcome.decimals.money(point.equity))).collect()
}

fn equity(report: &Report<'_>) -> String {
    Plot { height: 280.0, line: equity_points(report), ..Plot::default() }.svg()
}

fn drawdown(report: &Report<'_>) -> String {
    let mut peak = f64::NEG_INFINITY;
    let fall = |(time_ns, equity): Point| {
        peak = peak.max(equity);
        (time_ns, if peak > 0.0 { equity / peak - 1.0 } else { 0.0 })
    };
    let line = equity_points(report).into_iter().map(fall).collect();
    Plot { height: 160.0, line, filled: true, percent: true, ..Plot::default() }.svg()
}

fn monthly(report: &Report<'_>) -> String {
    let months = months(report.outcome);
    let mut html = String::from("<table><tr><th>year</th>");
    (1..=12).for_each(|month| {
        let _ = write!(html, "<th>{month:02}</th>");
    });
    html.push_str("<th>year</th></tr>");
    let mut years: Vec<i64> = months.iter().map(|month| month.year).collect();
    years.dedup();
    for year in years {
        let of_year = || months.iter().filter(|month| month.year == year);
        let _ = write!(html, "<tr><td>{year}</td>");
        for number in 1..=12 {
            html.push_str(
                &of_year()
                    .find(|month| month.month == number)
                    .map_or_else(|| "<td></td>".to_owned(), |m| cell(m.growth)),
            );
        }
        let grown: f64 = of_year().map(|month| 1.0 + month.growth).product();
        html += &(cell(grown - 1.0) + "</tr>");
    }
    html + "</table>"
}

/// A growth, coloured by its size.
fn cell(growth: f64) -> String {
    let colour = if growth >= 0.0 { "22,149,91" } else { "208,67,59" };
    let depth = (growth.abs() * 5.0).clamp(0.0, 0.7);
    format!("<td style=\"background:rgba({colour},{depth:.2})\">{:.2} %</td>", growth * 100.0)
}

fn prices(report: &Report<'_>, index: usize, series: &Series) -> String {
    let valid = || series.bars.iter().filter(|timed| timed.bar.is_valid());
    let line = valid().map(|timed| (timed.open_ns, timed.bar.close)).collect();
    let scale = report.outcome.decimals.scale();
    let (mut marks, mut legs) = (Vec::new(), Vec::new());
    let trades: Vec<&Trade> = report.outcome.trades.iter().filter(|trade| trade.symbol == index).collect();
    for trade in &trades {
        let entry = (trade.entry_ns, scale.price(trade.entry_price));
        let exit = (trade.exit_ns, scale.price(trade.exit_price));
        let long = trade.side == Side::Long;
        if trades.len() <= MOST_MARKED {
            let title = escaped(&told(report, trade));
            marks.push(Mark { at: entry, class: side_name(trade.side), up: long, title: title.clone() });
            marks.push(Mark { at: exit, class: "out", up: !long, title });
        }
        legs.push((entry, exit, if trade.pnl > 0 { "win" } else { "loss" }));
    }
    Plot { height: 320.0, line, marks, legs, bands: bands(series), ..Plot::default() }.svg()
}

/// The kinds of market, one stretch after the other.
fn bands(series: &Series) -> Vec<Band> {
    let mut watch = Watch::default();
    let mut bands: Vec<Band> = Vec::new();
    let mut regime = Regime::Unknown;
    for timed in series.bars.iter().filter(|timed| timed.bar.is_valid()) {
        watch.update(&timed.bar);
        if let Some(last) = bands.last_mut() {
            last.to_ns = timed.open_ns;
        }
        if bands.is_empty() || watch.regime != regime {
            regime = watch.regime;
            bands.push(Band { from_ns: timed.open_ns, to_ns: timed.open_ns, class: regime.name() });
        }
    }
    bands
}

fn told(report: &Report<'_>, trade: &Trade) -> String {
    let decimals = &report.outcome.decimals;
    let (entry, exit) = (decimals.price_text(trade.entry_price), decimals.price_text(trade.exit_price));
    let (side, reason, pnl) = (side_name(trade.side), reason_name(trade.reason), decimals.money_text(trade.pnl));
    format!("{side} {entry} → {exit}, {reason}, {pnl}")
}

fn shares(shares: &[mesh_backtest::metrics::Share]) -> String {
    let head = ["name", "bars", "trades", "pnl", "win rate", "profit factor", "expectancy", "fees", "funding"];
    let ratio = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), short);
    let rows = shares.iter().filter(|share| share.bars > 0).map(|share| {
        let (rate, factor, expectancy) = (ratio(share.win_rate), ratio(share.profit_factor), ratio(share.expectancy));
        let (bars, trades) = (share.bars.to_string(), share.trades.to_string());
        let (pnl, fees, funding) = (short(share.pnl), short(share.fees), short(share.funding));
        vec![escaped(&share.name), bars, trades, pnl, rate, factor, expectancy, fees, funding]
    });
    table(&head, rows)
}

fn why_not(report: &Report<'_>) -> String {
    let rows = report.why_not().into_iter().map(|row| {
        let misses: Vec<String> = row.told(report, NEAREST).iter().map(|miss| escaped(miss)).collect();
        let share = format!("{:.2} %", report.share(row.bars) * 100.0);
        vec![row.gate.to_owned(), row.bars.to_string(), share, misses.join("<br>")]
    });
    table(&["gate", "decisions", "share", "nearest misses"], rows)
}

fn trades(report: &Report<'_>) -> String {
    let decimals = &report.outcome.decimals;
    let head =
        ["symbol", "side", "entry", "exit", "entry price", "exit price", "quantity", "pnl", "fees", "reason", "regime"];
    let all = &report.outcome.trades;
    let rows = all.iter().take(MOST_TRADES).map(|trade| {
        vec![
            escaped(report.symbol(trade)),
            side_name(trade.side).to_owned(),
            moment(trade.entry_ns),
            moment(trade.exit_ns),
            decimals.price_text(trade.entry_price),
            decimals.price_text(trade.exit_price),
            decimals.quantity_text(trade.quantity),
            short(decimals.money(trade.pnl)),
            short(decimals.money(trade.fees)),
            reason_name(trade.reason).to_owned(),
            trade.regime.name().to_owned(),
        ]
    });
    let more = all.len().saturating_sub(MOST_TRADES);
    let note = if more > 0 { format!("<p>{more} more are in the JSON and CSV reports.</p>") } else { String::new() };
    table(&head, rows) + &note
}

fn parameters(report: &Report<'_>) -> String {
    table(&["parameter", "value"], report.params.iter().map(|(name, x)| vec![(*name).to_owned(), x.to_string()]))
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<table><tr>");
    head.iter().for_each(|name| {
        let _ = write!(html, "<th>{name}</th>");
    });
    html.push_str("</tr>");
    for row in rows {
        html.push_str("<tr>");
        row.iter().for_each(|cell| {
            let _ = write!(html, "<td>{cell}</td>");
        });
        html.push_str("</tr>");
    }
    html + "</table>"
}
