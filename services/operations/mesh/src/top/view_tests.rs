use super::*;
use crate::probe::Said;
use crate::report::State;
use mesh_codec::{FrameBuilder, Message, Stamp, encode_one};
use mesh_types::execution::{Fill, Position};
use mesh_types::market::{BookLevel, BookSnapshot, Trade};
use mesh_types::signal::Signal;
use mesh_types::{Domain, FixedStr, InstrumentId, Side, SignalAction, SourceId};
use proptest::prelude::*;

const NOON: u64 = 1_793_534_400_000_000_000;

fn stamp(domain: Domain) -> Stamp {
    Stamp { domain, source: SourceId::new(1), sequence: 1, timestamp_ns: NOON }
}

fn say<T: mesh_codec::TlvBody>(model: &mut Model, body: &T) {
    let mut frame = vec![0; 1000];
    let size = encode_one(&mut frame, &stamp(T::DOMAIN), body).expect("fits");
    model.message(&Message::parse(&frame[..size]).expect("a message"));
}

fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

fn process(name: &str, state: State) -> ProcessReport {
    ProcessReport {
        name: name.to_owned(),
        kind: "relay".to_owned(),
        state,
        wanted: true,
        pid: (state == State::Ready).then_some(42),
        uptime_s: 3725,
        restarts: 2,
        rss_bytes: 9 << 20,
        said: Said { dropped: 7, lag_ns: 84_000, ..Said::default() },
        rate_in: 1234.5,
        rate_out: 12_345.0,
        reason: None,
    }
}

/// Everything there is to show.
fn full() -> Model {
    let names =
        ["relay-market", "relay-signal", "relay-execution", "recorder", "simvenue", "portfolio", "adapter-binance"];
    let mut processes: Vec<_> = names.iter().map(|name| process(name, State::Ready)).collect();
    processes.push(process("strategy-with-a-long-name", State::Backoff));
    let text = |text: &str| Some(text.to_owned());
    let report = MeshReport {
        id: Some(7),
        mode: text("paper"),
        profile: text("paper"),
        supervisor: Some(1),
        processes,
        kill_switches: Vec::new(),
    };
    let mut model = Model { report: Some(report), ..Model::default() };
    let decimal = |mantissa, exponent| Decimal64::new(mantissa, exponent).into();
    let head = BookSnapshot {
        instrument: instrument(),
        price_exponent: -2,
        quantity_exponent: -5,
        health: BookHealth::Live.into(),
        depth: 5,
        bid_count: 1.into(),
        ask_count: 1.into(),
        ..BookSnapshot::default()
    };
    let level = |price: i64| BookLevel { price: price.into(), quantity: 100_000.into() };
    let mut frame = Vec::new();
    FrameBuilder::new(&mut frame, &stamp(Domain::Market))
        .tailed(&head, &[level(6_512_340), level(6_512_350)])
        .finish()
        .expect("fits");
    model.message(&Message::parse(&frame).expect("a message"));
    let price = decimal(6_512_345, -2);
    say(&mut model, &Trade { instrument: instrument(), price, side: Side::Buy.into(), ..Trade::default() });
    let strategy = FixedStr::truncated("momentum");
    say(
        &mut model,
        &Position {
            instrument: instrument(),
            strategy,
            quantity: decimal(767, -5),
            entry_price: price,
            realized_pnl: decimal(-125, -2),
            fees: decimal(50, -2),
            ..Position::default()
        },
    );
    for _ in 0..60 {
        say(
            &mut model,
            &Signal {
                instrument: instrument(),
                strategy,
                action: SignalAction::EnterLong.into(),
                reference_price: price,
                ..Signal::default()
            },
        );
        say(
            &mut model,
            &Fill {
                instrument: instrument(),
                side: Side::Buy.into(),
                price,
                quantity: decimal(767, -5),
                fee: decimal(50, -2),
                fee_asset: FixedStr::truncated("USDT"),
                ..Fill::default()
            },
        );
    }
    model
}

fn screen(model: &Model, width: usize, height: usize) -> String {
    let lines = render(model, width, height);
    lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect::<String>() + "\n").collect()
}

#[test]
fn everything_on_80_by_24() {
    insta::assert_snapshot!(screen(&full(), 80, 24));
}

#[test]
fn nothing_on_80_by_24() {
    insta::assert_snapshot!(screen(&Model { problem: Some("no mesh".to_owned()), ..Model::default() }, 80, 24));
}

#[test]
fn a_kill_switch_stands_in_the_title() {
    let mut model = full();
    let switch = crate::switches::Switched {
        scope: String::new(),
        level: "hard".to_owned(),
        set_ns: NOON,
        reason: "drill".to_owned(),
    };
    model.report.as_mut().expect("a report").kill_switches.push(switch);
    assert!(screen(&model, 100, 24).lines().next().is_some_and(|line| line.contains("kill switch hard since")));
}

#[test]
fn a_lost_relay_makes_books_suspect() {
    let mut model = full();
    assert!(screen(&model, 80, 24).contains("live"));
    model.missed();
    assert!(!screen(&model, 80, 24).contains("live"));
}

proptest! {
    #[test]
    fn any_terminal_is_filled_and_never_exceeded(width in 0usize..200, height in 1usize..80) {
        let lines = render(&full(), width, height);
        prop_assert_eq!(lines.len(), height);
        for line in lines {
            prop_assert!(line.iter().map(|(_, text)| text.chars().count()).sum::<usize>() <= width);
        }
    }

    #[test]
    fn rows_are_dealt_out_to_the_last(wanted in proptest::collection::vec(0usize..30, 5), available in 0usize..60) {
        let given = shares(&wanted, available);
        prop_assert_eq!(given.iter().sum::<usize>(), available.min(wanted.iter().sum()));
        prop_assert!(given.iter().zip(&wanted).all(|(given, wanted)| given <= wanted));
    }
}
