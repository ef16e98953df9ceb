//! `mesh instruments`: what can be traded, in which steps, as the adapters have said it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mesh_codec::TlvBody;
use mesh_topology::{Layout, suggest};
use mesh_transport::Subscription;
use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, Domain, InstrumentId, InstrumentStatus};
use serde_json::{Value, json};

use crate::console::{Console, Tone, plain};
use crate::failure::{Failure, Outcome};
use crate::feed::{self, Seen};

/// All of a mesh's instruments, by id.
pub(crate) type Known = BTreeMap<InstrumentId, InstrumentInfo>;

/// Shows the instruments of a venue or chain whose id or assets hold a text.
pub(crate) fn instruments(layout: &Layout, venue: Option<&str>, search: Option<&str>, json: bool) -> Outcome {
    let known = known(layout)?;
    if let Some(venue) = venue {
        check_venue(&known, venue)?;
    }
    let found: Vec<&InstrumentInfo> =
        known.values().filter(|info| venue.is_none_or(|venue| is_of(info, venue)) && holds(info, search)).collect();
    let mut console = Console::new();
    if json {
        let found: Vec<Value> = found.into_iter().map(to_json).collect();
        return Ok(console.json(&json!({ "instruments": found }))?);
    }
    if found.is_empty() {
        let text =
            if known.is_empty() { "no adapter has told any instrument yet" } else { "no instrument is like that" };
        return Ok(console.line(text)?);
    }
    Ok(console.table(&rows(&found))?)
}

/// What the market relay knows.
///
/// # Errors
/// When the relay does not run.
pub(crate) fn known(layout: &Layout) -> Outcome<Known> {
    let types = [InstrumentInfo::NUMBER].into_iter().collect();
    let wanted = Subscription { types, last_values: true, ..Subscription::default() };
    let mut known = Known::new();
    feed::follow(layout, "instruments", Domain::Market, &wanted, &mut |seen| {
        match seen {
            Seen::Message(message) => {
                if let Some(info) = message.get::<InstrumentInfo>() {
                    known.insert(info.instrument, *info);
                }
            }
            Seen::AllLastValues => return ControlFlow::Break(()),
            Seen::Missed | Seen::Nothing => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(known)
}

/// The id that a text names.
///
/// # Errors
/// When it is none; with the one that is likely meant.
pub(crate) fn parse(layout: &Layout, text: &str) -> Outcome<InstrumentId> {
    text.parse().map_err(|error| {
        let hint = known(layout).map_or_else(|_| "as binance:spot:BTCUSDT".to_owned(), |known| hint(&known, text));
        Failure::usage(format!("{text:?} is no instrument ({error}); {hint}"))
    })
}

/// Did they mean another?
pub(crate) fn hint(known: &Known, text: &str) -> String {
    meant(known.keys().copied(), text).map_or_else(
        || "`./manage.sh instruments` lists those of this mesh".to_owned(),
        |meant| format!("did you mean {:?}?", meant.to_string()),
    )
}

/// The instrument that is likely meant: the nearest symbol, since what stands before it is alike for many.
pub(crate) fn meant(known: impl Iterator<Item = InstrumentId>, text: &str) -> Option<InstrumentId> {
    let symbol = |text: &str| text.rsplit(':').next().unwrap_or_default().to_uppercase();
    let of_symbols: Vec<(String, InstrumentId)> = known.map(|id| (symbol(&id.to_string()), id)).collect();
    let near = suggest::closest(&symbol(text), of_symbols.iter().map(|(symbol, _)| symbol.as_str()))?.to_owned();
    let named = of_symbols.into_iter().filter(|(symbol, _)| *symbol == near).map(|(_, id)| id);
    let place = text.split(':').next().unwrap_or_default();
    let named: Vec<InstrumentId> = named.collect();
    named.iter().find(|id| self::place(id) == place).or(named.first()).copied()
}

fn check_venue(known: &Known, venue: &str) -> Outcome {
    let mut venues: Vec<String> = known.keys().map(place).collect();
    venues.dedup();
    if known.is_empty() || venues.iter().any(|name| name == venue) {
        return Ok(());
    }
    let hint = suggest::hint(venue, venues.iter().map(String::as_str));
    Err(Failure::usage(format!("no instruments of {venue:?}; {hint}")))
}

/// The venue or chain, as ids begin.
fn place(instrument: &InstrumentId) -> String {
    instrument.to_string().split(':').next().unwrap_or_default().to_owned()
}

fn is_of(info: &InstrumentInfo, venue: &str) -> bool {
    place(&info.instrument) == venue
}

fn holds(info: &InstrumentInfo, search: Option<&str>) -> bool {
    let Some(search) = search.map(str::to_lowercase) else { return true };
    let texts = [info.instrument.to_string(), info.base.to_string(), info.quote.to_string()];
    texts.iter().any(|text| text.to_lowercase().contains(&search))
}

/// A bound; `None` where it is zero, which stands for none.
fn known_or_none(value: Decimal64) -> Option<String> {
    (!value.is_zero()).then(|| value.to_string())
}

fn to_json(info: &InstrumentInfo) -> Value {
    let time = |ns: u64| Some(ns).filter(|ns| *ns > 0);
    json!({
        "instrument": info.instrument.to_string(),
        "venue": place(&info.instrument),
        "kind": info.instrument.kind().map(|kind| kind.name()),
        "base": info.base.to_string(),
        "quote": info.quote.to_string(),
        "tick": info.tick.get().to_string(),
        "lot": info.lot.get().to_string(),
        "min_quantity": known_or_none(info.min_quantity.get()),
        "max_quantity": known_or_none(info.max_quantity.get()),
        "min_notional": known_or_none(info.min_notional.get()),
        "contract_size": info.contract_size.get().to_string(),
        "status": info.status.get().map(InstrumentStatus::name),
        "venue_ns": time(info.venue_ns.get()),
        "recv_ns": time(info.received_ns.get()),
    })
}

fn rows(found: &[&InstrumentInfo]) -> Vec<Vec<(Tone, String)>> {
    let heading = ["instrument", "status", "base", "quote", "tick", "lot", "least", "least notional", "contract"];
    let mut rows = vec![heading.map(|title| (Tone::Dim, title.to_owned())).to_vec()];
    rows.extend(found.iter().map(|info| {
        let status = info.status.get();
        let tone = if status == Some(InstrumentStatus::Trading) { Tone::Good } else { Tone::Warn };
        let bound = |value: Decimal64| if value.is_zero() { "-".to_owned() } else { plain(value) };
        let cells = [plain(info.tick.get()), plain(info.lot.get()), bound(info.min_quantity.get())];
        let [tick, lot, least] = cells;
        vec![
            (Tone::Bold, info.instrument.to_string()),
            (tone, status.map_or("unknown", InstrumentStatus::name).to_owned()),
            (Tone::Plain, info.base.to_string()),
            (Tone::Plain, info.quote.to_string()),
            (Tone::Plain, tick),
            (Tone::Plain, lot),
            (Tone::Plain, least),
            (Tone::Plain, bound(info.min_notional.get())),
            (Tone::Plain, plain(info.contract_size.get())),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::FixedStr;

    fn info(id: &str, base: &str) -> InstrumentInfo {
        InstrumentInfo {
            instrument: id.parse().expect("an id"),
            tick: Decimal64::new(1, -2).into(),
            lot: Decimal64::new(1, -5).into(),
            min_notional: Decimal64::new(500, -2).into(),
            base: FixedStr::truncated(base),
            quote: FixedStr::truncated("USDT"),
            status: InstrumentStatus::Trading.into(),
            contract_size: Decimal64::ONE.into(),
            received_ns: 1_793_534_400_000_000_000.into(),
            ..InstrumentInfo::default()
        }
    }

    #[test]
    fn the_contract_of_instruments_as_json() {
        let text = serde_json::to_string_pretty(&to_json(&info("binance:spot:BTCUSDT", "BTC"))).expect("JSON");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn they_are_found_by_venue_and_by_what_they_are_called() {
        let btc = info("binance:spot:BTCUSDT", "BTC");
        assert!(
            holds(&btc, None) && holds(&btc, Some("btc")) && holds(&btc, Some("Usdt")) && !holds(&btc, Some("eth"))
        );
        let known: Known =
            [btc, info("okx:swap:ETH-USDT-SWAP", "ETH")].into_iter().map(|i| (i.instrument, i)).collect();
        assert!(check_venue(&known, "okx").is_ok() && check_venue(&Known::new(), "kraken").is_ok());
        let refused = check_venue(&known, "binanc").expect_err("no venue");
        assert!(refused.text().is_some_and(|text| text.contains("did you mean \"binance\"?")), "{refused:?}");
        assert_eq!(hint(&known, "binance:spot:BTCUSD"), "did you mean \"binance:spot:BTCUSDT\"?");
        let both = ["binance:spot:BTCUSDT", "binance:spot:ETHUSDT", "binance:perpetual:BTCUSDT"];
        let meant = |text| meant(both.iter().map(|id| id.parse().expect("an id")), text).map(|id| id.to_string());
        assert_eq!(meant("binance:spot:BTCUSD").as_deref(), Some(both[0]));
        assert_eq!(meant("btcusdt").as_deref(), Some(both[0]));
        assert_eq!(meant("XX"), None);
        assert_eq!(rows(&[&btc]).len(), 2);
    }
}
