//! What every link must do, on each kind of link.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::{ErrorKind, IoSlice};

use mesh_transport::faulty::{FaultyLink, LinkFaults};
use mesh_transport::memory::MemoryLink;
use mesh_transport::{Link, UnixLink};

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n * 31 % 251) as u8).collect()
}

/// Polls both ends until everything has passed from one to the other.
fn pass(from: &mut impl Link, to: &mut impl Link, sent: &[u8]) -> Vec<u8> {
    let (mut written, mut received, mut idle) = (0, Vec::new(), 0);
    let mut buffer = [0; 7_000];
    while received.len() < sent.len() {
        idle += 1;
        assert!(idle < 100_000, "{written} written, {} received of {}", received.len(), sent.len());
        match from.write(&sent[written..]) {
            Ok(count) => written += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        match to.read(&mut buffer) {
            Ok(count) => {
                assert!(count > 0, "the other side is there");
                received.extend_from_slice(&buffer[..count]);
                idle = 0;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    received
}

/// Reads until something else than 'not now' comes.
fn settle(link: &mut impl Link) -> std::io::Result<usize> {
    loop {
        match link.read(&mut [0; 100]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            outcome => return outcome,
        }
    }
}

fn conforms<A: Link, B: Link>(pair: impl Fn(u64) -> (A, B)) {
    for seed in 0..20 {
        // Every byte in order, both ways, more than the link holds at a time.
        let (mut a, mut b) = pair(seed);
        let sent = bytes(1_000_000);
        assert!(pass(&mut a, &mut b, &sent) == sent);
        assert!(pass(&mut b, &mut a, &sent) == sent);
        // Parts in one call arrive as one run.
        let parts = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")];
        let count = loop {
            match a.write_vectored(&parts) {
                Ok(count) => break count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        };
        assert!((1..=6).contains(&count));
        let mut received = Vec::new();
        while received.len() < count {
            let mut buffer = [0; 6];
            if let Ok(read) = b.read(&mut buffer) {
                received.extend_from_slice(&buffer[..read]);
            }
        }
        assert_eq!(received, b"onetwo"[..count]);
        // Nothing to read is no end, and writing without a reader ends in 'not now'.
        assert_eq!(b.read(&mut [0]).expect_err("nothing is there").kind(), ErrorKind::WouldBlock);
        let mut refused = 0;
        let mut on_its_way = 0;
        while refused < 50 {
            match a.write(&sent) {
                Ok(count) => (on_its_way, refused) = (on_its_way + count, 0),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    refused += 1;
                }
            }
            assert!(on_its_way < 100_000_000, "a link is bounded");
        }
        // What was written before the end arrives, then the end, for good.
        drop(a);
        let mut rest = 0;
        loop {
            match settle(&mut b).expect("no error") {
                0 => break,
                count => rest += count,
            }
        }
        assert_eq!(rest, on_its_way);
        assert_eq!(settle(&mut b).expect("still the end"), 0);
        let written = std::iter::repeat_with(|| b.write(&[1]))
            .find(|outcome| !matches!(outcome, Err(error) if error.kind() == ErrorKind::WouldBlock));
        assert_eq!(written.expect("it answers").expect_err("nobody reads").kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn unix_sockets() {
    conforms(|_| UnixLink::pair().expect("a pair"));
}

#[test]
fn memory() {
    conforms(|_| MemoryLink::pair(10_000));
}

#[test]
fn links_with_harmless_faults() {
    let faulty = |link, seed| FaultyLink::new(link, LinkFaults::HARMLESS, seed);
    conforms(|seed| {
        let (a, b) = MemoryLink::pair(10_000);
        (FaultyLink::new(a, LinkFaults::HARMLESS, seed), FaultyLink::new(b, LinkFaults::HARMLESS, seed + 1))
    });
    conforms(|seed| {
        let (a, b) = UnixLink::pair().expect("a pair");
        (faulty(a, seed), faulty(b, seed + 1))
    });
}

#[test]
fn faults_happen_as_drawn_and_the_same_again() {
    let run = |seed| {
        let (mut a, b) = MemoryLink::pair(1 << 20);
        let faults = LinkFaults { corrupt: 300, disconnect: 20, ..LinkFaults::default() };
        let mut b = FaultyLink::new(b, faults, seed);
        let sent = bytes(200_000);
        assert_eq!(std::io::Write::write(&mut a, &sent).expect("room"), sent.len());
        let mut received = Vec::new();
        let mut buffer = [0; 1_000];
        while let Ok(count) = std::io::Read::read(&mut b, &mut buffer) {
            received.extend_from_slice(&buffer[..count]);
        }
        let flipped = received.iter().zip(&sent).filter(|(got, sent)| got != sent).count();
        (received.len(), flipped)
    };
    let outcomes: Vec<_> = (0..20).map(run).collect();
    assert_eq!(outcomes, (0..20).map(run).collect::<Vec<_>>());
    assert!(outcomes.iter().any(|(_, flipped)| *flipped > 0));
    assert!(outcomes.iter().any(|(length, _)| *length < 200_000), "some were cut");
}
