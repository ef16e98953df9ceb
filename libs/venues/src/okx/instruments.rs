//! What may be ordered: the `instruments` channel, and `GET /api/v5/public/instruments`.

use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, FixedStr, InstrumentKind, InstrumentStatus};

use super::parse::{decimal_or_empty, instrument};
use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// What OKX calls a kind of instruments (`instType`); `None` where it has none of it.
pub const fn type_of(kind: InstrumentKind) -> Option<&'static str> {
    match kind {
        InstrumentKind::Spot => Some("SPOT"),
        InstrumentKind::Swap => Some("SWAP"),
        InstrumentKind::Future => Some("FUTURES"),
        InstrumentKind::Option => Some("OPTION"),
        _ => None,
    }
}

/// The answer to `instruments`: calls `on` with each, and with its `instIdCode`, which orders on the socket name.
///
/// # Errors
/// When it is not what the venue sends, with the place; instruments before it have been told.
pub fn list(body: &[u8], received_ns: u64, mut on: impl FnMut(&InstrumentInfo, Option<u64>)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    let mut found = false;
    scanner.object(|s, key| match key {
        b"data" => {
            found = true;
            s.array(|s| {
                let (info, code) = read(s, received_ns)?;
                on(&info, code);
                Ok(())
            })
        }
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    if found { Ok(()) } else { Err(scanner.error("the field \"data\"")) }
}

/// One instrument.
pub(super) fn one(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<InstrumentInfo> {
    read(scanner, received_ns).map(|(info, _)| info)
}

fn read(scanner: &mut Scanner<'_>, received_ns: u64) -> Result<(InstrumentInfo, Option<u64>)> {
    let start = *scanner;
    let (mut id, mut code, mut state, mut family) = (None, None, None, "");
    let (mut base, mut quote, mut contract, mut multiplier) = ("", "", None, None);
    let mut info = InstrumentInfo { received_ns: received_ns.into(), ..InstrumentInfo::default() };
    scanner.object(|s, key| {
        match key {
            b"instId" => id = Some(instrument(s)?),
            b"instIdCode" if s.peek().is_ascii_digit() => code = Some(s.unsigned()?),
            b"baseCcy" => base = s.text()?,
            b"quoteCcy" => quote = s.text()?,
            b"uly" | b"instFamily" if family.is_empty() => family = s.text()?,
            b"tickSz" => info.tick = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"lotSz" => info.lot = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"minSz" => info.min_quantity = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"maxLmtSz" => info.max_quantity = decimal_or_empty(s)?.unwrap_or_default().into(),
            b"ctVal" => contract = decimal_or_empty(s)?,
            b"ctMult" => multiplier = decimal_or_empty(s)?,
            b"state" => state = Some(s.text()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    info.instrument = id.ok_or_else(|| start.error("an instrument with instId"))?;
    // Derivatives name their underlying in place of the two.
    let (under_base, under_quote) = family.split_once('-').unwrap_or((family, ""));
    info.base = FixedStr::truncated(if base.is_empty() { under_base } else { base });
    info.quote = FixedStr::truncated(if quote.is_empty() { under_quote } else { quote });
    let contract = contract.unwrap_or(Decimal64::ONE);
    let size = contract.checked_mul(multiplier.unwrap_or(Decimal64::ONE)).unwrap_or(contract);
    info.contract_size = size.into();
    info.status = match state {
        Some("live" | "post_only") => InstrumentStatus::Trading,
        Some("preopen") => InstrumentStatus::PreTrading,
        Some("expired" | "settlement") => InstrumentStatus::Delisted,
        // suspend, test, rebase, and what is not known here.
        _ => InstrumentStatus::Halted,
    }
    .into();
    Ok((info, code))
}
