//! A relay on a real socket: filters, last values, peers, garbage, restarts.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::{Peer, TestRelay, everything, identity, instrument, only, settings, until_all, until_counted};
use mesh_codec::TlvBody;
use mesh_types::market::{BookDelta, Mark, Quote, Trade};
use mesh_types::{Domain, InstrumentId, LogoutReason, Mode, Role};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn messages_pass_unchanged_and_in_order() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Market);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    let mut subscribers = [20, 21].map(|source| Peer::subscriber(&relay.path, Domain::Market, source, everything()));
    subscribers.iter_mut().for_each(|subscriber| subscriber.poll());
    until_counted(&relay, "connections", |totals| totals.connections == 3);
    let mut sent = Vec::new();
    // The subscriptions went out with the hello, and the relay welcomed: they are in place.
    for batch in [1, 7, 500, 2] {
        let frames = publisher.trades("BTCUSDT", batch);
        publisher.send(&frames);
        sent.extend_from_slice(&frames);
    }
    for subscriber in &mut subscribers {
        let publisher = &mut publisher;
        until_all(&mut [&mut *subscriber, publisher], "all", |peers| peers[0].received.len() == 510);
        assert!(subscriber.frames == sent, "the bytes are the sender's");
        assert!(subscriber.gaps.is_empty());
    }
    let totals = relay.counters.totals();
    assert_eq!((totals.messages_in, totals.messages_out, totals.dropped), (510, 1020, 0));
}

#[test]
fn filters_take_types_and_instruments() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Market);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    let mut quotes = Peer::subscriber(&relay.path, Domain::Market, 20, only(&[Quote::NUMBER], &[], false));
    let mut bitcoin = Peer::subscriber(&relay.path, Domain::Market, 21, only(&[], &["BTCUSDT"], false));
    let mut frames = Vec::new();
    for _ in 0..40 {
        frames.extend(publisher.trades("BTCUSDT", 1));
        frames.extend(publisher.quote("BTCUSDT"));
        frames.extend(publisher.quote("ETHUSDT"));
        frames.extend(publisher.trades("ETHUSDT", 2));
    }
    publisher.send(&frames);
    quotes.until_received(80);
    bitcoin.until_received(80);
    let is = |id: &u64, places: &[u64]| places.contains(&((id - 1) % 5));
    assert!(quotes.sequences().iter().all(|id| is(id, &[1, 2])), "quotes only");
    assert!(bitcoin.sequences().iter().all(|id| is(id, &[0, 1])), "one instrument only");
    assert_eq!((quotes.gaps.len(), bitcoin.gaps.len()), (0, 0), "what a filter leaves out is no loss");
    assert_eq!(relay.counters.totals().messages_out, 160);
}

#[test]
fn last_values_come_first_then_their_end_then_live_messages() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Market);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    for symbol in ["BTCUSDT", "ETHUSDT", "BTCUSDT", "BTCUSDT"] {
        let (quote, mark) = (publisher.quote(symbol), publisher.mark(symbol));
        publisher.send(&quote);
        publisher.send(&mark);
    }
    let trades = publisher.trades("BTCUSDT", 3);
    publisher.send(&trades);
    until_counted(&relay, "all", |totals| totals.messages_in == 11);
    let wanted = only(&[Quote::NUMBER, Trade::NUMBER], &[], true);
    let mut late = Peer::subscriber(&relay.path, Domain::Market, 20, wanted);
    late.until("the snapshot", |peer| !peer.snapshots.is_empty());
    assert_eq!((late.sequences(), late.snapshots.as_slice()), (vec![3, 7], [2].as_slice()));
    let trades = publisher.trades("BTCUSDT", 2);
    publisher.send(&trades);
    late.until_received(4);
    assert_eq!((late.sequences(), late.order.as_str()), (vec![3, 7, 12, 13], "fef"));
    let mut without = Peer::subscriber(&relay.path, Domain::Market, 21, only(&[Mark::NUMBER], &[], false));
    let mark = publisher.mark("BTCUSDT");
    publisher.send(&mark);
    without.until_received(1);
    assert_eq!(without.sequences(), [14]);
}

#[test]
fn last_values_are_bounded_and_refusals_counted() {
    let dir = dir();
    let mut settings = settings(Domain::Market);
    settings.max_last_values = 2;
    let relay = TestRelay::with(dir.path(), Domain::Market, settings);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    for symbol in ["A", "B", "C", "A"] {
        let quote = publisher.quote(symbol);
        publisher.send(&quote);
    }
    until_counted(&relay, "all", |totals| totals.messages_in == 4);
    let mut late = Peer::subscriber(&relay.path, Domain::Market, 20, only(&[Quote::NUMBER], &[], true));
    late.until("the snapshot", |peer| !peer.snapshots.is_empty());
    assert_eq!(late.sequences(), [2, 4]);
    assert_eq!(relay.counters.totals().last_values_refused, 1);
}

#[test]
fn a_peer_gets_what_others_say_and_not_its_own() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let mut peers = [10, 11].map(|source| {
        let mut peer = Peer::new(&relay.path, Domain::Signal, identity(source, Role::Peer), everything());
        peer.until("up", |peer| peer.client.is_up());
        peer
    });
    for peer in &mut peers {
        let signals = peer.signals(3);
        peer.send(&signals);
    }
    for (peer, other) in peers.iter_mut().zip([11, 10]) {
        peer.until_received(3);
        assert!(peer.received.iter().all(|id| id.source.get() == other));
        assert_eq!(peer.sequences(), [1, 2, 3]);
    }
    until_counted(&relay, "all", |totals| totals.messages_out == 6);
}

#[test]
fn subscribers_and_publishers_that_come_bring_requests_for_snapshots() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Market);
    let mut publisher = Peer::publisher(&relay.path, Domain::Market, 10);
    publisher.until("a request at once", |peer| peer.snapshot_requests == [InstrumentId::default()]);
    let wanted = only(&[BookDelta::NUMBER], &["BTCUSDT"], true);
    let mut subscriber = Peer::subscriber(&relay.path, Domain::Market, 20, wanted);
    publisher.until("a request for the book", |peer| peer.snapshot_requests.len() == 2);
    assert_eq!(publisher.snapshot_requests[1], instrument("BTCUSDT"));
    subscriber.client.request_snapshots(instrument("ETHUSDT"));
    publisher.until("a request that a subscriber made", |peer| {
        peer.snapshot_requests.last() == Some(&instrument("ETHUSDT"))
    });
    // One that wants no books asks for none.
    let _trades = Peer::subscriber(&relay.path, Domain::Market, 21, only(&[Trade::NUMBER], &[], true));
    let count = publisher.snapshot_requests.len();
    subscriber.client.request_snapshots(instrument("SOLUSDT"));
    publisher.until("the next one", |peer| peer.snapshot_requests.last() == Some(&instrument("SOLUSDT")));
    assert_eq!(publisher.snapshot_requests.len(), count + 1);
}

fn refused(change: impl FnOnce(&mut mesh_transport::Identity, &mut Domain), reason: LogoutReason) -> String {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let (mut identity, mut domain) = (identity(10, Role::Peer), Domain::Signal);
    change(&mut identity, &mut domain);
    let mut peer = Peer::new(&relay.path, domain, identity, everything());
    let text = peer.until_down(reason);
    assert_eq!(peer.ups, 0);
    assert!(relay.counters.totals().bad_input[reason.name()] >= 1);
    text
}

#[test]
fn a_hello_that_does_not_fit_is_refused_with_what_was_expected() {
    let text = refused(|identity, _| identity.mesh_id = 8, LogoutReason::MeshId);
    assert_eq!(text, "expected mesh 7, found 8");
    let text = refused(|identity, _| identity.mode = Mode::Live, LogoutReason::Mode);
    assert_eq!(text, "expected mode paper, found live");
    let text = refused(|_, domain| *domain = Domain::Market, LogoutReason::HelloExpected);
    assert!(text.contains("signal relay, market was expected"), "{text}");
    let text =
        refused(|identity, _| identity.source = mesh_types::SourceId::new(common::RELAY), LogoutReason::SourceInUse);
    assert!(text.contains("this relay's"), "{text}");
    let text = refused(|identity, _| identity.source = mesh_types::SourceId::new(0), LogoutReason::HelloExpected);
    assert!(text.contains("source id above 0"), "{text}");
}

#[test]
fn a_newer_run_of_a_source_replaces_the_older_and_not_the_other_way_round() {
    let dir = dir();
    let relay = TestRelay::start(dir.path(), Domain::Signal);
    let mut old = Peer::publisher(&relay.path, Domain::Signal, 10);
    let mut later = identity(10, Role::Publisher);
    later.started_ns += 1;
    let mut new = Peer::new(&relay.path, Domain::Signal, later, None);
    new.until("up", |peer| peer.client.is_up());
    old.until_down(LogoutReason::SourceInUse);
    // It tries again and is refused: the newer one stays.
    let counters = std::sync::Arc::clone(&relay.counters);
    old.until("another refusal", |_| counters.totals().bad_input["source_in_use"] >= 2);
    assert_eq!((old.ups, new.client.is_up()), (1, true));
    let signals = new.signals(1);
    new.send(&signals);
    until_counted(&relay, "its message", |totals| totals.messages_in == 1);
}
