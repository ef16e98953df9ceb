//! What may be ordered: `meta` (perpetuals) and `spotMeta`, with the asset ids that orders name.
//!
//! Prices have at most five significant figures and at most `6 - szDecimals` decimals (spot: `8 - szDecimals`), so the tick
//! told is the finest there is; [`super::format::price`] has the whole rule. Delisted coins keep their index.

use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, FixedStr, InstrumentStatus};

use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// Where what may be ordered is asked for, by posting one of the two bodies below.
pub const PATH: &str = "/info";
/// Asks for perpetuals.
pub const META: &str = r#"{"type":"meta"}"#;
/// Asks for spot pairs.
pub const SPOT_META: &str = r#"{"type":"spotMeta"}"#;

/// Decimals of a perpetual's price and size together, at most.
pub const PERPETUAL_DECIMALS: u8 = 6;
/// Decimals of a spot pair's price and size together, at most.
pub const SPOT_DECIMALS: u8 = 8;
/// What spot pairs' asset ids begin at.
const FIRST_SPOT_ASSET: u64 = 10_000;
/// Least notional of an order, in the quote.
const MIN_NOTIONAL: Decimal64 = Decimal64::new(10, 0);

/// An instrument as orders need it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asset {
    /// What may be ordered.
    pub info: InstrumentInfo,
    /// What orders call it.
    pub id: u64,
    /// Decimals of its sizes.
    pub size_decimals: u8,
}

fn asset(coin: &str, base: &str, quote: &str, size_decimals: u8, max_decimals: u8, id: u64) -> Option<Asset> {
    let exponent = |decimals: u8| i8::try_from(decimals).ok().map(|decimals| -decimals);
    let info = InstrumentInfo {
        instrument: super::instrument(coin).ok()?,
        tick: Decimal64::new(1, exponent(max_decimals.saturating_sub(size_decimals))?).into(),
        lot: Decimal64::new(1, exponent(size_decimals)?).into(),
        min_quantity: Decimal64::new(1, exponent(size_decimals)?).into(),
        min_notional: MIN_NOTIONAL.into(),
        base: FixedStr::truncated(base),
        quote: FixedStr::truncated(quote),
        status: InstrumentStatus::Trading.into(),
        contract_size: Decimal64::ONE.into(),
        ..InstrumentInfo::default()
    };
    Some(Asset { info, id, size_decimals })
}

fn size_decimals(scanner: &mut Scanner<'_>) -> Result<u8> {
    let start = *scanner;
    let decimals = u8::try_from(scanner.unsigned()?).ok().filter(|decimals| *decimals <= SPOT_DECIMALS);
    decimals.ok_or_else(|| start.error("szDecimals of 0 to 8"))
}

/// The answer to `meta` or `metaAndAssetCtxs`: calls `on` with each perpetual.
///
/// # Errors
/// When it is not what the venue sends, with the place; assets before it have been told.
pub fn perpetuals(body: &[u8], mut on: impl FnMut(&Asset)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    let mut found = false;
    let mut meta = |s: &mut Scanner<'_>| {
        let mut index = 0;
        s.object(|s, key| match key {
            b"universe" => {
                found = true;
                s.array(|s| {
                    on(&perpetual(s, index)?);
                    index += 1;
                    Ok(())
                })
            }
            _ => s.skip().map(drop),
        })
    };
    if scanner.peek() == b'[' {
        let mut first = true;
        scanner.array(|s| if core::mem::take(&mut first) { meta(s) } else { s.skip().map(drop) })?;
    } else {
        meta(&mut scanner)?;
    }
    scanner.end()?;
    if found { Ok(()) } else { Err(scanner.error("the field \"universe\"")) }
}

fn perpetual(scanner: &mut Scanner<'_>, index: u64) -> Result<Asset> {
    let start = *scanner;
    let (mut name, mut decimals, mut delisted) = (None, None, false);
    scanner.object(|s, key| {
        match key {
            b"name" => name = Some(s.text()?),
            b"szDecimals" => decimals = Some(size_decimals(s)?),
            b"isDelisted" if !s.take_null() => delisted = s.boolean()?,
            b"isDelisted" => {}
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let found =
        name.zip(decimals).and_then(|(name, decimals)| asset(name, name, "USDC", decimals, PERPETUAL_DECIMALS, index));
    let mut asset = found.ok_or_else(|| start.error("a perpetual with name, szDecimals"))?;
    if delisted {
        asset.info.status = InstrumentStatus::Delisted.into();
    }
    Ok(asset)
}

/// The answer to `spotMeta` or `spotMetaAndAssetCtxs`: calls `on` with each pair.
///
/// # Errors
/// When it is not what the venue sends, with the place; assets before it have been told.
pub fn spot(body: &[u8], mut on: impl FnMut(&Asset)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    let (mut tokens, mut universe) = (Vec::new(), None);
    let mut meta = |s: &mut Scanner<'_>| {
        s.object(|s, key| match key {
            b"tokens" => s.array(|s| {
                tokens.push(token(s)?);
                Ok(())
            }),
            b"universe" => {
                s.peek();
                universe = Some(s.skip()?.to_vec());
                Ok(())
            }
            _ => s.skip().map(drop),
        })
    };
    if scanner.peek() == b'[' {
        let mut first = true;
        scanner.array(|s| if core::mem::take(&mut first) { meta(s) } else { s.skip().map(drop) })?;
    } else {
        meta(&mut scanner)?;
    }
    scanner.end()?;
    let universe = universe.ok_or_else(|| scanner.error("the field \"universe\""))?;
    Scanner::new(&universe).array(|s| {
        on(&pair(s, &tokens)?);
        Ok(())
    })
}

/// Index, name and size decimals of a token.
fn token(scanner: &mut Scanner<'_>) -> Result<(u64, String, u8)> {
    let start = *scanner;
    let (mut index, mut name, mut decimals) = (None, None, None);
    scanner.object(|s, key| {
        match key {
            b"index" => index = Some(s.unsigned()?),
            b"name" => name = Some(s.text()?.to_owned()),
            b"szDecimals" => decimals = Some(size_decimals(s)?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    match (index, name, decimals) {
        (Some(index), Some(name), Some(decimals)) => Ok((index, name, decimals)),
        _ => Err(start.error("a token with index, name, szDecimals")),
    }
}

fn pair(scanner: &mut Scanner<'_>, tokens: &[(u64, String, u8)]) -> Result<Asset> {
    let start = *scanner;
    let (mut name, mut index, mut sides) = (None, None, Vec::with_capacity(2));
    scanner.object(|s, key| {
        match key {
            b"name" => name = Some(s.text()?),
            b"index" => index = Some(s.unsigned()?),
            b"tokens" => s.array(|s| {
                sides.push(s.unsigned()?);
                Ok(())
            })?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let token = |at: usize| sides.get(at).and_then(|index| tokens.iter().find(|token| token.0 == *index));
    let asset = || {
        let ((_, base, decimals), (_, quote, _)) = (token(0)?, token(1)?);
        asset(name?, base, quote, *decimals, SPOT_DECIMALS, FIRST_SPOT_ASSET.checked_add(index?)?)
    };
    asset().ok_or_else(|| start.error("a pair with name, index, and tokens that are listed"))
}
