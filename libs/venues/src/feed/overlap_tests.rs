use super::*;
use crate::feed::{Channel, Patience};
use crate::reader::Language;
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000 * SECOND_NS;
const STEP_NS: u64 = SECOND_NS / 10;

fn id(text: &str) -> InstrumentId {
    text.parse().expect(text)
}

fn feed() -> Feed {
    let bitcoin = id("okx:spot:BTC-USDT");
    let subscriptions = [(Channel::Trades, bitcoin), (Channel::Quotes, bitcoin), (Channel::Book, bitcoin)];
    let mut feed = Feed::new(Language::Okx, &subscriptions, 10, Patience::default()).expect("one socket");
    feed.on_open(NOW);
    feed
}

fn trade(id: u64) -> String {
    format!(
        r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{id}","px":"1","sz":"1","side":"buy","ts":"1"}}]}}"#
    )
}

fn quote(ts: u64) -> String {
    format!(
        r#"{{"arg":{{"channel":"bbo-tbt","instId":"BTC-USDT"}},"data":[{{"asks":[["2","{ts}","0","1"]],"bids":[["1","1","0","1"]],"ts":"{ts}","seqId":{ts}}}]}}"#
    )
}

fn book(previous: i64, sequence: i64) -> String {
    let action = if previous < 0 { "snapshot" } else { "update" };
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["2","1","0","1"]],"bids":[["1","{sequence}","0","1"]],"ts":"{sequence}","prevSeqId":{previous},"seqId":{sequence}}}]}}"#
    )
}

/// Ids of trades that a connection told, the old one as `next` hears of it.
fn say(old: &mut Feed, next: Option<&mut Successor>, now_ns: u64, frame: &str) -> Vec<u64> {
    let (mut told, mut next) = (vec![], next);
    old.on_frame(now_ns, frame.as_bytes(), &mut |said| {
        if let Said::Message(message) = said {
            if let Some(next) = next.as_deref_mut() {
                next.on_told(message);
            }
            if let Message::Trade { trade, .. } = message {
                told.push(trade.trade_id.get());
            }
        }
    });
    told
}

#[test]
fn it_takes_over_once_both_have_met() {
    let mut old = feed();
    say(&mut old, None, NOW, &book(-1, 5));
    assert_eq!(say(&mut old, None, NOW, &trade(1)), [1]);
    let mut next = Successor::of(&old);
    assert!(!next.is_ready(&old, NOW + 60 * SECOND_NS), "not open");
    next.on_open(NOW);
    let now = NOW + SETTLE_NS;
    assert!(!next.is_ready(&old, now), "no book");
    next.on_frame(NOW, book(-1, 4).as_bytes(), &old);
    assert!(!next.is_ready(&old, now), "an older book");
    next.on_frame(NOW, book(4, 5).as_bytes(), &old);
    assert!(!next.is_ready(&old, NOW), "others may not be subscribed yet");
    assert!(next.is_ready(&old, now));
    assert_eq!(say(&mut old, Some(&mut next), now, &trade(2)), [2]);
    assert!(!next.is_ready(&old, now), "the old one heard a trade, and this one none");
    next.on_frame(now, trade(3).as_bytes(), &old);
    assert!(!next.is_ready(&old, now), "the old one may not have come as far");
    assert_eq!(say(&mut old, Some(&mut next), now, &trade(3)), [3]);
    assert!(next.is_ready(&old, now));
    next.on_frame(now, trade(4).as_bytes(), &old);
    next.on_frame(now, quote(7).as_bytes(), &old);
    let said = next.take_over(&mut old, now);
    let kinds: Vec<&str> = said.iter().map(Message::kind).collect();
    assert_eq!(kinds, ["trade", "quote"], "what the old one had not told");
    assert_eq!(say(&mut old, None, now, &trade(3)), [0; 0], "it knows what was told before it");
    assert_eq!(say(&mut old, None, now, &trade(5)), [5]);
    assert!(old.reader().books().all(|view| view.health == BookHealth::Live && view.sequence == 5));
}

#[test]
fn a_quote_that_was_told_is_not_told_again() {
    let mut old = feed();
    let mut next = Successor::of(&old);
    next.on_open(NOW);
    next.on_frame(NOW, quote(7).as_bytes(), &old);
    say(&mut old, Some(&mut next), NOW, &quote(8));
    assert_eq!(next.take_over(&mut old, NOW), []);
}

proptest! {
    #[test]
    fn every_trade_is_told_once_and_in_order(
        lags in proptest::collection::vec((0u64..30, 0u64..30), 40..120),
        begins in 5u64..30,
    ) {
        // Trade `n` happens at step `n`; each connection hears it a while later, in order.
        let mut arrivals: Vec<(u64, bool, u64)> = vec![];
        let (mut last_old, mut last_new) = (0, 0);
        for (n, (old_lag, new_lag)) in (1u64..).zip(&lags) {
            last_old = last_old.max(n + old_lag);
            last_new = last_new.max(n + new_lag);
            arrivals.push((last_old, false, n));
            if n > begins {
                arrivals.push((last_new, true, n));
            }
        }
        arrivals.sort_unstable();
        let mut old = feed();
        let mut next = None;
        let mut told = vec![];
        let mut taken = false;
        for (step, of_next, n) in arrivals {
            let now = NOW + step * STEP_NS;
            if step >= begins && next.is_none() && !taken {
                let mut successor = Successor::of(&old);
                successor.on_open(NOW + begins * STEP_NS);
                next = Some(successor);
            }
            match (&mut next, of_next) {
                (Some(successor), true) => successor.on_frame(now, trade(n).as_bytes(), &old),
                (Some(successor), false) => told.extend(say(&mut old, Some(successor), now, &trade(n))),
                (None, of_next) if of_next == taken => told.extend(say(&mut old, None, now, &trade(n))),
                (None, _) => {}
            }
            if next.as_ref().is_some_and(|successor| successor.is_ready(&old, now)) && let Some(successor) = next.take() {
                taken = true;
                told.extend(successor.take_over(&mut old, now).iter().filter_map(|message| match message {
                    Message::Trade { trade, .. } => Some(trade.trade_id.get()),
                    _ => None,
                }));
            }
        }
        let all: Vec<u64> = (1..=lags.len() as u64).collect();
        prop_assert_eq!(told, all);
    }
}
