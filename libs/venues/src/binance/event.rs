//! What Binance's streams say, borrowed from the frame. Times are ns since the Unix epoch; 0 where the frame has none.

use mesh_types::{Decimal64, Side};

/// A price and a quantity as printed.
pub type PriceLevel = (Decimal64, Decimal64);

/// One event of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// `trade` or `aggTrade`.
    Trade(Trade<'a>),
    /// `bookTicker`.
    BookTicker(BookTicker<'a>),
    /// `depthUpdate` of a diff stream.
    DepthUpdate(DepthUpdate<'a>),
    /// The best levels, whole: a partial depth stream, or the answer to a depth request.
    Depth(Depth<'a>),
    /// `kline`.
    Kline(Kline<'a>),
    /// `markPriceUpdate`.
    MarkPrice(MarkPrice<'a>),
    /// `forceOrder`.
    Liquidation(Liquidation<'a>),
    /// `serverShutdown`: connect again at once.
    ServerShutdown {
        /// When the venue said so.
        event_ns: u64,
    },
    /// The answer to a request on the socket.
    Reply(Reply<'a>),
    /// An event of the account: read it with [`super::order::UserEvent::parse`].
    User {
        /// Its `e`.
        kind: &'a str,
        /// The event itself, without its envelope.
        json: &'a [u8],
    },
    /// Well-formed, and nothing that is used: counted by kind.
    Ignored {
        /// Its `e`, or `unknown`.
        kind: &'a str,
    },
}

impl Event<'_> {
    /// The word that it is counted under.
    pub fn kind(&self) -> &str {
        match self {
            Self::Trade(trade) if trade.aggregated => "aggTrade",
            Self::Trade(_) => "trade",
            Self::BookTicker(_) => "bookTicker",
            Self::DepthUpdate(_) => "depthUpdate",
            Self::Depth(_) => "depth",
            Self::Kline(_) => "kline",
            Self::MarkPrice(_) => "markPriceUpdate",
            Self::Liquidation(_) => "forceOrder",
            Self::ServerShutdown { .. } => "serverShutdown",
            Self::Reply(_) => "reply",
            Self::User { kind, .. } | Self::Ignored { kind } => kind,
        }
    }
}

/// A trade, or several of one taker at one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// True for `aggTrade`: its ids count aggregates.
    pub aggregated: bool,
    /// Trade id, or aggregate id.
    pub id: u64,
    /// Price.
    pub price: Decimal64,
    /// Quantity: of the base on spot and USD-M, of contracts on COIN-M.
    pub quantity: Decimal64,
    /// True where the buyer was resting, so the taker sold.
    pub buyer_is_maker: bool,
    /// True for a fill of the open market; futures print those of the insurance fund and of auto-deleveraging too.
    pub on_market: bool,
    /// When it happened.
    pub trade_ns: u64,
    /// When it was sent.
    pub event_ns: u64,
}

impl Trade<'_> {
    /// The taker's side.
    pub const fn side(&self) -> Side {
        if self.buyer_is_maker { Side::Sell } else { Side::Buy }
    }
}

/// Best bid and ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookTicker<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Update id of the book.
    pub update_id: u64,
    /// Best bid.
    pub bid: PriceLevel,
    /// Best ask.
    pub ask: PriceLevel,
    /// When the book changed; 0 on spot.
    pub transaction_ns: u64,
    /// When it was sent; 0 on spot.
    pub event_ns: u64,
}

/// Changes of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthUpdate<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// `U`: first update id.
    pub first: u64,
    /// `u`: last update id.
    pub last: u64,
    /// `pu`: last update id of the event before; 0 on spot.
    pub previous: u64,
    /// When the book changed; 0 on spot.
    pub transaction_ns: u64,
    /// When it was sent.
    pub event_ns: u64,
    /// Bids; quantity 0 removes.
    pub bids: &'a [PriceLevel],
    /// Asks; quantity 0 removes.
    pub asks: &'a [PriceLevel],
}

impl DepthUpdate<'_> {
    /// When the book changed, as far as the market says.
    pub const fn venue_ns(&self) -> u64 {
        if self.transaction_ns == 0 { self.event_ns } else { self.transaction_ns }
    }
}

/// The best levels of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Depth<'a> {
    /// Symbol, where the message has it: a spot snapshot has none, a partial stream tells it in its name only.
    pub symbol: Option<&'a str>,
    /// `lastUpdateId`.
    pub last: u64,
    /// When the book was so; 0 on spot.
    pub transaction_ns: u64,
    /// When it was sent; 0 on spot.
    pub event_ns: u64,
    /// Bids, best first.
    pub bids: &'a [PriceLevel],
    /// Asks, best first.
    pub asks: &'a [PriceLevel],
}

/// A candle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kline<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Its interval as Binance spells it, `1m`; see [`super::subscribe::interval_ns`].
    pub interval: &'a str,
    /// Start of the interval.
    pub open_ns: u64,
    /// Open.
    pub open: Decimal64,
    /// High.
    pub high: Decimal64,
    /// Low.
    pub low: Decimal64,
    /// Close.
    pub close: Decimal64,
    /// Base quantity; contracts on COIN-M.
    pub volume: Decimal64,
    /// Trades.
    pub trade_count: u64,
    /// True once it can't change.
    pub closed: bool,
    /// When it was sent.
    pub event_ns: u64,
}

/// Mark price and funding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarkPrice<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Mark price.
    pub mark: Decimal64,
    /// Index price; 0 where the event has none.
    pub index: Decimal64,
    /// Funding rate; `None` for futures with expiry.
    pub funding_rate: Option<Decimal64>,
    /// Next funding; 0 for futures with expiry.
    pub next_funding_ns: u64,
    /// When it was sent.
    pub event_ns: u64,
}

/// A liquidation order. Binance shows the latest of each symbol and second: a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Liquidation<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Side of the order.
    pub side: Side,
    /// Order price.
    pub price: Decimal64,
    /// Average fill price; 0 before a fill.
    pub average_price: Decimal64,
    /// Order quantity.
    pub quantity: Decimal64,
    /// When the order was filled.
    pub trade_ns: u64,
    /// When it was sent.
    pub event_ns: u64,
}

/// The answer to a request on the socket: a subscription, or a call of the WebSocket API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The request's id as it was printed, quotes included; empty where the venue names none.
    pub id: &'a [u8],
    /// HTTP-like status of the WebSocket API; 0 on streams.
    pub status: u64,
    /// Code and text of an error.
    pub error: Option<(i64, &'a [u8])>,
    /// The result's JSON; `null` for subscriptions.
    pub result: &'a [u8],
}
