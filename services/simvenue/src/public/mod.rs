//! What Kraken, OKX and Hyperliquid say in public, from the same generated market: still without sockets. Requests go in and
//! frames come out as text, with the time.
//!
//! | | door | symbols of `BTCUSDT` |
//! |---|---|---|
//! | Kraken, WebSocket v2 | `/v2` | `BTC/USDT` |
//! | OKX v5 | `/ws/v5/public`, `/ws/v5/business` | `BTC-USDT`, `BTC-USDT-SWAP` |
//! | Hyperliquid | `/hyperliquid/ws`, `/hyperliquid/info` | `BTC` |
//!
//! A swap or perpetual has the spot's own prices, a contract is one of the base. Hyperliquid's prices keep the market's tick, which
//! may have more than the venue's five figures.

pub mod hyperliquid;
pub mod kraken;
pub mod okx;
pub mod session;
pub mod stream;

use mesh_book::{Level, checksum};
use mesh_types::Decimal64;

use crate::core::instrument::Instrument;
use crate::core::units::EXPONENT;

/// A venue other than Binance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Kraken, WebSocket v2.
    Kraken,
    /// OKX, v5.
    Okx,
    /// Hyperliquid.
    Hyperliquid,
}

impl Protocol {
    /// All.
    pub const ALL: [Self; 3] = [Self::Kraken, Self::Okx, Self::Hyperliquid];

    /// Its name, which names of streams begin with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kraken => "kraken",
            Self::Okx => "okx",
            Self::Hyperliquid => "hyperliquid",
        }
    }

    /// What it calls the symbols of an instrument.
    pub fn symbols(self, instrument: &Instrument) -> Vec<String> {
        let Instrument { base, quote, .. } = instrument;
        match self {
            Self::Kraken => vec![format!("{base}/{quote}")],
            Self::Okx => vec![format!("{base}-{quote}"), format!("{base}-{quote}-SWAP")],
            // A coin is priced in dollars.
            Self::Hyperliquid if quote.starts_with("USD") => vec![base.clone()],
            Self::Hyperliquid => vec![],
        }
    }

    /// The list of all instruments, as its channel brings it; `kind` is OKX's type.
    pub fn instruments(self, all: &[&Instrument], kind: &str) -> Option<String> {
        match self {
            Self::Kraken => Some(kraken::instruments(all)),
            Self::Okx => Some(okx::instruments(all, kind)),
            Self::Hyperliquid => None,
        }
    }
}

/// Decimals of a step of 10^-8.
pub(crate) fn decimals(step: i64) -> i8 {
    let (mut step, mut decimals) = (step, -EXPONENT);
    while decimals > 0 && step != 0 && step % 10 == 0 {
        step /= 10;
        decimals -= 1;
    }
    decimals
}

/// A number with so many decimals; those beyond are zeros.
pub(crate) fn fixed(value: i64, decimals: i8) -> Decimal64 {
    let beyond = 10i64.pow(u32::try_from(-EXPONENT - decimals).unwrap_or(0));
    Decimal64::new(value / beyond, -decimals)
}

/// A number without zeros at its end.
pub(crate) fn short(value: i64) -> Decimal64 {
    checksum::shortest(Decimal64::new(value, EXPONENT))
}

/// Each item as text, with commas between.
pub(crate) fn joined<T>(items: impl IntoIterator<Item = T>, text: impl Fn(T) -> String) -> String {
    items.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// The mean of the best prices, or the only one of them.
pub(crate) fn middle(bid: Option<Level>, ask: Option<Level>) -> i64 {
    match (bid, ask) {
        (Some(bid), Some(ask)) => i64::midpoint(bid.price, ask.price),
        (Some(one), None) | (None, Some(one)) => one.price,
        (None, None) => 0,
    }
}
