//! Binance: spot, USD-M and COIN-M futures.
//!
//! | module | what |
//! |---|---|
//! | [`parse`] | frames to events |
//! | [`event`] | what the streams say, as borrowed structs |
//! | [`convert`] | events to the mesh's bodies |
//! | [`depth`] | a book fed by depth events |
//! | [`instruments`] | what is traded, and the limits |
//! | [`answers`] | other answers over HTTP: candles, time |
//! | [`subscribe`] | names of streams, subscription requests |
//! | [`mod@format`] | requests over HTTP: queries, orders |
//! | [`order`] | answers about orders, and the user-data events |
//! | [`private`] | spot's private side as an executor speaks it |
//! | [`sign`] | credentials and signatures |
//! | [`errors`] | error codes, and what to do about them |
//! | [`limits`] | rate limits |
//! | [`flatten`] | what ends all risk of an account |
//! | [`server`] | the venue's side, for a simulated one |
//!
//! Sources: `binance/binance-spot-api-docs` (spot), the derivatives pages of developers.binance.com (futures). Not here:
//! sockets, clocks, and the decision when to ask.

pub mod answers;
pub mod convert;
pub mod depth;
pub mod errors;
pub mod event;
pub mod flatten;
pub mod format;
pub mod instruments;
pub mod limits;
pub mod order;
pub mod parse;
pub mod private;
pub mod server;
pub mod sign;
pub mod subscribe;

use mesh_book::BinanceRule;
use mesh_types::{InstrumentError, InstrumentId, InstrumentKind, Venue};

/// Binance's three markets. They share forms and differ in hosts, paths and the rule of their books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Futures margined in USDT or USDC.
    UsdM,
    /// Futures margined in the coin.
    CoinM,
}

impl Market {
    /// How its books are kept whole.
    pub const fn rule(self) -> BinanceRule {
        match self {
            Self::Spot => BinanceRule::Spot,
            Self::UsdM | Self::CoinM => BinanceRule::Futures,
        }
    }

    /// Its name on command lines and in configuration: `spot`, `usdm`, `coinm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::UsdM => "usdm",
            Self::CoinM => "coinm",
        }
    }

    /// The market of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Spot, Self::UsdM, Self::CoinM].into_iter().find(|market| market.name() == name)
    }

    /// The instrument that this market calls `symbol`. Futures with expiry have the date after `_`; COIN-M perpetuals end
    /// with `_PERP`.
    ///
    /// # Errors
    /// When the symbol can't be one.
    pub fn instrument(self, symbol: &str) -> Result<InstrumentId, InstrumentError> {
        let kind = match self {
            Self::Spot => InstrumentKind::Spot,
            Self::UsdM | Self::CoinM => match symbol.rsplit_once('_') {
                None | Some((_, "PERP")) => InstrumentKind::Perpetual,
                Some(_) => InstrumentKind::Future,
            },
        };
        InstrumentId::new(Venue::Binance, kind, symbol)
    }
}

/// Nanoseconds of a time that Binance prints in milliseconds, or microseconds where `timeUnit=MICROSECOND` was asked for.
pub const fn time_ns(time: u64) -> u64 {
    // Milliseconds reach this bound in the year 5138; microseconds passed it in 1973.
    const FIRST_MICROSECONDS: u64 = 100_000_000_000_000;
    if time < FIRST_MICROSECONDS { time.saturating_mul(1_000_000) } else { time.saturating_mul(1_000) }
}

#[cfg(test)]
mod captures;
