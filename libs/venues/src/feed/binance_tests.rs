//! A connection to Binance, whose snapshots come over HTTP.

use super::http::Request;
use super::*;
use crate::binance::Market;
use mesh_types::BookHealth;

const NOW: u64 = 1_700_000_000 * SECOND_NS;
const SPOT: Language = Language::Binance(Market::Spot);

fn id(text: &str) -> InstrumentId {
    text.parse().expect(text)
}

fn feed(language: Language, subscriptions: &[(Channel, &str)]) -> Feed {
    let subscriptions: Vec<_> = subscriptions.iter().map(|(channel, text)| (*channel, id(text))).collect();
    Feed::new(language, &subscriptions, 1_000, Patience::default()).expect("one socket").showing(10)
}

/// A feed of one book that is connected.
fn open() -> Feed {
    let mut feed = feed(SPOT, &[(Channel::Book, "binance:spot:BTCUSDT")]);
    feed.on_open(NOW);
    feed
}

/// The health of books that changed.
fn change(feed: &mut Feed, now_ns: u64, first: u64, last: u64) -> Vec<BookHealth> {
    let frame = format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{first},"u":{last},"b":[["100.{last}","1.0"]],"a":[]}}}}"#
    );
    let mut said = vec![];
    feed.on_frame(now_ns, frame.as_bytes(), &mut |what| said.extend(health(what)));
    said
}

fn health(said: Said<'_>) -> Option<BookHealth> {
    match said {
        Said::Book(view) => Some(view.health),
        Said::Message(_) => None,
    }
}

fn snapshot(feed: &mut Feed, now_ns: u64, request: &Request, last: u64) -> Vec<BookHealth> {
    let body = format!(r#"{{"lastUpdateId":{last},"bids":[["99.0","2.0"]],"asks":[["101.0","3.0"]]}}"#);
    let mut said = vec![];
    feed.on_answer(now_ns, request, body.as_bytes(), &mut |what| said.extend(health(what)));
    said
}

#[test]
fn streams_are_subscribed_on_the_socket_that_serves_them() {
    let mut spot = feed(
        SPOT,
        &[
            (Channel::Book, "binance:spot:BTCUSDT"),
            (Channel::Trades, "binance:spot:BTCUSDT"),
            (Channel::Quotes, "binance:spot:BTCUSDT"),
            (Channel::Candles(1), "binance:spot:BTCUSDT"),
            (Channel::Instruments, "binance:spot:BTCUSDT"),
            (Channel::Funding, "binance:spot:BTCUSDT"),
        ],
    );
    spot.on_open(NOW);
    let request = spot.poll_send(NOW).expect("a request");
    assert_eq!(
        request,
        r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","btcusdt@bookTicker","btcusdt@trade","btcusdt@kline_1s"],"id":1}"#
    );
    assert_eq!(spot.poll_send(NOW), None);
    let futures = Language::Binance(Market::UsdM);
    for (channel, socket) in [
        (Channel::Book, "/public/stream"),
        (Channel::Quotes, "/public/stream"),
        (Channel::Instruments, "/public/stream"),
        (Channel::Trades, "/market/stream"),
        (Channel::Candles(60), "/market/stream"),
        (Channel::Funding, "/market/stream"),
    ] {
        assert_eq!(path(futures, channel), socket, "{channel:?}: on another one it is acknowledged, and silent");
    }
    let bitcoin = "binance:perpetual:BTCUSDT";
    let mut market =
        feed(futures, &[(Channel::Trades, bitcoin), (Channel::Mark, bitcoin), (Channel::Funding, bitcoin)]);
    market.on_open(NOW);
    let request = market.poll_send(NOW).expect("a request");
    assert!(request.contains(r#"["btcusdt@aggTrade","btcusdt@markPrice@1s"]"#), "{request}");
    let both = [(Channel::Trades, id(bitcoin)), (Channel::Book, id(bitcoin))];
    assert!(Feed::new(futures, &both, 10, Patience::default()).is_none(), "two sockets");
}

#[test]
fn what_is_said_stays_below_five_messages_a_second() {
    let names: Vec<String> = (0..190).map(|n| format!("binance:spot:C{n}USDT")).collect();
    let many: Vec<_> = names.iter().map(|name| (Channel::Trades, name.as_str())).collect();
    let mut feed = feed(SPOT, &many);
    feed.on_open(NOW);
    let first = std::iter::from_fn(|| feed.poll_send(NOW)).count();
    assert_eq!(first, 4, "190 streams in requests of 50");
    feed.on_open(NOW);
    assert_eq!(feed.poll_send(NOW), None, "the second connection within a second waits");
    assert!(feed.poll_send(NOW + SECOND_NS).is_some());
}

#[test]
fn a_snapshot_is_asked_for_once_a_change_is_kept_and_joined_to_it() {
    let mut feed = open();
    assert_eq!(feed.poll_request(NOW), None, "nothing is kept yet");
    assert_eq!(change(&mut feed, NOW, 9, 10), [BookHealth::Resyncing]);
    let request = feed.poll_request(NOW).expect("a request");
    assert_eq!((request.path.as_str(), request.body), ("/api/v3/depth?symbol=BTCUSDT&limit=1000", None));
    assert_eq!((request.weight, feed.poll_request(NOW)), (50, None));
    assert_eq!(snapshot(&mut feed, NOW, &request, 9), [BookHealth::Live]);
    assert_eq!(change(&mut feed, NOW, 11, 11), [BookHealth::Live]);
    assert_eq!(change(&mut feed, NOW, 13, 13), [BookHealth::Suspect]);
    let again = feed.poll_request(NOW).expect("the gap is healed at once");
    assert!(feed.reader().books().all(|view| view.health == BookHealth::Resyncing));
    assert_eq!(snapshot(&mut feed, NOW, &again, 13), [BookHealth::Resyncing], "no change has touched it yet");
    assert_eq!(change(&mut feed, NOW, 14, 14), [BookHealth::Live]);
    assert_eq!(feed.poll_request(NOW + 60 * SECOND_NS), None);
}

#[test]
fn a_snapshot_that_is_too_old_or_fails_is_asked_for_again_after_a_growing_pause() {
    let mut feed = open();
    change(&mut feed, NOW, 9, 10);
    let mut now = NOW;
    for (pause_s, stale) in [(1, true), (2, false), (4, true)] {
        let request = feed.poll_request(now).expect("a request");
        if stale {
            snapshot(&mut feed, now, &request, 3);
        } else {
            assert_eq!(feed.on_failure(now, &request, 503, 0), None);
        }
        assert_eq!(feed.poll_request(now + pause_s * SECOND_NS - 1), None);
        now += pause_s * SECOND_NS;
        assert!(feed.wake_ns() <= now);
    }
    let request = feed.poll_request(now).expect("a request");
    let until = feed.on_failure(now, &request, 429, 7).expect("a pause");
    assert_eq!(until, now + 7 * SECOND_NS);
    feed.pause_requests(until + 60 * SECOND_NS);
    assert_eq!(feed.poll_request(until + 60 * SECOND_NS - 1), None, "nothing at all is asked");
    assert!(feed.poll_request(until + 60 * SECOND_NS).is_some());
}

#[test]
fn an_answer_of_the_connection_before_changes_nothing() {
    let mut feed = open();
    change(&mut feed, NOW, 9, 10);
    let request = feed.poll_request(NOW).expect("a request");
    feed.on_close();
    assert!(snapshot(&mut feed, NOW, &request, 9).is_empty());
    feed.on_open(NOW);
    assert!(feed.reader().books().all(|view| view.health != BookHealth::Live));
    change(&mut feed, NOW, 20, 21);
    let request = feed.poll_request(NOW).expect("a request");
    assert_eq!(snapshot(&mut feed, NOW, &request, 20), [BookHealth::Live]);
}

#[test]
fn what_is_traded_is_asked_for_now_and_then() {
    let mut feed =
        feed(SPOT, &[(Channel::Instruments, "binance:spot:BTCUSDT"), (Channel::Book, "binance:spot:BTCUSDT")]);
    feed.on_open(NOW);
    let request = feed.poll_request(NOW).expect("a request");
    assert_eq!(request.path, "/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D");
    let body = br#"{"serverTime":1700000000000,"rateLimits":[],"symbols":[{"symbol":"BTCUSDT","status":"BREAK","baseAsset":"BTC","quoteAsset":"USDT","filters":[
        {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01000000"}]}]}"#;
    let mut told = vec![];
    feed.on_answer(NOW, &request, body, &mut |said| {
        if let Said::Message(Message::Instrument(info)) = said {
            told.push((info.instrument, info.status.get()));
        }
    });
    assert_eq!(told, [(id("binance:spot:BTCUSDT"), Some(mesh_types::InstrumentStatus::Halted))]);
    assert_eq!(feed.poll_request(NOW + 3_599 * SECOND_NS), None);
    let again = feed.poll_request(NOW + 3_600 * SECOND_NS).expect("an hour later");
    feed.on_answer(NOW + 3_600 * SECOND_NS, &again, b"<html>", &mut |_| {});
    assert_eq!(feed.malformed(), 1);
    assert!(feed.poll_request(NOW + 3_601 * SECOND_NS).is_some(), "what can't be read is asked for again");
}

#[test]
fn a_venue_that_goes_down_is_left() {
    let mut feed = open();
    let frame = br#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000}}"#;
    feed.on_frame(NOW, frame, &mut |_| {});
    assert_eq!(feed.wants_reconnect(), Some(Reconnect::Asked));
}

#[test]
fn prices_that_leave_what_the_snapshot_told_of_want_another_one() {
    let mut feed = open().showing(1);
    feed.book_depth = 2;
    feed = feed.showing(1);
    change(&mut feed, NOW, 9, 10);
    let mut request = feed.poll_request(NOW).expect("a request");
    request.path = "/api/v3/depth?symbol=BTCUSDT&limit=1".to_owned();
    assert_eq!(snapshot(&mut feed, NOW, &request, 9), [BookHealth::Live]);
    // The best two bids go: what lies below 99 was never told.
    let gone = br#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":11,"u":11,"b":[["100.10","0"],["99.0","0"],["98","1"]],"a":[]}}"#;
    feed.on_frame(NOW, gone, &mut |_| {});
    assert_eq!(feed.poll_request(NOW), None);
    feed.on_time(NOW + SECOND_NS, &mut |_| {});
    assert_eq!(change(&mut feed, NOW + SECOND_NS, 12, 12), [BookHealth::Live], "the old one goes on");
    assert!(feed.poll_request(NOW + SECOND_NS).is_some());
}

fn trade(feed: &mut Feed, now_ns: u64, id: u64) -> Vec<String> {
    let frame = format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":5,"s":"BTCUSDT","t":{id},"p":"1.0","q":"1","T":{id},"m":true,"M":true}}}}"#
    );
    let mut said = vec![];
    feed.on_frame(now_ns, frame.as_bytes(), &mut |what| said.extend(trades(&what)));
    said
}

/// Trades and gaps as text.
fn trades(said: &Said<'_>) -> Option<String> {
    match said {
        Said::Message(Message::Trade { trade, .. }) => Some(trade.trade_id.get().to_string()),
        Said::Message(Message::TradeGap(gap)) => {
            Some(format!("{}..={} lost", gap.first_trade_id.get(), gap.last_trade_id.get()))
        }
        _ => None,
    }
}

fn old_trades(ids: &[u64]) -> String {
    let row = |id: &u64| format!(r#"{{"id":{id},"price":"1.0","qty":"1","time":{id},"isBuyerMaker":true}}"#);
    format!("[{}]", ids.iter().map(row).collect::<Vec<_>>().join(","))
}

#[test]
fn trades_that_were_missed_are_asked_for_and_told_once() {
    let mut feed = feed(SPOT, &[(Channel::Trades, "binance:spot:BTCUSDT")]);
    feed.on_open(NOW);
    assert_eq!(trade(&mut feed, NOW, 7), ["7"]);
    feed.on_close();
    feed.on_open(NOW);
    assert_eq!(trade(&mut feed, NOW, 11), ["11"], "8 to 10 came while nobody listened");
    let request = feed.poll_request(NOW).expect("a request");
    assert_eq!(request.path, "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=8&limit=1000");
    let mut said = vec![];
    feed.on_answer(NOW, &request, old_trades(&[8, 9]).as_bytes(), &mut |what| said.extend(trades(&what)));
    assert_eq!(said, ["8", "9"]);
    let request = feed.poll_request(NOW).expect("the rest");
    assert!(request.path.contains("fromId=10&"), "{}", request.path);
    feed.on_answer(NOW, &request, old_trades(&[10, 11, 12]).as_bytes(), &mut |what| said.extend(trades(&what)));
    assert_eq!(said, ["8", "9", "10"], "11 was told, and 12 was not missed");
    assert_eq!(trade(&mut feed, NOW, 12), ["12"]);
    assert_eq!(feed.poll_request(NOW), None);
}

#[test]
fn trades_that_can_t_be_had_are_told_to_be_lost() {
    let mut feed = feed(SPOT, &[(Channel::Trades, "binance:spot:BTCUSDT")]);
    feed.on_open(NOW);
    trade(&mut feed, NOW, 7);
    trade(&mut feed, NOW, 11);
    let request = feed.poll_request(NOW).expect("a request");
    let mut said = vec![];
    feed.on_answer(NOW, &request, b"[]", &mut |what| said.extend(trades(&what)));
    assert_eq!(said, ["8..=10 lost"]);
    trade(&mut feed, NOW, 15);
    let mut now = NOW;
    for _ in 0..5 {
        let request = feed.poll_request(now).expect("a request");
        feed.on_failure(now, &request, 503, 0);
        now += 60 * SECOND_NS;
    }
    assert_eq!(feed.poll_request(now), None);
    feed.on_time(now, &mut |what| said.extend(trades(&what)));
    assert_eq!(said, ["8..=10 lost", "12..=14 lost"]);
}

#[test]
fn a_symbol_that_is_gone_does_not_spoil_the_others_and_is_told() {
    let subscriptions =
        [(Channel::Instruments, "binance:spot:BTCUSDT"), (Channel::Instruments, "binance:spot:LUNAUSDT")];
    let mut feed = feed(SPOT, &subscriptions);
    feed.on_open(NOW);
    let row = |symbol: &str| {
        format!(
            r#"{{"symbol":"{symbol}","status":"TRADING","baseAsset":"B","quoteAsset":"USDT","filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000","tickSize":"0.01"}}]}}"#
        )
    };
    let list = |rows: &[String]| format!(r#"{{"serverTime":1,"rateLimits":[],"symbols":[{}]}}"#, rows.join(","));
    let hear = |feed: &mut Feed, now_ns: u64, request: &Request, body: &str| {
        let mut told = vec![];
        feed.on_answer(now_ns, request, body.as_bytes(), &mut |said| {
            if let Said::Message(Message::Instrument(info)) = said {
                told.push(format!("{} {:?}", info.instrument, info.status.get().expect("a status")));
            }
        });
        told
    };
    let request = feed.poll_request(NOW).expect("a request");
    assert_eq!(hear(&mut feed, NOW, &request, &list(&[row("BTCUSDT"), row("LUNAUSDT")])).len(), 2);
    let later = NOW + 3_600 * SECOND_NS;
    let request = feed.poll_request(later).expect("an hour later");
    assert_eq!(feed.on_failure(later, &request, 400, 0), None, "-1121, one of them is gone");
    let request = feed.poll_request(later + SECOND_NS).expect("all of them");
    assert_eq!(request.path, "/api/v3/exchangeInfo?showPermissionSets=false");
    let told = hear(&mut feed, later, &request, &list(&[row("BTCUSDT"), row("ETHUSDT")]));
    assert_eq!(told, ["binance:spot:BTCUSDT Trading", "binance:spot:LUNAUSDT Delisted"]);
}
