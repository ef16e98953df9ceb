//! Answers over HTTP beside the list of instruments: candles, time. The depth snapshot has the form of a frame and is read by
//! [`super::parse::Decoder`] as [`super::event::Event::Depth`].

use mesh_types::Decimal64;

use super::event::{Kline, Trade};
use super::time_ns;
use crate::json::{JsonError, Scanner};

/// `GET /api/v3/klines` and its like: calls `on` with each candle. The answer names neither symbol nor interval, so they are
/// given. The last candle is still open where its end is not before `now_ns`.
///
/// # Errors
/// When it is not what the venue sends, with the place; candles before it have been told.
pub fn klines<'a>(
    body: &[u8],
    symbol: &'a str,
    interval: &'a str,
    now_ns: u64,
    mut on: impl FnMut(&Kline<'a>),
) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(body);
    scanner.array(|s| {
        let comma = |s: &mut Scanner<'_>| s.expect(b',', "',' between a candle's 12 values");
        s.expect(b'[', "a candle")?;
        let open_ns = time_ns(s.unsigned()?);
        let mut prices = [Decimal64::ZERO; 5];
        for price in &mut prices {
            comma(s)?;
            *price = s.decimal()?;
        }
        comma(s)?;
        let end_ns = time_ns(s.unsigned()?);
        comma(s)?;
        s.decimal()?;
        comma(s)?;
        let trade_count = s.unsigned()?;
        while s.take(b',') {
            s.skip()?;
        }
        s.expect(b']', "']' after a candle")?;
        let [open, high, low, close, volume] = prices;
        let closed = end_ns < now_ns;
        on(&Kline { symbol, interval, open_ns, open, high, low, close, volume, trade_count, closed, event_ns: end_ns });
        Ok(())
    })?;
    scanner.end()
}

/// `GET /api/v3/historicalTrades` of spot, `/fapi/v1/aggTrades` and `/dapi/v1/aggTrades` of futures: calls `on` with each trade,
/// oldest first. The answer does not name the symbol.
///
/// # Errors
/// When it is not what the venue sends, with the place; trades before it have been told.
pub fn trades<'a>(body: &[u8], symbol: &'a str, mut on: impl FnMut(&Trade<'a>)) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(body);
    scanner.array(|s| {
        let start = *s;
        let (mut id, mut price, mut quantity, mut time, mut maker, mut aggregated) =
            (None, None, None, None, None, false);
        s.object(|s, key| {
            match key {
                b"id" => id = Some(s.unsigned()?),
                b"a" => (id, aggregated) = (Some(s.unsigned()?), true),
                b"price" | b"p" => price = Some(s.decimal()?),
                b"qty" | b"q" => quantity = Some(s.decimal()?),
                b"time" | b"T" => time = Some(time_ns(s.unsigned()?)),
                b"isBuyerMaker" | b"m" => maker = Some(s.boolean()?),
                _ => drop(s.skip()?),
            }
            Ok(())
        })?;
        let (Some(id), Some(price), Some(quantity), Some(trade_ns), Some(buyer_is_maker)) =
            (id, price, quantity, time, maker)
        else {
            return Err(start.error("a trade with id, price, quantity, time and maker"));
        };
        on(&Trade {
            symbol,
            aggregated,
            id,
            price,
            quantity,
            buyer_is_maker,
            on_market: true,
            trade_ns,
            event_ns: trade_ns,
        });
        Ok(())
    })?;
    scanner.end()
}

/// `GET /api/v3/time`: the venue's clock, ns since the Unix epoch.
///
/// # Errors
/// When it is not what the venue sends.
pub fn server_time(body: &[u8]) -> Result<u64, JsonError> {
    let mut scanner = Scanner::new(body);
    let mut time = None;
    scanner.object(|s, key| match key {
        b"serverTime" => s.unsigned().map(|ms| time = Some(time_ns(ms))),
        _ => s.skip().map(drop),
    })?;
    scanner.end()?;
    time.ok_or_else(|| scanner.error("the field \"serverTime\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_an_answer_are_refused() {
        assert_eq!(server_time(br#"{"serverTime":1499827319559}"#), Ok(1_499_827_319_559_000_000));
        assert!(server_time(br#"{"serverTime":1499827319559}7}"#).is_err());
        let candle = br#"[[1499040000000,"0.1","0.8","0.1","0.2","148",1499644799999,"2434",308,"1756","28","0"]]"#;
        assert!(klines(candle, "BTCUSDT", "1m", 0, |_| {}).is_ok());
        assert!(klines(&[&candle[..], b"]"].concat(), "BTCUSDT", "1m", 0, |_| {}).is_err());
    }
}
