//! The actor: closed candles in, signals out. It has no clock, no socket, no randomness: what it says follows from what it was
//! given, so the same code runs live, in replay and in the simulator.

use std::collections::{BTreeMap, VecDeque};

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_codec::Message;
use mesh_types::execution::Position;
use mesh_types::market::Candle;
use mesh_types::signal::Signal;
use mesh_types::{Confidence, Decimal64, InstrumentId, SignalAction};
use zerocopy::IntoBytes;

use crate::settings::Settings;

/// Enters above the last closes, exits below them.
#[derive(Debug)]
pub(crate) struct Breakout {
    settings: Settings,
    tracks: BTreeMap<InstrumentId, Track>,
}

/// One instrument.
#[derive(Debug, Default)]
struct Track {
    /// The last closes, newest at the back.
    closes: VecDeque<Decimal64>,
    /// Whether it is held, as the portfolio says.
    held: bool,
}

impl Breakout {
    /// The strategy before its first candle.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, tracks: BTreeMap::new() }
    }

    fn on_candle(&mut self, candle: &Candle, context: &mut Context<'_>) {
        let interval_ns = self.settings.interval_ms.saturating_mul(1_000_000);
        if candle.closed != 1 || candle.interval_ns.get() != interval_ns {
            return;
        }
        let track = self.tracks.entry(candle.instrument).or_default();
        let action = track.on_close(candle.close.get(), self.settings.lookback);
        if let Some(action) = action {
            context.emit(&Signal {
                instrument: candle.instrument,
                strategy: self.settings.strategy,
                action: action.into(),
                confidence: Confidence::Medium.into(),
                reference_price: candle.close,
                bar_ns: candle.open_ns,
                interval_ns: candle.interval_ns,
                ..Signal::default()
            });
        }
    }
}

impl Track {
    /// What a close proposes.
    fn on_close(&mut self, close: Decimal64, lookback: usize) -> Option<SignalAction> {
        let warm = self.closes.len() >= lookback;
        let above = self.closes.iter().all(|earlier| close > *earlier);
        let below = self.closes.iter().all(|earlier| close < *earlier);
        self.closes.push_back(close);
        if self.closes.len() > lookback {
            self.closes.pop_front();
        }
        match (warm, self.held) {
            (true, false) if above => Some(SignalAction::EnterLong),
            (true, true) if below => Some(SignalAction::ExitLong),
            _ => None,
        }
    }
}

impl Actor for Breakout {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if let Some(candle) = message.get::<Candle>() {
            self.on_candle(candle, context);
        } else if let Some(position) = message.get::<Position>()
            && position.strategy == self.settings.strategy
        {
            self.tracks.entry(position.instrument).or_default().held = position.quantity.get().is_positive();
        }
    }

    fn on_timer(&mut self, _: TimerId, _: &mut Context<'_>) {}

    fn state_digest(&self) -> u64 {
        let digest = |digest: Digest, (instrument, track): (&InstrumentId, &Track)| {
            let digest = digest.bytes(instrument.as_bytes()).u64(u64::from(track.held));
            let close = |digest: Digest, close: &Decimal64| digest.i64(close.mantissa).i64(close.exponent.into());
            track.closes.iter().fold(digest, close).u64(track.closes.len() as u64)
        };
        self.tracks.iter().fold(Digest::default(), digest).value()
    }
}
