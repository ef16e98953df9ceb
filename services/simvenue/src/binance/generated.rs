//! The market that the generator makes: several symbols in steps of 100 ms of the venue's clock. All protocols tell of the
//! same one.

use std::collections::VecDeque;

use mesh_book::Book;
use mesh_types::Side;

use super::Frame;
use super::frames::{Streams, Wanted};
use crate::core::Trade;
use crate::core::candles::Candles;
use crate::core::diff::Collector;
use crate::core::exchange::Exchange;
use crate::core::generator::{Generator, STEP_NS, Said};
use crate::core::instrument::Instrument;
use crate::public::kraken::HEARTBEAT;
use crate::public::session::{HEARTBEATS, instruments};
use crate::public::stream::{Moment, Stream};
use crate::public::{Protocol, hyperliquid};

const SECOND: u64 = 1_000_000_000;
/// Trades of a symbol that can be asked for.
const RECENT_TRADES: usize = 10_000;
/// Further behind than this the clock jumps: the machine slept.
const MOST_BEHIND_NS: u64 = 10 * SECOND;

struct Symbol {
    instrument: Instrument,
    public: Vec<Stream>,
    generator: Generator,
    candles: Candles,
    recent: VecDeque<Trade>,
    streams: Streams,
    fast: Collector,
    slow: Collector,
}

/// Several generated symbols.
pub struct Generated {
    symbols: Vec<Symbol>,
    next_ns: u64,
}

impl Generated {
    /// Symbols with the price that they start from. `history_ns` of the past is made at once, so that there are candles.
    pub fn new(instruments: &[(Instrument, i64)], seed: u64, now_ns: u64, history_ns: u64) -> Self {
        let symbols = instruments.iter().map(|(instrument, price)| Symbol {
            instrument: instrument.clone(),
            public: Stream::all(instrument),
            generator: Generator::new(instrument, *price, seed),
            candles: Candles::new(0),
            recent: VecDeque::new(),
            streams: Streams::new(&instrument.symbol),
            fast: Collector::default(),
            slow: Collector::default(),
        });
        let now_ns = now_ns - now_ns % STEP_NS;
        let mut market = Self { symbols: symbols.collect(), next_ns: now_ns.saturating_sub(history_ns) };
        while market.next_ns < now_ns {
            market.step(&|_| false, None, &mut Vec::new());
        }
        market
    }

    /// When there is something new, ns since the Unix epoch.
    pub const fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// A symbol's book and last update id.
    pub fn book(&self, index: usize) -> Option<(&Book, u64)> {
        let generator = &self.symbols.get(index)?.generator;
        Some((generator.book(), generator.sequence()))
    }

    /// A symbol's candles.
    pub fn candles(&self, index: usize) -> Option<&Candles> {
        self.symbols.get(index).map(|symbol| &symbol.candles)
    }

    /// A symbol's trades of late, oldest first.
    pub fn trades(&self, index: usize) -> Option<&VecDeque<Trade>> {
        self.symbols.get(index).map(|symbol| &symbol.recent)
    }

    /// What a new subscriber of a stream of another protocol is told first, none or one frame; `None` where there is no such
    /// stream.
    pub fn snapshot(&mut self, stream: &str, now_ns: u64) -> Option<Option<String>> {
        for symbol in &mut self.symbols {
            let Symbol { instrument, public, generator, candles, .. } = symbol;
            if let Some(stream) = public.iter_mut().find(|known| known.name == stream) {
                let (book, sequence) = (generator.book(), generator.sequence());
                return Some(stream.snapshot(&Moment { instrument, book, sequence, trades: &[], candles, now_ns }));
            }
        }
        let all: Vec<&Instrument> = self.symbols.iter().map(|symbol| &symbol.instrument).collect();
        Protocol::ALL.into_iter().find_map(|protocol| {
            let kind = stream.strip_prefix(&instruments(protocol, ""))?;
            protocol.instruments(&all, kind).map(Some)
        })
    }

    /// The answer to Hyperliquid's `info`.
    pub fn info(&self, body: &str) -> Option<String> {
        let all: Vec<&Instrument> = self.symbols.iter().map(|symbol| &symbol.instrument).collect();
        hyperliquid::info(&all, body)
    }

    /// Comes to `now_ns`.
    pub fn advance(&mut self, now_ns: u64, wanted: Wanted<'_>, exchange: &mut Exchange, out: &mut Vec<Frame>) {
        if now_ns.saturating_sub(self.next_ns) > MOST_BEHIND_NS {
            self.next_ns = now_ns - now_ns % STEP_NS;
        }
        while self.next_ns <= now_ns {
            self.step(wanted, Some(exchange), out);
        }
    }

    fn step(&mut self, wanted: Wanted<'_>, mut exchange: Option<&mut Exchange>, out: &mut Vec<Frame>) {
        let now_ns = self.next_ns;
        self.next_ns += STEP_NS;
        if now_ns.is_multiple_of(SECOND) && wanted(HEARTBEATS) {
            out.push(Frame { stream: HEARTBEATS.to_owned(), payload: HEARTBEAT.to_owned() });
        }
        for (index, symbol) in self.symbols.iter_mut().enumerate() {
            let (trades, levels) = symbol.step(now_ns, wanted, out);
            if let Some(exchange) = exchange.as_deref_mut() {
                trades.iter().for_each(|trade| exchange.on_trade(index, trade));
                exchange.on_book(index, symbol.generator.book(), Some(&levels), now_ns);
            }
        }
    }
}

impl Symbol {
    /// One step; answers with what the accounts' orders may have met.
    fn step(&mut self, now_ns: u64, wanted: Wanted<'_>, out: &mut Vec<Frame>) -> (Vec<Trade>, Vec<(Side, i64)>) {
        let Self { instrument, public, generator, candles, recent, streams, fast, slow } = self;
        let (mut trades, mut levels) = (Vec::new(), Vec::new());
        candles.on_time(now_ns, |interval, candle| {
            streams.push_kline(interval, candle, true, now_ns, wanted, out);
        });
        generator.step(now_ns, &mut |said| match said {
            Said::Trade(trade) => {
                streams.push_trade(&trade, wanted, out);
                candles.on_trade(&trade, |_, _| {});
                trades.push(trade);
                recent.push_back(trade);
                recent.drain(..recent.len().saturating_sub(RECENT_TRADES));
            }
            Said::Top(top) => streams.push_top(&top, wanted, out),
            Said::Level { id, side, level } => {
                fast.set(id, side, level);
                slow.set(id, side, level);
                levels.push((side, level.price));
            }
        });
        if let Some(diff) = fast.take() {
            streams.push_depth(&diff, false, now_ns, wanted, out);
        }
        if let Some(diff) = now_ns.is_multiple_of(SECOND).then(|| slow.take()).flatten() {
            streams.push_depth(&diff, true, now_ns, wanted, out);
        }
        streams.push_open_klines(candles, now_ns - 1, now_ns, wanted, out);
        let (book, sequence) = (generator.book(), generator.sequence());
        let moment = Moment { instrument, book, sequence, trades: &trades, candles, now_ns };
        let mut payloads = Vec::new();
        for stream in public.iter_mut().filter(|stream| wanted(&stream.name)) {
            stream.step(&moment, &mut payloads);
            out.extend(payloads.drain(..).map(|payload| Frame { stream: stream.name.clone(), payload }));
        }
        (trades, levels)
    }
}
