//! Momentum driven with candles, its signals compared step by step.

#![allow(clippy::expect_used)]

use mesh_actor::ActorCell;
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Message, Stamp};
use mesh_types::execution::{Position, RiskVerdict};
use mesh_types::market::Candle;
use mesh_types::signal::{Decision, Signal, StrategyName};
use mesh_types::system::Cause;
use mesh_types::{Decimal64, InstrumentId, RejectReason, SignalAction, SourceId};
use proptest::prelude::*;
use strategy_momentum::{Momentum, Settings};

const MINUTE: u64 = 60_000_000_000;

fn instrument() -> InstrumentId {
    "binance:perpetual:BTCUSDT".parse().expect("an id")
}

fn settings() -> Settings {
    let short = [("ema_fast", 2.0), ("ema_slow", 4.0), ("atr_period", 3.0), ("adx_period", 2.0), ("rsi_period", 2.0)];
    let shorter = [("bb_period", 2.0), ("volume_period", 2.0), ("stop_atr", 3.0)];
    let params = short.iter().chain(&shorter).map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Settings { params, ..Settings::default() }
}

/// A strategy and all that it has said.
struct Run {
    cell: ActorCell<Momentum>,
    frames: Vec<u8>,
    sequence: u64,
}

impl Run {
    fn new() -> Self {
        let mut cell = ActorCell::new(Momentum::new(settings()).expect("settings"), SourceId::new(20));
        cell.begin(1);
        while cell.fire_due().is_some() {}
        Self { cell, frames: Vec::new(), sequence: 0 }
    }

    /// Says something to it; what it answers, in words.
    fn say<T: TlvBody>(&mut self, body: &T) -> Vec<String> {
        self.sequence += 1;
        let now_ns = self.sequence * MINUTE;
        let stamp =
            Stamp { domain: T::DOMAIN, source: SourceId::new(1), sequence: self.sequence, timestamp_ns: now_ns };
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("fits");
        self.cell.begin(now_ns);
        let message = Message::parse(&frame).expect("a frame");
        self.cell.deliver(&message);
        let mut said = Vec::new();
        for (_, answer) in self.cell.outbox().frames() {
            let answer = answer.expect("a frame");
            assert_eq!(answer.get::<Cause>().map(|cause| cause.message), Some(message.id()), "each names its candle");
            said.push(words(&answer));
        }
        self.frames.extend_from_slice(self.cell.outbox().bytes());
        self.cell.outbox_mut().clear();
        said
    }

    /// A closed candle of another instrument.
    fn bar_of(&mut self, instrument: &str, minute: u64, close: i64) -> Vec<String> {
        self.say(&Candle { instrument: instrument.parse().expect("an id"), ..candle(minute, close) })
    }

    /// A closed candle, the n-th minute.
    fn bar(&mut self, minute: u64, close: i64) -> Vec<String> {
        self.say(&candle(minute, close))
    }

    /// The closes from the given minute on; what was said last.
    fn bars(&mut self, first: u64, closes: &[i64]) -> Vec<String> {
        closes.iter().zip(first..).map(|(close, minute)| self.bar(minute, *close)).last().unwrap_or_default()
    }
}

fn candle(minute: u64, close: i64) -> Candle {
    let price = |offset: i64| Decimal64::new((close + offset) * 100, -2).into();
    Candle {
        instrument: instrument(),
        interval_ns: MINUTE.into(),
        open_ns: (minute * MINUTE).into(),
        open: price(0),
        high: price(1),
        low: price(-1),
        close: price(0),
        volume: Decimal64::ONE.into(),
        closed: 1,
        ..Candle::default()
    }
}

fn words(message: &Message<'_>) -> String {
    if let Some(signal) = message.get::<Signal>() {
        let (at, stop) = (signal.reference_price.get(), signal.stop_price.get());
        format!("{:?} at {at} stop {stop} for bar {}", signal.action, signal.bar_ns.get() / MINUTE)
    } else if let Some(decision) = message.get::<Decision>() {
        let gate = decision.gate.to_string();
        format!("decision {}", if gate.is_empty() { "passed" } else { &gate })
    } else {
        "something".to_owned()
    }
}

fn position(quantity: i64) -> Position {
    Position {
        instrument: instrument(),
        strategy: StrategyName::truncated("momentum"),
        quantity: Decimal64::new(quantity, 0).into(),
        entry_price: Decimal64::new(100, 0).into(),
        ..Position::default()
    }
}

const FALL: [i64; 7] = [112, 110, 108, 106, 104, 102, 100];

#[test]
fn every_bar_has_a_decision_and_a_crossing_a_signal() {
    let mut run = Run::new();
    assert_eq!(run.bar(1, 112), ["decision warm_up"]);
    assert_eq!(run.bars(2, &FALL[1..]), ["decision ema_cross"]);
    let said = run.bar(8, 106);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0] == "decision passed" && said[1].starts_with("enter_long at 106.00 stop 9"), "{said:?}");
    assert_eq!(run.bar(9, 110), ["decision in_position"]);
    // Down through the average: out, and short, in one bar.
    let turn = (10..).zip([106, 102, 98, 94]).map(|(minute, close)| run.bar(minute, close));
    let said = turn.into_iter().find(|said| said.len() > 1).expect("a turn");
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].starts_with("exit_long") && said[2].starts_with("enter_short"), "{said:?}");
}

#[test]
fn spot_is_never_sold_short() {
    let mut run = Run::new();
    let mut said = Vec::new();
    for (minute, close) in (1..).zip([100, 102, 104, 106, 108, 110, 106, 102, 98, 94]) {
        said.extend(run.bar_of("binance:spot:BTCUSDT", minute, close));
    }
    assert!(said.contains(&"decision trend".to_owned()) || said.contains(&"decision ema_cross".to_owned()), "{said:?}");
    assert!(!said.iter().any(|words| words.starts_with("enter_short")), "{said:?}");
    let mut other = Run::new();
    let said: Vec<String> =
        (1..).zip([100, 102, 104, 106, 108, 110, 106, 102, 98, 94]).flat_map(|(m, c)| other.bar(m, c)).collect();
    assert!(said.iter().any(|words| words.starts_with("enter_short")), "{said:?}");
}

#[test]
fn repeated_and_old_candles_change_nothing() {
    let mut run = Run::new();
    run.bars(1, &FALL);
    let digest = run.cell.state_digest();
    assert_eq!(run.bar(7, 300), Vec::<String>::new());
    assert_eq!(run.bar(3, 300), Vec::<String>::new());
    assert_eq!(run.say(&Candle { closed: 0, ..candle(8, 300) }), Vec::<String>::new());
    assert_eq!(run.say(&Candle { interval_ns: 1.into(), ..candle(8, 300) }), Vec::<String>::new());
    assert_eq!(run.cell.state_digest(), digest);
    assert_eq!(run.bar(8, 106).len(), 2);
}

#[test]
fn a_gap_starts_the_warm_up_again() {
    let mut run = Run::new();
    run.bars(1, &FALL);
    assert_eq!(run.bar(9, 106), ["decision warm_up"]);
    assert_eq!(run.bars(10, &[112, 110, 108]), ["decision warm_up"]);
}

#[test]
fn a_restarted_strategy_closes_what_it_finds() {
    let mut run = Run::new();
    run.say(&position(2));
    // Rising, so that the averages stand up; then a fall crosses them down.
    run.bars(1, &[100, 102, 104, 106, 108, 110, 112]);
    let mut said = Vec::new();
    for (minute, close) in (8..).zip([104, 100, 96]) {
        said.extend(run.bar(minute, close));
    }
    assert!(said.iter().any(|words| words.starts_with("exit_long")), "{said:?}");
}

#[test]
fn a_refused_entry_was_no_entry() {
    let mut run = Run::new();
    run.bars(1, &FALL);
    assert_eq!(run.bar(8, 106).len(), 2);
    run.say(&RiskVerdict {
        instrument: instrument(),
        strategy: StrategyName::truncated("momentum"),
        action: SignalAction::EnterLong.into(),
        reason: RejectReason::Cooldown.into(),
        ..RiskVerdict::default()
    });
    assert_eq!(run.bar(9, 110), ["decision ema_cross"]);
    // Another strategy's affairs are not its own.
    let other = Position { strategy: StrategyName::truncated("other"), ..position(5) };
    let digest = run.cell.state_digest();
    run.say(&other);
    assert_eq!(run.cell.state_digest(), digest);
}

#[test]
fn an_entry_that_found_nothing_was_no_entry() {
    let entered = || {
        let mut run = Run::new();
        run.bars(1, &FALL);
        assert_eq!(run.bar(8, 106).len(), 2);
        run
    };
    let (mut told, mut untold) = (entered(), entered());
    told.say(&position(0));
    assert_eq!(told.bar(9, 110), ["decision ema_cross"]);
    assert_ne!(untold.bar(9, 110), ["decision ema_cross"], "it believes to hold");
}

#[test]
fn the_same_candles_give_the_same_frames() {
    let run = || {
        let mut run = Run::new();
        for minute in 1..300u64 {
            // A sum of two waves, in whole numbers.
            let wave = i64::try_from((minute * 7) % 23 + (minute * minute) % 11).expect("small");
            run.bar(minute, 100 + wave);
        }
        (run.frames.clone(), run.cell.state_digest())
    };
    let (frames, digest) = run();
    assert_eq!((frames.clone(), digest), run());
    let signals =
        mesh_codec::Frames::new(&frames).filter(|(_, m)| m.as_ref().is_ok_and(|m| m.get::<Signal>().is_some()));
    assert!(signals.count() > 20);
}

/// `body` with some of its bytes overwritten: a message whose checksum holds and whose values make no sense.
fn damaged<T: TlvBody>(body: &T, damage: &[(u16, u8)]) -> T {
    let mut bytes = body.as_bytes().to_vec();
    for (place, byte) in damage {
        let place = usize::from(*place) % bytes.len();
        bytes[place] = *byte;
    }
    T::read_from_bytes(&bytes).expect("the same size")
}

/// A byte and its place; often the extremes.
fn damage() -> impl Strategy<Value = Vec<(u16, u8)>> {
    let byte = prop_oneof![Just(0u8), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    prop::collection::vec((any::<u16>(), byte), 0..12)
}

proptest! {
    #[test]
    fn values_that_make_no_sense_never_panic(steps in prop::collection::vec((0u8..3, damage()), 1..60)) {
        let mut run = Run::new();
        for (minute, (kind, damage)) in (1..).zip(&steps) {
            let close = 100 + i64::try_from(minute % 7).expect("small");
            match kind {
                0 => drop(run.say(&damaged(&position(1), damage))),
                _ => drop(run.say(&damaged(&candle(minute, close), damage))),
            }
            run.cell.state_digest();
        }
    }
}
