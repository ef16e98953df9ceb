//! One stream of one symbol: what it last told of the book, and the frames of each step of the market.

use mesh_book::{Book, Level};
use mesh_types::Side;

use super::{Protocol, hyperliquid, kraken, okx};
use crate::core::Trade;
use crate::core::candles::{Candle, Candles, INTERVALS, Interval};
use crate::core::instrument::Instrument;

const SECOND_NS: u64 = 1_000_000_000;
/// Between two frames of mark price, funding and open interest.
const CONTEXT_NS: u64 = 3 * SECOND_NS;

/// What a stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Levels, of so many a side.
    Book(usize),
    /// Best bid and ask.
    Quotes,
    /// Trades.
    Trades,
    /// Candles.
    Candles(Interval),
    /// Funding; on Hyperliquid with mark price and open interest.
    Funding,
    /// Mark price.
    Mark,
    /// Open interest.
    OpenInterest,
}

/// The market of a symbol at a moment.
#[derive(Clone, Copy)]
pub struct Moment<'m> {
    /// What is traded.
    pub instrument: &'m Instrument,
    /// Its book.
    pub book: &'m Book,
    /// The book's last update id.
    pub sequence: u64,
    /// Trades since the moment before.
    pub trades: &'m [Trade],
    /// Its candles.
    pub candles: &'m Candles,
    /// Now, ns since the Unix epoch.
    pub now_ns: u64,
}

impl Moment<'_> {
    /// Best bid and ask.
    pub fn best(&self) -> (Option<Level>, Option<Level>) {
        (self.book.best_bid(), self.book.best_ask())
    }
}

/// What a stream has told of its book.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Best first.
    pub bids: Vec<Level>,
    /// Best first.
    pub asks: Vec<Level>,
    /// The update id of then.
    pub sequence: u64,
}

/// Levels that are new or have gone, with quantity 0.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Of the bids.
    pub bids: Vec<Level>,
    /// Of the asks.
    pub asks: Vec<Level>,
    /// The update id before.
    pub previous: u64,
}

/// What changed from `before` to `after`. What better levels pushed out is in neither: the venue does not tell of it.
fn changed(before: &[Level], after: &[Level], is_there: impl Fn(i64) -> bool) -> Vec<Level> {
    let gone = before.iter().filter(|level| !is_there(level.price)).map(|level| Level::new(level.price, 0));
    gone.chain(after.iter().filter(|level| !before.contains(level)).copied()).collect()
}

impl View {
    /// Takes the book as it is.
    pub fn take(&mut self, moment: &Moment<'_>, depth: usize) {
        self.bids = moment.book.bids().take(depth).collect();
        self.asks = moment.book.asks().take(depth).collect();
        self.sequence = moment.sequence;
    }

    /// Takes the book as it is; what that changes, if anything.
    pub fn follow(&mut self, moment: &Moment<'_>, depth: usize) -> Option<Changes> {
        let before = core::mem::take(self);
        self.take(moment, depth);
        let has = |side: Side, price: i64| match side {
            Side::Buy => moment.book.bids().any(|level| level.price == price),
            Side::Sell => moment.book.asks().any(|level| level.price == price),
        };
        let changes = Changes {
            bids: changed(&before.bids, &self.bids, |price| has(Side::Buy, price)),
            asks: changed(&before.asks, &self.asks, |price| has(Side::Sell, price)),
            previous: before.sequence,
        };
        if changes.bids.is_empty() && changes.asks.is_empty() {
            // The next frame continues the one before, whatever happened beyond the view.
            self.sequence = before.sequence;
            return None;
        }
        Some(changes)
    }
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name among all streams of this venue: protocol, channel, symbol.
    pub name: String,
    protocol: Protocol,
    symbol: String,
    channel: Channel,
    view: View,
    /// Opening time of the candle that was told last.
    candle_ns: u64,
}

/// The name of a stream, as a session makes it from a request.
pub fn name(protocol: Protocol, channel: &str, symbol: &str) -> String {
    format!("{}:{channel}:{symbol}", protocol.name())
}

impl Stream {
    /// All streams of an instrument.
    pub fn all(instrument: &Instrument) -> Vec<Self> {
        let mut streams = Vec::new();
        for protocol in Protocol::ALL {
            for symbol in protocol.symbols(instrument) {
                let channels = match protocol {
                    Protocol::Kraken => kraken::channels(),
                    Protocol::Okx => okx::channels(&symbol),
                    Protocol::Hyperliquid => hyperliquid::channels(),
                };
                streams.extend(channels.into_iter().map(|(channel_name, channel)| Self {
                    name: name(protocol, &channel_name, &symbol),
                    protocol,
                    symbol: symbol.clone(),
                    channel,
                    view: View::default(),
                    candle_ns: 0,
                }));
            }
        }
        streams
    }

    /// What a new subscriber is told first, if anything.
    pub fn snapshot(&mut self, moment: &Moment<'_>) -> Option<String> {
        let symbol = &self.symbol;
        match self.channel {
            Channel::Book(depth) => {
                self.view.take(moment, depth);
                Some(match self.protocol {
                    Protocol::Kraken => kraken::book(symbol, moment, &self.view, None),
                    Protocol::Okx => okx::book(symbol, moment, &self.view, None),
                    Protocol::Hyperliquid => hyperliquid::book(symbol, moment, &self.view),
                })
            }
            Channel::Quotes => Some(self.quote(moment)),
            Channel::Funding | Channel::Mark | Channel::OpenInterest => Some(self.context(moment)),
            Channel::Trades | Channel::Candles(_) => None,
        }
    }

    /// What its subscribers are told of a step.
    pub fn step(&mut self, moment: &Moment<'_>, out: &mut Vec<String>) {
        let symbol = &self.symbol;
        match self.channel {
            Channel::Book(depth) => {
                let Some(changes) = self.view.follow(moment, depth) else { return };
                out.push(match self.protocol {
                    Protocol::Kraken => kraken::book(symbol, moment, &self.view, Some(&changes)),
                    Protocol::Okx => okx::book(symbol, moment, &self.view, Some(&changes)),
                    Protocol::Hyperliquid => hyperliquid::book(symbol, moment, &self.view),
                });
            }
            Channel::Quotes => {
                if self.view.follow(moment, 1).is_some() {
                    out.push(self.quote(moment));
                }
            }
            Channel::Trades if moment.trades.is_empty() => {}
            Channel::Trades => out.push(match self.protocol {
                Protocol::Kraken => kraken::trades(symbol, moment),
                Protocol::Okx => return out.extend(moment.trades.iter().map(|trade| okx::trade(symbol, trade))),
                Protocol::Hyperliquid => hyperliquid::trades(symbol, moment),
            }),
            Channel::Candles(interval) => {
                if moment.now_ns.is_multiple_of(SECOND_NS) {
                    self.candles(interval, moment, out);
                }
            }
            Channel::Funding | Channel::Mark | Channel::OpenInterest => {
                if moment.now_ns.is_multiple_of(CONTEXT_NS) {
                    out.push(self.context(moment));
                }
            }
        }
    }

    fn quote(&self, moment: &Moment<'_>) -> String {
        match self.protocol {
            Protocol::Kraken => kraken::ticker(&self.symbol, moment),
            Protocol::Okx => okx::best(&self.symbol, moment),
            Protocol::Hyperliquid => hyperliquid::best(&self.symbol, moment),
        }
    }

    fn context(&self, moment: &Moment<'_>) -> String {
        match (self.protocol, self.channel) {
            (Protocol::Okx, Channel::Mark) => okx::mark(&self.symbol, moment),
            (Protocol::Okx, Channel::OpenInterest) => okx::open_interest(&self.symbol, moment),
            (Protocol::Okx, _) => okx::funding(&self.symbol, moment),
            (Protocol::Kraken | Protocol::Hyperliquid, _) => hyperliquid::context(&self.symbol, moment),
        }
    }

    /// The open candle, after the one before where that has closed since.
    fn candles(&mut self, interval: Interval, moment: &Moment<'_>, out: &mut Vec<String>) {
        let open = moment.candles.open().find(|(known, _)| known.name == interval.name);
        let Some((_, open)) = open else { return };
        let told = |candle: &Candle, closed: bool| match self.protocol {
            Protocol::Kraken => kraken::candle(&self.symbol, interval, candle, moment.now_ns),
            Protocol::Okx => okx::candle(&self.symbol, interval, candle, closed),
            Protocol::Hyperliquid => hyperliquid::candle(&self.symbol, interval, candle),
        };
        if self.candle_ns > 0 && open.open_ns > self.candle_ns {
            let closed = moment
                .candles
                .of(interval.name)
                .and_then(|(_, mut closed)| closed.rfind(|candle| candle.open_ns == self.candle_ns));
            out.extend(closed.map(|candle| told(candle, true)));
        }
        out.push(told(open, false));
        self.candle_ns = open.open_ns;
    }
}

/// The intervals of so many minutes, those of them that the market's candles have.
pub fn intervals(minutes: &[u64]) -> impl Iterator<Item = (u64, Interval)> {
    minutes.iter().filter_map(|minutes| {
        let length_ns = minutes.checked_mul(60 * SECOND_NS)?;
        INTERVALS.iter().find(|interval| interval.length_ns == length_ns).map(|interval| (*minutes, *interval))
    })
}
