//! The actor: closed candles in, a `Decision` for each and `Signal`s out.

use std::collections::BTreeMap;

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_codec::Message;
use mesh_kernel::strategy::momentum::{Params, State};
use mesh_kernel::{Action, Bar, Decision as KernelDecision, Side};
use mesh_types::execution::{Position, RiskVerdict};
use mesh_types::market::Candle;
use mesh_types::signal::{Decision, Signal};
use mesh_types::wire::Coded;
use mesh_types::{Confidence, Decimal64, FixedStr, InstrumentId, InstrumentKind, Rounding, SignalAction};
use zerocopy::IntoBytes;

use crate::settings::Settings;

/// One instrument.
#[derive(Clone, Copy, Debug)]
struct Track {
    state: State,
    /// Start of the last bar, ns since the Unix epoch; 0 before the first.
    last_open_ns: u64,
    /// What is held in truth, as the portfolio says.
    held: Side,
    entry_price: f64,
    stop_price: f64,
}

/// EMA crossing with an ATR stop.
#[derive(Debug)]
pub struct Momentum {
    settings: Settings,
    params: Params,
    tracks: BTreeMap<InstrumentId, Track>,
}

impl Momentum {
    /// A strategy before its first bar.
    ///
    /// # Errors
    /// Which setting can't be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let params = settings.params()?;
        Ok(Self { settings, params, tracks: BTreeMap::new() })
    }

    /// The parameters of an instrument: spot can't be sold short, so there momentum does not ask for it.
    fn params(&self, instrument: &InstrumentId) -> Params {
        let spot = instrument.kind() == Some(InstrumentKind::Spot);
        Params { allow_short: self.params.allow_short && !spot, ..self.params }
    }

    /// The instrument's track, where it is traded.
    fn track(&mut self, instrument: &InstrumentId) -> Option<&mut Track> {
        let traded = &self.settings.instruments;
        if !traded.is_empty() && !traded.contains(instrument) {
            return None;
        }
        let params = &self.params(instrument);
        let flat = |held| Track { state: State::new(params), last_open_ns: 0, held, entry_price: 0.0, stop_price: 0.0 };
        Some(self.tracks.entry(*instrument).or_insert_with(|| flat(Side::Flat)))
    }

    fn on_candle(&mut self, candle: &Candle, context: &mut Context<'_>) {
        let (interval_ns, params) = (self.settings.interval_ns(), self.params(&candle.instrument));
        if candle.closed != 1 || candle.interval_ns.get() != interval_ns {
            return;
        }
        let Some(track) = self.track(&candle.instrument) else { return };
        let open_ns = candle.open_ns.get();
        if open_ns <= track.last_open_ns {
            return context.count("candles_repeated", 1);
        }
        if track.last_open_ns != 0 && open_ns != track.last_open_ns.saturating_add(interval_ns) {
            // Averages over bars that are missing would be of another series: warm up again, keep what is held.
            context.count("candle_gaps", 1);
            track.state = State::new(&params);
            track.state.set_position(track.held, track.entry_price, track.stop_price);
        }
        track.last_open_ns = open_ns;
        let bar = Bar {
            open: candle.open.get().to_f64(),
            high: candle.high.get().to_f64(),
            low: candle.low.get().to_f64(),
            close: candle.close.get().to_f64(),
            volume: candle.volume.get().to_f64(),
        };
        let decision = track.state.on_bar(&params, &bar);
        if decision.stop_price > 0.0 {
            track.stop_price = decision.stop_price;
        }
        self.say(candle, &decision, context);
    }

    fn say(&self, candle: &Candle, decision: &KernelDecision, context: &mut Context<'_>) {
        context.emit(&Decision {
            instrument: candle.instrument,
            strategy: self.settings.strategy,
            bar_ns: candle.open_ns,
            action: Coded::from_raw(decision.action as u8),
            gate: FixedStr::truncated(decision.gate.name()),
            value: decision.gate_value.into(),
            threshold: decision.gate_threshold.into(),
            reasons: decision.reasons.into(),
            ..Decision::default()
        });
        for action in [decision.action, decision.then] {
            if let Some(action) = on_the_wire(action) {
                context.emit(&self.signal(candle, decision, action));
            }
        }
    }

    fn signal(&self, candle: &Candle, decision: &KernelDecision, action: SignalAction) -> Signal {
        let entry = action.is_entry();
        let confidence = if entry { Coded::from_raw(decision.confidence.rank()) } else { Confidence::High.into() };
        // The stop is rounded towards the entry: given up early rather than late.
        let rounding = if action == SignalAction::EnterLong { Rounding::Ceiling } else { Rounding::Floor };
        let exponent = candle.close.exponent;
        let stop_price = if entry { decision.stop_price } else { 0.0 };
        Signal {
            instrument: candle.instrument,
            strategy: self.settings.strategy,
            action: action.into(),
            confidence,
            score: (if entry { decision.score } else { 0.0 }).into(),
            reference_price: candle.close,
            stop_price: Decimal64::from_f64(stop_price, exponent, rounding).unwrap_or_default().into(),
            bar_ns: candle.open_ns,
            interval_ns: candle.interval_ns,
            reasons: decision.reasons.into(),
            decision_digest: decision.digest.into(),
            ..Signal::default()
        }
    }

    /// What is held in truth.
    fn on_position(&mut self, position: &Position) {
        let Some(track) = self.track(&position.instrument) else { return };
        let quantity = position.quantity.get();
        track.held = match quantity.mantissa.signum() {
            1 => Side::Long,
            -1 => Side::Short,
            _ => Side::Flat,
        };
        track.entry_price = position.entry_price.get().to_f64();
        if track.held == Side::Flat {
            track.stop_price = 0.0;
        }
        if track.state.side() != track.held {
            track.state.set_position(track.held, track.entry_price, track.stop_price);
        }
    }

    /// An entry that risk refused was not carried out.
    fn on_verdict(&mut self, verdict: &RiskVerdict) {
        let entry = verdict.action.get().is_some_and(SignalAction::is_entry);
        let Some(track) = self.tracks.get_mut(&verdict.instrument).filter(|_| entry && verdict.allowed == 0) else {
            return;
        };
        if track.state.side() != track.held {
            track.state.set_position(track.held, track.entry_price, track.stop_price);
        }
    }
}

fn on_the_wire(action: Action) -> Option<SignalAction> {
    match action {
        Action::None => None,
        Action::EnterLong => Some(SignalAction::EnterLong),
        Action::EnterShort => Some(SignalAction::EnterShort),
        Action::ExitLong => Some(SignalAction::ExitLong),
        Action::ExitShort => Some(SignalAction::ExitShort),
    }
}

impl Actor for Momentum {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if let Some(candle) = message.get::<Candle>() {
            self.on_candle(candle, context);
        } else if let Some(position) = message.get::<Position>() {
            if position.strategy == self.settings.strategy {
                self.on_position(position);
            }
        } else if let Some(verdict) = message.get::<RiskVerdict>()
            && verdict.strategy == self.settings.strategy
        {
            self.on_verdict(verdict);
        }
    }

    fn on_timer(&mut self, _: TimerId, _: &mut Context<'_>) {}

    fn state_digest(&self) -> u64 {
        self.tracks
            .iter()
            .fold(Digest::default().u64(self.params.digest()), |digest, (instrument, track)| {
                let digest = digest.bytes(instrument.as_bytes()).u64(track.state.digest()).u64(track.last_open_ns);
                digest.u64(track.held as u64).f64(track.entry_price).f64(track.stop_price)
            })
            .value()
    }
}
