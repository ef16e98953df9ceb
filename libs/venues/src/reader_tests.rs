use super::*;
use crate::counts::Counts;
use crate::recordings::{file, lines};
use crate::tape::Kind;
use proptest::prelude::*;

struct Read {
    counts: Counts,
    books: Vec<(BookHealth, Option<bool>)>,
    reader: Reader,
}

fn read<'a>(language: Language, frames: impl IntoIterator<Item = &'a str>) -> Read {
    let mut read = Read { counts: Counts::new(), books: vec![], reader: Reader::new(language) };
    for frame in frames {
        let Read { counts, books, reader } = &mut read;
        let parsed = reader.on_frame(frame.as_bytes(), 1, &mut |said| match said {
            Said::Message(message) => drop(counts.add(message.kind())),
            Said::Book(view) => books.push((view.health, view.checksum_ok)),
        });
        assert_eq!(parsed, Ok(()), "{frame}");
    }
    read
}

#[test]
fn subscriptions_end_and_begin_books() {
    let ack = |method: &str| {
        format!(r#"{{"event":"{method}","arg":{{"channel":"books","instId":"BTC-USDT"}},"connId":"a"}}"#)
    };
    let snapshot = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["2","1","0","1"]],"bids":[["1.50","7.0","0","1"]],"ts":"5","prevSeqId":-1,"seqId":10}]}"#;
    let frames = [ack("subscribe"), snapshot.into(), ack("unsubscribe"), ack("subscribe"), snapshot.into()];
    let read = read(Language::Okx, frames.iter().map(String::as_str));
    let health: Vec<BookHealth> = read.books.iter().map(|(health, _)| *health).collect();
    assert_eq!(health, [BookHealth::Live, BookHealth::Suspect, BookHealth::Resyncing, BookHealth::Live]);
    let view = read.reader.books().next().expect("a book");
    let bids: Vec<String> = view.levels(Side::Buy).map(|(p, q)| format!("{p}:{q}")).collect();
    assert_eq!(bids, ["1.50:7.0"], "the digits that were printed, though they are not the shortest");
    assert_eq!((view.sequence, view.venue_ns, view.levels(Side::Sell).count()), (10, 5_000_000, 1));
}

#[test]
fn a_level_that_can_t_be_one_makes_its_book_suspect() {
    let good = r#"{"channel":"l2Book","data":{"coin":"BTC","time":5,"levels":[[{"px":"1.0","sz":"3.0"}],[]]}}"#;
    let bad = good.replace("\"1.0\"", "\"-1.0\"").replace(":5,", ":6,");
    let read = read(Language::Hyperliquid, [good, bad.as_str()]);
    assert_eq!((read.reader.impossible_levels(), read.books.len()), (1, 2));
    assert_eq!(read.books[1].0, BookHealth::Suspect);
}

#[test]
fn binance_s_books_take_snapshots_of_the_socket_and_over_http() {
    let update = |first: u64, last: u64| {
        format!(r#"{{"e":"depthUpdate","E":1,"s":"X","U":{first},"u":{last},"b":[["1.10","1"]],"a":[]}}"#)
    };
    let snapshot = r#"{"lastUpdateId":1,"bids":[["1.00","5"]],"asks":[["2.00","5"]]}"#;
    let frames = [update(1, 2), snapshot.into(), update(3, 3), update(5, 5)];
    let read = read(Language::Binance(Market::Spot), frames.iter().map(String::as_str));
    let health: Vec<BookHealth> = read.books.iter().map(|(health, _)| *health).collect();
    assert_eq!(health, [BookHealth::Resyncing, BookHealth::Live, BookHealth::Live, BookHealth::Suspect]);
    assert_eq!((read.counts.of("book"), read.reader.gaps()), (4, 1));
    let mut reader = Reader::new(Language::Binance(Market::Spot));
    reader.on_frame(update(1, 2).as_bytes(), 1, &mut |_| {}).expect("an update");
    let mut live = false;
    let url = "https://host/api/v3/depth?symbol=X&limit=1000";
    let answered = reader.on_answer(url, snapshot.as_bytes(), 1, &mut |said| {
        live |= matches!(said, Said::Book(view) if view.health == BookHealth::Live);
    });
    assert!(answered.is_ok() && live && reader.has_depth_of("X"));
    reader.disconnected();
    assert!(reader.books().all(|view| view.health == BookHealth::Suspect));
    let partial = r#"{"stream":"x@depth5","data":{"lastUpdateId":9,"bids":[["1.00","5"]],"asks":[["2.00","5"]]}}"#;
    let read = self::read(Language::Binance(Market::Spot), [partial]);
    assert_eq!(read.books, [(BookHealth::Live, None)], "whole in itself");
}

#[test]
fn languages_are_named_and_instruments_are_read() {
    for venue in [Venue::Binance, Venue::Kraken, Venue::Okx, Venue::Hyperliquid] {
        for kind in Language::kinds(venue) {
            assert!(Language::new(venue, kind).is_some(), "{venue} {kind}");
        }
        assert_eq!(Language::new(venue, "v9"), None);
    }
    for (language, body) in [
        (Language::Okx, r#"{"code":"0","data":[{"instId":"A-B","tickSz":"0.1","lotSz":"0.01","state":"live"}]}"#),
        (Language::Kraken, r#"{"result":{"AB":{"wsname":"A/B","pair_decimals":1,"lot_decimals":8}}}"#),
        (Language::Hyperliquid, r#"{"universe":[{"name":"A","szDecimals":2}]}"#),
        (
            Language::Binance(Market::Spot),
            r#"{"serverTime":1,"symbols":[{"symbol":"AB","status":"TRADING","baseAsset":"A","quoteAsset":"B","filters":[]}]}"#,
        ),
    ] {
        let mut count = 0;
        let reader = Reader::new(language);
        reader.instruments(body.as_bytes(), 1, &mut |_| count += 1).expect(body);
        assert_eq!(count, 1, "{body}");
        assert!(reader.instruments(b"[", 1, &mut |_| {}).is_err());
    }
}

/// Each recording, read whole: every book stays live, nothing is malformed.
#[test]
fn recordings_are_read_whole() {
    let spot = Language::Binance(Market::Spot);
    for (name, language, books) in [
        ("kraken/ws_v2/kraken_btcusd_l2.ndjson", Language::Kraken, 1),
        ("kraken/ws_v2/kraken_xrpusd_sample.ndjson", Language::Kraken, 1),
        ("okx/cryptofeed_2022-05-13.jsonl.gz", Language::Okx, 3),
        ("hyperliquid/raw_ws/btcusd_20250126.gz", Language::Hyperliquid, 1),
        ("binance/spot/cryptofeed_2021-10-12.jsonl.gz", spot, 4),
        ("binance/usdm/cryptofeed_2021-07-22.jsonl.gz", Language::Binance(Market::UsdM), 4),
        ("binance/spot/raw_ws/btcusdt_20240808.gz", spot, 1),
    ] {
        let Some(bytes) = file(name) else { continue };
        let mut reader = Reader::new(language);
        for line in lines(&bytes) {
            let read = match line.kind {
                Kind::Frame => reader.on_frame(&line.frame, line.received_ns, &mut |_| {}),
                Kind::Http => reader.on_answer(&line.url, &line.frame, line.received_ns, &mut |_| {}),
                Kind::Connect | Kind::Other => Ok(()),
            };
            assert_eq!(read, Ok(()), "{name}");
        }
        assert_eq!((reader.gaps(), reader.checksum_failures(), reader.impossible_levels()), (0, 0, 0), "{name}");
        assert_eq!(reader.books().filter(|view| view.health == BookHealth::Live).count(), books, "{name}");
        assert_eq!(reader.books().count(), books, "{name}");
    }
}

proptest! {
    #[test]
    fn any_frames_are_survived(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..5), which in 0usize..4) {
        let language = [Language::Kraken, Language::Okx, Language::Hyperliquid, Language::Binance(Market::UsdM)][which];
        let mut reader = Reader::new(language);
        for frame in &frames {
            let _ = reader.on_frame(frame, 1, &mut |_| {});
            let _ = reader.on_answer("/depth?symbol=X", frame, 1, &mut |_| {});
        }
        for view in reader.books() {
            prop_assert!(view.health != BookHealth::Live || view.book.is_coherent());
        }
    }
}
