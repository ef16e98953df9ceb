//! Any bytes as Binance's public answers: what is read can be written and read again; a cut answer is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::binance::errors::ApiError;
use mesh_venues::binance::event::Kline;
use mesh_venues::binance::server::{TimeUnit, Writer};
use mesh_venues::binance::{Market, answers, instruments};

const WRITER: Writer = Writer { market: Market::Spot, unit: TimeUnit::Millisecond };

fn klines(body: &[u8]) -> Option<Vec<Kline<'static>>> {
    let mut candles = Vec::new();
    answers::klines(body, "BTCUSDT", "1m", u64::MAX, |candle| candles.push(*candle)).ok()?;
    Some(candles)
}

fuzz_target!(|data: &[u8]| {
    let cut = data.trim_ascii_end().split_last().map_or(data, |(_, rest)| rest);
    if let Ok(info) = instruments::exchange_info(data) {
        let written = WRITER.exchange_info(info.server_ns, &[], &info.symbols);
        let again = instruments::exchange_info(written.as_bytes()).expect("what is written is read");
        assert_eq!(again.symbols, info.symbols, "{written}");
        assert!(instruments::exchange_info(cut).is_err(), "cut: {}", cut.escape_ascii());
    }
    if let Some(candles) = klines(data) {
        let written = WRITER.klines(&candles);
        let again = klines(written.as_bytes()).expect("what is written is read");
        let values = |candle: &Kline<'_>| (candle.open, candle.high, candle.low, candle.close, candle.volume);
        assert!(again.iter().map(values).eq(candles.iter().map(values)), "{written}");
        assert!(klines(cut).is_none(), "cut: {}", cut.escape_ascii());
    }
    if answers::server_time(data).is_ok() {
        assert!(answers::server_time(cut).is_err(), "cut: {}", cut.escape_ascii());
    }
    let _ = ApiError::parse(400, data);
});
