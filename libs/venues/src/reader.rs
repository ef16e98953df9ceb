//! Frames of one connection to messages and books, whatever the venue: what a feed and a look at a recording share.
//!
//! A [`Reader`] gives each message as it was said, and after each that changed a book or its health a [`BookView`]. It
//! keeps no connection: a new one is a new reader, or [`Reader::disconnected`].

use std::collections::BTreeMap;

use mesh_book::{BinanceBook, Book, Exponents, Level, Reason, Step};
use mesh_types::market::InstrumentInfo;
use mesh_types::{BookHealth, InstrumentError, InstrumentId, Side, Venue};

use crate::binance::depth::DepthBook;
use crate::binance::event::{Depth, DepthUpdate, Event};
use crate::binance::{Market, answers, convert, instruments, parse, subscribe};
use crate::books::{Books, ChannelBook, Outcome};
use crate::json::{JsonError, Scanner};
use crate::message::{BookUpdate, Continuity, Funding, MarkUpdate, Message, PriceLevel, Reply};
use crate::{hyperliquid, kraken, okx};

/// Changes of a book that are kept while its snapshot has not come.
const HELD_CHANGES: usize = 10_000;

/// A venue's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Binance, one of its markets.
    Binance(Market),
    /// Kraken, WebSocket v2.
    Kraken,
    /// OKX, v5.
    Okx,
    /// Hyperliquid.
    Hyperliquid,
}

impl Language {
    /// The kinds of a venue: of Binance its markets, else the name of its protocol.
    pub const fn kinds(venue: Venue) -> &'static [&'static str] {
        match venue {
            Venue::Binance => &["spot", "usdm", "coinm"],
            Venue::Kraken => &["v2"],
            Venue::Okx => &["v5"],
            Venue::Hyperliquid => &["ws"],
            _ => &[],
        }
    }

    /// The language of a venue and one of its [`Language::kinds`].
    pub fn new(venue: Venue, kind: &str) -> Option<Self> {
        Self::kinds(venue).contains(&kind).then_some(())?;
        match venue {
            Venue::Binance => Market::from_name(kind).map(Self::Binance),
            Venue::Kraken => Some(Self::Kraken),
            Venue::Okx => Some(Self::Okx),
            Venue::Hyperliquid => Some(Self::Hyperliquid),
            _ => None,
        }
    }

    /// Its name among its venue's [`Language::kinds`].
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Binance(market) => market.name(),
            Self::Kraken => "v2",
            Self::Okx => "v5",
            Self::Hyperliquid => "ws",
        }
    }

    /// The venue.
    pub const fn venue(self) -> Venue {
        match self {
            Self::Binance(_) => Venue::Binance,
            Self::Kraken => Venue::Kraken,
            Self::Okx => Venue::Okx,
            Self::Hyperliquid => Venue::Hyperliquid,
        }
    }

    /// The instrument that the venue calls `symbol`.
    ///
    /// # Errors
    /// When the symbol can't be one.
    pub fn instrument(self, symbol: &str) -> Result<InstrumentId, InstrumentError> {
        match self {
            Self::Binance(market) => market.instrument(symbol),
            Self::Kraken => kraken::instrument(symbol),
            Self::Okx => okx::instrument(symbol),
            Self::Hyperliquid => hyperliquid::instrument(symbol),
        }
    }
}

/// What a frame said, or did to a book.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A message.
    Message(&'a Message<'a>),
    /// A book after a message that changed it or its health.
    Book(BookView<'a>),
}

/// A book as it stands.
#[derive(Clone, Copy, Debug)]
pub struct BookView<'a> {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue's channel.
    pub channel: &'a str,
    /// The levels; trust them only where it is live.
    pub book: &'a Book,
    /// Whether it can be trusted.
    pub health: BookHealth,
    /// Why it is not live.
    pub reason: Option<Reason>,
    /// Where it stands: the venue's number, or one that only grows.
    pub sequence: u64,
    /// When the venue says so, ns since the Unix epoch.
    pub venue_ns: u64,
    /// Whether the venue's checksum was the book's; `None` where there was none to compare.
    pub checksum_ok: Option<bool>,
    printed: Option<&'a ChannelBook>,
}

impl<'a> BookView<'a> {
    fn of(instrument: InstrumentId, book: &'a ChannelBook, checksum_ok: Option<bool>) -> Self {
        let inner = book.get();
        Self {
            instrument,
            channel: book.channel(),
            book: inner.book(),
            health: inner.health(),
            reason: inner.reason(),
            sequence: inner.sequence(),
            venue_ns: book.venue_ns(),
            checksum_ok,
            printed: Some(book),
        }
    }

    fn of_binance(instrument: InstrumentId, depth: &'a DepthBook) -> Option<Self> {
        let book = depth.get()?;
        Some(Self {
            instrument,
            channel: "depth",
            book: book.book(),
            health: book.health(),
            reason: book.reason(),
            sequence: book.sequence(),
            venue_ns: depth.venue_ns(),
            checksum_ok: None,
            printed: None,
        })
    }

    /// The levels of a side, best first, with the digits that the venue prints.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = PriceLevel> {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.book.bids()), None),
            Side::Sell => (None, Some(self.book.asks())),
        };
        let levels = bids.into_iter().flatten().chain(asks.into_iter().flatten());
        levels.map(move |level| self.decimals(side, level))
    }

    fn decimals(&self, side: Side, level: Level) -> PriceLevel {
        let exponents = self.book.exponents();
        self.printed.map_or((exponents.price(level), exponents.quantity(level)), |book| book.printed(side, level))
    }
}

/// Reads the frames of one connection.
#[derive(Clone, Debug)]
pub struct Reader {
    language: Parsers,
    books: Books,
    /// Books whose snapshot comes over HTTP, by Binance's symbol.
    depths: BTreeMap<String, DepthBook>,
    exponents: BTreeMap<InstrumentId, Exponents>,
    depth_gaps: u64,
    impossible_levels: u64,
}

#[derive(Clone, Debug)]
enum Parsers {
    Binance(Market, parse::Decoder),
    Kraken(kraken::parse::Parser),
    Okx(okx::parse::Parser),
    Hyperliquid(hyperliquid::parse::Parser),
}

impl Reader {
    /// A reader of a new connection.
    pub fn new(language: Language) -> Self {
        let language = match language {
            Language::Binance(market) => Parsers::Binance(market, parse::Decoder::new()),
            Language::Kraken => Parsers::Kraken(kraken::parse::Parser::new()),
            Language::Okx => Parsers::Okx(okx::parse::Parser::new()),
            Language::Hyperliquid => Parsers::Hyperliquid(hyperliquid::parse::Parser::new()),
        };
        Self {
            language,
            books: Books::new(),
            depths: BTreeMap::new(),
            exponents: BTreeMap::new(),
            depth_gaps: 0,
            impossible_levels: 0,
        }
    }

    /// How often a live book was broken by a gap.
    pub const fn gaps(&self) -> u64 {
        self.books.gaps() + self.depth_gaps
    }

    /// How often the venue's checksum was not the book's.
    pub const fn checksum_failures(&self) -> u64 {
        self.books.checksum_failures()
    }

    /// How many messages had a level that can't be one; the book was suspect after them.
    pub const fn impossible_levels(&self) -> u64 {
        self.impossible_levels
    }

    /// What is known of an instrument: its books hold the digits of its steps.
    pub fn set_instrument(&mut self, info: &InstrumentInfo) {
        let exponents = Exponents::new(info.price_exponent(), info.quantity_exponent());
        self.books.set_exponents(info.instrument, exponents);
        self.exponents.insert(info.instrument, exponents);
    }

    /// What another one knows of instruments.
    pub fn know(&mut self, other: &Self) {
        for (instrument, exponents) in &other.exponents {
            self.books.set_exponents(*instrument, *exponents);
            self.exponents.insert(*instrument, *exponents);
        }
    }

    /// An instrument's stream has been silent for longer than can be: its live books are suspect.
    pub fn stale(&mut self, instrument: InstrumentId, now_ns: u64, age_ns: u64, on: &mut dyn FnMut(Said<'_>)) {
        for (id, book) in self.books.iter_mut().filter(|(id, _)| *id == instrument) {
            if book.get_mut().on_time(now_ns, 0) == Step::Broken {
                on(Said::Book(BookView::of(id, book, None)));
            }
        }
        let Some(depth) = instrument.symbol().and_then(|symbol| self.depths.get_mut(symbol.as_str())) else { return };
        if depth.get_mut().is_some_and(|book| book.stale(age_ns) == Step::Broken)
            && let Some(view) = BookView::of_binance(instrument, depth)
        {
            on(Said::Book(view));
        }
    }

    /// The connection ended: no book is live.
    pub fn disconnected(&mut self) {
        self.books.disconnected();
        self.depths.values_mut().filter_map(DepthBook::get_mut).for_each(BinanceBook::disconnected);
    }

    /// The subscription of an instrument's books is being renewed.
    pub fn resyncing(&mut self, instrument: InstrumentId) {
        let of_instrument = self.books.iter_mut().filter(|(id, _)| *id == instrument);
        of_instrument.for_each(|(_, book)| book.get_mut().snapshot_requested());
    }

    /// Time has passed: books whose messages are whole are suspect once the last is older than `max_age_ns`.
    pub fn on_time(&mut self, now_ns: u64, max_age_ns: u64, on: &mut dyn FnMut(Said<'_>)) {
        for (instrument, book) in self.books.iter_mut() {
            if book.get_mut().on_time(now_ns, max_age_ns) == Step::Broken {
                on(Said::Book(BookView::of(instrument, book, None)));
            }
        }
    }

    /// All books.
    pub fn books(&self) -> impl Iterator<Item = BookView<'_>> {
        let books = self.books.iter().map(|(instrument, book)| BookView::of(instrument, book, None));
        let depths = self.depths.iter().filter_map(|(symbol, book)| {
            let Parsers::Binance(market, _) = &self.language else { return None };
            BookView::of_binance(market.instrument(symbol).ok()?, book)
        });
        books.chain(depths)
    }

    /// True where Binance should be asked for a snapshot of the instrument's book now.
    pub fn wants_snapshot(&self, instrument: InstrumentId) -> bool {
        self.depth(instrument).is_some_and(BinanceBook::wants_snapshot)
    }

    /// A snapshot of Binance's was asked for; its books that are suspect are resyncing then.
    pub fn snapshot_requested(&mut self, instrument: InstrumentId) {
        if let Some(book) = self.depth_mut(instrument) {
            book.snapshot_requested();
        }
    }

    /// A snapshot of Binance's did not come: another one is wanted.
    pub fn snapshot_failed(&mut self, instrument: InstrumentId) {
        if let Some(book) = self.depth_mut(instrument) {
            book.snapshot_failed();
        }
    }

    /// Wants fresh snapshots of those of Binance's books whose best `depth` levels lie beyond what the last one told of.
    pub fn refresh_depths(&mut self, depth: usize) {
        let books = self.depths.values_mut().filter_map(DepthBook::get_mut);
        books.filter(|book| book.needs_refresh(depth)).for_each(BinanceBook::refresh);
    }

    fn depth(&self, instrument: InstrumentId) -> Option<&BinanceBook> {
        self.depths.get(instrument.symbol()?.as_str())?.get()
    }

    fn depth_mut(&mut self, instrument: InstrumentId) -> Option<&mut BinanceBook> {
        self.depths.get_mut(instrument.symbol()?.as_str())?.get_mut()
    }

    /// True where it has a book of Binance's symbol, so that a snapshot of it belongs here.
    pub fn has_depth_of(&self, symbol: &str) -> bool {
        self.depths.contains_key(symbol)
    }

    /// Reads a frame. `on` is called with what it says, in order.
    ///
    /// # Errors
    /// When it is not what the venue sends, with the place; what came before the place has been said.
    pub fn on_frame(&mut self, frame: &[u8], received_ns: u64, on: &mut dyn FnMut(Said<'_>)) -> Result<(), JsonError> {
        let Self { language, books, depths, exponents, depth_gaps, impossible_levels } = self;
        let mut say = |message: &Message<'_>| {
            on(Said::Message(message));
            match message {
                Message::Book(update) => *impossible_levels += u64::from(!apply(books, update, received_ns, on)),
                Message::Reply(reply) => answered(books, reply, on),
                Message::Instrument(info) => {
                    let steps = Exponents::new(info.price_exponent(), info.quantity_exponent());
                    books.set_exponents(info.instrument, steps);
                    exponents.insert(info.instrument, steps);
                }
                _ => {}
            }
        };
        match language {
            Parsers::Kraken(parser) => parser.parse(frame, received_ns, &mut say),
            Parsers::Okx(parser) => parser.parse(frame, received_ns, &mut say),
            Parsers::Hyperliquid(parser) => parser.parse(frame, received_ns, &mut say),
            Parsers::Binance(market, decoder) => {
                let market = *market;
                let mut depths = Depths { market, depths, exponents, gaps: depth_gaps, impossible: impossible_levels };
                decoder.decode(frame, |name, event| match event {
                    Event::DepthUpdate(update) => depths.on_update(update, on),
                    Event::Depth(depth) if name.is_none() => depths.on_snapshot(depth, None, None, on),
                    event => binance_message(market, name, event, received_ns, &mut |message| {
                        on(Said::Message(message));
                        if let Message::Book(update) = message {
                            *depths.impossible += u64::from(!apply(books, update, received_ns, on));
                        }
                    }),
                })
            }
        }
    }

    /// Reads the answer to a request over HTTP: Binance's depth, lists of instruments. Others are told as
    /// [`Message::Ignored`].
    ///
    /// # Errors
    /// When it is not what the venue sends, with the place.
    pub fn on_answer(
        &mut self,
        url: &str,
        body: &[u8],
        received_ns: u64,
        on: &mut dyn FnMut(Said<'_>),
    ) -> Result<(), JsonError> {
        if url.contains("/depth")
            && let Parsers::Binance(market, decoder) = &mut self.language
        {
            let parameter = |name: &str| url.split(name).nth(1).and_then(|rest| rest.split('&').next());
            let (symbol, limit) = (parameter("symbol="), parameter("limit=").and_then(|limit| limit.parse().ok()));
            let mut depths = Depths {
                market: *market,
                depths: &mut self.depths,
                exponents: &self.exponents,
                gaps: &mut self.depth_gaps,
                impossible: &mut self.impossible_levels,
            };
            return decoder.decode(body, |_, event| match event {
                Event::Depth(depth) => depths.on_snapshot(depth, symbol, limit, on),
                _ => on(Said::Message(&Message::Ignored { kind: "answer" })),
            });
        }
        let lists = ["exchangeInfo", "AssetPairs", "/instruments"];
        if !lists.iter().any(|list| url.contains(list)) {
            on(Said::Message(&Message::Ignored { kind: "answer" }));
            return Ok(());
        }
        let mut infos = Vec::new();
        self.instruments(body, received_ns, &mut |info| infos.push(*info))?;
        for info in &infos {
            self.set_instrument(info);
            on(Said::Message(&Message::Instrument(*info)));
        }
        Ok(())
    }

    /// Reads trades of the past as Binance gives them over HTTP.
    ///
    /// # Errors
    /// When they are none, with the place; trades before it have been told.
    pub fn trades(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_ns: u64,
        on: &mut dyn FnMut(&mesh_types::market::Trade),
    ) -> Result<(), JsonError> {
        let Parsers::Binance(market, _) = &self.language else { return Ok(()) };
        let symbol = instrument.symbol();
        answers::trades(body, symbol.as_ref().map_or("", |symbol| symbol.as_str()), |trade| {
            if let Ok(trade) = convert::trade(*market, trade, received_ns) {
                on(&trade);
            }
        })
    }

    /// Reads a list of instruments as the venue gives it over HTTP: `exchangeInfo`, `AssetPairs`, `instruments`, `meta`,
    /// `spotMeta`.
    ///
    /// # Errors
    /// When it is none, with the place; instruments before it have been told.
    pub fn instruments(
        &self,
        body: &[u8],
        received_ns: u64,
        on: &mut dyn FnMut(&InstrumentInfo),
    ) -> Result<(), JsonError> {
        match &self.language {
            Parsers::Binance(market, _) => {
                let wrong = || Scanner::new(body).error("the answer to exchangeInfo");
                let info = instruments::exchange_info(body).map_err(|_| wrong())?;
                for symbol in &info.symbols {
                    // A symbol that can't be one of the mesh's can't be met either.
                    if let Ok(info) = convert::instrument_info(*market, symbol, info.server_ns, received_ns) {
                        on(&info);
                    }
                }
                Ok(())
            }
            Parsers::Kraken(_) => kraken::instruments::asset_pairs(body, received_ns, on),
            Parsers::Okx(_) => okx::instruments::list(body, received_ns, |info, _| on(info)),
            Parsers::Hyperliquid(_) => {
                let spot = hyperliquid::instruments::spot(body, |asset| on(&asset.info));
                spot.or_else(|_| hyperliquid::instruments::perpetuals(body, |asset| on(&asset.info)))
            }
        }
    }
}

/// Brings a book forward and shows it. False where a level can't be one.
fn apply(books: &mut Books, update: &BookUpdate<'_>, received_ns: u64, on: &mut dyn FnMut(Said<'_>)) -> bool {
    let before = books.get(update.instrument, update.channel).map(|book| (book.get().health(), book.get().reason()));
    let outcome = books.on_update(update, received_ns);
    let Some(book) = books.get(update.instrument, update.channel) else { return outcome.is_ok() };
    let after = Some((book.get().health(), book.get().reason()));
    let Outcome { step, checksum_ok } = outcome.unwrap_or(Outcome { step: Step::Held, checksum_ok: None });
    if matches!(step, Step::Applied | Step::Broken) || after != before {
        on(Said::Book(BookView::of(update.instrument, book, checksum_ok)));
    }
    outcome.is_ok()
}

/// What an acknowledgement says of a book's subscription.
fn answered(books: &mut Books, reply: &Reply<'_>, on: &mut dyn FnMut(Said<'_>)) {
    let Some(instrument) = reply.instrument.filter(|_| reply.error.is_none()) else { return };
    if reply.kind == "subscribe"
        && let Some(depth) = reply.depth
    {
        books.set_depth(instrument, usize::try_from(depth).unwrap_or(usize::MAX));
    }
    let Some(book) = books.get_mut(instrument, reply.channel) else { return };
    let before = book.health();
    match reply.kind {
        "subscribe" if before == BookHealth::Suspect => book.snapshot_requested(),
        "unsubscribe" => book.unsubscribed(),
        _ => {}
    }
    if book.health() != before
        && let Some(book) = books.get(instrument, reply.channel)
    {
        on(Said::Book(BookView::of(instrument, book, None)));
    }
}

/// Binance's books, whose snapshots come over HTTP.
struct Depths<'r> {
    market: Market,
    depths: &'r mut BTreeMap<String, DepthBook>,
    exponents: &'r BTreeMap<InstrumentId, Exponents>,
    gaps: &'r mut u64,
    impossible: &'r mut u64,
}

impl Depths<'_> {
    fn book(&mut self, symbol: &str) -> Option<(InstrumentId, &mut DepthBook)> {
        let instrument = self.market.instrument(symbol).ok()?;
        if !self.depths.contains_key(symbol) {
            let book = DepthBook::new(self.market, self.exponents.get(&instrument).copied(), HELD_CHANGES);
            self.depths.insert(symbol.to_owned(), book);
        }
        self.depths.get_mut(symbol).map(|book| (instrument, book))
    }

    fn on_update(&mut self, update: &DepthUpdate<'_>, on: &mut dyn FnMut(Said<'_>)) {
        let Some((instrument, _)) = self.book(update.symbol) else {
            return on(Said::Message(&Message::Ignored { kind: "symbol" }));
        };
        let told = BookUpdate {
            instrument,
            channel: "depth",
            snapshot: false,
            depth: None,
            continuity: Continuity::Chain { previous: Some(update.previous), sequence: update.last },
            checksum: None,
            venue_ns: update.venue_ns(),
            bids: update.bids,
            asks: update.asks,
        };
        on(Said::Message(&Message::Book(told)));
        self.step(update.symbol, |book| book.on_update(update), on);
    }

    /// A snapshot; spot's names no symbol, and is then of the symbol asked for, or of the only one there is.
    /// `limit` is how many levels a side were asked for, where it is known.
    fn on_snapshot(
        &mut self,
        depth: &Depth<'_>,
        asked: Option<&str>,
        limit: Option<usize>,
        on: &mut dyn FnMut(Said<'_>),
    ) {
        let only = || (self.depths.len() == 1).then(|| self.depths.keys().next().cloned()).flatten();
        let symbol = depth.symbol.or(asked).map(str::to_owned).or_else(only);
        let Some((symbol, instrument)) = symbol.and_then(|symbol| Some((symbol.clone(), self.book(&symbol)?.0))) else {
            return on(Said::Message(&Message::Ignored { kind: "depth of no known symbol" }));
        };
        let told = BookUpdate {
            instrument,
            channel: "depth",
            snapshot: true,
            depth: None,
            continuity: Continuity::Chain { previous: None, sequence: depth.last },
            checksum: None,
            venue_ns: depth.event_ns,
            bids: depth.bids,
            asks: depth.asks,
        };
        on(Said::Message(&Message::Book(told)));
        // Where it is not known, a side that is as long as the longer one may go on.
        let limit = limit.unwrap_or_else(|| depth.bids.len().max(depth.asks.len()));
        self.step(&symbol, |book| book.on_snapshot(depth, limit), on);
    }

    fn step(
        &mut self,
        symbol: &str,
        act: impl FnOnce(&mut DepthBook) -> Result<Step, mesh_book::LevelError>,
        on: &mut dyn FnMut(Said<'_>),
    ) {
        let Some((instrument, book)) = self.book(symbol) else { return };
        let state = |book: &DepthBook| book.get().map(|book| (book.health(), book.reason()));
        let before = state(book);
        let step = act(book);
        let changed = matches!(step, Ok(Step::Applied | Step::Broken)) || state(book) != before;
        let gap = step == Ok(Step::Broken)
            && book.get().is_some_and(|book| matches!(book.reason(), Some(Reason::Gap { .. })));
        if let Some(view) = changed.then(|| BookView::of_binance(instrument, book)).flatten() {
            on(Said::Book(view));
        }
        *self.gaps += u64::from(gap);
        *self.impossible += u64::from(step.is_err());
    }
}

/// Binance's other events as messages.
fn binance_message(
    market: Market,
    name: Option<&str>,
    event: &Event<'_>,
    received_ns: u64,
    on: &mut dyn FnMut(&Message<'_>),
) {
    let message = match event {
        Event::Trade(trade) if !trade.on_market => Ok(Message::Ignored { kind: "trade off the market" }),
        Event::Trade(trade) => {
            convert::trade(market, trade, received_ns).map(|trade| Message::Trade { trade, past: false })
        }
        Event::BookTicker(ticker) => convert::quote(market, ticker, received_ns).map(Message::Quote),
        Event::Kline(kline) => {
            convert::candle(market, kline, received_ns).map(|candle| Message::Candle { candle, past: false })
        }
        Event::Liquidation(order) => convert::liquidation(market, order, received_ns).map(Message::Liquidation),
        Event::MarkPrice(mark) => convert::mark(market, mark, None, received_ns).map(|body| {
            let funding = mark.funding_rate.map(|rate| Funding {
                rate,
                interval_ns: body.funding_interval_ns.get(),
                next_ns: mark.next_funding_ns,
            });
            let index = (!mark.index.is_zero()).then_some(mark.index);
            let (instrument, venue_ns) = (body.instrument, mark.event_ns);
            Message::Mark(MarkUpdate { instrument, mark: Some(mark.mark), index, funding, venue_ns, received_ns })
        }),
        Event::Depth(depth) => {
            let symbol = depth.symbol.map(str::to_owned).or_else(|| name.and_then(subscribe::symbol_of));
            let channel = name.and_then(|name| name.split('@').nth(1)).unwrap_or("depth");
            market.instrument(&symbol.unwrap_or_default()).map(|instrument| {
                Message::Book(BookUpdate {
                    instrument,
                    channel,
                    snapshot: true,
                    depth: None,
                    continuity: Continuity::Block { sequence: depth.last },
                    checksum: None,
                    venue_ns: depth.event_ns,
                    bids: depth.bids,
                    asks: depth.asks,
                })
            })
        }
        Event::Reply(reply) => {
            let text = reply.error.map(|(_, text)| core::str::from_utf8(text).unwrap_or("text that is no UTF-8"));
            Ok(Message::Reply(Reply { error: text, ..Reply::new("reply") }))
        }
        Event::ServerShutdown { .. } => Ok(Message::Reply(Reply::new("serverShutdown"))),
        Event::User { kind, .. } | Event::Ignored { kind } => Ok(Message::Ignored { kind }),
        Event::DepthUpdate(_) => return,
    };
    on(&message.unwrap_or(Message::Ignored { kind: "symbol" }));
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
