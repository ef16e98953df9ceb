//! What venues say of their markets, in the mesh's words: the bodies of `mesh-types`, and what feeds need beside them.
//!
//! A venue's `parse` module turns frames into these, one pass, in place: nothing is allocated for a field, levels lie in
//! buffers that are used again. Prices and quantities have the digits that the venue printed.

use mesh_types::market::{
    Candle, InstrumentInfo, Liquidation, Mark, OpenInterest, Quote, Trade, TradeGap, VenueStatus,
};
use mesh_types::{Decimal64, InstrumentId};

/// A price and a quantity as printed.
pub type PriceLevel = (Decimal64, Decimal64);

/// One thing that a frame says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message<'a> {
    /// A trade.
    Trade {
        /// The trade.
        trade: Trade,
        /// True where it is history that came with the subscription, and may have been seen before.
        past: bool,
    },
    /// Trades that were missed.
    TradeGap(TradeGap),
    /// Best bid and ask. A side that is empty has price and quantity 0.
    Quote(Quote),
    /// A candle; closed only where the venue says so.
    Candle {
        /// The candle.
        candle: Candle,
        /// True where it is history that came with the subscription.
        past: bool,
    },
    /// Mark price or funding, or both.
    Mark(MarkUpdate),
    /// Open interest.
    OpenInterest(OpenInterest),
    /// A liquidation.
    Liquidation(Liquidation),
    /// What may be ordered.
    Instrument(InstrumentInfo),
    /// Levels of a book.
    Book(BookUpdate<'a>),
    /// How the venue is.
    Status(VenueStatus),
    /// The answer to a request.
    Reply(Reply<'a>),
    /// Well-formed, and nothing that is used: counted by kind.
    Ignored {
        /// What the venue calls it.
        kind: &'a str,
    },
}

impl Message<'_> {
    /// The word that it is counted under.
    pub const fn kind(&self) -> &str {
        match self {
            Self::Trade { .. } => "trade",
            Self::TradeGap(_) => "trade_gap",
            Self::Quote(_) => "quote",
            Self::Candle { .. } => "candle",
            Self::Mark(update) if update.mark.is_none() && update.index.is_none() => "funding",
            Self::Mark(_) => "mark",
            Self::OpenInterest(_) => "open_interest",
            Self::Liquidation(_) => "liquidation",
            Self::Instrument(_) => "instrument",
            Self::Book(_) => "book",
            Self::Status(_) => "status",
            Self::Reply(reply) => reply.kind,
            Self::Ignored { kind } => kind,
        }
    }
}

/// Funding of a perpetual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funding {
    /// Rate per interval, a fraction of the notional.
    pub rate: Decimal64,
    /// The interval, ns; 0 where the venue does not say.
    pub interval_ns: u64,
    /// Next funding, ns since the Unix epoch; 0 where the venue does not say.
    pub next_ns: u64,
}

/// What a message says of mark, index and funding; venues say them together or apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarkUpdate {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Mark price.
    pub mark: Option<Decimal64>,
    /// Index or oracle price.
    pub index: Option<Decimal64>,
    /// Funding.
    pub funding: Option<Funding>,
    /// When the venue says so, ns since the Unix epoch; 0 where it does not say.
    pub venue_ns: u64,
    /// When its packet was received, ns since the Unix epoch.
    pub received_ns: u64,
}

impl MarkUpdate {
    /// Brings the body that is published forward.
    pub fn merge_into(&self, body: &mut Mark) {
        body.instrument = self.instrument;
        if let Some(mark) = self.mark {
            body.mark_price = mark.into();
        }
        if let Some(index) = self.index {
            body.index_price = index.into();
        }
        if let Some(funding) = self.funding {
            body.funding_rate = funding.rate.into();
            body.funding_interval_ns = funding.interval_ns.into();
            body.next_funding_ns = funding.next_ns.into();
        }
        body.venue_ns = self.venue_ns.into();
        body.received_ns = self.received_ns.into();
    }
}

/// How a venue shows that nothing was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// It does not; a checksum vouches for the book.
    None,
    /// Each change names where the book must stand; `None` in a snapshot, or where the venue left the number out.
    Chain {
        /// Where the book must stand.
        previous: Option<u64>,
        /// Where it stands after.
        sequence: u64,
    },
    /// Each message is whole; `sequence` orders the blocks.
    Block {
        /// Time of the block, ms.
        sequence: u64,
    },
}

/// A checksum over a book's best levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Kraken's, see [`mesh_book::checksum::kraken`].
    Kraken(u32),
    /// OKX's, see [`mesh_book::checksum::okx`].
    Okx(i32),
}

/// Levels of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookUpdate<'a> {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue's channel: an instrument may have several books at once.
    pub channel: &'a str,
    /// True where it is the whole book.
    pub snapshot: bool,
    /// Levels a side that the channel keeps, where its name says so.
    pub depth: Option<usize>,
    /// How it continues what was before.
    pub continuity: Continuity,
    /// The checksum of the book after it.
    pub checksum: Option<Checksum>,
    /// When the venue says so, ns since the Unix epoch; 0 where it does not say.
    pub venue_ns: u64,
    /// Bids; quantity 0 removes.
    pub bids: &'a [PriceLevel],
    /// Asks; quantity 0 removes.
    pub asks: &'a [PriceLevel],
}

/// The answer to a request on the socket, or a notice of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// What was asked for: `subscribe`, `unsubscribe`, `pong`, `login`, or the venue's own word.
    pub kind: &'a str,
    /// The channel that it is about; empty where it names none.
    pub channel: &'a str,
    /// The instrument that it is about.
    pub instrument: Option<InstrumentId>,
    /// Levels a side of a book's subscription.
    pub depth: Option<u64>,
    /// The request's id.
    pub id: Option<u64>,
    /// What went wrong, as the venue words it, escapes not resolved.
    pub error: Option<&'a str>,
}

impl<'a> Reply<'a> {
    /// An answer of a kind.
    pub const fn new(kind: &'a str) -> Self {
        Self { kind, channel: "", instrument: None, depth: None, id: None, error: None }
    }
}
