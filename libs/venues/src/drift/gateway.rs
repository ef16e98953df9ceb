//! The self-hosted gateway: markets, fills and funding payments of an account, as its socket and `/transactionEvent` tell
//! them. Its numbers are decimals.
//!
//! An event is known by signature, index in the transaction, and kind: it may be told twice. `fee` has another sign for
//! makers than for takers, so it is not read; `makerFee` and `takerFee` are, where they are there: positive is paid.

use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, FixedStr, InstrumentStatus, Side};

use super::time_ns;
use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// An event of an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// Part of an order was filled, perhaps in another transaction than the one that placed it.
    Fill(Fill<'a>),
    /// Funding was paid; negative was paid by the account.
    FundingPayment {
        /// Market.
        market_index: u64,
        /// Amount of the quote.
        amount: Decimal64,
        /// When, ns since the Unix epoch.
        venue_ns: u64,
        /// The transaction.
        signature: &'a str,
    },
    /// Another event, by its name.
    Other(&'a str),
}

/// A fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill<'a> {
    /// Market, counted apart for perpetuals and spot.
    pub market_index: u64,
    /// True for a perpetual.
    pub perpetual: bool,
    /// The account's side.
    pub side: Side,
    /// Base amount.
    pub amount: Decimal64,
    /// Price of this fill.
    pub price: Decimal64,
    /// Order id of the account.
    pub order_id: u64,
    /// What the taker paid.
    pub taker_fee: Option<Decimal64>,
    /// What the maker paid; negative is a rebate.
    pub maker_fee: Option<Decimal64>,
    /// When, ns since the Unix epoch.
    pub venue_ns: u64,
    /// The transaction.
    pub signature: &'a str,
    /// Its index in the transaction.
    pub index: Option<u64>,
}

/// Reads a frame of the socket or the answer to `/transactionEvent`: calls `on` with each event. The flag that is returned is
/// false where the transaction failed on chain.
///
/// # Errors
/// When it is not what the gateway sends, with the place; events before it have been told.
pub fn events<'a>(body: &'a [u8], mut on: impl FnMut(&Event<'a>)) -> Result<bool> {
    let mut scanner = Scanner::new(body);
    let (mut found, mut success) = (false, true);
    scanner.object(|s, key| match key {
        b"data" => {
            found = true;
            event(s, &mut on)
        }
        b"events" => {
            found = true;
            s.array(|s| event(s, &mut on))
        }
        b"success" => s.boolean().map(|value| success = value),
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    if found || !success { Ok(success) } else { Err(scanner.error("the field \"data\" or \"events\"")) }
}

/// An object with one event, whose key is its name.
fn event<'a>(scanner: &mut Scanner<'a>, on: &mut dyn FnMut(&Event<'a>)) -> Result<()> {
    scanner.object(|s, key| {
        let event = match key {
            b"fill" => Event::Fill(fill(s)?),
            b"fundingPayment" => funding_payment(s)?,
            _ => {
                s.skip()?;
                Event::Other(core::str::from_utf8(key).unwrap_or("a name that is no UTF-8"))
            }
        };
        on(&event);
        Ok(())
    })
}

fn fill<'a>(scanner: &mut Scanner<'a>) -> Result<Fill<'a>> {
    let start = *scanner;
    let (mut side, mut amount, mut price, mut order_id, mut market_index) = (None, None, None, None, None);
    let (mut taker_fee, mut maker_fee, mut time, mut signature, mut index, mut perpetual) =
        (None, None, None, "", None, true);
    scanner.object(|s, key| {
        match key {
            b"side" => {
                side = match s.raw_text()? {
                    b"buy" => Some(Side::Buy),
                    b"sell" => Some(Side::Sell),
                    _ => None,
                }
            }
            b"amount" => amount = Some(s.decimal()?),
            b"price" => price = Some(s.decimal()?),
            b"orderId" => order_id = Some(s.unsigned()?),
            b"marketIndex" => market_index = Some(s.unsigned()?),
            b"marketType" => perpetual = s.raw_text()? == b"perp",
            b"takerFee" if !s.take_null() => taker_fee = Some(s.decimal()?),
            b"makerFee" if !s.take_null() => maker_fee = Some(s.decimal()?),
            b"takerFee" | b"makerFee" => {}
            b"ts" => time = Some(s.unsigned()?),
            b"signature" => signature = s.text()?,
            b"txIdx" => index = Some(s.unsigned()?),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let (Some(side), Some(amount), Some(price), Some(order_id), Some(market_index), Some(time)) =
        (side, amount, price, order_id, market_index, time)
    else {
        return Err(start.error("a fill with side, amount, price, orderId, marketIndex, ts"));
    };
    let venue_ns = time_ns(time);
    Ok(Fill {
        market_index,
        perpetual,
        side,
        amount,
        price,
        order_id,
        taker_fee,
        maker_fee,
        venue_ns,
        signature,
        index,
    })
}

fn funding_payment<'a>(scanner: &mut Scanner<'a>) -> Result<Event<'a>> {
    let start = *scanner;
    let (mut amount, mut market_index, mut time, mut signature) = (None, None, None, "");
    scanner.object(|s, key| {
        match key {
            b"amount" => amount = Some(s.decimal()?),
            b"marketIndex" => market_index = Some(s.unsigned()?),
            b"ts" => time = Some(s.unsigned()?),
            b"signature" => signature = s.text()?,
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    match (market_index, amount, time) {
        (Some(market_index), Some(amount), Some(time)) => {
            Ok(Event::FundingPayment { market_index, amount, venue_ns: time_ns(time), signature })
        }
        _ => Err(start.error("a funding payment with amount, marketIndex, ts")),
    }
}

/// The answer to `/markets`: calls `on` with each market and its index.
///
/// # Errors
/// When it is not what the gateway sends, with the place; markets before it have been told.
pub fn markets(body: &[u8], mut on: impl FnMut(&InstrumentInfo, u64)) -> Result<()> {
    let mut scanner = Scanner::new(body);
    let mut found = false;
    scanner.object(|s, key| match key {
        b"spot" | b"perp" => {
            found = true;
            s.array(|s| {
                let (info, index) = market(s)?;
                on(&info, index);
                Ok(())
            })
        }
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    if found { Ok(()) } else { Err(scanner.error("the field \"spot\" or \"perp\"")) }
}

fn market(scanner: &mut Scanner<'_>) -> Result<(InstrumentInfo, u64)> {
    let start = *scanner;
    let (mut symbol, mut index) = (None, None);
    let mut info = InstrumentInfo {
        // Disabled as the venue is.
        status: InstrumentStatus::Halted.into(),
        contract_size: Decimal64::ONE.into(),
        ..InstrumentInfo::default()
    };
    scanner.object(|s, key| {
        match key {
            b"symbol" => symbol = Some(s.text()?),
            b"marketIndex" => index = Some(s.unsigned()?),
            b"priceStep" => info.tick = s.decimal()?.into(),
            b"amountStep" => info.lot = s.decimal()?.into(),
            b"minOrderSize" => info.min_quantity = s.decimal()?.into(),
            _ => drop(s.skip()?),
        }
        Ok(())
    })?;
    let found = symbol.zip(index).and_then(|(symbol, index)| Some((super::instrument(symbol).ok()?, symbol, index)));
    let (instrument, symbol, index) = found.ok_or_else(|| start.error("a market with symbol, marketIndex"))?;
    info.instrument = instrument;
    info.base = FixedStr::truncated(symbol.strip_suffix("-PERP").unwrap_or(symbol));
    Ok((info, index))
}
