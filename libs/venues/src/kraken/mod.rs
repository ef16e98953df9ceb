//! Kraken: spot, WebSocket v2 and REST.
//!
//! | module | what |
//! |---|---|
//! | [`parse`] | frames to messages |
//! | [`instruments`] | pairs: the `instrument` channel and `AssetPairs` |
//! | [`subscribe`] | subscription requests |
//! | [`mod@format`] | order requests on the socket |
//! | [`sign`] | credentials, signatures, nonces |
//! | [`errors`] | error texts, and what to do about them |
//! | [`limits`] | rate limits: counters that drain |
//!
//! Numbers are JSON numbers with the venue's own precision, trailing zeros included; the checksum of a book covers those
//! digits, so they are kept. Source: docs.kraken.com, "Spot WebSocket v2" and "Spot REST". Not here: futures' market data,
//! sockets, clocks.

pub mod errors;
pub mod format;
pub mod instruments;
pub mod limits;
pub mod parse;
pub mod sign;
pub mod subscribe;

use mesh_types::{InstrumentError, InstrumentId, InstrumentKind, Venue};

/// The spot pair that WebSocket v2 calls `symbol`, as `BTC/USD`.
///
/// # Errors
/// When the symbol can't be one.
pub fn instrument(symbol: &str) -> Result<InstrumentId, InstrumentError> {
    InstrumentId::new(Venue::Kraken, InstrumentKind::Spot, symbol)
}

#[cfg(test)]
mod captures;
