use super::*;
use mesh_actor::ActorCell;
use mesh_codec::FrameBuilder;
use mesh_codec::packet::{FIRST_PACKET_SEQUENCE, PacketHead};
use mesh_runtime::About;
use mesh_venues::binance;

use crate::Place;
use mesh_types::market::{BookDelta, BookSnapshot, Candle, Trade};
use mesh_types::system::ExternalRequest;
use mesh_types::{BookHealth, SourceId};

const SECOND_NS: u64 = 1_000_000_000;

#[derive(Clone, Debug)]
struct Okx;

impl Exchange for Okx {
    const ABOUT: About = About { name: "adapter-test", kind: "adapter", about: "a test" };
    const PLACES: &'static [Place] = &[Place {
        language: Language::Okx,
        rest_url: "https://example.org",
        stream_url: "wss://example.org",
        symbol: "BTC-USDT",
        book_depth: 10,
    }];
    const SYMBOLS: &'static [&'static str] = &["BTC-USDT"];

    fn spells(_: Language, _: &str) -> bool {
        true
    }
}

#[derive(Clone, Debug)]
struct Binance;

impl Exchange for Binance {
    const ABOUT: About = Okx::ABOUT;
    const PLACES: &'static [Place] = &[Place {
        language: Language::Binance(binance::Market::Spot),
        symbol: "BTCUSDT",
        book_depth: 1_000,
        ..Okx::PLACES[0]
    }];
    const SYMBOLS: &'static [&'static str] = &["BTCUSDT"];

    fn spells(_: Language, _: &str) -> bool {
        true
    }
}

/// The actor and what the test plays of the world.
struct World {
    cell: ActorCell<Market>,
    now_ns: u64,
    packets: u64,
}

/// What was said, decoded just enough to compare.
#[derive(Debug, PartialEq)]
enum Out {
    Ask { stream: u32, kind: u8, text: String },
    Book { whole: bool, health: BookHealth, levels: usize },
    Status(VenueState),
    Trade(u64),
    Candle { open_s: u64, closed: bool },
    Other(&'static str),
}

fn out(message: &Message<'_>) -> Out {
    if let Some(view) = message.get_tailed::<ExternalRequest>() {
        let text = String::from_utf8_lossy(view.items).into_owned();
        return Out::Ask { stream: view.head.stream.get(), kind: view.head.kind, text };
    }
    if let Some(view) = message.get_tailed::<BookSnapshot>() {
        return Out::Book { whole: true, health: view.head.health.get().expect("one"), levels: view.items.len() };
    }
    if let Some(view) = message.get_tailed::<BookDelta>() {
        return Out::Book { whole: false, health: view.head.health.get().expect("one"), levels: view.items.len() };
    }
    if let Some(status) = message.get::<VenueStatus>() {
        return Out::Status(status.state.get().expect("a state"));
    }
    if let Some(trade) = message.get::<Trade>() {
        return Out::Trade(trade.trade_id.get());
    }
    if let Some(candle) = message.get::<Candle>() {
        return Out::Candle { open_s: candle.open_ns.get() / SECOND_NS, closed: candle.closed == 1 };
    }
    Out::Other(mesh_codec::entry(message.first().expect("a body").number).expect("a known type").name)
}

impl World {
    fn new() -> Self {
        Self::of::<Okx>()
    }

    fn of<E: Exchange>() -> Self {
        let market = Market::new(&Settings::<E>::default(), Limits::default(), 1).expect("good settings");
        let mut world =
            Self { cell: ActorCell::new(market, SourceId::new(10)), now_ns: 1_700_000_000 * SECOND_NS, packets: 0 };
        world.cell.begin(world.now_ns);
        world.cell.fire_due();
        world
    }

    /// Both connections open, the book live.
    fn live() -> Self {
        let mut world = Self::new();
        world.packet(2, wire::CONNECTED, b"");
        world.packet(3, wire::CONNECTED, b"");
        world.text(3, &book("snapshot", -1, 5));
        world.said();
        world
    }

    fn packet(&mut self, stream: u32, kind: u8, bytes: &[u8]) {
        let mut frame = Vec::new();
        let head = PacketHead { stream, kind, received_ns: self.now_ns };
        let stamp = packet::stamp(SourceId::new(10), FIRST_PACKET_SEQUENCE + self.packets, self.now_ns);
        packet::fill(FrameBuilder::new(&mut frame, &stamp), &head, bytes).finish().expect("fits");
        self.packets += 1;
        self.cell.begin(self.now_ns);
        self.cell.deliver(&Message::parse(&frame).expect("a message"));
    }

    fn text(&mut self, stream: u32, text: &str) {
        self.packet(stream, wire::TEXT, text.as_bytes());
    }

    fn pass(&mut self, ns: u64) {
        self.now_ns += ns;
        self.cell.begin(self.now_ns);
        while self.cell.fire_due().is_some() {}
    }

    fn said(&mut self) -> Vec<Out> {
        let said = self.cell.outbox().frames().map(|(_, message)| out(&message.expect("a message"))).collect();
        self.cell.outbox_mut().clear();
        said
    }
}

fn book(action: &str, previous: i64, sequence: i64) -> String {
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["2","1","0","1"]],"bids":[["1","{sequence}","0","1"]],"ts":"1","prevSeqId":{previous},"seqId":{sequence}}}]}}"#
    )
}

fn trade(id: u64) -> String {
    format!(
        r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{id}","px":"1","sz":"1","side":"buy","ts":"1"}}]}}"#
    )
}

fn candle(open_s: u64, confirmed: u8) -> String {
    format!(
        r#"{{"arg":{{"channel":"candle1m","instId":"BTC-USDT"}},"data":[["{}","1","2","1","2","1","1","1","{confirmed}"]]}}"#,
        open_s * 1000
    )
}

#[test]
fn each_path_is_a_connection_and_everything_is_subscribed() {
    let mut world = World::new();
    let connect = |stream, path: &str| Out::Ask { stream, kind: wire::CONNECT, text: path.to_owned() };
    assert_eq!(world.said(), [connect(2, "/ws/v5/business"), connect(3, "/ws/v5/public")]);
    world.packet(2, wire::CONNECTED, b"");
    let said = world.said();
    assert!(said.contains(&Out::Status(VenueState::Degraded)), "one of two: {said:?}");
    world.packet(3, wire::CONNECTED, b"");
    let said = world.said();
    assert!(said.contains(&Out::Status(VenueState::Up)), "{said:?}");
    let sent: Vec<&String> = said
        .iter()
        .filter_map(|out| match out {
            Out::Ask { stream: 3, kind: wire::SEND, text } => Some(text),
            _ => None,
        })
        .collect();
    assert!(sent[0].contains(r#""channel":"instruments","instType":"SPOT""#), "{sent:?}");
    assert!(sent[1].contains("books") && sent[1].contains("bbo-tbt") && sent[1].contains("trades"), "{sent:?}");
    world.text(3, &book("snapshot", -1, 5));
    world.text(3, &book("update", 5, 6));
    assert_eq!(
        world.said(),
        [
            Out::Book { whole: true, health: BookHealth::Live, levels: 2 },
            Out::Book { whole: false, health: BookHealth::Live, levels: 1 }
        ]
    );
}

#[test]
fn a_gap_is_told_at_once_and_healed() {
    let mut world = World::live();
    world.text(3, &book("update", 7, 8));
    assert_eq!(world.said(), [Out::Book { whole: false, health: BookHealth::Suspect, levels: 0 }]);
    world.pass(SECOND_NS / 4);
    let said = world.said();
    assert!(matches!(&said[0], Out::Ask { kind: wire::SEND, text, .. } if text.contains("unsubscribe")), "{said:?}");
    assert!(matches!(&said[1], Out::Ask { kind: wire::SEND, text, .. } if text.contains("subscribe")), "{said:?}");
    world.text(3, &book("snapshot", -1, 20));
    assert_eq!(world.said(), [Out::Book { whole: true, health: BookHealth::Live, levels: 2 }]);
}

#[test]
fn a_lost_connection_is_told_and_made_again() {
    let mut world = World::live();
    world.packet(3, wire::DISCONNECTED, b"gone");
    assert_eq!(
        world.said(),
        [Out::Book { whole: false, health: BookHealth::Suspect, levels: 0 }, Out::Status(VenueState::Degraded)]
    );
    world.text(3, &book("snapshot", -1, 20));
    assert_eq!(world.cell.counters().get("late_packets"), 1);
    world.pass(SECOND_NS);
    let said = world.said();
    assert!(said.contains(&Out::Ask { stream: 5, kind: wire::CONNECT, text: "/ws/v5/public".to_owned() }), "{said:?}");
    world.packet(5, wire::CONNECTED, b"");
    world.text(5, &book("snapshot", -1, 20));
    let said = world.said();
    assert!(said.contains(&Out::Book { whole: true, health: BookHealth::Live, levels: 2 }), "{said:?}");
}

#[test]
fn silence_is_a_failure() {
    let mut world = World::live();
    for _ in 0..50 {
        world.pass(SECOND_NS);
    }
    let said = world.said();
    let asked = |kind: u8, text: &str| {
        said.iter().any(|out| matches!(out, Out::Ask { kind: k, text: t, .. } if *k == kind && t == text))
    };
    assert!(asked(wire::SEND, "ping") && asked(wire::CLOSE, ""), "{said:?}");
    assert!(said.contains(&Out::Status(VenueState::Down)), "{said:?}");
}

#[test]
fn the_past_is_told_where_it_was_missed() {
    let mut world = World::live();
    world.text(3, &trade(7));
    world.text(3, &trade(7));
    world.text(2, &candle(60, 0));
    world.text(2, &candle(60, 1));
    world.text(2, &candle(60, 1));
    world.text(2, &candle(120, 0));
    assert_eq!(
        world.said(),
        [
            Out::Trade(7),
            Out::Candle { open_s: 60, closed: false },
            Out::Candle { open_s: 60, closed: true },
            Out::Candle { open_s: 120, closed: false }
        ]
    );
}

#[test]
fn damaged_payloads_are_counted() {
    let mut world = World::live();
    let whole = book("update", 5, 6);
    for text in ["", "{", "null", "\u{0}\u{1}", "[[[[[", &whole[..whole.len() / 2]] {
        world.text(3, text);
    }
    world.packet(3, 99, b"");
    world.packet(wire::FIRST_REQUEST + 7, wire::ANSWER, b"200 0\n{}");
    assert!(world.said().is_empty());
    let counters = world.cell.counters();
    assert!(counters.get("bad_payload") >= 5, "{counters:?}");
    assert_eq!((counters.get("late_packets"), counters.get("bad_packet_kind")), (1, 1));
    world.text(3, &whole);
    assert_eq!(world.said(), [Out::Book { whole: false, health: BookHealth::Live, levels: 1 }]);
}

#[test]
fn the_same_packets_give_the_same_state() {
    let play = || {
        let mut world = World::live();
        for text in [book("update", 5, 6), trade(1), book("update", 8, 9), "nonsense".to_owned()] {
            world.text(3, &text);
            world.pass(SECOND_NS);
        }
        (world.said(), world.cell.actor().state_digest())
    };
    assert_eq!(play(), play());
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
    FrameBuilder::new(&mut frame, &stamp).body(&SnapshotRequest::default()).finish().expect("fits");
    world.cell.begin(world.now_ns);
    world.cell.deliver(&Message::parse(&frame).expect("a message"));
    world.cell.deliver(&Message::parse(&frame).expect("a message"));
    let all = [Out::Status(VenueState::Up), Out::Book { whole: true, health: BookHealth::Live, levels: 2 }];
    assert_eq!(world.said(), all);
    world.pass(PUBLISH_AGAIN_NS);
    assert_eq!(world.said(), all, "the second request is answered a little later");
}

#[test]
fn snapshots_and_lists_come_over_http_however_large() {
    let mut world = World::of::<Binance>();
    assert_eq!(world.said(), [Out::Ask { stream: 1, kind: wire::CONNECT, text: "/stream".to_owned() }]);
    world.packet(1, wire::CONNECTED, b"");
    let get = |number: u32, text: &str| Out::Ask {
        stream: wire::FIRST_REQUEST + number,
        kind: wire::GET,
        text: text.to_owned(),
    };
    let said = world.said();
    assert!(said.contains(&get(0, "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D")), "{said:?}");
    world.text(1, r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":9,"u":10,"b":[["1.0","1"]],"a":[]}}"#);
    assert!(world.said().contains(&get(1, "/api/v3/depth?symbol=BTCUSDT&limit=1000")));
    let body = r#"{"lastUpdateId":9,"bids":[["0.9","2"]],"asks":[["1.1","3"]]}"#;
    let (begin, end) = body.split_at(20);
    let stream = wire::FIRST_REQUEST + 1;
    world.packet(stream, wire::ANSWER_PART, begin.as_bytes());
    assert!(world.said().is_empty());
    world.packet(stream, wire::ANSWER, &wire::answer(200, 0, end.as_bytes()));
    assert_eq!(world.said(), [Out::Book { whole: true, health: BookHealth::Live, levels: 3 }]);
    world.packet(stream, wire::ANSWER_PART, b"late");
    assert_eq!(world.cell.counters().get("late_packets"), 1);
    world.packet(wire::FIRST_REQUEST, wire::ANSWER, &wire::answer(429, 30, b"slower"));
    world.pass(29 * SECOND_NS);
    let asked = |said: &[Out]| said.iter().any(|out| matches!(out, Out::Ask { kind: wire::GET, .. }));
    assert!(!asked(&world.said()), "the venue said for how long");
    world.pass(2 * SECOND_NS);
    assert!(asked(&world.said()));
}
