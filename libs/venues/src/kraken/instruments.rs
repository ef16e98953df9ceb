//! Pairs: what may be ordered, from the `instrument` channel and from `GET /0/public/AssetPairs`.
//!
//! Tick and lot are given at the pair's own precision, so that a book made from them has the digits that Kraken's checksum
//! covers. REST calls bitcoin `XBT` and dogecoin `XDG`, WebSocket v2 `BTC` and `DOGE`; the latter are used here.

use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, FixedStr, InstrumentId, InstrumentStatus};

use super::parse::symbol;
use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// What both sources say of a pair.
#[derive(Default)]
struct Pair<'a> {
    instrument: Option<InstrumentId>,
    base: &'a str,
    quote: &'a str,
    status: &'a str,
    price_precision: Option<u64>,
    quantity_precision: Option<u64>,
    tick: Option<Decimal64>,
    lot: Option<Decimal64>,
    min_quantity: Decimal64,
    min_notional: Decimal64,
}

impl Pair<'_> {
    fn info(self, received_ns: u64) -> Option<InstrumentInfo> {
        let (price, quantity) = (self.price_precision?, self.quantity_precision?);
        Some(InstrumentInfo {
            instrument: self.instrument?,
            tick: step(self.tick, price)?.into(),
            lot: step(self.lot, quantity)?.into(),
            min_quantity: self.min_quantity.into(),
            min_notional: self.min_notional.into(),
            base: FixedStr::truncated(self.base),
            quote: FixedStr::truncated(self.quote),
            status: status(self.status).into(),
            contract_size: Decimal64::ONE.into(),
            received_ns: received_ns.into(),
            ..InstrumentInfo::default()
        })
    }
}

/// A step at a precision; the precision's own unit where none is named.
fn step(step: Option<Decimal64>, precision: u64) -> Option<Decimal64> {
    let exponent = -i8::try_from(precision).ok().filter(|precision| *precision <= 18)?;
    let unit = Decimal64::new(1, exponent);
    let step = step.filter(|step| step.is_positive()).unwrap_or(unit);
    // A step finer than the precision keeps its digits.
    Some(step.mantissa_at(exponent).map_or(step, |mantissa| Decimal64::new(mantissa, exponent)))
}

fn status(status: &str) -> InstrumentStatus {
    match status {
        "online" | "limit_only" | "post_only" | "" => InstrumentStatus::Trading,
        "cancel_only" | "reduce_only" => InstrumentStatus::CancelOnly,
        "delisted" => InstrumentStatus::Delisted,
        _ => InstrumentStatus::Halted,
    }
}

/// The `data` of the `instrument` channel.
pub(super) fn channel(scanner: &mut Scanner<'_>, received_ns: u64, on: &mut dyn FnMut(&InstrumentInfo)) -> Result<()> {
    scanner.object(|s, key| match key {
        b"pairs" => s.array(|s| {
            on(&channel_pair(s, received_ns)?);
            Ok(())
        }),
        _ => s.skip().map(drop),
    })
}

fn channel_pair(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<InstrumentInfo> {
    let start = *scanner;
    let mut pair = Pair::default();
    let mut deprecated_tick = None;
    scanner.object(|s, key| {
        match key {
            b"symbol" => pair.instrument = Some(symbol(s)?),
            b"base" => pair.base = s.text()?,
            b"quote" => pair.quote = s.text()?,
            b"status" => pair.status = s.text()?,
            b"price_precision" => pair.price_precision = Some(s.unsigned()?),
            b"qty_precision" => pair.quantity_precision = Some(s.unsigned()?),
            b"price_increment" => pair.tick = Some(s.decimal()?),
            b"tick_size" => deprecated_tick = Some(s.decimal()?),
            b"qty_increment" => pair.lot = Some(s.decimal()?),
            b"qty_min" => pair.min_quantity = s.decimal()?,
            b"cost_min" => pair.min_notional = s.decimal()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    pair.tick = pair.tick.or(deprecated_tick);
    pair.info(received_ns).ok_or_else(|| start.error("a pair with symbol, price_precision, qty_precision"))
}

/// The answer to `AssetPairs`: calls `on` with each pair. Pairs without a `wsname` are not on the WebSocket, and left out.
///
/// # Errors
/// When it is not what the venue sends, with the place; pairs before it have been told.
pub fn asset_pairs(body: &[u8], received_ns: u64, mut on: impl FnMut(&InstrumentInfo)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    let mut found = false;
    scanner.object(|s, key| match key {
        b"result" => {
            found = true;
            s.object(|s, _| {
                if let Some(info) = rest_pair(s, received_ns)? {
                    on(&info);
                }
                Ok(())
            })
        }
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    if found { Ok(()) } else { Err(scanner.error("the field \"result\"")) }
}

fn rest_pair(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<Option<InstrumentInfo>> {
    let start = *scanner;
    let (mut pair, mut name) = (Pair::default(), None);
    scanner.object(|s, key| {
        match key {
            b"wsname" if s.peek() == b'"' => name = core::str::from_utf8(s.raw_text()?).ok(),
            b"status" => pair.status = s.text()?,
            b"pair_decimals" => pair.price_precision = Some(s.unsigned()?),
            b"lot_decimals" => pair.quantity_precision = Some(s.unsigned()?),
            b"tick_size" => pair.tick = Some(s.decimal()?),
            b"ordermin" => pair.min_quantity = s.decimal()?,
            b"costmin" => pair.min_notional = s.decimal()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let Some((base, quote)) = name.and_then(|name| name.split_once('/')) else { return Ok(None) };
    // REST escapes the slash.
    (pair.base, pair.quote) = (v2_asset(base.strip_suffix('\\').unwrap_or(base)), v2_asset(quote));
    let symbol = format!("{}/{}", pair.base, pair.quote);
    pair.instrument = super::instrument(&symbol).ok();
    let missing = || start.error("a pair with wsname, pair_decimals, lot_decimals");
    pair.info(received_ns).map(Some).ok_or_else(missing)
}

/// An asset of `wsname` as WebSocket v2 spells it.
fn v2_asset(asset: &str) -> &str {
    match asset {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}
