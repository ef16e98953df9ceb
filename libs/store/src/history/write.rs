//! Rows of market history, written.

use mesh_types::Decimal64;
use mesh_types::wire::{Coded, WireEnum};
use rusqlite::{Connection, params};

use super::{Batch, Retention};
use crate::error::ErrorKind;

/// A closed candle is never taken back by an open one, nor a newer state by an older one.
const CANDLE: &str = "
INSERT INTO candles VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, trade_count = excluded.trade_count, closed = excluded.closed, whole = excluded.whole,
    venue_ns = excluded.venue_ns, received_ns = excluded.received_ns
WHERE excluded.closed > candles.closed
    OR (excluded.closed = candles.closed AND excluded.received_ns >= candles.received_ns)";

/// A row is a change: what says the same as the row before it is none.
const INSTRUMENT: &str = "
INSERT INTO universe SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
WHERE (?3, ?4, ?5, ?6, ?7, ?8, ?9) IS NOT (
    SELECT status, base, quote, tick, lot, min_notional, contract_size FROM universe
    WHERE instrument = ?1 AND since_ns <= ?2 ORDER BY since_ns DESC LIMIT 1)
ON CONFLICT DO NOTHING";

/// SQLite's integers are signed; what does not fit is a time nobody lives to see.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn text(value: impl Into<Decimal64>) -> String {
    value.into().to_string()
}

fn name<E: WireEnum + core::fmt::Display>(code: Coded<E>) -> String {
    code.get().map_or_else(|| "unknown".to_owned(), |known| known.to_string())
}

pub(super) fn batch(connection: &Connection, batch: &Batch) -> Result<usize, ErrorKind> {
    let mut statement = connection.prepare_cached(CANDLE)?;
    for kept in &batch.candles {
        let candle = &kept.candle;
        statement.execute(params![
            candle.instrument.to_string(),
            int(candle.interval_ns.get()),
            kept.origin.name(),
            int(candle.open_ns.get()),
            text(candle.open),
            text(candle.high),
            text(candle.low),
            text(candle.close),
            text(candle.volume),
            candle.trade_count.get(),
            candle.closed != 0,
            kept.whole,
            int(candle.venue_ns.get()),
            int(candle.received_ns.get()),
        ])?;
    }
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO positions VALUES (?1, ?2, ?3)")?;
    for at in &batch.positions {
        // Some venues' numbers take all 64 bits.
        statement.execute(params![at.instrument.to_string(), at.trade_id.to_string(), int(at.time_ns)])?;
    }
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO fetched VALUES (?1, ?2, ?3, ?4)")?;
    for reach in &batch.fetched {
        let [interval_ns, from_ns, upto_ns] = [reach.interval_ns, reach.from_ns, reach.upto_ns].map(int);
        statement.execute(params![reach.instrument.to_string(), interval_ns, from_ns, upto_ns])?;
    }
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO holes VALUES (?1, ?2, ?3, ?4)")?;
    for hole in &batch.holes {
        let (from_ns, to_ns) = (int(hole.from_ns), int(hole.to_ns));
        statement.execute(params![hole.instrument.to_string(), from_ns, to_ns, hole.missing.map(int)])?;
    }
    samples(connection, batch)?;
    Ok(batch.len())
}

fn samples(connection: &Connection, batch: &Batch) -> Result<(), ErrorKind> {
    let time = |venue_ns: u64, received_ns: u64| int(if venue_ns > 0 { venue_ns } else { received_ns });
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO quotes VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for quote in &batch.quotes {
        statement.execute(params![
            quote.instrument.to_string(),
            time(quote.venue_ns.get(), quote.received_ns.get()),
            text(quote.bid_price),
            text(quote.bid_quantity),
            text(quote.ask_price),
            text(quote.ask_quantity),
        ])?;
    }
    let sql = "INSERT OR REPLACE INTO funding_rates VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = connection.prepare_cached(sql)?;
    for mark in &batch.marks {
        statement.execute(params![
            mark.instrument.to_string(),
            int(mark.next_funding_ns.get()),
            int(mark.funding_interval_ns.get()),
            text(mark.funding_rate),
            text(mark.mark_price),
            text(mark.index_price),
            int(mark.received_ns.get()),
        ])?;
    }
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO open_interest VALUES (?1, ?2, ?3, ?4)")?;
    for interest in &batch.open_interest {
        statement.execute(params![
            interest.instrument.to_string(),
            time(interest.venue_ns.get(), interest.received_ns.get()),
            text(interest.quantity),
            text(interest.notional),
        ])?;
    }
    let mut statement = connection.prepare_cached(INSTRUMENT)?;
    for info in &batch.instruments {
        statement.execute(params![
            info.instrument.to_string(),
            time(info.venue_ns.get(), info.received_ns.get()),
            name(info.status),
            info.base.lossy(),
            info.quote.lossy(),
            text(info.tick),
            text(info.lot),
            text(info.min_notional),
            text(info.contract_size),
        ])?;
    }
    Ok(())
}

pub(super) fn prune(connection: &Connection, retention: &Retention, now_ns: u64) -> Result<usize, ErrorKind> {
    let mut done = 0;
    for (interval_ns, age_ns) in &retention.candles_ns {
        let before_ns = int(now_ns.saturating_sub(*age_ns));
        let sql = "DELETE FROM candles WHERE interval_ns = ?1 AND open_ns < ?2";
        done += connection.execute(sql, params![int(*interval_ns), before_ns])?;
    }
    if retention.samples_ns > 0 {
        let before_ns = int(now_ns.saturating_sub(retention.samples_ns));
        for table in ["quotes", "open_interest"] {
            done += connection.execute(&format!("DELETE FROM {table} WHERE time_ns < ?1"), [before_ns])?;
        }
    }
    Ok(done)
}
