//! From what `top` knows to the lines that it shows, for a terminal of any size. No terminal here.

use mesh_capture::time;
use mesh_types::{BookHealth, Decimal64};

use super::model::{Market, Model};
use crate::console::{Tone, bytes, duration, nanoseconds, plain, rate};
use crate::report::{MeshReport, ProcessReport};
use crate::screen::{self, Line};

/// A heading with its rows.
struct Section {
    heading: Line,
    rows: Vec<Line>,
}

/// The screen: at most `height` lines of at most `width` characters.
pub(crate) fn render(model: &Model, width: usize, height: usize) -> Vec<Line> {
    let mut sections = vec![processes(model), books(model), positions(model), signals(model), fills(model)];
    for section in &mut sections {
        if section.rows.is_empty() {
            section.rows.push(vec![(Tone::Dim, "  none yet".to_owned())]);
        }
    }
    let rows =
        shares(&sections.iter().map(|s| s.rows.len()).collect::<Vec<_>>(), height.saturating_sub(2 + sections.len()));
    let mut lines = vec![title(model)];
    for (section, rows) in sections.into_iter().zip(rows) {
        lines.push(section.heading);
        lines.extend(section.rows.into_iter().take(rows));
    }
    lines.truncate(height.saturating_sub(1));
    lines.resize(height.saturating_sub(1), Line::new());
    lines.push(vec![(Tone::Dim, "q quits".to_owned())]);
    lines.into_iter().map(|line| screen::cut(line, width)).collect()
}

/// Deals rows out: everybody in turn gets one more while there are any and it has a use for them; the first section, the
/// processes, gets two in each turn.
fn shares(wanted: &[usize], mut available: usize) -> Vec<usize> {
    let mut given = vec![0; wanted.len()];
    while available > 0 && given != wanted {
        for (index, (given, wanted)) in given.iter_mut().zip(wanted).enumerate() {
            let more = (wanted - *given).min(if index == 0 { 2 } else { 1 }).min(available);
            *given += more;
            available -= more;
        }
    }
    given
}

fn title(model: &Model) -> Line {
    let Some(report) = &model.report else {
        let text = model.problem.clone().unwrap_or_else(|| "looking for the mesh".to_owned());
        return vec![(Tone::Bold, "Alphamesh  ".to_owned()), (Tone::Warn, text)];
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let (tone, word) = match (report.is_ready(), report.runs()) {
        (true, _) => (Tone::Good, "ready"),
        (false, true) => (Tone::Warn, "not ready"),
        (false, false) => (Tone::Bad, "down"),
    };
    let mut line = vec![
        (Tone::Bold, "Alphamesh  ".to_owned()),
        (Tone::Plain, format!("profile {}  mode {}  ", text(&report.profile), text(&report.mode))),
        (tone, word.to_owned()),
    ];
    if report.supervisor.is_none() && report.runs() {
        line.push((Tone::Bad, "  no supervisor".to_owned()));
    }
    for switch in &report.kill_switches {
        line.push((Tone::Bad, format!("  {}", switch.text())));
    }
    line
}

fn heading(text: &str) -> Line {
    vec![(Tone::Bold, text.to_owned())]
}

fn processes(model: &Model) -> Section {
    let processes = model.report.iter().flat_map(|report: &MeshReport| &report.processes);
    let heading = heading("process           state    uptime rst   in/s  out/s dropped      lag   memory");
    Section { heading, rows: processes.map(process).collect() }
}

fn process(process: &ProcessReport) -> Line {
    let runs = process.pid.is_some();
    let shown = |text: String| if runs { text } else { "-".to_owned() };
    let warn = |on: bool| if on { Tone::Warn } else { Tone::Plain };
    let rates = format!("{:>7}{:>7}", shown(rate(process.rate_in)), shown(rate(process.rate_out)));
    let sizes = format!("{:>9}{:>9}", shown(nanoseconds(process.said.lag_ns)), shown(bytes(process.rss_bytes)));
    vec![
        (Tone::Plain, format!("{:<17} ", shorten(&process.name, 17))),
        (process.state.tone(), format!("{:<8}", process.state.name())),
        (Tone::Plain, format!("{:>7}", shown(duration(process.uptime_s)))),
        (warn(process.restarts > 0), format!("{:>4}", process.restarts)),
        (Tone::Plain, rates),
        (warn(process.said.dropped > 0), format!("{:>8}", shown(process.said.dropped.to_string()))),
        (Tone::Plain, sizes),
    ]
}

fn books(model: &Model) -> Section {
    let rows = model.markets.iter().map(|(instrument, market)| book(&instrument.to_string(), market)).collect();
    let heading = heading("book                           bid           ask  health              last trade");
    Section { heading, rows }
}

fn book(instrument: &str, market: &Market) -> Line {
    let book = market.book.book();
    let exponent = book.exponents().price;
    let price = |mantissa: Option<i64>| mantissa.map_or("-".to_owned(), |m| plain(Decimal64::new(m, exponent)));
    let (bid, ask) = (price(book.best_bid().map(|level| level.price)), price(book.best_ask().map(|level| level.price)));
    let health = market.book.health();
    let tone = if health == BookHealth::Live { Tone::Good } else { Tone::Warn };
    let trade = market.trade.as_ref().map_or("-".to_owned(), |trade| {
        format!("{} {}", trade.side.get().map_or("?", |side| side.name()), plain(trade.price.get()))
    });
    vec![
        (Tone::Plain, format!("{:<21}", shorten(instrument, 21))),
        (Tone::Plain, format!("{bid:>13} {ask:>13}  ")),
        (tone, format!("{:<9} ", health.name())),
        (Tone::Plain, format!("{trade:>20}")),
    ]
}

fn positions(model: &Model) -> Section {
    let rows = model.positions.iter().map(|((instrument, strategy), position)| {
        let tone = if position.quantity.get().mantissa == 0 { Tone::Dim } else { Tone::Plain };
        let decimals = [position.quantity, position.entry_price, position.realized_pnl, position.fees];
        let [quantity, entry, pnl, fees] = decimals.map(|decimal| plain(decimal.get()));
        let name = shorten(&instrument.to_string(), 21);
        let strategy = shorten(strategy, 10);
        vec![(tone, format!("{name:<21}{strategy:<10}{quantity:>13}{entry:>13}{pnl:>11}{fees:>11}"))]
    });
    let heading = heading("position             strategy       quantity        entry        p&l       fees");
    Section { heading, rows: rows.collect() }
}

fn signals(model: &Model) -> Section {
    let rows = model.signals.iter().map(|(at_ns, signal)| {
        let action = signal.action.get().map_or("?", |action| action.name());
        let text = format!(
            "{}  {:<12} {:<12} {:<22} {}",
            clock(*at_ns),
            shorten(&signal.strategy.to_string(), 12),
            action,
            shorten(&signal.instrument.to_string(), 22),
            plain(signal.reference_price.get())
        );
        vec![(Tone::Plain, text)]
    });
    Section { heading: heading("last signals"), rows: rows.collect() }
}

fn fills(model: &Model) -> Section {
    let rows = model.fills.iter().map(|(at_ns, fill)| {
        let side = fill.side.get().map_or("?", |side| side.name());
        let text = format!(
            "{}  {:<4} {} at {}  {:<22} fee {} {}",
            clock(*at_ns),
            side,
            plain(fill.quantity.get()),
            plain(fill.price.get()),
            shorten(&fill.instrument.to_string(), 22),
            plain(fill.fee.get()),
            fill.fee_asset
        );
        vec![(Tone::Plain, text)]
    });
    Section { heading: heading("last fills"), rows: rows.collect() }
}

/// The time of day, UTC.
fn clock(at_ns: u64) -> String {
    time::readable(at_ns).get(11..23).unwrap_or_default().to_owned()
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
