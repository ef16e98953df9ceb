//! OKX v5: spot and swaps, and what futures and options share with them.
//!
//! | module | what |
//! |---|---|
//! | [`parse`] | frames to messages |
//! | [`instruments`] | what may be ordered: the `instruments` channel and `GET /api/v5/public/instruments` |
//! | [`subscribe`] | subscription requests, and which socket serves a channel |
//! | [`mod@format`] | order requests |
//! | [`sign`] | credentials, REST signatures, the socket's login |
//! | [`errors`] | error codes, of the whole and of each item, and what to do about them |
//! | [`limits`] | rate limits |
//!
//! Every number is a text and may be empty. Quantities of derivatives are contracts; the instrument's information says what
//! one is worth. Source: okx.com/docs-v5. Not here: sockets, clocks, accounts and positions.

pub mod errors;
pub mod format;
pub mod instruments;
pub mod limits;
pub mod parse;
pub mod sign;
pub mod subscribe;

use mesh_types::{InstrumentError, InstrumentId, InstrumentKind, Venue};

/// The instrument of an `instId`: `BTC-USDT` is spot, `BTC-USDT-SWAP` a swap, `BTC-USD-220527` a future,
/// `BTC-USD-220304-32000-P` an option.
///
/// # Errors
/// When it can't be one.
pub fn instrument(id: &str) -> Result<InstrumentId, InstrumentError> {
    let kind = match id.bytes().filter(|byte| *byte == b'-').count() {
        0 | 1 => InstrumentKind::Spot,
        2 if id.ends_with("-SWAP") => InstrumentKind::Swap,
        2 => InstrumentKind::Future,
        _ => InstrumentKind::Option,
    };
    InstrumentId::new(Venue::Okx, kind, id)
}

/// Nanoseconds of a time in milliseconds.
const fn time_ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod captures;
