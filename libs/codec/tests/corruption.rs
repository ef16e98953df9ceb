//! Damage is always seen, told apart, and explained: for a message of each type.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::{Case, Noise, cases, raw_frame, raw_tlv, stamp};
use mesh_codec::{FrameError, HEADER_BYTES, MAX_PAYLOAD_BYTES, Message, json};
use mesh_types::Domain;

fn each_frame(check: impl Fn(&Case, Vec<u8>)) {
    let mut noise = Noise(11);
    for case in cases() {
        let frame = case.frame(&mut noise, 3);
        check(&case, frame);
    }
}

fn error_of(bytes: &[u8]) -> FrameError {
    Message::parse(bytes).expect_err("damaged bytes")
}

#[test]
fn truncation_is_seen_at_every_byte() {
    each_frame(|_, frame| {
        for length in 0..frame.len() {
            let expected = if length < HEADER_BYTES { HEADER_BYTES } else { frame.len() };
            assert_eq!(error_of(&frame[..length]), FrameError::Truncated { expected, found: length });
        }
        assert!(Message::parse(&frame).is_ok());
    });
}

#[test]
fn every_flipped_bit_is_detected() {
    each_frame(|case, mut frame| {
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(Message::parse(&frame).is_err(), "bit {bit} of type {}", case.number);
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    });
}

#[test]
fn every_changed_byte_is_detected_and_named_by_its_place() {
    each_frame(|_, mut frame| {
        for offset in 0..frame.len() {
            frame[offset] = frame[offset].wrapping_add(0x55);
            let kind = error_of(&frame).kind();
            let expected: &[&str] = match offset {
                0..4 => &["magic"],
                4 => &["version"],
                5 => &["domain", "checksum"],
                24..28 => &["size", "truncated", "checksum"],
                _ => &["checksum"],
            };
            assert!(expected.contains(&kind), "byte {offset}: {kind}");
            frame[offset] = frame[offset].wrapping_sub(0x55);
        }
    });
}

#[test]
fn a_big_endian_writer_is_recognised() {
    each_frame(|_, mut frame| {
        frame[..4].reverse();
        let error = error_of(&frame);
        assert_eq!(error, FrameError::Magic { found: *b"HSEM", byte_swapped: true });
        assert!(error.likely_cause().starts_with("byte order"), "{error}");
        frame[..4].copy_from_slice(b"HTTP");
        assert!(!error_of(&frame).likely_cause().contains("byte order"));
    });
}

#[test]
fn a_missing_checksum_is_told_from_a_wrong_one() {
    each_frame(|case, mut frame| {
        frame[28..32].fill(0);
        let error = error_of(&frame);
        assert_eq!(error.likely_cause(), "the sender did not compute the checksum");
        let FrameError::Checksum { expected: 0, message_size, tlv_count: 1, .. } = error else {
            panic!("type {}: {error:?}", case.number)
        };
        assert_eq!(message_size, frame.len());
        frame[28..32].fill(0xff);
        assert!(error_of(&frame).likely_cause().starts_with("corruption"));
    });
}

#[test]
fn errors_say_what_was_expected_what_came_where_and_why() {
    let frame = raw_frame(Domain::Market, &raw_tlv(1, 0, &[0; 68]));
    let changed = |offset: usize, value: &[u8]| {
        let mut bytes = frame.clone();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        error_of(&bytes)
    };
    let too_large = u32::try_from(MAX_PAYLOAD_BYTES + 1).expect("a u32").to_le_bytes();
    for (error, words) in [
        (error_of(&frame[..50]), ["104 bytes", "found 50 bytes", "cut off"]),
        (changed(0, b"HSEM"), ["\"MESH\"", "HSEM", "byte order"]),
        (changed(0, b"GET "), ["\"MESH\"", "GET ", "no message of the mesh"]),
        (changed(4, &[2]), ["version 1", "found 2 at byte 4", "same version everywhere"]),
        (changed(5, &[9]), ["domain 1 to 4", "found 9 at byte 5", "corruption"]),
        (changed(24, &too_large), ["at most 1048576 bytes", "found 1048577 bytes at byte 24", "size"]),
        (changed(40, &[1]), ["checksum 0x", "over a message of 104 bytes with 1 TLVs at byte 28", "corruption"]),
    ] {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        let shown = json::frame_error(1_000, &error);
        assert_eq!(shown["error"]["kind"], error.kind());
        assert_eq!(shown["error"]["offset"], 1_000 + error.offset());
        assert_eq!(shown["error"]["likely_cause"], error.likely_cause());
    }
}

#[test]
fn what_follows_a_message_is_left_alone() {
    each_frame(|case, frame| {
        let longer = [&frame[..], &frame[..frame.len() / 2]].concat();
        let message = Message::parse(&longer).expect("the first is whole");
        assert_eq!((message.frame(), message.id()), (&frame[..], stamp(case.domain).id()));
    });
}
