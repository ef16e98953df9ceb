//! Any bytes as a venue's candles of the past: what is told is of what was asked for; a cut answer is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_types::InstrumentId;
use mesh_venues::binance::Market;
use mesh_venues::klines;
use mesh_venues::reader::Language;

const MINUTE_NS: u64 = 60_000_000_000;

fuzz_target!(|data: &[u8]| {
    let instrument: InstrumentId = "okx:spot:BTC-USDT".parse().expect("an id");
    for language in [Language::Binance(Market::Spot), Language::Kraken, Language::Okx, Language::Hyperliquid] {
        let read = |body: &[u8]| {
            klines::parse(language, instrument, MINUTE_NS, body, u64::MAX, &mut |candle| {
                assert_eq!((candle.instrument, candle.interval_ns.get()), (instrument, MINUTE_NS));
            })
        };
        if read(data).is_ok() {
            let cut = data.trim_ascii_end().split_last().map_or(data, |(_, rest)| rest);
            assert!(read(cut).is_err(), "cut: {}", cut.escape_ascii());
        }
    }
});
