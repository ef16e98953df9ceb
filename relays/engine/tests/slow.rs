//! Subscribers that do not keep up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Peer, TestRelay, everything, only, settings, until_all, until_counted};
use mesh_codec::{Frames, TlvBody};
use mesh_types::market::{Quote, Trade};
use mesh_types::{Domain, LogoutReason};

const BATCHES: u64 = 300;

/// A batch of trades with a few quotes in between.
fn batch(publisher: &mut Peer) -> Vec<u8> {
    let mut frames = Vec::new();
    for symbol in ["BTCUSDT", "ETHUSDT", "SOLUSDT"] {
        frames.extend(publisher.trades(symbol, 100));
        frames.extend(publisher.quote(symbol));
    }
    frames
}

fn last_quotes(frames: &[u8]) -> BTreeMap<String, u64> {
    let messages = Frames::new(frames).map(|(_, message)| message.expect("valid"));
    messages.filter_map(|message| Some((message.get::<Quote>()?.instrument.to_string(), message.sequence()))).collect()
}

fn all(first: u64, last: u64) -> BTreeSet<u64> {
    (first..=last).collect()
}

#[test]
fn a_stalled_market_subscriber_is_told_exactly_what_it_missed_and_the_others_miss_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(Domain::Market);
    settings.backlog_bytes = 5 << 20;
    let relay = TestRelay::with(dir.path(), Domain::Market, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    let mut quick = Peer::subscriber(&relay.path, Domain::Market, 20, everything());
    let mut stalled = Peer::subscriber(&relay.path, Domain::Market, 21, everything());
    let quotes_only = only(&[Quote::NUMBER], &[], false);
    let mut filtered = Peer::subscriber(&relay.path, Domain::Market, 22, quotes_only);
    for _ in 0..BATCHES {
        let frames = batch(&mut publisher);
        publisher.send(&frames);
        let last = publisher.sequence;
        until_all(&mut [&mut quick, &mut publisher], "the quick one", |peers| {
            peers[0].received.last().is_some_and(|id| id.sequence.get() == last)
        });
    }
    assert_eq!(quick.sequences(), (1..=publisher.sequence).collect::<Vec<_>>());
    let totals = relay.counters.totals();
    assert!(totals.dropped > 0 && totals.conflated > 0, "{totals:?}");
    // Now it reads on, while more comes.
    let frames = batch(&mut publisher);
    publisher.send(&frames);
    let last = publisher.sequence;
    until_all(&mut [&mut stalled, &mut publisher, &mut quick], "the end", |peers| {
        peers[0].received.last().is_some_and(|id| id.sequence.get() == last)
    });
    let mut seen: BTreeSet<u64> = stalled.sequences().into_iter().collect();
    assert_eq!(seen.len(), stalled.received.len(), "each once");
    for (_, first, last) in &stalled.gaps {
        for sequence in *first..=*last {
            assert!(seen.insert(sequence), "{sequence} is received and missing at once");
        }
    }
    assert_eq!(seen, all(1, last), "received and missing together are what was sent");
    let totals = relay.counters.totals();
    assert_eq!((stalled.dropped, stalled.inexact_gaps), (totals.dropped + totals.conflated, 0));
    assert_eq!(last_quotes(&stalled.frames), last_quotes(&quick.frames), "the last state of all is there");
    assert!(stalled.sequences().is_sorted(), "in order");
    filtered.until_received(3 * (BATCHES as usize + 1));
    assert_eq!(filtered.gaps, [], "what it wants fits its backlog");
}

#[test]
fn a_filtered_subscriber_s_gap_holds_only_what_it_wanted() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(Domain::Market);
    settings.backlog_bytes = 5 << 20;
    let relay = TestRelay::with(dir.path(), Domain::Market, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    let mut stalled = Peer::subscriber(&relay.path, Domain::Market, 21, only(&[Trade::NUMBER], &["BTCUSDT"], false));
    let mut wanted = BTreeSet::new();
    while relay.counters.totals().dropped == 0 {
        for (symbol, count) in [("BTCUSDT", 2_000), ("ETHUSDT", 50)] {
            let first = publisher.sequence + 1;
            let frames = publisher.trades(symbol, count);
            if symbol == "BTCUSDT" {
                wanted.extend(all(first, publisher.sequence));
            }
            publisher.send(&frames);
            publisher.poll();
        }
    }
    let first = publisher.sequence + 1;
    let frames = publisher.trades("BTCUSDT", 1);
    publisher.send(&frames);
    wanted.insert(first);
    until_all(&mut [&mut stalled, &mut publisher], "the end", |peers| {
        peers[0].received.last().is_some_and(|id| id.sequence.get() == first)
    });
    let mut seen: BTreeSet<u64> = stalled.sequences().into_iter().collect();
    for (_, first, last) in &stalled.gaps {
        seen.extend(*first..=*last);
    }
    assert!(seen == wanted, "its own messages, each received or missing");
    assert_eq!(stalled.inexact_gaps, 0);
}

#[test]
fn where_nothing_may_be_dropped_a_stalled_subscriber_is_ended_and_returns_without_loss() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(Domain::Signal);
    settings.backlog_bytes = 5 << 20;
    settings.retain_bytes = 32 << 20;
    let relay = TestRelay::with(dir.path(), Domain::Signal, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Signal, 10);
    let mut quick = Peer::subscriber(&relay.path, Domain::Signal, 20, everything());
    let mut stalled = Peer::subscriber(&relay.path, Domain::Signal, 21, everything());
    while !relay.counters.totals().bad_input.contains_key("too_slow") {
        let frames = publisher.signals(200);
        publisher.send(&frames);
        until_all(&mut [&mut publisher, &mut quick], "the quick one", |peers| {
            peers[1].received.len() as u64 == peers[0].sequence
        });
    }
    let count = publisher.sequence;
    until_all(&mut [&mut stalled, &mut publisher, &mut quick], "all", |peers| peers[0].received.len() as u64 == count);
    let text = stalled.until_down(LogoutReason::TooSlow);
    assert!(text.contains("backlog_bytes"), "{text}");
    assert_eq!(stalled.sequences(), (1..=count).collect::<Vec<_>>());
    assert_eq!((stalled.gaps.len(), stalled.ups, quick.downs.len()), (0, 2, 0));
    assert_eq!(relay.counters.totals().dropped, 0);
}

#[test]
fn a_subscriber_that_never_reads_is_ended_and_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(Domain::Signal);
    settings.backlog_bytes = 5 << 20;
    settings.linger_ms = 20;
    let relay = TestRelay::with(dir.path(), Domain::Signal, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Signal, 10);
    let stalled = Peer::subscriber(&relay.path, Domain::Signal, 21, everything());
    while !relay.counters.totals().bad_input.contains_key("too_slow") {
        let frames = publisher.signals(200);
        publisher.send(&frames);
        publisher.poll();
    }
    until_counted(&relay, "its end", |totals| totals.connections == 1);
    drop(stalled);
}
