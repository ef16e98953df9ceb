//! Bytes in, messages out: however a stream is cut and whatever lies between its messages.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::time::{Duration, Instant};

use common::{Noise, cases, raw_frame};
use mesh_codec::{FrameError, FrameScanner, Frames, HEADER_BYTES, MAX_PAYLOAD_BYTES, Message, json};
use mesh_types::Domain;
use proptest::prelude::*;

/// Messages of random types, and what each is preceded by.
fn stream(noise: &mut Noise, garbage: &[Vec<u8>]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let all = cases();
    let mut bytes = Vec::new();
    let frames: Vec<Vec<u8>> = garbage
        .iter()
        .map(|before| {
            let frame = noise.pick(&all).frame(noise, 4);
            bytes.extend([before.as_slice(), &frame].concat());
            frame
        })
        .collect();
    (bytes, frames)
}

/// What a scanner gives out of `bytes` that come in pieces.
fn scanned(scanner: &mut FrameScanner, bytes: &[u8], noise: &mut Noise, largest: usize) -> (Vec<Vec<u8>>, usize) {
    let (mut frames, mut errors, mut rest) = (Vec::new(), 0, bytes);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(noise.up_to(largest).min(rest.len()));
        scanner.extend(piece);
        while let Some(result) = scanner.next_message() {
            match result {
                Ok(message) => frames.push(message.frame().to_vec()),
                Err(_) => errors += 1,
            }
        }
        rest = after;
    }
    (frames, errors)
}

/// Bytes that look like messages as much as they can without being the beginning of one.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(
            prop_oneof![Just(b'M'), Just(b'E'), Just(b'S'), Just(b'H'), Just(0), Just(0xff)],
            1..80
        ),
        proptest::collection::vec(any::<u8>(), 1..2_000),
        Just(b"MESH\x02\x01\x00\x00MESH\x01\x09".to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_messages(seed in any::<u64>(), count in 0usize..12, largest in 1usize..600) {
        let mut noise = Noise(seed);
        let (bytes, frames) = stream(&mut noise, &vec![Vec::new(); count]);
        let mut scanner = FrameScanner::default();
        prop_assert_eq!(scanned(&mut scanner, &bytes, &mut noise, largest), (frames.clone(), 0));
        prop_assert_eq!((scanner.pending_bytes(), scanner.skipped_bytes()), (0, 0));
        let whole: Vec<Vec<u8>> = Frames::new(&bytes).map(|(_, m)| m.expect("a message").frame().to_vec()).collect();
        prop_assert_eq!(whole, frames);
    }

    #[test]
    fn garbage_between_messages_is_skipped_and_counted_and_no_message_is_lost(
        seed in any::<u64>(), garbage in proptest::collection::vec(garbage(), 1..8), largest in 1usize..600,
    ) {
        let mut noise = Noise(seed);
        let (bytes, frames) = stream(&mut noise, &garbage);
        let between: usize = garbage.iter().map(Vec::len).sum();
        let mut scanner = FrameScanner::default();
        let (found, errors) = scanned(&mut scanner, &bytes, &mut noise, largest);
        prop_assert_eq!(&found, &frames);
        prop_assert_eq!((scanner.skipped_bytes(), scanner.pending_bytes()), (between as u64, 0));
        prop_assert_eq!(errors > 0, between > 0);

        let found: Vec<(usize, Vec<u8>)> =
            Frames::new(&bytes).filter_map(|(at, m)| m.ok().map(|m| (at, m.frame().to_vec()))).collect();
        for (at, frame) in &found {
            prop_assert_eq!(&bytes[*at..at + frame.len()], &frame[..]);
        }
        prop_assert_eq!(found.into_iter().map(|(_, frame)| frame).collect::<Vec<_>>(), frames);
    }

    #[test]
    fn a_damaged_message_costs_no_other(seed in any::<u64>(), bit in any::<proptest::sample::Index>()) {
        let mut noise = Noise(seed);
        let (bytes, frames) = stream(&mut noise, &[Vec::new(), Vec::new(), Vec::new()]);
        let mut damaged = bytes;
        let (first, middle) = (frames[0].len(), frames[1].len());
        let bit = bit.index(middle * 8);
        damaged[first + bit / 8] ^= 1 << (bit % 8);
        let found: Vec<Vec<u8>> = Frames::new(&damaged).filter_map(|(_, m)| m.ok().map(|m| m.frame().to_vec())).collect();
        prop_assert_eq!(found, [frames[0].clone(), frames[2].clone()]);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 0u32..300, largest in 1usize..64) {
        // As they are, behind a header that is good but for its checksum, and as the payload of a good message.
        let mut headed = raw_frame(Domain::Signal, &[]);
        headed[24..28].copy_from_slice(&size.to_le_bytes());
        headed.extend(&bytes);
        let payload = raw_frame(Domain::Market, &bytes);
        for input in [&bytes, &headed, &payload] {
            for (_, result) in Frames::new(input) {
                if let Ok(message) = result {
                    let _ = (message.check_tlvs(), json::message(&message));
                }
            }
            scanned(&mut FrameScanner::default(), input, &mut Noise(u64::from(size)), largest);
        }
        prop_assert!(Message::parse(&payload).is_ok());
    }
}

#[test]
fn a_false_size_delays_later_messages_and_loses_none() {
    let mut noise = Noise(21);
    let case = &cases()[0];
    let mut damaged = case.frame(&mut noise, 0);
    damaged[24..28].copy_from_slice(&u32::try_from(MAX_PAYLOAD_BYTES).expect("a u32").to_le_bytes());
    let good = case.frame(&mut noise, 0);
    let count = 2 * MAX_PAYLOAD_BYTES / good.len();
    let stream = [damaged, good.repeat(count)].concat();
    let (frames, errors) = scanned(&mut FrameScanner::default(), &stream, &mut noise, 8_192);
    assert_eq!((frames.len(), errors), (count, 1));
}

#[test]
fn a_cut_tail_is_one_error_that_says_what_is_missing() {
    let frame = cases()[0].frame(&mut Noise(22), 0);
    let log = [&frame[..], &frame[..frame.len() - 1]].concat();
    let results: Vec<_> = Frames::new(&log).collect();
    assert!(results[0].1.is_ok());
    let expected = FrameError::Truncated { expected: frame.len(), found: frame.len() - 1 };
    assert_eq!(results[1].1.as_ref().expect_err("cut"), &expected);
    assert_eq!((results[1].0, results.len()), (frame.len(), 2));
}

/// Input that takes a second, and a minute or more where work is not in proportion to it.
mod hostile_input_is_read_in_linear_time {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn garbage() {
        let started = Instant::now();
        let bytes = b"MESMESHMES".repeat(1 << 20);
        let mut scanner = FrameScanner::default();
        for chunk in bytes.chunks(4_096) {
            scanner.extend(chunk);
            while scanner.next_message().is_some() {}
        }
        assert!(scanner.skipped_bytes() as usize > bytes.len() - HEADER_BYTES);
        assert!(Frames::new(&bytes).all(|(_, result)| result.is_err()));
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }

    #[test]
    fn a_reader_that_lags_behind() {
        let started = Instant::now();
        let frame = cases()[0].frame(&mut Noise(31), 0);
        let mut scanner = FrameScanner::default();
        scanner.extend(&frame.repeat(1 << 18));
        for _ in 0..1 << 18 {
            assert!(scanner.next_message().expect("a message").is_ok());
            scanner.extend(&frame);
        }
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }

    #[test]
    fn beginnings_that_each_promise_the_largest_message() {
        let started = Instant::now();
        let mut header = raw_frame(Domain::Market, &[]);
        header[24..28].copy_from_slice(&u32::try_from(MAX_PAYLOAD_BYTES).expect("a u32").to_le_bytes());
        let bytes = header.repeat(32 * MAX_PAYLOAD_BYTES / HEADER_BYTES);
        let mut scanner = FrameScanner::default();
        for chunk in bytes.chunks(65_536) {
            scanner.extend(chunk);
            while scanner.next_message().is_some() {}
        }
        assert!(Frames::new(&bytes).all(|(_, result)| result.is_err()));
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}
