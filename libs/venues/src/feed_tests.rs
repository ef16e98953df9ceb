use super::*;
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000 * SECOND_NS;

fn id(text: &str) -> InstrumentId {
    text.parse().expect(text)
}

fn feed(language: Language, subscriptions: &[(Channel, &str)]) -> Feed {
    let subscriptions: Vec<_> = subscriptions.iter().map(|(channel, text)| (*channel, id(text))).collect();
    Feed::new(language, &subscriptions, 10, Patience::default()).expect("a venue of the feed's")
}

fn sent(feed: &mut Feed, now_ns: u64) -> Vec<String> {
    std::iter::from_fn(|| feed.poll_send(now_ns)).collect()
}

/// Kinds of what was said, and the health of books.
fn say(feed: &mut Feed, now_ns: u64, frame: &str) -> Vec<String> {
    let mut said = vec![];
    feed.on_frame(now_ns, frame.as_bytes(), &mut |what| {
        said.push(match what {
            Said::Message(Message::Candle { candle, .. }) => {
                format!("candle {} {}", candle.open_ns.get(), candle.closed)
            }
            Said::Message(message) => message.kind().to_owned(),
            Said::Book(view) => view.health.to_string(),
        });
    });
    said
}

fn okx_book(previous: i64, sequence: i64) -> String {
    let action = if previous < 0 { "snapshot" } else { "update" };
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["2","1","0","1"]],"bids":[["1","1","0","1"]],"ts":"1","prevSeqId":{previous},"seqId":{sequence}}}]}}"#
    )
}

#[test]
fn everything_is_subscribed_on_each_new_connection_at_the_venue_s_pace() {
    let mut kraken = feed(
        Language::Kraken,
        &[
            (Channel::Book, "kraken:spot:BTC/USD"),
            (Channel::Book, "kraken:spot:ETH/USD"),
            (Channel::Trades, "kraken:spot:BTC/USD"),
        ],
    );
    assert_eq!(sent(&mut kraken, NOW), [""; 0], "not connected");
    for turn in 0..2 {
        kraken.on_open(NOW);
        let sent = sent(&mut kraken, NOW);
        assert_eq!(sent.len(), 2, "turn {turn}");
        assert!(sent[0].contains(r#""channel":"book","symbol":["BTC/USD","ETH/USD"],"depth":10"#), "{}", sent[0]);
        kraken.on_close();
    }
    let many: Vec<String> = (0..20).map(|n| format!("hyperliquid:perpetual:C{n}")).collect();
    let subscriptions: Vec<_> = many.iter().map(|text| (Channel::Quotes, text.as_str())).collect();
    let mut hyperliquid = feed(Language::Hyperliquid, &subscriptions);
    hyperliquid.on_open(NOW);
    assert_eq!(sent(&mut hyperliquid, NOW).len(), 20);
    let many: Vec<String> = (0..700).map(|n| format!("kraken:spot:C{n}/USD")).collect();
    let subscriptions: Vec<_> = many.iter().map(|text| (Channel::Trades, text.as_str())).collect();
    let mut kraken = feed(Language::Kraken, &subscriptions);
    kraken.on_open(NOW);
    assert_eq!(sent(&mut kraken, NOW).len(), 10, "ten a second");
    assert_eq!(sent(&mut kraken, NOW + SECOND_NS).len(), 4);
}

#[test]
fn a_broken_book_is_subscribed_again_after_a_growing_pause() {
    let mut feed = feed(Language::Okx, &[(Channel::Book, "okx:spot:BTC-USDT")]);
    feed.on_open(NOW);
    assert_eq!(sent(&mut feed, NOW).len(), 1);
    assert_eq!(say(&mut feed, NOW, &okx_book(-1, 5)), ["book", "live"]);
    assert_eq!(say(&mut feed, NOW, &okx_book(7, 8)), ["book", "suspect"]);
    feed.on_time(NOW, &mut |_| {});
    assert_eq!(sent(&mut feed, NOW), [""; 0], "not at once");
    let at = feed.wake_ns();
    assert_eq!(at, NOW + SECOND_NS / 4);
    feed.on_time(at, &mut |_| {});
    let requests = sent(&mut feed, at);
    assert!(requests[0].contains("unsubscribe") && requests[1].contains(r#""op":"subscribe""#), "{requests:?}");
    assert!(feed.reader().books().all(|view| view.health == BookHealth::Resyncing));
    assert_eq!(say(&mut feed, at, &okx_book(-1, 20)), ["book", "live"]);
    assert_eq!(say(&mut feed, at, &okx_book(22, 23)), ["book", "suspect"]);
    assert_eq!(feed.wake_ns(), at + SECOND_NS / 4, "it was live in between");
}

#[test]
fn trades_are_told_once_and_candles_are_closed_by_the_next() {
    let mut feed = feed(
        Language::Kraken,
        &[(Channel::Trades, "kraken:spot:BTC/USD"), (Channel::Candles(60), "kraken:spot:BTC/USD")],
    );
    feed.on_open(NOW);
    let trade = r#"{"channel":"trade","type":"snapshot","data":[{"symbol":"BTC/USD","side":"buy","price":1.0,"qty":2.0,"trade_id":7,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#;
    assert_eq!(say(&mut feed, NOW, trade), ["trade"]);
    assert_eq!(say(&mut feed, NOW, &trade.replace("snapshot", "update")), [""; 0]);
    feed.on_close();
    feed.on_open(NOW);
    assert_eq!(say(&mut feed, NOW, trade), [""; 0], "the same again after a new connection");
    assert_eq!(say(&mut feed, NOW, &trade.replace(":7,", ":8,")), ["trade"]);
    let candle = r#"{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","interval":1,"interval_begin":"1970-01-01T00:01:00Z","open":1,"high":1,"low":1,"close":1,"volume":1,"trades":1}]}"#;
    assert_eq!(say(&mut feed, NOW, candle), ["candle 60000000000 0"]);
    let next = candle.replace("00:01:00", "00:02:00");
    assert_eq!(say(&mut feed, NOW, &next), ["candle 60000000000 1", "candle 120000000000 0"]);
    assert_eq!(say(&mut feed, NOW, candle), ["candle 60000000000 0"], "a late one closes nothing");
}

#[test]
fn silence_is_met_with_a_ping_then_a_renewal_then_a_new_connection() {
    let mut feed = feed(Language::Okx, &[(Channel::Trades, "okx:spot:BTC-USDT")]);
    feed.on_open(NOW);
    assert_eq!(sent(&mut feed, NOW).len(), 1);
    let mut now = NOW + okx::subscribe::PING_AFTER_NS;
    feed.on_time(now, &mut |_| {});
    assert_eq!(sent(&mut feed, now), ["ping"]);
    feed = self::feed(Language::Okx, &[(Channel::Book, "okx:spot:BTC-USDT")]);
    feed.on_open(now);
    assert_eq!(sent(&mut feed, now).len(), 1);
    let mut renewals = 0;
    while feed.wants_reconnect().is_none() {
        now += 5 * SECOND_NS;
        assert_eq!(say(&mut feed, now, "pong"), ["pong"], "the connection lives, the stream does not");
        feed.on_time(now, &mut |_| {});
        renewals += sent(&mut feed, now).iter().filter(|request| request.contains(r#""op":"subscribe""#)).count();
        assert!(now < NOW + 3_600 * SECOND_NS);
    }
    assert_eq!(renewals, 1);
    assert_eq!(feed.wants_reconnect(), Some(Reconnect::StreamSilent((Channel::Book, id("okx:spot:BTC-USDT")))));
    feed.on_open(now);
    assert_eq!(feed.wants_reconnect(), None);
    feed.on_time(now + 46 * SECOND_NS, &mut |_| {});
    assert_eq!(feed.wants_reconnect(), Some(Reconnect::Silent));
    feed.on_open(now);
    say(&mut feed, now, r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed."}"#);
    assert_eq!(feed.wants_reconnect(), Some(Reconnect::Asked));
}

#[test]
fn a_book_that_falls_silent_alone_is_suspect_soon_and_renewed() {
    let mut feed = feed(Language::Okx, &[(Channel::Book, "okx:spot:BTC-USDT"), (Channel::Trades, "okx:spot:BTC-USDT")]);
    feed.on_open(NOW);
    sent(&mut feed, NOW);
    let mut now = NOW;
    say(&mut feed, now, &okx_book(-1, 1));
    for sequence in 1..50 {
        now += SECOND_NS / 10;
        assert_eq!(say(&mut feed, now, &okx_book(sequence, sequence + 1)), ["book", "live"]);
    }
    let silent_since = now;
    let mut reasons = vec![];
    while reasons.is_empty() {
        now += SECOND_NS / 2;
        say(&mut feed, now, "pong");
        feed.on_time(now, &mut |said| {
            if let Said::Book(view) = said {
                reasons.push((view.health, view.reason.map(|reason| reason.to_string())));
            }
        });
        assert!(now < silent_since + 60 * SECOND_NS);
    }
    assert!(now <= silent_since + 4 * SECOND_NS, "it spoke ten times a second");
    assert_eq!(reasons, [(BookHealth::Suspect, Some("stale: nothing was heard for 3500 ms".to_owned()))]);
    let requests = sent(&mut feed, now);
    assert!(requests[0].contains("unsubscribe") && requests[1].contains("books"), "{requests:?}");
    assert_eq!(say(&mut feed, now, &okx_book(-1, 90)), ["book", "live"]);
    assert_eq!(feed.wants_reconnect(), None);
}

#[test]
fn a_block_that_is_too_old_is_suspect_until_the_next() {
    let mut feed = feed(Language::Hyperliquid, &[(Channel::Book, "hyperliquid:perpetual:BTC")]);
    feed.on_open(NOW);
    let book = r#"{"channel":"l2Book","data":{"coin":"BTC","time":5,"levels":[[{"px":"1.0","sz":"3.0"}],[]]}}"#;
    assert_eq!(say(&mut feed, NOW, book), ["book", "live"]);
    let mut health = vec![];
    feed.on_time(NOW + 21 * SECOND_NS, &mut |said| {
        if let Said::Book(view) = said {
            health.push(view.reason.map(|reason| reason.to_string()));
        }
    });
    assert_eq!(health, [Some("stale: nothing was heard for 21000 ms".to_owned())]);
    assert_eq!(say(&mut feed, NOW + 22 * SECOND_NS, &book.replace(":5,", ":6,")), ["book", "live"]);
}

#[test]
fn what_a_venue_does_not_have_is_left_out_and_what_it_says_new_is_shown_once() {
    let bitcoin = "hyperliquid:perpetual:BTC";
    let mut hyperliquid = feed(
        Language::Hyperliquid,
        &[(Channel::Mark, bitcoin), (Channel::Funding, bitcoin), (Channel::OpenInterest, bitcoin)],
    );
    hyperliquid.on_open(NOW);
    let requests = sent(&mut hyperliquid, NOW);
    assert_eq!(requests.len(), 1, "all three come with the context: {requests:?}");
    for _ in 0..2 {
        say(&mut hyperliquid, NOW, r#"{"channel":"news","data":{}}"#);
        say(&mut hyperliquid, NOW, "Websocket connection established.");
    }
    assert_eq!(hyperliquid.poll_unknown().as_deref(), Some(r#"news: {\"channel\":\"news\",\"data\":{}}"#));
    assert_eq!((hyperliquid.poll_unknown(), hyperliquid.counts().of("news")), (None, 2));
    let mut kraken = feed(Language::Kraken, &[(Channel::Funding, "kraken:spot:BTC/USD")]);
    kraken.on_open(NOW);
    assert_eq!(sent(&mut kraken, NOW), [""; 0]);
    let mixed = [(Channel::Candles(60), id("okx:spot:BTC-USDT")), (Channel::Book, id("okx:spot:BTC-USDT"))];
    assert!(Feed::new(Language::Okx, &mixed, 10, Patience::default()).is_none(), "two sockets");
    assert!(Feed::new(Language::Okx, &mixed[..1], 10, Patience::default()).is_some());
}

#[derive(Clone, Debug)]
enum Happens {
    Open,
    Close,
    Passes(u64),
    Frame(usize),
    Bytes(Vec<u8>),
}

fn anything() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => Just(Happens::Open),
        1 => Just(Happens::Close),
        4 => (0u64..100).prop_map(Happens::Passes),
        8 => (0usize..6).prop_map(Happens::Frame),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Happens::Bytes),
    ]
}

fn play(
    happenings: &[Happens],
    mut check: impl FnMut(&Feed, bool) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let frames = [
        okx_book(-1, 5),
        okx_book(5, 6),
        okx_book(6, 7),
        okx_book(9, 10),
        "pong".to_owned(),
        r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}"#.to_owned(),
    ];
    let mut feed = feed(Language::Okx, &[(Channel::Book, "okx:spot:BTC-USDT"), (Channel::Trades, "okx:spot:BTC-USDT")]);
    let (mut now, mut open) = (NOW, false);
    for happening in happenings {
        match happening {
            Happens::Open => {
                if open {
                    feed.on_close();
                }
                feed.on_open(now);
                open = true;
            }
            Happens::Close => {
                feed.on_close();
                open = false;
            }
            Happens::Passes(seconds) => {
                now += seconds * SECOND_NS;
                feed.on_time(now, &mut |_| {});
            }
            Happens::Frame(which) => feed.on_frame(now, frames[*which].as_bytes(), &mut |_| {}),
            Happens::Bytes(bytes) => feed.on_frame(now, bytes, &mut |_| {}),
        }
        sent(&mut feed, now);
        check(&feed, open)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_book_is_live_without_its_connection(happenings in proptest::collection::vec(anything(), 0..60)) {
        play(&happenings, |feed, open| {
            prop_assert!(open || feed.reader().books().all(|view| view.health != BookHealth::Live));
            Ok(())
        })?;
    }

    #[test]
    fn any_frames_are_survived(happenings in proptest::collection::vec(anything(), 0..100)) {
        play(&happenings, |feed, _| {
            prop_assert!(feed.out.len() <= 100 && feed.resyncs.len() <= 1);
            Ok(())
        })?;
    }
}
