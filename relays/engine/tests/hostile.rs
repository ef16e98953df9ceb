//! Bad bytes at a relay's socket: a diagnostic for who sent them, and no trouble for the others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::io::{ErrorKind, Read, Write};

use common::{Peer, TestRelay, everything, identity, settings, until_counted};
use mesh_codec::{FrameScanner, Message};
use mesh_transport::{UnixLink, control, socket};
use mesh_types::system::{Hello, Logout};
use mesh_types::{Domain, LogoutReason, Role, SourceId};
use proptest::prelude::*;

fn hello(source: u16) -> Vec<u8> {
    let identity = identity(source, Role::Publisher);
    let mut bytes = Vec::new();
    let hello = Hello {
        name: identity.name,
        source: identity.source,
        role: identity.role.into(),
        mode: identity.mode.into(),
        protocol: 1,
        domain: Domain::Market.into(),
        reserved: [0; 2],
        mesh_id: identity.mesh_id.into(),
        started_ns: identity.started_ns.into(),
        build: identity.build,
    };
    control::put(&mut bytes, identity.source, &hello);
    bytes
}

/// Writes as much as the relay takes.
fn write(link: &mut UnixLink, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match link.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return,
        }
    }
}

/// Reads until the relay closes, and answers with its last word.
fn last_word(link: &mut UnixLink) -> Option<(LogoutReason, String)> {
    let mut scanner = FrameScanner::default();
    let mut buffer = [0; 4096];
    loop {
        match link.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => scanner.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => break,
        }
    }
    let mut word = None;
    while let Some(message) = scanner.next_message() {
        let message: Message<'_> = message.expect("the relay's own messages are valid");
        if let Some(logout) = message.get::<Logout>() {
            word = Some((logout.reason.get().expect("known"), logout.text.to_string()));
        }
    }
    word
}

struct Scene {
    relay: TestRelay,
    publisher: Peer,
    subscriber: Peer,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut mesh_relay::RelaySettings)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut settings = settings(Domain::Market);
        change(&mut settings);
        let relay = TestRelay::with(dir.path(), Domain::Market, settings);
        let publisher = Peer::publisher(&relay.path, Domain::Market, 10);
        let subscriber = Peer::subscriber(&relay.path, Domain::Market, 20, everything());
        Self { relay, publisher, subscriber, _dir: dir }
    }

    /// Others go on as if nothing had happened.
    fn undisturbed(&mut self) {
        let frames = self.publisher.trades("BTCUSDT", 5);
        self.publisher.send(&frames);
        let last = self.publisher.sequence;
        self.subscriber.until("the others' messages", |peer| {
            peer.received.iter().rev().any(|id| id.source.get() == 10 && id.sequence.get() == last)
        });
        assert_eq!(self.subscriber.received.iter().filter(|id| id.source.get() == 10).count() as u64, last);
        assert_eq!((self.subscriber.downs.len(), self.subscriber.gaps.len(), self.publisher.downs.len()), (0, 0, 0));
    }

    fn say(&mut self, bytes: &[u8]) -> Option<(LogoutReason, String)> {
        let mut link = socket::connect(&self.relay.path).expect("connects");
        write(&mut link, bytes);
        let word = last_word(&mut link);
        self.undisturbed();
        word
    }
}

#[test]
fn bytes_that_are_no_message_are_answered_with_what_was_expected() {
    let mut scene = Scene::new();
    let mut stranger = Peer::new(&scene.relay.path, Domain::Market, identity(11, Role::Publisher), None);
    let good = stranger.trades("ETHUSDT", 1);
    let hello = hello(11);
    let (reason, text) = scene.say(b"GET / HTTP/1.1\r\n\r\n").expect("an answer");
    assert_eq!(reason, LogoutReason::BadFrame);
    assert!(text.contains("MESH") && text.contains("GET "), "{text}");
    let mut swapped = hello.clone();
    swapped[..4].reverse();
    assert!(scene.say(&swapped).expect("an answer").1.contains("HSEM"));
    let mut version = hello.clone();
    version[4] = 9;
    assert!(scene.say(&version).expect("an answer").1.contains("expected version 1, found 9"));
    let mut huge = hello.clone();
    huge[24..28].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(scene.say(&huge).expect("an answer").1.contains("at most 1048576 bytes"));
    let mut flipped = [hello.clone(), good.clone()].concat();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    assert!(scene.say(&flipped).expect("an answer").1.contains("checksum"));
    let mut signal = Peer::new(&scene.relay.path, Domain::Signal, identity(11, Role::Publisher), None);
    let wrong = [hello.clone(), signal.signals(1)].concat();
    assert!(scene.say(&wrong).expect("an answer").1.contains("expected domain 1 (market), found 2"));
    assert_eq!(scene.say(&good).expect("an answer").0, LogoutReason::HelloExpected);
    let twice = [hello.as_slice(), &hello].concat();
    assert_eq!(scene.say(&twice).expect("an answer").0, LogoutReason::HelloExpected);
    let bad = scene.relay.counters.totals().bad_input;
    for kind in ["magic", "version", "size", "checksum", "wrong_domain", "hello_expected"] {
        assert!(bad.contains_key(kind), "{kind} is counted: {bad:?}");
    }
}

#[test]
fn what_was_valid_before_the_bad_bytes_is_passed_on() {
    let mut scene = Scene::new();
    let mut stranger = Peer::new(&scene.relay.path, Domain::Market, identity(11, Role::Publisher), None);
    let good = stranger.trades("ETHUSDT", 7);
    let mut bytes = [hello(11), good, vec![0; 10]].concat();
    bytes.extend(stranger.trades("ETHUSDT", 1));
    scene.say(&bytes).expect("an answer");
    let from_stranger = scene.subscriber.received.iter().filter(|id| id.source == SourceId::new(11)).count();
    assert_eq!(from_stranger, 7);
}

#[test]
fn a_subscriber_may_not_publish_and_messages_need_numbers() {
    let mut scene = Scene::new();
    let frames = scene.subscriber.trades("BTCUSDT", 1);
    scene.subscriber.send(&frames);
    let text = scene.subscriber.until_down(LogoutReason::BadFrame);
    assert!(text.contains("no messages from a subscriber"), "{text}");
    let mut scene = Scene::new();
    let mut stranger = Peer::new(&scene.relay.path, Domain::Market, identity(11, Role::Publisher), None);
    stranger.sequence = u64::MAX;
    let unnumbered = {
        let mut frame = Vec::new();
        let stamp =
            mesh_codec::Stamp { domain: Domain::Market, source: SourceId::new(11), sequence: 0, timestamp_ns: 1 };
        let body = mesh_types::market::Trade::default();
        mesh_codec::FrameBuilder::new(&mut frame, &stamp).body(&body).finish().expect("fits");
        frame
    };
    let (reason, text) = scene.say(&[hello(11), unnumbered].concat()).expect("an answer");
    assert!(reason == LogoutReason::BadFrame && text.contains("sequence from 1"), "{text}");
}

#[test]
fn silence_is_ended_and_connections_are_bounded() {
    let mut scene = Scene::with(|settings| {
        settings.handshake_timeout_ms = 20;
        settings.max_connections = 3;
    });
    let mut silent = socket::connect(&scene.relay.path).expect("connects");
    until_counted(&scene.relay, "the third", |totals| totals.connections == 3);
    let mut fourth = socket::connect(&scene.relay.path).expect("connects");
    let (reason, text) = last_word(&mut fourth).expect("an answer");
    assert!(reason == LogoutReason::TooMany && text.contains("max_connections"), "{text}");
    let (reason, text) = last_word(&mut silent).expect("an answer");
    assert!(reason == LogoutReason::Timeout && text.contains("20 ms"), "{text}");
    scene.undisturbed();
}

#[test]
fn a_process_that_hangs_is_ended_and_one_that_answers_stays() {
    let mut scene = Scene::with(|settings| {
        settings.heartbeat_ms = 20;
        settings.idle_timeout_ms = 200;
    });
    // This one says hello and nothing more.
    let mut hung = socket::connect(&scene.relay.path).expect("connects");
    write(&mut hung, &hello(11));
    let counters = std::sync::Arc::clone(&scene.relay.counters);
    let publisher = &mut scene.publisher;
    scene.subscriber.until("the timeout", |_| {
        publisher.poll();
        counters.totals().bad_input.contains_key("timeout")
    });
    assert_eq!(last_word(&mut hung).expect("an answer").0, LogoutReason::Timeout);
    scene.undisturbed();
    assert_eq!(scene.relay.counters.totals().bad_input["timeout"], 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_whatever_disturb_a_relay(
        noise in prop::collection::vec(any::<u8>(), 0..2000),
        messages in 0u64..5,
        (flip, keep) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        greet in any::<bool>(),
    ) {
        let mut scene = Scene::new();
        let mut stranger = Peer::new(&scene.relay.path, Domain::Market, identity(11, Role::Publisher), None);
        let mut bytes = if greet { hello(11) } else { Vec::new() };
        bytes.extend(stranger.trades("ETHUSDT", messages));
        if !bytes.is_empty() {
            let place = flip.index(bytes.len());
            bytes[place] ^= 0x10;
            bytes.truncate(keep.index(bytes.len()) + 1);
        }
        bytes.extend(noise);
        let mut link = socket::connect(&scene.relay.path).expect("connects");
        write(&mut link, &bytes);
        drop(link);
        scene.undisturbed();
    }
}
