//! Drift, and Velocity that follows it: its record formats, read for history and backtests.
//!
//! The venue stopped on 2026-04-01 ([`DISABLED`]): there is nothing to connect to, and no process of the mesh does.
//! Velocity, a new program with other accounts and another quote asset, keeps the formats.
//!
//! | module | what |
//! |---|---|
//! | [`records`] | files of trades and funding rates, CSV or JSON, with counts per file |
//! | [`dlob`] | the order book server and the data API: books, trades, candles |
//! | [`gateway`] | the self-hosted gateway: markets, fills, funding payments |
//!
//! Numbers come in two scales, decimals and raw integers (prices and quote amounts in 10^-6, base amounts in 10^-9), and not
//! every source says which. Source: `drift-labs/v2-teacher`, `drift-labs/dlob-server`, `drift-labs/gateway`.

pub mod dlob;
pub mod gateway;
pub mod records;

use mesh_types::{InstrumentError, InstrumentId, InstrumentKind, Venue};

/// Why no process connects to it.
pub const DISABLED: &str = "drift is disabled: the venue stopped on 2026-04-01 after its funds were drained, and its \
                            successor has not opened; its recorded history can still be read";

/// Exponent of raw prices and quote amounts.
const QUOTE_EXPONENT: i8 = -6;
/// Exponent of raw base amounts of perpetuals.
const BASE_EXPONENT: i8 = -9;

/// The instrument of a market's name: `SOL-PERP` is a perpetual, `SOL` spot.
///
/// # Errors
/// When the name can't be one.
pub fn instrument(symbol: &str) -> Result<InstrumentId, InstrumentError> {
    let kind = if symbol.ends_with("-PERP") { InstrumentKind::Perpetual } else { InstrumentKind::Spot };
    InstrumentId::new(Venue::Drift, kind, symbol)
}

/// Nanoseconds of a time in seconds, or in milliseconds where it is too great for that.
const fn time_ns(time: u64) -> u64 {
    // Seconds reach this bound in the year 5138.
    const FIRST_MS: u64 = 100_000_000_000;
    if time < FIRST_MS { time.saturating_mul(1_000_000_000) } else { time.saturating_mul(1_000_000) }
}

#[cfg(test)]
mod tests;
