//! Hyperliquid: perpetuals and spot.
//!
//! | module | what |
//! |---|---|
//! | [`parse`] | frames to messages |
//! | [`instruments`] | `meta` and `spotMeta`: what may be ordered, and the asset ids that orders name |
//! | [`subscribe`] | subscription requests |
//! | [`mod@format`] | prices and sizes by the venue's rules, actions as they are hashed |
//! | [`msgpack`] | actions as MessagePack, keys in their order |
//! | [`sign`] | hashes and signatures of actions, nonces, the address behind a signature |
//! | [`errors`] | the three forms of errors, and what to do about them |
//! | [`limits`] | rate limits of an address on the network and of an account |
//!
//! Source: hyperliquid.gitbook.io "For developers / API"; `hyperliquid-python-sdk` for what the pages leave out. Not here:
//! sockets, clocks, the account's streams.

pub mod errors;
pub mod format;
pub mod instruments;
pub mod limits;
pub mod msgpack;
pub mod parse;
pub mod sign;
pub mod subscribe;

use mesh_types::{InstrumentError, InstrumentId, InstrumentKind, Venue};

/// The instrument of a coin: `BTC` and `xyz:TSLA` are perpetuals, `@107` and `PURR/USDC` spot pairs.
///
/// # Errors
/// When the coin can't be one.
pub fn instrument(coin: &str) -> Result<InstrumentId, InstrumentError> {
    let spot = coin.starts_with('@') || coin.contains('/');
    let kind = if spot { InstrumentKind::Spot } else { InstrumentKind::Perpetual };
    InstrumentId::new(Venue::Hyperliquid, kind, coin)
}

/// Nanoseconds of a time in milliseconds.
const fn time_ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod captures;
