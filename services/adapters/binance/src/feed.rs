//! The actor: packets in, market messages and requests out.

use std::collections::BTreeMap;

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_adapter::connection::{Connection, Socket};
use mesh_adapter::wire;
use mesh_codec::{Message, packet};
use mesh_types::limits::Limits;
use mesh_types::market::VenueStatus;
use mesh_types::system::SnapshotRequest;
use mesh_types::{FixedStr, InstrumentError, InstrumentId, Venue, VenueState};
use mesh_venues::binance::errors::{Action, ApiError};
use mesh_venues::binance::event::Event;
use mesh_venues::binance::format::{self, Request};
use mesh_venues::binance::limits::{Priority, RateLimiter};
use mesh_venues::binance::parse::Decoder;
use mesh_venues::binance::subscribe::{DepthSpeed, Stream};
use mesh_venues::binance::{Market, convert, instruments};

use crate::settings::Settings;
use crate::symbol::Symbol;

const MARKET: Market = Market::Spot;
const SECOND_NS: u64 = 1_000_000_000;
const MILLISECOND_NS: u64 = 1_000_000;
/// Snapshots for relays and subscribers are told at most so often; requests in between are answered together.
const PUBLISH_AGAIN_NS: u64 = 100 * MILLISECOND_NS;

const RECONNECT: TimerId = TimerId(1);
const WATCHDOG: TimerId = TimerId(2);
const INFORMATION: TimerId = TimerId(3);
const PUBLISH_AGAIN: TimerId = TimerId(4);
/// Plus the symbol's index: its snapshot is asked for again.
const SNAPSHOT: u64 = 1000;

/// What an HTTP request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Information,
    Snapshot { symbol: usize },
}

/// The feed of one connection.
#[derive(Debug)]
pub struct Feed {
    symbols: Vec<Symbol>,
    path: String,
    snapshot_limit: usize,
    silence_ns: u64,
    information_ns: u64,
    decoder: Decoder,
    connection: Connection,
    limiter: RateLimiter,
    requests: BTreeMap<u32, Purpose>,
    next_request: u32,
    state: VenueState,
    since_ns: u64,
    published_again_ns: u64,
}

impl Feed {
    /// A feed that is not connected. `salt` tells the delays of several adapters apart.
    ///
    /// # Errors
    /// When a symbol can't be one.
    pub fn new(settings: &Settings, limits: Limits, salt: u64) -> Result<Self, InstrumentError> {
        let depth = settings.depth.unwrap_or(limits.order_levels).min(limits.order_levels);
        let symbol = |name: &String| Ok(Symbol::new(name, MARKET.instrument(name)?, depth));
        Ok(Self {
            symbols: settings.symbols.iter().map(symbol).collect::<Result<_, InstrumentError>>()?,
            path: path(settings),
            snapshot_limit: format::depth_limit(MARKET, settings.snapshot_limit),
            silence_ns: settings.silence_ms * MILLISECOND_NS,
            information_ns: settings.instrument_refresh_s.max(1) * SECOND_NS,
            decoder: Decoder::new(),
            connection: Connection::new(
                settings.reconnect_min_ms * MILLISECOND_NS,
                settings.reconnect_max_ms * MILLISECOND_NS,
                salt,
            ),
            limiter: RateLimiter::new(&[]),
            requests: BTreeMap::new(),
            next_request: wire::FIRST_REQUEST,
            state: VenueState::Down,
            since_ns: 0,
            published_again_ns: 0,
        })
    }

    fn connect(&mut self, context: &mut Context<'_>) {
        let stream = self.connection.open(context.now_ns());
        let bytes = self.path.as_bytes();
        context.emit_tailed(&wire::request(stream, wire::CONNECT, bytes), bytes);
    }

    /// Ends the connection from our side and makes it again after a delay.
    fn reconnect(&mut self, reason: &str, context: &mut Context<'_>) {
        if let Socket::Opening(stream) | Socket::Open(stream) = self.connection.socket() {
            context.emit_tailed(&wire::request(stream, wire::CLOSE, &[]), &[]);
        }
        self.lost(reason, context);
    }

    fn lost(&mut self, reason: &str, context: &mut Context<'_>) {
        context.count("disconnects", 1);
        let delay_ns = self.connection.lost();
        context.set_timer(RECONNECT, context.now_ns() + delay_ns);
        self.symbols.iter_mut().for_each(|symbol| symbol.disconnected(context));
        self.set_state(VenueState::Down, reason, context);
    }

    fn set_state(&mut self, state: VenueState, reason: &str, context: &mut Context<'_>) {
        if self.state != state || self.since_ns == 0 {
            self.state = state;
            self.since_ns = context.now_ns();
            context.emit(&self.status(reason));
        }
    }

    fn status(&self, reason: &str) -> VenueStatus {
        VenueStatus {
            venue: Venue::Binance.into(),
            state: self.state.into(),
            since_ns: self.since_ns.into(),
            reason: FixedStr::truncated(reason),
            ..VenueStatus::default()
        }
    }

    fn get(&mut self, request: &Request, purpose: Purpose, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        if let Err(at_ns) = self.limiter.acquire(now_ns, request.weight, 0, Priority::Data) {
            context.count("rate_limited", 1);
            return self.again_at(purpose, at_ns.max(now_ns + SECOND_NS), context);
        }
        let stream = self.next_request;
        self.next_request = self.next_request.checked_add(1).unwrap_or(wire::FIRST_REQUEST);
        if let Purpose::Snapshot { symbol } = purpose
            && let Some(symbol) = self.symbols.get_mut(symbol)
        {
            symbol.snapshot_requested();
        }
        self.requests.insert(stream, purpose);
        let target = request.public_target();
        context.emit_tailed(&wire::request(stream, wire::GET, target.as_bytes()), target.as_bytes());
    }

    fn again_at(&self, purpose: Purpose, at_ns: u64, context: &mut Context<'_>) {
        match purpose {
            Purpose::Information => context.set_timer(INFORMATION, at_ns),
            Purpose::Snapshot { symbol } => context.set_timer(TimerId(SNAPSHOT + symbol as u64), at_ns),
        }
    }

    fn ask_for_information(&mut self, context: &mut Context<'_>) {
        let mut request = format::exchange_info(MARKET);
        let names: Vec<&str> = self.symbols.iter().map(|symbol| symbol.name.as_str()).collect();
        request.query.push("symbols", serde_json::Value::from(names));
        context.set_timer(INFORMATION, context.now_ns() + self.information_ns);
        self.get(&request, Purpose::Information, context);
    }

    fn ask_for_snapshot(&mut self, symbol: usize, context: &mut Context<'_>) {
        let Some(name) = self.symbols.get(symbol).filter(|symbol| symbol.wants_snapshot()).map(|symbol| &symbol.name)
        else {
            return;
        };
        let request = format::depth(MARKET, name, self.snapshot_limit);
        self.get(&request, Purpose::Snapshot { symbol }, context);
    }

    fn on_packet(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let Some((head, bytes)) = packet::join(message) else { return };
        match head.kind {
            wire::ANSWER => self.on_answer(head.stream, &bytes, head.received_ns, context),
            _ if !self.connection.is_current(head.stream) => context.count("late_packets", 1),
            wire::CONNECTED => {
                self.connection.opened(head.stream, context.now_ns());
                self.symbols.iter_mut().for_each(|symbol| symbol.connected(context.now_ns()));
            }
            wire::DISCONNECTED => self.lost(&String::from_utf8_lossy(&bytes), context),
            wire::TEXT => self.on_text(&bytes, head.received_ns, context),
            _ => context.count("bad_packet_kind", 1),
        }
    }

    fn on_text(&mut self, bytes: &[u8], received_ns: u64, context: &mut Context<'_>) {
        let mut decoder = core::mem::take(&mut self.decoder);
        let mut leave = false;
        let decoded = decoder.decode(bytes, |_, event| leave |= self.on_event(event, received_ns, context));
        self.decoder = decoder;
        match decoded {
            Ok(()) => {
                self.connection.heard(context.now_ns());
                self.set_state(VenueState::Up, "", context);
            }
            Err(_) => context.count("bad_payload", 1),
        }
        if leave {
            self.reconnect("the venue is going down", context);
        }
    }

    /// Handles one event; answers whether the connection should be left.
    fn on_event(&mut self, event: &Event<'_>, received_ns: u64, context: &mut Context<'_>) -> bool {
        match event {
            Event::Trade(trade) => emit(convert::trade(MARKET, trade, received_ns), context),
            Event::BookTicker(ticker) => emit(convert::quote(MARKET, ticker, received_ns), context),
            Event::Kline(kline) => emit(convert::candle(MARKET, kline, received_ns), context),
            Event::DepthUpdate(update) => {
                let Some(index) = self.symbols.iter().position(|symbol| symbol.name == update.symbol) else {
                    context.count("bad_symbol", 1);
                    return false;
                };
                if let Some(symbol) = self.symbols.get_mut(index)
                    && symbol.on_update(update, received_ns, context).is_err()
                {
                    context.count("bad_level", 1);
                }
                self.ask_for_snapshot(index, context);
            }
            Event::ServerShutdown { .. } => return true,
            Event::Reply(reply) if reply.error.is_some() => context.count("bad_reply", 1),
            _ => context.count("ignored_events", 1),
        }
        false
    }

    fn on_answer(&mut self, stream: u32, bytes: &[u8], received_ns: u64, context: &mut Context<'_>) {
        let Some(purpose) = self.requests.remove(&stream) else { return context.count("late_packets", 1) };
        let Some((status, retry_after_s, body)) = wire::parse_answer(bytes) else {
            return self.failed(purpose, 0, context);
        };
        if status != 200 {
            let delay_s = match ApiError::parse(status, body).action(Some(retry_after_s)) {
                Action::BackOff { retry_after_s, banned } => {
                    self.limiter.back_off(context.now_ns(), retry_after_s, banned);
                    retry_after_s
                }
                _ => 0,
            };
            return self.failed(purpose, delay_s, context);
        }
        let good = match purpose {
            Purpose::Information => self.on_information(body, received_ns, context),
            Purpose::Snapshot { symbol } => self.on_snapshot(symbol, body, received_ns, context),
        };
        if !good {
            context.count("bad_payload", 1);
            self.failed(purpose, 0, context);
        }
    }

    fn on_information(&mut self, body: &[u8], received_ns: u64, context: &mut Context<'_>) -> bool {
        let Ok(information) = instruments::exchange_info(body) else { return false };
        self.limiter = RateLimiter::new(&information.rate_limits);
        for info in &information.symbols {
            let Some(symbol) = self.symbols.iter_mut().find(|symbol| symbol.name == info.symbol) else { continue };
            match convert::instrument_info(MARKET, info, information.server_ns, received_ns) {
                Ok(body) => symbol.on_info(body, context),
                Err(_) => context.count("bad_symbol", 1),
            }
        }
        true
    }

    fn on_snapshot(&mut self, index: usize, body: &[u8], received_ns: u64, context: &mut Context<'_>) -> bool {
        let limit = self.snapshot_limit;
        let Some(symbol) = self.symbols.get_mut(index) else { return false };
        let mut taken = false;
        let decoded = self.decoder.decode(body, |_, event| {
            if let Event::Depth(depth) = event {
                taken = symbol.on_snapshot(depth, limit, received_ns, context).is_ok();
            }
        });
        if taken {
            // A snapshot older than the first change is no use: another one is wanted, a little later.
            context.set_timer(TimerId(SNAPSHOT + index as u64), context.now_ns() + SECOND_NS);
        }
        decoded.is_ok() && taken
    }

    fn failed(&mut self, purpose: Purpose, delay_s: u64, context: &mut Context<'_>) {
        context.count("failed_requests", 1);
        let failures = match purpose {
            Purpose::Information => 1,
            Purpose::Snapshot { symbol } => self.symbols.get_mut(symbol).map_or(1, Symbol::snapshot_failed),
        };
        let delay_ns = (SECOND_NS << failures.min(5)) / 2;
        self.again_at(purpose, context.now_ns() + delay_ns.max(delay_s * SECOND_NS), context);
    }

    fn watch(&mut self, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        context.set_timer(WATCHDOG, now_ns + SECOND_NS);
        let silent = self.connection.is_silent(now_ns, self.silence_ns);
        let mute =
            self.connection.is_open() && self.symbols.iter().any(|symbol| symbol.is_silent(now_ns, self.silence_ns));
        if silent || mute {
            self.set_state(VenueState::Degraded, "silent", context);
            return self.reconnect("silent: the connection is made again", context);
        }
        self.symbols.iter_mut().for_each(Symbol::refresh_if_needed);
    }

    fn publish_again(&mut self, instrument: InstrumentId, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        if now_ns.saturating_sub(self.published_again_ns) < PUBLISH_AGAIN_NS {
            return context.set_timer(PUBLISH_AGAIN, self.published_again_ns + PUBLISH_AGAIN_NS);
        }
        self.published_again_ns = now_ns;
        context.emit(&self.status(""));
        let all = instrument == InstrumentId::default();
        for symbol in self.symbols.iter_mut().filter(|symbol| all || symbol.instrument == instrument) {
            symbol.publish_again(context);
        }
    }
}

/// Path and query of the one connection that carries all streams.
fn path(settings: &Settings) -> String {
    let mut streams = Vec::new();
    for symbol in &settings.symbols {
        for stream in [Stream::Trade, Stream::BookTicker, Stream::Depth(DepthSpeed::Fast)] {
            streams.push(stream.name(symbol));
        }
        streams.extend(settings.intervals.iter().map(|interval| Stream::Kline(interval).name(symbol)));
    }
    format!("{}?streams={}", Stream::Trade.path(MARKET), streams.join("/"))
}

fn emit<T: mesh_codec::TlvBody>(body: Result<T, InstrumentError>, context: &mut Context<'_>) {
    match body {
        Ok(body) => {
            context.emit(&body);
        }
        Err(_) => context.count("bad_symbol", 1),
    }
}

impl Actor for Feed {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        match message.get::<SnapshotRequest>() {
            Some(request) => self.publish_again(request.instrument, context),
            None => self.on_packet(message, context),
        }
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        match timer {
            TimerId::START => {
                self.connect(context);
                self.ask_for_information(context);
                context.set_timer(WATCHDOG, context.now_ns() + SECOND_NS);
            }
            RECONNECT => self.connect(context),
            WATCHDOG => self.watch(context),
            INFORMATION => self.ask_for_information(context),
            PUBLISH_AGAIN => self.publish_again(InstrumentId::default(), context),
            TimerId(id) => {
                let index = usize::try_from(id.saturating_sub(SNAPSHOT)).unwrap_or(usize::MAX);
                self.ask_for_snapshot(index, context);
            }
        }
    }

    fn state_digest(&self) -> u64 {
        let digest = self.connection.digest(Digest::default());
        let digest = digest.u64(self.state as u64).u64(self.since_ns).u64(u64::from(self.next_request));
        let digest = self.requests.keys().fold(digest, |digest, stream| digest.u64(u64::from(*stream)));
        self.symbols.iter().fold(digest, |digest, symbol| symbol.digest(digest)).value()
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
