use mesh_actor::{Expected, Input, Replay, TimerId};
use mesh_codec::registry::TlvBody;
use mesh_codec::{Frames, Stamp, encode_one};
use mesh_runtime::Settings as _;
use mesh_types::execution::Position;
use mesh_types::market::Candle;
use mesh_types::signal::Signal;
use mesh_types::{Decimal64, InstrumentId, SignalAction, SourceId};

use crate::actor::Breakout;
use crate::settings::Settings;

const MINUTE_NS: u64 = 60_000_000_000;

fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

fn settings() -> Settings {
    Settings { instruments: vec![instrument()], lookback: 3, ..Settings::default() }
}

fn frame<T: TlvBody>(sequence: u64, body: &T) -> Vec<u8> {
    let mut frame = vec![0; 300];
    let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(1), sequence, timestamp_ns: sequence * MINUTE_NS };
    let size = encode_one(&mut frame, &stamp, body).expect("fits");
    frame.truncate(size);
    frame
}

fn candle(minute: u64, close: i64) -> Vec<u8> {
    let body = Candle {
        instrument: instrument(),
        interval_ns: MINUTE_NS.into(),
        open_ns: (minute * MINUTE_NS).into(),
        close: Decimal64::new(close, -2).into(),
        closed: 1,
        ..Candle::default()
    };
    frame(minute + 1, &body)
}

fn position(minute: u64, quantity: i64) -> Vec<u8> {
    let strategy = settings().strategy;
    let quantity = Decimal64::new(quantity, -5).into();
    frame(minute + 1, &Position { instrument: instrument(), strategy, quantity, ..Position::default() })
}

/// A quiet market, a breakout that is filled, and a fall.
fn recorded() -> Vec<Vec<u8>> {
    let mut inputs: Vec<_> =
        [100, 101, 100, 101, 105].into_iter().enumerate().map(|(i, c)| candle(i as u64, c)).collect();
    inputs.push(position(5, 500));
    inputs.extend([104, 103, 99].into_iter().enumerate().map(|(i, c)| candle(6 + i as u64, c)));
    inputs
}

/// Gives the inputs to a fresh actor, each in a batch of its own, and compares with earlier outputs where there are any.
fn run(earlier: &[Vec<u8>]) -> (Vec<Vec<u8>>, u64) {
    let mut replay = Replay::new(Breakout::new(settings()), SourceId::new(20));
    let mut outputs = Vec::new();
    for (index, input) in recorded().iter().enumerate() {
        let start = (index == 0).then_some(Input::Timer(TimerId::START));
        let expected = Expected { frames: earlier.get(index).map(Vec::as_slice), ..Expected::default() };
        let mut said = Vec::new();
        let inputs = start.into_iter().chain([Input::Message(input)]);
        replay
            .batch(index as u64 * MINUTE_NS, inputs, &expected, &mut |message| said.extend_from_slice(message.frame()))
            .unwrap_or_else(|divergence| panic!("{divergence}"));
        outputs.push(said);
    }
    (outputs, replay.state_digest())
}

#[test]
fn it_enters_a_breakout_and_exits_what_it_holds() {
    let (outputs, _) = run(&[]);
    let bytes = outputs.concat();
    let signals: Vec<_> = Frames::new(&bytes)
        .filter_map(|(_, message)| message.ok()?.get::<Signal>().and_then(|signal| signal.action.get()))
        .collect();
    assert_eq!(signals, [SignalAction::EnterLong, SignalAction::ExitLong]);
}

#[test]
fn a_recorded_run_replays_bit_for_bit() {
    let first = run(&[]);
    assert_eq!(run(&first.0), first);
}

#[test]
fn settings_without_instruments_are_refused() {
    assert_eq!(settings().validate(), Ok(()));
    assert!(Settings::default().validate().is_err_and(|error| error.starts_with("instruments")));
}
