//! Any bytes as what Binance sends: streams, books, REST answers, account events. A cut frame is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::binance::parse::Decoder;
use mesh_venues::binance::depth::DepthBook;
use mesh_venues::binance::errors::ApiError;
use mesh_venues::binance::event::Event;
use mesh_venues::binance::order::{UserEvent, account_trades, order_report, order_reports};
use mesh_venues::binance::{Market, answers, convert, instruments};

fn stream(decoder: &mut Decoder, book: &mut DepthBook, frame: &[u8]) {
    let market = Market::Spot;
    let mut events = 0;
    let decoded = decoder.decode(frame, |_, event| {
        events += 1;
        match event {
            Event::Trade(trade) => drop(convert::trade(market, trade, 1)),
            Event::BookTicker(ticker) => drop(convert::quote(market, ticker, 1)),
            Event::DepthUpdate(update) => drop(book.on_update(update)),
            Event::Depth(depth) => drop(book.on_snapshot(depth, 100)),
            Event::Kline(kline) => drop(convert::candle(market, kline, 1)),
            Event::MarkPrice(mark) => drop(convert::mark(market, mark, None, 1)),
            Event::Liquidation(order) => drop(convert::liquidation(market, order, 1)),
            Event::User { kind, json } => drop(UserEvent::parse(kind, json)),
            Event::ServerShutdown { .. } | Event::Reply(_) | Event::Ignored { .. } => {}
        }
    });
    let whole = frame.trim_ascii_end();
    if decoded.is_ok() && events > 0 {
        for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            assert!(decoder.decode(&whole[..cut], |_, _| {}).is_err(), "cut at {cut} of {}", whole.escape_ascii());
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (mut decoder, mut book) = (Decoder::new(), DepthBook::new(Market::Spot, None, 8));
    // Lines are the frames of one connection.
    for frame in data.split(|byte| *byte == b'\n') {
        stream(&mut decoder, &mut book, frame);
    }
    let _ = (order_report(data).is_ok(), order_reports(data).is_ok(), account_trades(data).is_ok());
    let _ = (instruments::exchange_info(data).is_ok(), answers::server_time(data), ApiError::parse(400, data));
    let _ = answers::klines(data, "BTCUSDT", "1m", 1, |_| {});
});
