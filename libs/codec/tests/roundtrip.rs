//! What is built is what is read: every type, every combination, and the rules by which versions live together.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::{Case, Noise, cases, raw_frame, raw_tlv, stamp, unknown_number};
use mesh_codec::message::FLAG_CRITICAL;
use mesh_codec::{
    FrameBuilder, HEADER_BYTES, MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, Message, REGISTRY, SizeRule, TLV_HEADER_BYTES,
    TlvError, entry, json,
};
use mesh_types::market::{Quote, Trade};
use mesh_types::system::{Cause, Heartbeat, Packet};
use mesh_types::wire::U16;
use mesh_types::{Domain, MessageId, SourceId};
use proptest::prelude::*;

fn parse(frame: &[u8]) -> Message<'_> {
    Message::parse(frame).expect("a good message")
}

#[test]
fn every_type_has_a_case() {
    let mut numbers: Vec<u8> = cases().iter().map(|case| case.number).collect();
    numbers.sort_unstable();
    let registered: Vec<u8> = REGISTRY.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, registered, "add the new type to `cases` in tests/common/mod.rs");
}

#[test]
fn hand_written_bytes_are_the_message_that_is_built() {
    let mut noise = Noise(1);
    for case in cases() {
        let value = (case.value)(&mut noise, case.max_items.min(3));
        let mut built = Vec::new();
        (case.add)(FrameBuilder::new(&mut built, &stamp(case.domain)), &value).finish().expect("it fits");
        assert_eq!(built, raw_frame(case.domain, &raw_tlv(case.number, 0, &value)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_comes_back(seed in any::<u64>()) {
        let mut noise = Noise(seed);
        for case in cases() {
            let value = case.any_value(&mut noise);
            let mut buffer = noise.bytes(7);
            let size = (case.add)(FrameBuilder::new(&mut buffer, &stamp(case.domain)), &value).finish().expect("it fits");
            let frame = &buffer[7..];
            prop_assert_eq!(size, frame.len());
            let message = parse(frame);
            prop_assert_eq!(message.id(), stamp(case.domain).id());
            prop_assert_eq!(message.check_tlvs(), Ok(()));
            let tlv = message.first().expect("one TLV");
            prop_assert_eq!((tlv.number, tlv.value), (case.number, &value[..]));
            prop_assert_eq!((case.read)(&tlv), Some(value));
        }
    }

    #[test]
    fn the_fast_path_writes_the_same_bytes(seed in any::<u64>()) {
        let mut noise = Noise(seed);
        for case in cases() {
            let Some(encode) = case.encode else { continue };
            let (value, stamp) = (case.any_value(&mut noise), stamp(case.domain));
            let mut built = Vec::new();
            let size = (case.add)(FrameBuilder::new(&mut built, &stamp), &value).finish().expect("it fits");
            let mut buffer = vec![0xaa; size + 3];
            prop_assert_eq!(encode(&mut buffer, &stamp, &value), Ok(size));
            prop_assert_eq!(&buffer[..size], &built[..]);
            prop_assert_eq!(&buffer[size..], [0xaa; 3]);
            prop_assert!(encode(&mut buffer[..size - 1], &stamp, &value).is_err());
        }
    }

    #[test]
    fn messages_of_many_tlvs_with_a_cause_come_back(seed in any::<u64>(), more in 0usize..6) {
        let mut noise = Noise(seed);
        let all = cases();
        let first = noise.pick(&all);
        let fitting: Vec<&Case> =
            all.iter().filter(|case| case.domain == first.domain || case.domain == Domain::System).collect();
        let chosen: Vec<&Case> = core::iter::once(first).chain((0..more).map(|_| *noise.pick(&fitting))).collect();
        let values: Vec<Vec<u8>> = chosen.iter().map(|case| case.any_value(&mut noise)).collect();
        let cause = Cause { message: MessageId::new(Domain::Market, SourceId::new(9), noise.next(), noise.next()) };

        let mut frame = Vec::new();
        let mut builder = FrameBuilder::new(&mut frame, &stamp(first.domain));
        for (case, value) in chosen.iter().zip(&values) {
            builder = (case.add)(builder, value);
        }
        builder.body(&cause).finish().expect("it fits");

        let message = parse(&frame);
        prop_assert_eq!(message.check_tlvs(), Ok(()));
        let tlvs: Vec<_> = message.tlvs().map(|tlv| tlv.expect("readable")).collect();
        prop_assert_eq!(tlvs.len(), chosen.len() + 1);
        for ((tlv, case), value) in tlvs.iter().zip(&chosen).zip(&values) {
            prop_assert!((case.read)(tlv).as_ref() == Some(value), "type {}", case.number);
        }
        prop_assert_eq!(tlvs.last().and_then(|tlv| tlv.body::<Cause>()), Some(&cause));
    }

    #[test]
    fn a_longer_value_is_accepted_and_its_tail_ignored(seed in any::<u64>()) {
        let mut noise = Noise(seed);
        for case in cases() {
            let items = case.max_items.min(5);
            let value = (case.value)(&mut noise, items);
            let extra = 1 + noise.up_to(40);
            let longer = [value.clone(), noise.bytes(extra)].concat();
            let frame = raw_frame(case.domain, &raw_tlv(case.number, 0, &longer));
            let message = parse(&frame);
            prop_assert_eq!(message.check_tlvs(), Ok(()));
            prop_assert_eq!((case.read)(&message.first().expect("one TLV")), Some(value));
        }
    }

    #[test]
    fn every_field_of_every_value_can_be_shown(seed in any::<u64>()) {
        let mut noise = Noise(seed);
        for case in cases() {
            let frame = case.frame(&mut noise, 3);
            let shown = json::message(&parse(&frame));
            let tlv = shown["tlvs"][0].as_object().expect("an object");
            let entry = entry(case.number).expect("registered");
            prop_assert!(tlv["type"] == entry.number && tlv["name"] == entry.name);
            for field in entry.fields.iter().filter(|field| !field.name.starts_with("reserved")) {
                let key = if field.name == "name" { format!("{}_name", entry.name) } else { field.name.to_owned() };
                prop_assert!(tlv.contains_key(&key), "{} of {}", key, entry.name);
            }
        }
    }
}

#[test]
fn every_shorter_value_is_refused() {
    let mut noise = Noise(2);
    for case in cases() {
        let value = (case.value)(&mut noise, case.max_items.min(2));
        for length in 0..value.len() {
            let frame = raw_frame(case.domain, &raw_tlv(case.number, 0, &value[..length]));
            let message = parse(&frame);
            let Err(TlvError::TooShort { index: 0, offset: HEADER_BYTES, expected, found, .. }) = message.check_tlvs()
            else {
                panic!("type {} of {length} bytes: {:?}", case.number, message.check_tlvs());
            };
            assert!(found == length && expected > length && expected <= value.len());
            assert_eq!((case.read)(&message.first().expect("one TLV")), None);
        }
    }
}

#[test]
fn more_items_than_a_type_may_have_are_refused() {
    let mut noise = Noise(3);
    for case in cases().iter().filter(|case| case.max_items > 0) {
        let value = (case.value)(&mut noise, case.max_items + 1);
        let frame = raw_frame(case.domain, &raw_tlv(case.number, 0, &value));
        let message = parse(&frame);
        assert!(
            matches!(message.check_tlvs(), Err(TlvError::TooMany { expected, found, .. })
                if expected == case.max_items && found == case.max_items + 1),
            "type {}: {:?}",
            case.number,
            message.check_tlvs()
        );
        assert_eq!((case.read)(&message.first().expect("one TLV")), None);
    }
}

#[test]
fn unknown_types_are_skipped_unless_critical() {
    let mut noise = Noise(4);
    for _ in 0..200 {
        let number = unknown_number(&mut noise);
        let unknown = noise.up_to(60);
        let unknown = noise.bytes(unknown);
        let trade = noise.bytes(size_of::<Trade>());
        let payload = |flags| [raw_tlv(number, flags, &unknown), raw_tlv(1, 0, &trade)].concat();

        let frame = raw_frame(Domain::Market, &payload(0));
        let message = parse(&frame);
        assert_eq!(message.check_tlvs(), Ok(()));
        assert!(message.get::<Trade>().is_some() && message.get::<Quote>().is_none());
        assert_eq!(json::message(&message)["tlvs"][0]["name"], "unknown");

        let frame = raw_frame(Domain::Market, &payload(FLAG_CRITICAL));
        let error = parse(&frame).check_tlvs().expect_err("critical and unknown");
        assert_eq!(error, TlvError::UnknownCritical { index: 0, offset: HEADER_BYTES, number });
        assert!(error.to_string().contains("update this process"), "{error}");
    }
}

#[test]
fn a_known_type_may_be_critical() {
    let frame = raw_frame(Domain::System, &raw_tlv(85, FLAG_CRITICAL, &[0; size_of::<Heartbeat>()]));
    assert_eq!(parse(&frame).check_tlvs(), Ok(()));
}

#[test]
fn tlvs_of_another_domain_and_empty_messages_are_refused() {
    let mut noise = Noise(5);
    let all = cases();
    for (case, domain) in all.iter().flat_map(|case| Domain::ALL.iter().map(move |domain| (case, *domain))) {
        let value = (case.value)(&mut noise, 0);
        let frame = raw_frame(domain, &raw_tlv(case.number, 0, &value));
        let belongs = case.domain == domain || case.domain == Domain::System;
        assert_eq!(parse(&frame).check_tlvs().is_ok(), belongs, "type {} in {domain}", case.number);
    }
    let frame = raw_frame(Domain::Market, &[]);
    assert_eq!(parse(&frame).check_tlvs(), Err(TlvError::Empty));
}

#[test]
fn a_tlv_longer_than_its_message_says_where_and_how_long() {
    let good = raw_tlv(85, 0, &[0; size_of::<Heartbeat>()]);
    let second_at = HEADER_BYTES + good.len();
    for cut in 1..good.len() {
        let frame = raw_frame(Domain::System, &[good.clone(), good[..cut].to_vec()].concat());
        let message = parse(&frame);
        let expected = if cut < TLV_HEADER_BYTES { TLV_HEADER_BYTES } else { size_of::<Heartbeat>() };
        assert_eq!(
            message.check_tlvs(),
            Err(TlvError::Overrun { index: 1, offset: second_at, expected, found: cut }),
            "cut at {cut}"
        );
        assert_eq!(message.tlvs().count(), 2, "the iterator ends after the error");
    }
}

#[test]
fn a_message_that_is_too_large_leaves_the_buffer_as_it_was() {
    let head = Packet { byte_count: U16::new(60_000), ..Packet::default() };
    let part = vec![7u8; 60_000];
    let fill = |buffer: &mut Vec<u8>, parts: usize| {
        (0..parts)
            .fold(FrameBuilder::new(buffer, &stamp(Domain::System)), |builder, _| builder.tailed(&head, &part))
            .finish()
    };
    let mut buffer = vec![1, 2, 3];
    let fitting = MAX_PAYLOAD_BYTES / (TLV_HEADER_BYTES + size_of::<Packet>() + part.len());
    let error = fill(&mut buffer, fitting + 1).expect_err("too large");
    assert!(error.needed > MAX_FRAME_BYTES && error.available == MAX_FRAME_BYTES);
    assert_eq!(buffer, [1, 2, 3]);
    let size = fill(&mut buffer, fitting).expect("it fits");
    assert_eq!(parse(&buffer[3..]).frame().len(), size);

    buffer.truncate(3);
    drop(FrameBuilder::new(&mut buffer, &stamp(Domain::System)).body(&Heartbeat::default()));
    assert_eq!(buffer, [1, 2, 3], "a builder that is dropped takes its bytes back");
}

#[test]
fn keys_and_instruments_lie_where_their_fields_are() {
    let mut noise = Noise(6);
    for case in cases() {
        let entry = entry(case.number).expect("registered");
        let value = (case.value)(&mut noise, 0);
        let head_bytes = match entry.size {
            SizeRule::Fixed { bytes } => bytes,
            SizeRule::Tailed { head_bytes, .. } => head_bytes,
        };
        assert_eq!(entry.fields.iter().map(|field| field.size).sum::<usize>(), head_bytes);
        let instrument = entry.fields.iter().find(|field| field.name == "instrument");
        let expected = instrument.map(|field| &value[field.offset..field.offset + field.size]);
        assert_eq!(entry.instrument(&value).map(zerocopy::IntoBytes::as_bytes), expected, "{}", entry.name);
        assert_eq!(entry.key(&value).is_some(), entry.last_value.is_some());
        assert_eq!((entry.key(&[]), entry.instrument(&[])), (None, None));
    }
}
