//! What the venues really said, through their adapters.
#![allow(clippy::expect_used, clippy::print_stdout)] // a test says what broke by panicking

use adapter_binance::Binance;
use adapter_hyperliquid::Hyperliquid;
use adapter_kraken::Kraken;
use adapter_okx::Okx;
use mesh_adapter::market::Market;
use mesh_adapter::settings::Settings;
use mesh_adapter::{Exchange, wire};
use mesh_book::{Exponents, Level};
use mesh_types::limits::Limits;
use mesh_types::{BookHealth, PackedDecimal};
use mesh_venues::tape::{self, Kind};
use test_conformance::{World, recording};

/// Plays a recording, if it is there, after frames that its connection began with.
fn play<E: Exchange>(name: &str, symbols: &[&str], first: &[Vec<u8>]) -> Option<World<Market>> {
    let bytes = recording(name)?;
    let settings = Settings::<E> {
        symbols: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        intervals: Vec::new(),
        book_depth: Some(25),
        depth: Some(10),
        // Not every stream was recorded.
        stream_silence_ms: 36_000_000,
        ..Settings::default()
    };
    let lines = || bytes.split(|byte| *byte == b'\n').filter_map(|line| tape::line(line).expect("a line"));
    let start_ns = lines().map(|line| line.received_ns).find(|ns| *ns > 0).expect("times");
    let market = Market::new(&settings, Limits::default(), 1).expect("settings");
    let mut world = World::new(market, start_ns);
    let streams = world.open();
    assert_eq!(streams.len(), 1);
    first.iter().for_each(|frame| world.packet(streams[0].0, wire::TEXT, frame));
    for line in lines().filter(|line| line.kind == Kind::Frame) {
        world.at(line.received_ns);
        world.packet(streams[0].0, wire::TEXT, &line.frame);
        let asked: Vec<_> = world.asked.iter().filter(|ask| ask.kind == wire::CLOSE).collect();
        assert!(asked.is_empty(), "{asked:?}");
        equal(&world);
    }
    assert_eq!(world.cell.counters().get("bad_payload"), 0, "{:?}", world.cell.counters());
    Some(world)
}

/// What a consumer has of a live book is what the adapter has.
fn equal(world: &World<Market>) {
    world.cell.actor().books(|view| {
        let Some(mirror) = world.books.get(&view.instrument) else { return };
        assert_eq!(mirror.health() == BookHealth::Live, view.health == BookHealth::Live);
        if view.health == BookHealth::Live {
            let top = |levels: &mut dyn Iterator<Item = Level>, exponents: Exponents| -> Vec<_> {
                levels.take(10).map(|l| (exponents.price(l).normalized(), exponents.quantity(l).normalized())).collect()
            };
            let (ours, theirs) = (mirror.book(), view.book);
            assert_eq!(top(&mut ours.bids(), ours.exponents()), top(&mut theirs.bids(), theirs.exponents()));
            assert_eq!(top(&mut ours.asks(), ours.exponents()), top(&mut theirs.asks(), theirs.exponents()));
        }
    });
}

/// The same recording gives the same messages.
fn is_repeatable<E: Exchange>(name: &str, symbols: &[&str], first: &[Vec<u8>], world: &World<Market>) {
    let second = play::<E>(name, symbols, first).expect("it was there");
    assert_eq!(world.digest.value(), second.digest.value());
}

#[test]
fn kraken() {
    let (name, symbols) = ("kraken/ws_v2/kraken_xrpusd_sample.ndjson", ["XRP/USD"]);
    let Some(world) = play::<Kraken>(name, &symbols, &[]) else { return };
    let (counts, malformed) = world.cell.actor().counts();
    assert_eq!((counts["book"], counts["heartbeat"], malformed), (1_147, 43, 0), "{counts:?}");
    assert_eq!((world.counts["book_snapshot"], world.live.1), (1, 0), "{:?}", world.counts);
    assert_eq!(world.cell.counters().get("checksum_failures"), 0);
    is_repeatable::<Kraken>(name, &symbols, &[], &world);
}

#[test]
fn kraken_subscribed_again_and_again() {
    let Some(world) = play::<Kraken>("kraken/ws_v2/kraken_btcusd_l2.ndjson", &["BTC/USD"], &[]) else { return };
    let (counts, malformed) = world.cell.actor().counts();
    assert_eq!((counts["book"], malformed), (301, 0), "{counts:?}");
    assert_eq!(world.cell.counters().get("checksum_failures"), 0);
    assert!(world.books.values().all(|book| book.health() == BookHealth::Live || counts["unsubscribe"] > 0));
}

#[test]
fn okx() {
    let (name, symbols) = ("okx/cryptofeed_2022-05-13.jsonl.gz", ["BTC-USDT", "UNI-USD-SWAP"]);
    // The lists of instruments of that day, as the socket brings them.
    let list = |kind: &str| {
        let body = recording(&format!("okx/rest_instruments_{kind}_2022-05-13.json.gz"))?;
        let at = body.windows(7).position(|bytes| bytes == b"\"data\":").expect("data");
        let head = format!("{{\"arg\":{{\"channel\":\"instruments\",\"instType\":\"{kind}\"}},").into_bytes();
        let data = body.get(at..).and_then(|rest| Some(&rest[..=rest.iter().rposition(|byte| *byte == b']')?]));
        Some([&head, data?, b"}"].concat())
    };
    let Some(lists) = ["SPOT", "SWAP"].into_iter().map(list).collect::<Option<Vec<_>>>() else { return };
    let Some(world) = play::<Okx>(name, &symbols, &lists) else { return };
    let (counts, malformed) = world.cell.actor().counts();
    assert_eq!((counts["book"], malformed), (290, 0), "{counts:?}");
    // More than one snapshot each: where a change is larger than the view, the view is told whole.
    assert_eq!((world.books.len(), world.live.1, world.counts["instrument_info"]), (2, 0, 2), "{:?}", world.counts);
    assert_eq!(world.cell.counters().get("checksum_failures"), 0);
    assert!(world.counts["trade"] > 60 && world.counts["trade"] <= counts["trade"], "{:?}", world.counts);
    assert_eq!(world.quotes.len(), 2);
    is_repeatable::<Okx>(name, &symbols, &lists, &world);
}

#[test]
fn hyperliquid() {
    let (name, symbols) = ("hyperliquid/raw_ws/btcusd_20250126.gz", ["BTC"]);
    let Some(world) = play::<Hyperliquid>(name, &symbols, &[]) else { return };
    let (counts, malformed) = world.cell.actor().counts();
    assert_eq!((counts["book"], malformed), (46, 0), "{counts:?}");
    assert_eq!((world.counts["book_snapshot"], world.live.1), (1, 0), "{:?}", world.counts);
    assert!(world.counts["trade"] > 0 && world.counts["trade"] <= counts["trade"], "{counts:?} {:?}", world.counts);
    is_repeatable::<Hyperliquid>(name, &symbols, &[], &world);
}

/// Plays a recording of one of Binance's markets, whose snapshot was got over HTTP while it ran.
fn play_binance(kind: &str, name: &str, symbol: &str) -> Option<(World<Market>, u64)> {
    let bytes = recording(name)?;
    let settings = Settings::<Binance> {
        kind: Some(kind.to_owned()),
        symbols: vec![symbol.to_owned()],
        intervals: Vec::new(),
        depth: Some(20),
        // It was told 100 ms apart or at each change; other streams were not recorded at all.
        stream_silence_ms: 3_600_000,
        ..Settings::default()
    };
    let lines = || bytes.split(|byte| *byte == b'\n').filter_map(|line| tape::line(line).expect("a line"));
    let start_ns = lines().map(|line| line.received_ns).find(|ns| *ns > 0).expect("times");
    let mut world = World::new(Market::new(&settings, Limits::default(), 1).expect("settings"), start_ns);
    let streams = world.open();
    let of = |path: &str| streams.iter().find(|(_, known)| known == path).map(|(stream, _)| *stream);
    let trades = of("/market/stream").or(of("/stream")).expect("a connection for trades");
    let books = of("/public/stream").or(of("/stream")).expect("a connection for books");
    let mut compared = 0;
    for line in lines() {
        world.at(line.received_ns);
        let frame = line.frame.as_ref();
        let is_trade = frame.windows(11).any(|bytes| bytes == b"\"e\":\"trade\"");
        if frame.starts_with(b"{\"lastUpdateId\"") {
            let asked = world.asked.iter().find(|ask| ask.kind == wire::GET && ask.text.contains("/depth"));
            let stream = asked.expect("the adapter asked for it").stream;
            world.packet(stream, wire::ANSWER, &wire::answer(200, 0, frame));
        } else {
            world.packet(if is_trade { trades } else { books }, wire::TEXT, frame);
        }
        equal(&world);
        compared += u64::from(is_the_quote(&world));
    }
    assert_eq!(world.cell.counters().get("bad_payload"), 0, "{:?}", world.cell.counters());
    Some((world, compared))
}

/// Compares the best of a live book with the venue's own quote of the same update, where there is one.
fn is_the_quote(world: &World<Market>) -> bool {
    let Some((instrument, quote)) = world.quotes.first_key_value() else { return false };
    let Some(book) = world.books.get(instrument).filter(|book| book.health() == BookHealth::Live) else { return false };
    if book.sequence() != quote.sequence.get() {
        return false;
    }
    let exponents = book.book().exponents();
    let plain = |level: Level| (exponents.price(level).normalized(), exponents.quantity(level).normalized());
    let best = (book.book().best_bid().map(plain), book.book().best_ask().map(plain));
    let told =
        |price: PackedDecimal, quantity: PackedDecimal| Some((price.get().normalized(), quantity.get().normalized()));
    assert_eq!(best, (told(quote.bid_price, quote.bid_quantity), told(quote.ask_price, quote.ask_quantity)));
    true
}

#[test]
fn binance() {
    for (kind, name, symbol, books, trades, quotes) in [
        ("spot", "binance/spot/raw_ws/btcusdt_20240808.gz", "BTCUSDT", 3_451, 9_757, 28_040),
        ("usdm", "binance/usdm/raw_ws/btcusdt_20240808.gz", "BTCUSDT", 6_551, 21_313, 66_089),
        ("coinm", "binance/coinm/raw_ws/btcusd_perp_20240808.gz", "BTCUSD_PERP", 26_847, 2_286, 19_136),
    ] {
        let Some((world, compared)) = play_binance(kind, name, symbol) else { return };
        let (counts, malformed) = world.cell.actor().counts();
        assert_eq!(
            (counts["book"], counts["trade"], counts["quote"], malformed),
            (books, trades, quotes, 0),
            "{counts:?}"
        );
        assert_eq!(world.counts["quote"], quotes, "each is told");
        let (live, broken) = world.live;
        assert!(live > 3_000 && broken == 0, "{kind}: {live} live, {broken} not");
        println!("{kind}: {compared} quotes of the venue's were the best of the book");
        assert!(compared > 500, "{kind}: {compared}");
        let (second, _) = play_binance(kind, name, symbol).expect("it was there");
        assert_eq!(world.digest.value(), second.digest.value(), "the same recording gives the same messages");
    }
}
