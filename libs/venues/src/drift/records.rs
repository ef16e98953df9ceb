//! Files of trades and of funding rates: CSV with a header, JSON lines, or the data API's `{"records":[…]}`.
//!
//! Columns are found by their names, since their order is not stable. A trade needs a time and either a price or the two
//! amounts; side, maker and taker may be missing. Each file has four counts: records that were parsed, and of those accepted
//! and skipped (what is no fill, or has no quantity); and lines that are malformed, which do not end the reading.
//!
//! Scale: a number with a point is a decimal. Amounts without one are raw where that brings their price near the oracle's
//! and taking them as they are does not. The price of a trade is the quote amount over the base amount, cut at 10^-6.

use core::fmt;

use mesh_types::market::Trade;
use mesh_types::{Decimal64, InstrumentId, Rounding, Side};

use super::{BASE_EXPONENT, QUOTE_EXPONENT, time_ns};
use crate::json::{JsonError, Scanner};
use crate::message::{Funding, MarkUpdate};

/// Funding is hourly.
const FUNDING_INTERVAL_NS: u64 = 3_600_000_000_000;
/// Columns of a CSV file, at most.
const MAX_COLUMNS: usize = 256;

/// What a file held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Records that could be read.
    pub parsed: u64,
    /// Of those, what gave a trade or a rate.
    pub accepted: u64,
    /// Of those, what is of no interest: no fill, no quantity, another market.
    pub skipped: u64,
    /// Lines that could not be read.
    pub malformed: u64,
    /// The archive has no such file: it answers with an XML error.
    pub absent: bool,
}

impl fmt::Display for FileCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.absent {
            return f.write_str("the archive has no such file");
        }
        let Self { parsed, accepted, skipped, malformed, .. } = self;
        write!(f, "parsed={parsed} accepted={accepted} skipped={skipped} malformed={malformed}")
    }
}

/// The fields of one record by name, as texts without quotes.
struct Record<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Record<'a> {
    /// A field that is there and not empty.
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.fields.iter().find(|(found, _)| *found == name.as_bytes());
        found.map(|(_, value)| *value).filter(|value| !value.is_empty() && *value != b"null")
    }

    fn decimal(&self, name: &str) -> Result<Option<Decimal64>, Malformed> {
        self.get(name).map(|text| Decimal64::parse_bytes(text).map_err(|_| Malformed)).transpose()
    }

    fn unsigned(&self, name: &str) -> Result<Option<u64>, Malformed> {
        let number = |text: &[u8]| core::str::from_utf8(text).ok()?.parse().ok();
        self.get(name).map(|text| number(text).ok_or(Malformed)).transpose()
    }
}

/// A record that can't be read.
struct Malformed;

/// What became of a record.
enum Fate {
    Accepted,
    Skipped,
}

/// Reads each record of a file.
fn read(file: &[u8], mut on: impl FnMut(&Record<'_>) -> Result<Fate, Malformed>) -> FileCounts {
    let mut counts = FileCounts::default();
    let trimmed = file.trim_ascii_start();
    if trimmed.starts_with(b"<?xml") || trimmed.starts_with(b"<Error") {
        counts.absent = true;
        return counts;
    }
    let mut take = |record: Result<Record<'_>, Malformed>| match record.and_then(|record| on(&record)) {
        Ok(Fate::Accepted) => {
            counts.parsed += 1;
            counts.accepted += 1;
        }
        Ok(Fate::Skipped) => {
            counts.parsed += 1;
            counts.skipped += 1;
        }
        Err(Malformed) => counts.malformed += 1,
    };
    if matches!(trimmed.first(), Some(b'{' | b'[')) {
        json_records(trimmed, &mut take);
    } else {
        csv_records(trimmed, &mut take);
    }
    counts
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let unquoted = |cell: &'_ [u8]| -> (usize, usize) {
        let quoted = cell.len() >= 2 && cell.starts_with(b"\"") && cell.ends_with(b"\"");
        if quoted { (1, cell.len() - 1) } else { (0, cell.len()) }
    };
    line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).map(move |cell| {
        let (from, to) = unquoted(cell);
        cell.get(from..to).unwrap_or_default()
    })
}

fn csv_records(bytes: &[u8], take: &mut impl FnMut(Result<Record<'_>, Malformed>)) {
    let mut lines = lines(bytes);
    let names: Vec<&[u8]> = lines.next().map(|header| cells(header).take(MAX_COLUMNS).collect()).unwrap_or_default();
    for line in lines {
        let fields: Vec<_> = names.iter().copied().zip(cells(line)).collect();
        // A line that was cut has fewer cells than the header.
        let whole = fields.len() == names.len() && cells(line).count() == names.len();
        take(if whole { Ok(Record { fields }) } else { Err(Malformed) });
    }
}

/// Objects one a line, or in the list `records` of one object, or in one list.
fn json_records(bytes: &[u8], take: &mut impl FnMut(Result<Record<'_>, Malformed>)) {
    let mut scanner = Scanner::new(bytes);
    let mut whole = false;
    let list = |s: &mut Scanner<'_>, take: &mut dyn FnMut(Result<Record<'_>, Malformed>)| {
        s.array(|s| {
            let start = *s;
            s.skip()?;
            take(object(&mut start.clone()).map_err(|_| Malformed));
            Ok(())
        })
    };
    let read = if bytes.starts_with(b"[") {
        whole = true;
        list(&mut scanner, take)
    } else {
        scanner.object(|s, key| {
            if key == b"records" && s.peek() == b'[' {
                whole = true;
                return list(s, take);
            }
            s.skip().map(drop)
        })
    };
    if whole {
        if read.is_err() {
            take(Err(Malformed));
        }
        return;
    }
    for line in lines(bytes) {
        let mut scanner = Scanner::new(line);
        let record = object(&mut scanner).and_then(|record| scanner.end().map(|()| record));
        take(record.map_err(|_| Malformed));
    }
}

fn object<'a>(scanner: &mut Scanner<'a>) -> Result<Record<'a>, JsonError> {
    let mut fields = Vec::new();
    scanner.object(|s, key| {
        let value = s.skip()?;
        let text = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        fields.push((key, text.unwrap_or(value)));
        Ok(())
    })?;
    Ok(Record { fields })
}

/// Reads a file of trades of one market.
pub fn trades(file: &[u8], instrument: InstrumentId, mut on: impl FnMut(&Trade)) -> FileCounts {
    read(file, |record| {
        let trade = trade(record, instrument)?;
        if let Some(trade) = &trade {
            on(trade);
        }
        Ok(if trade.is_some() { Fate::Accepted } else { Fate::Skipped })
    })
}

/// The trade of a record; `None` where it is none.
fn trade(record: &Record<'_>, instrument: InstrumentId) -> Result<Option<Trade>, Malformed> {
    if record.get("action").is_some_and(|action| action != b"fill") {
        return Ok(None);
    }
    let time = record.unsigned("ts")?.or(record.unsigned("timestamp")?).ok_or(Malformed)?;
    let oracle = record.decimal("oraclePrice")?;
    let amounts = record.decimal("baseAssetAmountFilled")?.zip(record.decimal("quoteAssetAmountFilled")?);
    let (price, quantity) = match (amounts, record.decimal("price")?) {
        (Some((base, quote)), _) => {
            if base.is_zero() || quote.is_zero() {
                return Ok(None);
            }
            price_of(base, quote, oracle).ok_or(Malformed)?
        }
        // The least there can be: a price and a time.
        (None, Some(price)) => (price, record.decimal("size")?.or(record.decimal("amount")?).unwrap_or_default()),
        (None, None) => return Err(Malformed),
    };
    if !price.is_positive() || quantity.is_negative() {
        return Err(Malformed);
    }
    let side = match record.get("takerOrderDirection").or_else(|| record.get("side")) {
        Some(b"long" | b"buy") => Some(Side::Buy),
        Some(b"short" | b"sell") => Some(Side::Sell),
        _ => None,
    };
    let mut trade = Trade {
        instrument,
        price: price.into(),
        quantity: quantity.into(),
        trade_id: record.unsigned("fillRecordId")?.unwrap_or(0).into(),
        venue_ns: time_ns(time).into(),
        ..Trade::default()
    };
    if let Some(side) = side {
        trade.side = side.into();
    }
    Ok(Some(trade))
}

/// Price and base quantity of two amounts, in the scale that the oracle's price speaks for.
fn price_of(base: Decimal64, quote: Decimal64, oracle: Option<Decimal64>) -> Option<(Decimal64, Decimal64)> {
    let scaled = || Some((quote.div_rounded(base, QUOTE_EXPONENT, Rounding::TowardsZero).ok()?, base));
    let raw = || {
        let base = Decimal64::new(base.mantissa, BASE_EXPONENT);
        let quote = Decimal64::new(quote.mantissa, QUOTE_EXPONENT);
        Some((quote.div_rounded(base, QUOTE_EXPONENT, Rounding::TowardsZero).ok()?, base))
    };
    let whole = base.exponent == 0 && quote.exponent == 0;
    if !whole {
        return scaled();
    }
    let Some(oracle) = oracle.filter(|oracle| oracle.is_positive()) else { return raw() };
    let oracles =
        if oracle.exponent == 0 { vec![Decimal64::new(oracle.mantissa, QUOTE_EXPONENT), oracle] } else { vec![oracle] };
    // A fill is within a factor of two of the oracle, the scales are a factor of a thousand apart.
    let near = |price: Decimal64| {
        oracles.iter().any(|oracle| {
            let twice = |value: Decimal64| value.checked_mul(Decimal64::new(2, 0));
            twice(price).is_ok_and(|price| price >= *oracle) && twice(*oracle).is_ok_and(|oracle| oracle >= price)
        })
    };
    [raw(), scaled()].into_iter().flatten().find(|(price, _)| near(*price))
}

/// Reads a file of funding rates of one market: the rate is a fraction of the notional per hour, that of longs, cut at 10^-12.
/// `raw` says that the file has integers (10^-9 and 10^-6), as one of the two endpoints does: nothing in it tells.
pub fn funding_rates(file: &[u8], instrument: InstrumentId, raw: bool, mut on: impl FnMut(&MarkUpdate)) -> FileCounts {
    read(file, |record| {
        let time = record.unsigned("ts")?.ok_or(Malformed)?;
        let long = record.decimal("fundingRateLong")?.or(record.decimal("fundingRate")?).ok_or(Malformed)?;
        let oracle = record.decimal("oraclePriceTwap")?.ok_or(Malformed)?;
        let (long, oracle) = if raw {
            (Decimal64::new(long.mantissa, BASE_EXPONENT), Decimal64::new(oracle.mantissa, QUOTE_EXPONENT))
        } else {
            (long, oracle)
        };
        if !oracle.is_positive() {
            return Ok(Fate::Skipped);
        }
        let rate = long.div_rounded(oracle, -12, Rounding::TowardsZero).map_err(|_| Malformed)?;
        let mark = record.decimal("markPriceTwap")?;
        let mark = if raw { mark.map(|mark| Decimal64::new(mark.mantissa, QUOTE_EXPONENT)) } else { mark };
        let venue_ns = time_ns(time);
        let next_ns = venue_ns.saturating_add(FUNDING_INTERVAL_NS);
        let funding = Some(Funding { rate, interval_ns: FUNDING_INTERVAL_NS, next_ns });
        on(&MarkUpdate { instrument, mark, index: Some(oracle), funding, venue_ns, received_ns: 0 });
        Ok(Fate::Accepted)
    })
}
