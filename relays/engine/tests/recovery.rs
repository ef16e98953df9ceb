//! Relays that crash, links that fail, processes that return: on signal and execution each message arrives exactly once.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::time::{Duration, Instant};

use common::{Peer, TestRelay, config, everything, identity, only, settings, until_all, until_counted};
use mesh_codec::TlvBody;
use mesh_transport::UnixConnector;
use mesh_transport::faulty::{FaultyConnector, LinkFaults};
use mesh_types::signal::Signal;
use mesh_types::system::KillSwitch;
use mesh_types::{Domain, MessageId, Role, SourceId};

#[test]
fn a_relay_that_crashes_and_returns_costs_no_message_and_doubles_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let relay = TestRelay::start(dir.path(), Domain::Execution);
    let mut publisher = Peer::publisher(&relay.path, Domain::Execution, 10);
    let mut subscribers = [20, 21].map(|source| Peer::subscriber(&relay.path, Domain::Execution, source, everything()));
    let mut relay = Some(relay);
    for round in 1..=5u64 {
        // Some of these are on their way when the relay crashes, some are sent while it is away.
        for _ in 0..20 {
            let frames = execution(&mut publisher, 10);
            publisher.send(&frames);
            publisher.poll();
        }
        subscribers[0].poll();
        if let Some(relay) = relay.take() {
            relay.crash();
        }
        let frames = execution(&mut publisher, 10);
        publisher.send(&frames);
        relay = Some(TestRelay::start(dir.path(), Domain::Execution));
        let [a, b] = &mut subscribers;
        until_all(&mut [&mut publisher, a, b], "all", |peers| {
            peers[1..].iter().all(|peer| peer.received.len() as u64 == round * 210)
        });
    }
    for subscriber in &subscribers {
        assert_eq!(subscriber.sequences(), (1..=1050).collect::<Vec<_>>());
        assert_eq!((subscriber.gaps.len(), subscriber.ups), (0, 6));
    }
}

/// Messages of the execution domain that every build has.
fn execution(peer: &mut Peer, count: u64) -> Vec<u8> {
    let mut frames = Vec::new();
    for _ in 0..count {
        let stamp = peer.stamp();
        let body = mesh_types::execution::Fill::default();
        mesh_codec::FrameBuilder::new(&mut frames, &stamp).body(&body).finish().expect("fits");
    }
    frames
}

#[test]
fn faulty_links_on_both_sides_lose_and_double_nothing() {
    let mut connections = 0;
    for seed in 0..12 {
        let dir = tempfile::tempdir().expect("a directory");
        let relay = TestRelay::start(dir.path(), Domain::Signal);
        let faults = LinkFaults { partial: 300, delay: 50, disconnect: 4, corrupt: 4, truncate: 4 };
        let connect = |source: u16, role, subscription| {
            let config = config(&relay.path, Domain::Signal, identity(source, role), subscription);
            let connector = UnixConnector { path: relay.path.clone() };
            Peer::with_connector(config, FaultyConnector::new(connector, faults, seed * 100 + u64::from(source)))
        };
        let mut publisher = connect(10, Role::Publisher, None);
        let mut subscriber = connect(20, Role::Subscriber, everything());
        // A subscriber that has seen nothing of a source can't ask for its past: it must be there at the first message.
        let mut links = [&mut publisher, &mut subscriber];
        let first = {
            let begun = Instant::now();
            loop {
                links.iter_mut().for_each(|peer| peer.poll());
                if links.iter().all(|peer| peer.client.is_up()) && links[1].received.is_empty() {
                    let frames = links[0].signals(1);
                    links[0].send(&frames);
                }
                if !links[1].received.is_empty() {
                    break links[1].received[0].sequence.get();
                }
                assert!(begun.elapsed().as_secs() < 20, "seed {seed}");
            }
        };
        for _ in 0..400 {
            let frames = publisher.signals(5);
            publisher.send(&frames);
            publisher.poll();
            subscriber.poll();
        }
        let begun = Instant::now();
        let (mut progress, mut progressed) = (0, begun);
        while subscriber.received.last().is_none_or(|id| id.sequence.get() != publisher.sequence) {
            publisher.poll();
            subscriber.poll();
            if subscriber.received.len() > progress {
                (progress, progressed) = (subscriber.received.len(), Instant::now());
            } else if !publisher.client.is_up() || !subscriber.client.is_up() {
                progressed = Instant::now();
            } else if progressed.elapsed() > Duration::from_millis(100) {
                // Where a size was corrupted, the receiver waits for as many bytes before it sees that they are wrong.
                let frames = publisher.signals(8_000);
                publisher.send(&frames);
                progressed = Instant::now();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "seed {seed}: {:?}", subscriber.received.last());
        }
        let last = publisher.sequence;
        assert_eq!(subscriber.sequences(), (first..=last).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(subscriber.gaps, [], "seed {seed}");
        connections += publisher.ups + subscriber.ups;
    }
    assert!(connections > 48, "faults happened: {connections} connections");
}

#[test]
fn a_new_run_of_a_subscriber_can_ask_for_what_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let mut publisher = Peer::publisher(&relay.path, Domain::Signal, 10);
    let frames = publisher.signals(10);
    publisher.send(&frames);
    until_counted(&relay, "all", |totals| totals.messages_in == 10);
    for (from, expected) in [(0, (1..=10).collect::<Vec<u64>>()), (7, vec![8, 9, 10])] {
        let mut returned = Peer::new(&relay.path, Domain::Signal, identity(20, Role::Subscriber), everything());
        let timestamp_ns = if from == 0 { 0 } else { 1_000 + from };
        returned.client.resume_from(&[MessageId::new(Domain::Signal, SourceId::new(10), from, timestamp_ns)]);
        returned.until_received(expected.len());
        assert_eq!((returned.sequences(), returned.gaps.len()), (expected, 0));
    }
    let mut fresh = Peer::subscriber(&relay.path, Domain::Signal, 21, everything());
    let frames = publisher.signals(1);
    publisher.send(&frames);
    fresh.until_received(1);
    assert_eq!(fresh.sequences(), [11]);
}

#[test]
fn what_is_kept_no_more_is_declared_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(Domain::Signal);
    settings.backlog_bytes = 5 << 20;
    settings.retain_bytes = 10 << 20;
    let relay = TestRelay::with(dir.path(), Domain::Signal, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Signal, 10);
    let mut sent_bytes = 0;
    while sent_bytes < 12 << 20 {
        let frames = publisher.signals(500);
        sent_bytes += frames.len();
        publisher.send(&frames);
        publisher.poll();
    }
    let count = publisher.sequence;
    let counters = std::sync::Arc::clone(&relay.counters);
    publisher.until("all", |_| counters.totals().messages_in == count);
    let mut returned = Peer::new(&relay.path, Domain::Signal, identity(20, Role::Subscriber), everything());
    returned.client.resume_from(&[MessageId::new(Domain::Signal, SourceId::new(10), 5, 1_005)]);
    returned.until("the last", |peer| peer.received.last().is_some_and(|id| id.sequence.get() == count));
    let [(10, 6, last_missing)] = returned.gaps.as_slice() else { panic!("one gap: {:?}", returned.gaps) };
    assert_eq!(returned.sequences(), (last_missing + 1..=count).collect::<Vec<_>>());
    assert_eq!(returned.dropped, last_missing - 5);
}

/// Which sequences were received or declared missing, each once.
fn accounted(subscriber: &Peer) -> Vec<u64> {
    let mut all = subscriber.sequences();
    all.extend(subscriber.gaps.iter().flat_map(|(_, first, last)| *first..=*last));
    all.sort_unstable();
    all
}

#[test]
fn behind_a_filter_too_what_a_restart_has_lost_is_told() {
    for subscriber_first in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let relay = TestRelay::start(dir.path(), Domain::Signal);
        let mut config = config(&relay.path, Domain::Signal, identity(10, Role::Publisher), None);
        config.resend_bytes = 50_000;
        let connector = UnixConnector { path: config.path.clone() };
        let mut publisher = Peer::with_connector(config, connector);
        publisher.until("up", |peer| peer.client.is_up());
        let wanted = only(&[Signal::NUMBER], &[], false);
        let mut subscriber = Peer::subscriber(&relay.path, Domain::Signal, 20, wanted);
        let frames = publisher.signals(10);
        publisher.send(&frames);
        subscriber.until_received(10);
        // What it does not read now goes away with the relay, and the publisher keeps no more than the end of it.
        let counters = std::sync::Arc::clone(&relay.counters);
        while publisher.sequence < 20_000 {
            let frames = publisher.signals(500);
            publisher.send(&frames);
            let count = publisher.sequence;
            publisher.until("all", |_| counters.totals().messages_in == count);
        }
        relay.crash();
        let _relay = TestRelay::start(dir.path(), Domain::Signal);
        let ups = subscriber.ups;
        if subscriber_first {
            subscriber.until("it is back", |peer| peer.ups > ups && peer.client.is_up());
        }
        publisher.until("it is back", |peer| peer.ups > 1);
        let frames = publisher.signals(1);
        publisher.send(&frames);
        let last = publisher.sequence;
        until_all(&mut [&mut publisher, &mut subscriber], "the last", |peers| {
            peers[1].received.last().is_some_and(|id| id.sequence.get() == last)
        });
        assert!(!subscriber.gaps.is_empty(), "much is lost");
        assert_eq!(subscriber.inexact_gaps, subscriber.gaps.len(), "the relay can't know what of it was wanted");
        assert_eq!(accounted(&subscriber), (1..=last).collect::<Vec<_>>(), "subscriber first: {subscriber_first}");
        assert!(subscriber.sequences().is_sorted());
    }
}

#[test]
fn behind_a_filter_too_what_never_came_while_it_was_away_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let mut publisher = Peer::publisher(&relay.path, Domain::Signal, 10);
    let frames = publisher.signals(5);
    publisher.send(&frames);
    // These are lost at the publisher.
    let _ = publisher.signals(3);
    let frames = publisher.signals(2);
    publisher.send(&frames);
    until_counted(&relay, "all", |totals| totals.messages_in == 7);
    let wanted = only(&[Signal::NUMBER], &[], false);
    let mut returned = Peer::new(&relay.path, Domain::Signal, identity(20, Role::Subscriber), wanted);
    returned.client.resume_from(&[MessageId::new(Domain::Signal, SourceId::new(10), 4, 1_004)]);
    returned.until_received(3);
    assert_eq!((returned.sequences(), returned.gaps.as_slice()), (vec![5, 9, 10], [(10, 6, 8)].as_slice()));
}

#[test]
fn a_publisher_s_new_run_counts_from_one_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let mut subscriber = Peer::subscriber(&relay.path, Domain::Signal, 20, everything());
    for run in 0..3u64 {
        let mut identity = identity(10, Role::Publisher);
        identity.started_ns += run;
        let mut publisher = Peer::new(&relay.path, Domain::Signal, identity, None);
        publisher.until("up", |peer| peer.client.is_up());
        let mut frames = Vec::new();
        for sequence in 1..=4 {
            let (domain, source) = (Domain::Signal, SourceId::new(10));
            let stamp = mesh_codec::Stamp { domain, source, sequence, timestamp_ns: 1_000 * (run + 1) + sequence };
            // A body of the system domain travels in a message of its relay's domain.
            mesh_codec::FrameBuilder::new(&mut frames, &stamp).body(&KillSwitch::default()).finish().expect("fits");
        }
        publisher.send(&frames);
        subscriber.until_received(4 * (run as usize + 1));
    }
    assert_eq!(subscriber.sequences(), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    assert_eq!(subscriber.gaps, []);
}

#[test]
fn on_the_market_relay_what_was_sent_without_a_connection_is_declared_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    let relay = TestRelay::start(dir.path(), Domain::Market);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    let mut subscriber = Peer::subscriber(&relay.path, Domain::Market, 20, everything());
    let frames = publisher.trades("BTCUSDT", 3);
    publisher.send(&frames);
    subscriber.until_received(3);
    // These are never sent: the publisher was told that there is no room.
    let _ = publisher.trades("BTCUSDT", 5);
    let frames = publisher.trades("BTCUSDT", 1);
    publisher.send(&frames);
    subscriber.until_received(4);
    assert_eq!((subscriber.gaps.as_slice(), subscriber.dropped), ([(10, 4, 8)].as_slice(), 5));
    assert_eq!((subscriber.order.as_str(), relay.counters.totals().missing), ("fgf", 5));
}
