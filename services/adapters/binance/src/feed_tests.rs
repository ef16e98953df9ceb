use super::*;
use mesh_actor::ActorCell;
use mesh_codec::FrameBuilder;
use mesh_codec::packet::{FIRST_PACKET_SEQUENCE, PacketHead};
use mesh_types::market::{BookDelta, BookSnapshot, Candle, Quote, Trade};
use mesh_types::system::{Cause, ExternalRequest};
use mesh_types::{BookHealth, SourceId};

const INFORMATION_BODY: &str = r#"{"serverTime":1700000000000,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}],
"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[
{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01000000"},
{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001000"},
{"filterType":"NOTIONAL","minNotional":"5.00000000"}]}]}"#;

/// A feed and what the test plays of the world.
struct World {
    cell: ActorCell<Feed>,
    now_ns: u64,
    packets: u64,
}

/// What the feed said: decoded just enough to compare.
#[derive(Debug, PartialEq)]
enum Said {
    Ask { stream: u32, kind: u8, text: String },
    Book { whole: bool, health: BookHealth, last: u64, levels: usize },
    Status(VenueState),
    Other(&'static str),
}

impl World {
    fn new() -> Self {
        let settings =
            Settings { symbols: vec!["BTCUSDT".to_owned()], intervals: vec!["1s".to_owned()], ..Settings::default() };
        let feed = Feed::new(&settings, Limits::default(), 1).expect("good settings");
        let mut world =
            Self { cell: ActorCell::new(feed, SourceId::new(10)), now_ns: 1_700_000_000 * SECOND_NS, packets: 0 };
        world.cell.begin(world.now_ns);
        world.cell.fire_due();
        world
    }

    /// Connected, with its book live at update 10.
    fn live() -> Self {
        let mut world = Self::new();
        world.said();
        world.packet(1, wire::CONNECTED, b"");
        world.answer(wire::FIRST_REQUEST, 200, INFORMATION_BODY);
        world.depth(9, 10);
        world.answer(wire::FIRST_REQUEST + 1, 200, SNAPSHOT_BODY);
        world.said();
        world
    }

    fn packet(&mut self, stream: u32, kind: u8, bytes: &[u8]) {
        let mut frame = Vec::new();
        let head = PacketHead { stream, kind, received_ns: self.now_ns };
        let sequence = FIRST_PACKET_SEQUENCE + self.packets;
        let stamp = packet::stamp(SourceId::new(10), sequence, self.now_ns);
        packet::fill(FrameBuilder::new(&mut frame, &stamp), &head, bytes).finish().expect("fits");
        self.packets += 1;
        self.cell.begin(self.now_ns);
        self.cell.deliver(&Message::parse(&frame).expect("a message"));
    }

    fn answer(&mut self, stream: u32, status: u16, body: &str) {
        self.packet(stream, wire::ANSWER, &wire::answer(status, 0, body.as_bytes()));
    }

    fn text(&mut self, text: &str) {
        self.packet(1, wire::TEXT, text.as_bytes());
    }

    fn depth(&mut self, first: u64, last: u64) {
        self.text(&format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1700000000100,"s":"BTCUSDT","U":{first},"u":{last},"b":[["100.0{}000000","1.00000000"]],"a":[]}}}}"#,
            last % 10
        ));
    }

    /// Lets time pass and fires what is due.
    fn pass(&mut self, ns: u64) {
        self.now_ns += ns;
        self.cell.begin(self.now_ns);
        while self.cell.fire_due().is_some() {}
    }

    fn said(&mut self) -> Vec<Said> {
        let said = self.cell.outbox().frames().map(|(_, message)| said(&message.expect("a message"))).collect();
        self.cell.outbox_mut().clear();
        said
    }
}

const SNAPSHOT_BODY: &str =
    r#"{"lastUpdateId":9,"bids":[["99.00000000","2.00000000"]],"asks":[["101.00000000","3.00000000"]]}"#;

fn said(message: &Message<'_>) -> Said {
    if let Some(view) = message.get_tailed::<ExternalRequest>() {
        let text = String::from_utf8_lossy(view.items).into_owned();
        return Said::Ask { stream: view.head.stream.get(), kind: view.head.kind, text };
    }
    if let Some(status) = message.get::<VenueStatus>() {
        return Said::Status(status.state.get().expect("a state"));
    }
    if let Some(view) = message.get_tailed::<BookSnapshot>() {
        let health = view.head.health.get().expect("a health");
        return Said::Book { whole: true, health, last: view.head.last_sequence.get(), levels: view.items.len() };
    }
    if let Some(view) = message.get_tailed::<BookDelta>() {
        let health = view.head.health.get().expect("a health");
        return Said::Book { whole: false, health, last: view.head.last_sequence.get(), levels: view.items.len() };
    }
    Said::Other(mesh_codec::entry(message.first().expect("a body").number).expect("a known type").name)
}

#[test]
fn it_connects_asks_and_publishes_a_whole_book() {
    let mut world = World::new();
    let path = "/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@kline_1s";
    let information = Said::Ask {
        stream: wire::FIRST_REQUEST,
        kind: wire::GET,
        text: "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D".to_owned(),
    };
    assert_eq!(world.said(), [Said::Ask { stream: 1, kind: wire::CONNECT, text: path.to_owned() }, information]);
    world.packet(1, wire::CONNECTED, b"");
    world.answer(wire::FIRST_REQUEST, 200, INFORMATION_BODY);
    assert_eq!(world.said(), [Said::Other("instrument_info")]);
    world.depth(9, 10);
    let snapshot = Said::Ask {
        stream: wire::FIRST_REQUEST + 1,
        kind: wire::GET,
        text: "/api/v3/depth?symbol=BTCUSDT&limit=1000".to_owned(),
    };
    let said = world.said();
    assert!(said.contains(&snapshot) && said.contains(&Said::Status(VenueState::Up)), "{said:?}");
    world.answer(wire::FIRST_REQUEST + 1, 200, SNAPSHOT_BODY);
    assert_eq!(world.said(), [Said::Book { whole: true, health: BookHealth::Live, last: 10, levels: 3 }]);
    world.depth(11, 12);
    assert_eq!(world.said(), [Said::Book { whole: false, health: BookHealth::Live, last: 12, levels: 1 }]);
}

#[test]
fn trades_quotes_and_candles_name_their_packet() {
    let mut world = World::live();
    world.text(r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000100,"s":"BTCUSDT","t":5,"p":"100.10000000","q":"0.50000000","T":1700000000099,"m":true,"M":true}}"#);
    world.text(r#"{"stream":"btcusdt@bookTicker","data":{"u":11,"s":"BTCUSDT","b":"100.00000000","B":"1.00000000","a":"101.00000000","A":"3.00000000"}}"#);
    world.text(r#"{"stream":"btcusdt@kline_1s","data":{"e":"kline","E":1700000001000,"s":"BTCUSDT","k":{"t":1700000000000,"T":1700000000999,"s":"BTCUSDT","i":"1s","f":1,"L":2,"o":"1.0","c":"2.0","h":"3.0","l":"0.5","v":"9","n":2,"x":true,"q":"1","V":"1","Q":"1","B":"0"}}}"#);
    let frames: Vec<Vec<u8>> =
        world.cell.outbox().frames().map(|(_, message)| message.expect("a message").frame().to_vec()).collect();
    let messages: Vec<Message<'_>> = frames.iter().map(|frame| Message::parse(frame).expect("a message")).collect();
    let trade = messages[0].get::<Trade>().expect("a trade");
    assert_eq!(trade.price.get().to_string(), "100.10000000");
    assert_eq!(trade.side.get(), Some(mesh_types::Side::Sell));
    assert!(messages[1].get::<Quote>().is_some());
    assert!(messages[2].get::<Candle>().is_some_and(|candle| candle.closed == 1));
    for (message, place) in messages.iter().zip(3u64..) {
        let cause = message.get::<Cause>().expect("a cause").message;
        assert!(cause.sequence.get() > FIRST_PACKET_SEQUENCE + place - 1, "{cause}");
    }
}

#[test]
fn a_gap_is_told_at_once_and_healed() {
    let mut world = World::live();
    world.depth(20, 21);
    let said = world.said();
    assert_eq!(said[0], Said::Book { whole: false, health: BookHealth::Suspect, last: 10, levels: 0 });
    assert!(matches!(&said[1], Said::Ask { kind: wire::GET, text, .. } if text.starts_with("/api/v3/depth")));
    let Said::Ask { stream, .. } = said[1] else { panic!("{said:?}") };
    world.answer(stream, 200, &SNAPSHOT_BODY.replace(":9,", ":20,"));
    let said = world.said();
    assert!(said.contains(&Said::Book { whole: true, health: BookHealth::Live, last: 21, levels: 3 }), "{said:?}");
}

#[test]
fn a_snapshot_that_fails_is_asked_for_again() {
    let mut world = World::live();
    world.depth(20, 21);
    let Some(Said::Ask { stream, .. }) = world.said().pop() else { panic!("no request") };
    world.answer(stream, 503, "<html>busy</html>");
    assert!(world.said().is_empty());
    world.depth(22, 22);
    world.pass(2 * SECOND_NS);
    let asked = world.said().into_iter().any(|said| matches!(said, Said::Ask { kind: wire::GET, .. }));
    assert!(asked);
}

#[test]
fn silence_is_a_failure() {
    let mut world = World::live();
    for _ in 0..10 {
        world.pass(SECOND_NS);
    }
    let said = world.said();
    assert!(said.contains(&Said::Status(VenueState::Degraded)), "{said:?}");
    assert!(said.contains(&Said::Ask { stream: 1, kind: wire::CLOSE, text: String::new() }));
    assert!(said.contains(&Said::Book { whole: false, health: BookHealth::Suspect, last: 10, levels: 0 }));
    world.pass(SECOND_NS);
    assert!(world.said().iter().any(|said| matches!(said, Said::Ask { stream: 2, kind: wire::CONNECT, .. })));
    world.depth(11, 12);
    assert_eq!(world.cell.counters().get("late_packets"), 1, "what the old connection says late is passed over");
}

#[test]
fn a_venue_that_goes_down_is_left_and_found_again() {
    let mut world = World::live();
    world.text(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000}}"#);
    let said = world.said();
    assert!(said.contains(&Said::Status(VenueState::Down)), "{said:?}");
    world.pass(SECOND_NS);
    assert!(world.said().iter().any(|said| matches!(said, Said::Ask { stream: 2, kind: wire::CONNECT, .. })));
}

#[test]
fn damaged_payloads_are_counted() {
    let mut world = World::live();
    for text in ["", "{", "null", r#"{"stream":"btcusdt@trade","data":{"e":"trade"}}"#, "\u{0}\u{1}", "[[[[["] {
        world.text(text);
    }
    world.answer(wire::FIRST_REQUEST + 77, 200, "{}");
    world.packet(1, 99, b"");
    assert!(world.said().is_empty());
    let counters = world.cell.counters();
    assert!(counters.get("bad_payload") >= 5, "{counters:?}");
    assert_eq!((counters.get("late_packets"), counters.get("bad_packet_kind")), (1, 1));
    world.depth(11, 12);
    assert_eq!(world.said(), [Said::Book { whole: false, health: BookHealth::Live, last: 12, levels: 1 }]);
}

#[test]
fn a_relay_gets_everything_anew() {
    let mut world = World::live();
    let mut frame = Vec::new();
    let stamp = mesh_codec::Stamp {
        domain: mesh_types::Domain::Market,
        source: SourceId::new(1),
        sequence: 0,
        timestamp_ns: 0,
    };
    mesh_codec::FrameBuilder::new(&mut frame, &stamp).body(&SnapshotRequest::default()).finish().expect("fits");
    world.cell.begin(world.now_ns);
    world.cell.deliver(&Message::parse(&frame).expect("a message"));
    world.cell.deliver(&Message::parse(&frame).expect("a message"));
    assert_eq!(
        world.said(),
        [
            Said::Status(VenueState::Up),
            Said::Other("instrument_info"),
            Said::Book { whole: true, health: BookHealth::Live, last: 10, levels: 3 },
        ]
    );
    world.pass(PUBLISH_AGAIN_NS);
    assert_eq!(world.said().len(), 3, "the second request is answered a little later");
}

#[test]
fn an_information_that_is_the_same_is_not_told_again() {
    let mut world = World::live();
    world.pass(3600 * SECOND_NS);
    let asked: Vec<u32> = world
        .said()
        .into_iter()
        .filter_map(|said| match said {
            Said::Ask { stream, kind: wire::GET, text } if text.contains("exchangeInfo") => Some(stream),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 1);
    world.answer(asked[0], 200, INFORMATION_BODY);
    assert!(world.said().is_empty());
}

#[test]
fn a_real_capture_gives_an_unbroken_book() {
    let root = std::env::var_os("ALPHAMESH_DATA")
        .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), Into::into);
    let path = root.join("binance/spot/raw_ws/btcusdt_20240808.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: {} is not there; ALPHAMESH_DATA says where the real data is", path.display());
        return;
    };
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).expect("a gzip of text");
    let mut world = World::new();
    world.packet(1, wire::CONNECTED, b"");
    world.answer(wire::FIRST_REQUEST, 200, INFORMATION_BODY);
    let (mut trades, mut quotes, mut live, mut broken) = (0, 0, 0, 0);
    for line in text.lines() {
        let (received_ns, payload) = line.split_once(' ').expect("time and payload");
        world.now_ns = world.now_ns.max(received_ns.parse().expect("a time"));
        if payload.starts_with(r#"{"lastUpdateId""#) {
            world.answer(wire::FIRST_REQUEST + 1, 200, payload);
        } else {
            world.text(payload);
        }
        for said in world.said() {
            match said {
                Said::Other("trade") => trades += 1,
                Said::Other("quote") => quotes += 1,
                Said::Book { health: BookHealth::Live, .. } => live += 1,
                Said::Book { .. } => broken += 1,
                _ => {}
            }
        }
    }
    assert_eq!((trades, quotes, broken), (9757, 28040, 0));
    assert!(live > 3000, "{live} of 3451 changes reach the published levels");
    assert_eq!(world.cell.counters().get("bad_payload"), 0);
}
