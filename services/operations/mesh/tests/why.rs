//! `why` and `why-not` on a home whose ledger, capture and journal were made here: nothing runs.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::Mesh;
use mesh_actor::Ledger;
use mesh_capture::{CaptureWriter, RunInfo, WriterLimits};
use mesh_codec::{FrameBuilder, Frames, Message, Stamp, TlvBody};
use mesh_store::SqliteLedger;
use mesh_types::execution::{Fill, Intent, RiskVerdict};
use mesh_types::market::Candle;
use mesh_types::risk::{RiskMargin, RiskMargins};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::Cause;
use mesh_types::{
    ClientOrderId, Decimal64, FixedStr, Gate, InstrumentId, MessageId, Mode, Outcome, RejectReason, Scope, Side,
    SignalAction, SourceId, Unit,
};
use serde_json::Value;

const START_NS: u64 = 1_793_534_400_000_000_000;
const ORDER: ClientOrderId = ClientOrderId::new([0xab; 16]);

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

fn instrument(symbol: &str) -> InstrumentId {
    format!("binance:spot:{symbol}").parse().expect("an id")
}

fn frame<T: TlvBody>(
    (source, sequence, at_ns): (u16, u64, u64),
    body: &T,
    causes: &[MessageId],
    margins: &[RiskMargin],
) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(source), sequence, timestamp_ns: at_ns };
    let mut builder = FrameBuilder::new(&mut frame, &stamp).body(body);
    if !margins.is_empty() {
        let count = u16::try_from(margins.len()).expect("few");
        builder = builder.tailed(&RiskMargins { margin_count: count.into(), ..RiskMargins::default() }, margins);
    }
    let builder = causes.iter().fold(builder, |builder, cause| builder.body(&Cause { message: *cause }));
    builder.finish().expect("fits");
    frame
}

fn id(frame: &[u8]) -> MessageId {
    Message::parse(frame).expect("a message").id()
}

fn margin(gate: Gate, outcome: Outcome, [actual, limit, margin]: [&str; 3]) -> RiskMargin {
    RiskMargin {
        gate: gate.into(),
        unit: Unit::Quote.into(),
        scope: Scope::Mesh.into(),
        outcome: outcome.into(),
        actual: d(actual).into(),
        limit: d(limit).into(),
        margin: d(margin).into(),
    }
}

fn verdict(symbol: &str, signal: &[u8], outcome: Outcome, decisive: &RiskMargin) -> RiskVerdict {
    RiskVerdict {
        signal: id(signal),
        instrument: instrument(symbol),
        strategy: StrategyName::truncated("momentum"),
        action: SignalAction::EnterLong.into(),
        allowed: u8::from(outcome == Outcome::Reduce),
        outcome: outcome.into(),
        reason: RejectReason::OrderNotional.into(),
        requested_quantity: d("6").into(),
        allowed_quantity: d("5").into(),
        actual: decisive.actual,
        limit: decisive.limit,
        text: FixedStr::truncated("notional"),
        decided_ns: (START_NS + 100_000).into(),
    }
}

/// A home with a candle in its capture, and in its ledger an order that came of it, cut by a gate, with a fill; and another
/// candidate that was refused.
fn home() -> Mesh {
    let mesh = Mesh::new(&[]);
    let candle = Candle { instrument: instrument("BTCUSDT"), received_ns: START_NS.into(), ..Candle::default() };
    let candle = frame((10, 1, START_NS), &candle, &[], &[]);
    let signal = |symbol: &str, bar: u64, sequence: u64| {
        let signal = Signal {
            instrument: instrument(symbol),
            strategy: StrategyName::truncated("momentum"),
            action: SignalAction::EnterLong.into(),
            reasons: 0b1010.into(),
            bar_ns: bar.into(),
            ..Signal::default()
        };
        frame((20, sequence, START_NS + 50_000), &signal, &[id(&candle)], &[])
    };
    let (entered, missed) = (signal("BTCUSDT", 1, 1), signal("ETHUSDT", 1, 2));
    let cut = margin(Gate::OrderNotional, Outcome::Reduce, ["600", "500", "-100"]);
    let gates = [margin(Gate::DailyLoss, Outcome::Allow, ["10", "40", "30"]), cut];
    let said = verdict("BTCUSDT", &entered, Outcome::Reduce, &cut);
    let said = frame((30, 1, START_NS + 100_000), &said, &[id(&entered)], &gates);
    let intent = Intent {
        client_order_id: ORDER,
        instrument: instrument("BTCUSDT"),
        signal: id(&entered),
        quantity: d("5").into(),
        ..Intent::default()
    };
    let intent = frame((30, 2, START_NS + 100_000), &intent, &[id(&said), id(&entered)], &[]);
    let fill = Fill {
        client_order_id: ORDER,
        instrument: instrument("BTCUSDT"),
        side: Side::Buy.into(),
        price: d("100").into(),
        quantity: d("5").into(),
        trade_id: FixedStr::truncated("t1"),
        ..Fill::default()
    };
    let fill = frame((40, 1, START_NS + 2_100_000), &fill, &[id(&intent)], &[]);
    let no = margin(Gate::PositionNotional, Outcome::Deny, ["1200", "1000", "-200"]);
    let refused = verdict("ETHUSDT", &missed, Outcome::Deny, &no);
    let refused = frame((30, 3, START_NS + 100_000), &refused, &[id(&missed)], &[gates[0], no]);

    std::fs::create_dir_all(mesh.home.join("capture")).expect("made");
    let info = RunInfo {
        name: "recorder".to_owned(),
        started_ns: START_NS,
        mesh_id: 7,
        mode: Mode::Paper,
        profile: "paper".to_owned(),
        build: String::new(),
        topology_sha256: String::new(),
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
    };
    let mut writer = CaptureWriter::create(&mesh.home.join("capture"), info, WriterLimits::default()).expect("made");
    writer.append(START_NS, &candle).expect("room");
    writer.finish(START_NS + 100_000).expect("sealed");
    std::fs::create_dir_all(mesh.home.join("run")).expect("made");
    let topology = mesh.run(&["profiles", "paper"]).succeeds().out;
    std::fs::write(mesh.home.join("run/topology.toml"), topology).expect("written");
    std::fs::create_dir_all(mesh.home.join("data")).expect("made");
    let mut ledger = SqliteLedger::open(&mesh.home.join("data/portfolio.db")).expect("opens");
    let inbox = [entered, missed].concat();
    ledger.commit(Frames::new(&inbox), Frames::new(&[said, intent, refused].concat())).expect("commits");
    ledger.commit(Frames::new(&fill), Frames::new(&[])).expect("commits");
    mesh
}

#[test]
fn an_order_is_told_from_the_market_to_its_fill_with_every_gate() {
    let mesh = home();
    let order = ORDER.to_string();
    let why: Value = serde_json::from_str(&mesh.run(&["why", &order, "--json"]).succeeds().out).expect("JSON");
    let hops = why["hops"].as_array().expect("hops");
    let said: Vec<_> = hops
        .iter()
        .map(|hop| {
            (hop["process"].as_str().expect("a name"), hop["message"]["tlvs"][0]["name"].as_str().expect("a type"))
        })
        .collect();
    let expected = [
        ("adapter-binance", "candle"),
        ("strategy-momentum", "signal"),
        ("portfolio", "risk_verdict"),
        ("portfolio", "intent"),
        ("executor-paper", "fill"),
    ];
    assert_eq!(said, expected);
    let since: Vec<_> = hops.iter().map(|hop| hop["since_previous_ns"].as_u64()).collect();
    assert_eq!(since, [None, Some(50_000), Some(50_000), Some(0), Some(2_000_000)]);
    assert_eq!((&why["complete"], why["margins"].as_array().map(Vec::len)), (&Value::Bool(true), Some(2)));
    assert_eq!((&why["margins"][1]["gate"], &why["margins"][1]["margin"]), (&"order_notional".into(), &"-100".into()));
    let people = mesh.run(&["why", &order]).succeeds().out;
    for text in [
        "signal enter_long binance:spot:BTCUSDT of momentum",
        "reasons [1, 3]",
        "reduced from 6 to 5: notional 600, limit 500",
        "allow   daily_loss",
        "reduce  order_notional",
        "margin -100",
        "bought 5 at 100",
        "+2.00ms",
    ] {
        assert!(people.contains(text), "{text}: {people}");
    }
    mesh.run(&["why", &"cd".repeat(16)]).fails_with(1, &["no order", "capture cat"]);
    mesh.run(&["why", "order"]).fails_with(2, &["32 hex digits"]);
}

#[test]
fn what_was_not_traded_is_told_with_the_gate_and_by_how_much() {
    let mesh = home();
    let json = |words: &[&str]| -> Value { serde_json::from_str(&mesh.run(words).succeeds().out).expect("JSON") };
    let missed = json(&["why-not", "ethusdt", "--json"]);
    let [refused] = missed["refused"].as_array().expect("a list").as_slice() else { panic!("one: {missed}") };
    let gate = &refused["gate"];
    assert_eq!(
        (&gate["gate"], &gate["margin"], &gate["unit"]),
        (&"position_notional".into(), &"-200".into(), &"quote".into())
    );
    assert_eq!((&refused["outcome"], &refused["strategy"]), (&"deny".into(), &"momentum".into()));
    // What was cut is told as well: a part of it was not traded.
    let cut = json(&["why-not", "binance:spot:BTCUSDT", "--json"]);
    assert_eq!(
        (&cut["refused"][0]["outcome"], &cut["refused"][0]["gate"]["margin"]),
        (&"reduce".into(), &"-100".into())
    );
    let people = mesh.run(&["why-not", "ETHUSDT"]).succeeds().out;
    assert!(people.contains("enter_long of momentum") && people.contains("margin -200"), "{people}");
    let since = json(&["why-not", "ETHUSDT", "--since", "2026-11-01T12:00:01Z", "--json"]);
    assert_eq!(since["refused"].as_array().map(Vec::len), Some(0));
    assert!(mesh.run(&["why-not", "DOGE"]).succeeds().out.contains("nothing of DOGE"));
    mesh.run(&["why-not", "ETHUSDT", "--since", "lately"]).fails_with(2, &["expected a time", "15m"]);
}
