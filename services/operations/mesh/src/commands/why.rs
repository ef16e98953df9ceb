//! `mesh why`: an order from the venue's packet through signal and verdict, with every gate of risk, to its fills; `mesh why-not`:
//! what was not traded, the gate that refused it, and by how much.
//!
//! Both read the portfolios' ledgers, which are there with the mesh running or not; what lies before the signal comes from the
//! capture and the journals.

use mesh_capture::{Capture, Lookup, TimeRange, time};
use mesh_codec::{Message, json};
use mesh_store::story::{self, Story};
use mesh_topology::Layout;
use mesh_types::execution::{Fill, OrderAccepted, OrderCancelled, OrderRejected, RiskVerdict};
use mesh_types::risk::{RiskMargin, RiskMargins};
use mesh_types::signal::Signal;
use mesh_types::{ClientOrderId, InstrumentId, Outcome as Said, Side};
use serde_json::{Value, json};

use crate::commands::capture::failure;
use crate::commands::trace::{Hop, Names, at_ns, walk};
use crate::console::{Console, Tone, nanoseconds};
use crate::failure::{Failure, Outcome};
use crate::switches;

/// Shows how an order came to be.
pub(crate) fn why(layout: &Layout, order: ClientOrderId, as_json: bool) -> Outcome {
    let mut found = None;
    for (name, path) in switches::ledgers(layout)? {
        if let Some(story) = story::story(&path, &order).map_err(Failure::bad)? {
            found = Some((name, story));
        }
    }
    let Some((portfolio, story)) = found else {
        return Err(Failure::bad(format!(
            "no order {order} in the ledgers below {}; `./manage.sh capture cat --type intent` lists those that were recorded",
            layout.home().display()
        )));
    };
    let names = Names::read(layout)?;
    let (mut hops, missing) = before_signal(layout, &story, &names)?;
    for frame in [story.verdict.as_ref(), Some(&story.intent)].into_iter().flatten() {
        hops.push(Hop { frame: frame.clone(), process: portfolio.clone() });
    }
    for frame in &story.reports {
        let source = Message::parse(frame).map_or(0, |message| message.source().get());
        hops.push(Hop { frame: frame.clone(), process: names.of(source) });
    }
    let mut console = Console::new();
    if as_json {
        console.json(&to_json(&order, &hops, missing.as_deref()))?;
    } else {
        print(&mut console, &order, &hops, missing.as_deref())?;
    }
    if missing.is_none() { Ok(()) } else { Err(Failure::Silent) }
}

/// The way to the signal, and what of it is missing.
fn before_signal(layout: &Layout, story: &Story, names: &Names) -> Outcome<(Vec<Hop>, Option<String>)> {
    let Some(signal) = story.signal.clone() else {
        return Ok((Vec::new(), Some("the signal is not in the ledger".to_owned())));
    };
    let capture = Capture::open(&layout.capture()).map_err(failure)?;
    let mut lookup = Lookup::build(&capture, TimeRange::ALL).map_err(failure)?;
    let (hops, missing) = walk(layout, &mut lookup, signal, names)?;
    let text = |id: mesh_types::MessageId| format!("{id} of {} was not recorded", names.of(id.source.get()));
    Ok((hops, missing.map(text)))
}

fn print(console: &mut Console, order: &ClientOrderId, hops: &[Hop], missing: Option<&str>) -> Outcome {
    console.line(console.paint(Tone::Bold, &format!("order {order}")))?;
    if let Some(missing) = missing {
        console.line(console.paint(Tone::Warn, &format!("… {missing}: the way begins here")))?;
    }
    let mut before = None;
    for hop in hops {
        let Ok(message) = Message::parse(&hop.frame) else { continue };
        let now = at_ns(&message);
        let step = before
            .map_or_else(|| time::readable(now), |before: u64| format!("+{}", nanoseconds(now.saturating_sub(before))));
        before = Some(now);
        console.line(format!("{step:>30}  {}", console.paint(Tone::Bold, &hop.process)))?;
        console.line(format!("{:30}  {}", "", in_words(&message)))?;
        if let Some(margins) = message.get_tailed::<RiskMargins>() {
            for margin in margins.items {
                console.line(format!("{:32}{}", "", console.paint(tone(margin), &gate(margin))))?;
            }
        }
    }
    Ok(())
}

/// What a message says that stands in an order's way.
fn in_words(message: &Message<'_>) -> String {
    if let Some(signal) = message.get::<Signal>() {
        let reasons: Vec<String> =
            (0..64).filter(|bit| signal.reasons.get() >> bit & 1 == 1).map(|bit| bit.to_string()).collect();
        return format!(
            "signal {:?} {} of {}, confidence {:?}, score {:.1}, reasons [{}]",
            signal.action,
            signal.instrument,
            signal.strategy,
            signal.confidence,
            signal.score.get(),
            reasons.join(", ")
        );
    }
    if let Some(verdict) = message.get::<RiskVerdict>() {
        return verdict_in_words(verdict);
    }
    if let Some(fill) = message.get::<Fill>() {
        let side = if fill.side.get() == Some(Side::Buy) { "bought" } else { "sold" };
        return format!(
            "{side} {} at {}, fee {} {}",
            fill.quantity.get(),
            fill.price.get(),
            fill.fee.get(),
            fill.fee_asset
        );
    }
    if message.get::<OrderAccepted>().is_some() {
        return "accepted".to_owned();
    }
    if let Some(body) = message.get::<OrderRejected>() {
        return format!("rejected: {:?} {}", body.reason, body.text);
    }
    if let Some(body) = message.get::<OrderCancelled>() {
        return format!("ended: {:?}, {} of it filled", body.reason, body.filled_quantity.get());
    }
    super::trace::text(message)
}

fn verdict_in_words(verdict: &RiskVerdict) -> String {
    let (asked, allowed) = (verdict.requested_quantity.get(), verdict.allowed_quantity.get());
    let seen = format!("{} {}, limit {}", verdict.text, verdict.actual.get(), verdict.limit.get());
    match verdict.outcome.get() {
        Some(Said::Allow) => format!("allowed {allowed}"),
        Some(Said::Reduce) => format!("reduced from {asked} to {allowed}: {seen}"),
        Some(Said::Trip) => format!("tripped: {seen}"),
        _ if verdict.allowed == 1 => format!("allowed {allowed}"),
        _ => format!("refused: {:?}: {seen}", verdict.reason),
    }
}

fn tone(margin: &RiskMargin) -> Tone {
    match margin.outcome.get() {
        Some(Said::Deny | Said::Trip) => Tone::Bad,
        Some(Said::Reduce) => Tone::Warn,
        _ => Tone::Dim,
    }
}

/// A gate in a line.
fn gate(margin: &RiskMargin) -> String {
    let name = format!("{:?}", margin.gate);
    let outcome = format!("{:?}", margin.outcome);
    if margin.unit.raw() == 0 {
        return format!("{outcome:<7} {name}");
    }
    let (actual, limit, distance) = (margin.actual.get(), margin.limit.get(), margin.margin.get());
    format!(
        "{outcome:<7} {name:<20} {actual} {:?}, limit {limit} of {:?}, margin {distance}",
        margin.unit, margin.scope
    )
}

fn margin_json(margin: &RiskMargin) -> Value {
    json!({
        "gate": format!("{:?}", margin.gate),
        "scope": format!("{:?}", margin.scope),
        "unit": format!("{:?}", margin.unit),
        "outcome": format!("{:?}", margin.outcome),
        "actual": margin.actual.get().to_string(),
        "limit": margin.limit.get().to_string(),
        "margin": margin.margin.get().to_string(),
    })
}

fn margins(message: &Message<'_>) -> Vec<Value> {
    message.get_tailed::<RiskMargins>().map_or_else(Vec::new, |margins| margins.items.iter().map(margin_json).collect())
}

fn to_json(order: &ClientOrderId, hops: &[Hop], missing: Option<&str>) -> Value {
    let mut before = None;
    let mut gates = Vec::new();
    let mut list = Vec::new();
    for hop in hops {
        let Ok(message) = Message::parse(&hop.frame) else { continue };
        let now = at_ns(&message);
        let since = before.replace(now).map(|before: u64| now.saturating_sub(before));
        gates.extend(margins(&message));
        list.push(json!({
            "process": hop.process,
            "id": message.id().to_string(),
            "at_ns": now,
            "since_previous_ns": since,
            "message": json::message(&message),
        }));
    }
    json!({"order": order.to_string(), "complete": missing.is_none(), "missing": missing, "hops": list, "margins": gates})
}

/// Whether a person means this instrument: its whole id or its symbol, in any case.
fn is_meant(symbol: &str, instrument: &InstrumentId) -> bool {
    instrument.to_string().eq_ignore_ascii_case(symbol)
        || instrument.symbol().is_some_and(|own| own.as_str().eq_ignore_ascii_case(symbol))
}

/// Shows what of an instrument was not traded, or less than was asked for.
pub(crate) fn why_not(layout: &Layout, symbol: &str, since: Option<&str>, now_ns: u64, as_json: bool) -> Outcome {
    let since_ns = since.map_or(Ok(0), |text| read_since(text, now_ns))?;
    let mut frames = Vec::new();
    for (_, path) in switches::ledgers(layout)? {
        frames.extend(story::refusals(&path, since_ns).map_err(Failure::bad)?);
    }
    let messages: Vec<Message<'_>> = frames.iter().filter_map(|frame| Message::parse(frame).ok()).collect();
    let verdicts: Vec<(&Message<'_>, &RiskVerdict)> = messages
        .iter()
        .filter_map(|message| Some((message, message.get::<RiskVerdict>()?)))
        .filter(|(_, verdict)| is_meant(symbol, &verdict.instrument))
        .collect();
    let mut console = Console::new();
    if as_json {
        let list: Vec<Value> = verdicts.iter().map(|(message, verdict)| refusal_json(message, verdict)).collect();
        return Ok(console.json(&json!({"symbol": symbol, "since_ns": since_ns, "refused": list}))?);
    }
    if verdicts.is_empty() {
        console.line(format!(
            "nothing of {symbol} was refused or reduced; `./manage.sh tap signal` shows what is proposed"
        ))?;
    }
    for (message, verdict) in &verdicts {
        let when = time::readable(verdict.decided_ns.get()).get(..23).unwrap_or_default().replace('T', " ");
        let who = format!("{when}  {} {:?} of {}", verdict.instrument, verdict.action, verdict.strategy);
        console.line(who)?;
        let missed = decisive(message, verdict).map_or_else(String::new, |margin| format!("  ({})", gate(&margin)));
        let tone = if verdict.allowed == 1 { Tone::Warn } else { Tone::Bad };
        console.line(format!("    {}", console.paint(tone, &format!("{}{missed}", verdict_in_words(verdict)))))?;
    }
    Ok(())
}

/// The gate that decided: the first that refused, or the one that cut most.
fn decisive(message: &Message<'_>, verdict: &RiskVerdict) -> Option<RiskMargin> {
    let margins = message.get_tailed::<RiskMargins>()?;
    let refuses = |margin: &&RiskMargin| matches!(margin.outcome.get(), Some(Said::Deny | Said::Trip));
    let cuts = |margin: &&RiskMargin| {
        margin.outcome.get() == Some(Said::Reduce) && margin.limit == verdict.limit && margin.actual == verdict.actual
    };
    margins.items.iter().find(refuses).or_else(|| margins.items.iter().find(cuts)).copied()
}

fn refusal_json(message: &Message<'_>, verdict: &RiskVerdict) -> Value {
    json!({
        "at_ns": verdict.decided_ns.get(),
        "instrument": verdict.instrument.to_string(),
        "strategy": verdict.strategy.to_string(),
        "action": format!("{:?}", verdict.action),
        "signal": verdict.signal.to_string(),
        "outcome": format!("{:?}", verdict.outcome),
        "reason": format!("{:?}", verdict.reason),
        "text": verdict.text.to_string(),
        "requested_quantity": verdict.requested_quantity.get().to_string(),
        "allowed_quantity": verdict.allowed_quantity.get().to_string(),
        "gate": decisive(message, verdict).as_ref().map(margin_json),
        "margins": margins(message),
    })
}

/// A time, or how long ago: `90s`, `15m`, `2h`, `1d`.
fn read_since(text: &str, now_ns: u64) -> Outcome<u64> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400u64)];
    let ago = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds)?.checked_mul(1_000_000_000)
    });
    match ago {
        Some(ago_ns) => Ok(now_ns.saturating_sub(ago_ns)),
        None => time::parse(text, now_ns)
            .map_err(|error| Failure::usage(format!("{error}; or how long ago: 90s, 15m, 2h, 1d"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_people_do() {
        let now_ns = 1_793_534_400_000_000_000;
        assert_eq!(read_since("15m", now_ns).expect("a time"), now_ns - 900_000_000_000);
        assert_eq!(read_since("2026-11-01T12:00:00Z", 0).expect("a time"), now_ns);
        assert!(read_since("yesterday", now_ns).is_err());
    }

    #[test]
    fn an_instrument_is_meant_by_its_symbol_or_as_a_whole() {
        let btc = "binance:spot:BTCUSDT".parse().expect("an id");
        assert!(is_meant("btcusdt", &btc) && is_meant("binance:spot:BTCUSDT", &btc));
        assert!(!is_meant("BTC", &btc) && !is_meant("", &btc));
    }
}
