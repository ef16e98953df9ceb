//! The proof that frames are valid holds for exactly those that were checked or built, and reading by it finds the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use common::{Noise, cases, stamp};
use mesh_codec::frames::{Scan, scan};
use mesh_codec::{FrameBuffer, FrameCutter, Frames, Message, ValidFrames};
use mesh_types::system::{Heartbeat, Packet};
use proptest::prelude::*;

fn frames(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let (mut noise, all) = (Noise(seed), cases());
    (0..count).map(|_| noise.pick(&all).frame(&mut noise, 4)).collect()
}

fn listed(frames: ValidFrames<'_>) -> Vec<Vec<u8>> {
    let found: Vec<Vec<u8>> = frames.iter().map(|message| message.frame().to_vec()).collect();
    assert_eq!((found.len(), found.is_empty()), (frames.len(), frames.is_empty()));
    assert_eq!(found.concat(), frames.bytes());
    let by_frames = Frames::from(frames).map(|(offset, message)| (offset, message.expect("valid").frame().to_vec()));
    let checked =
        Frames::new(frames.bytes()).map(|(offset, message)| (offset, message.expect("valid").frame().to_vec()));
    assert!(by_frames.eq(checked));
    found
}

proptest! {
    #[test]
    fn what_is_checked_is_read_the_same(seed in any::<u64>(), count in 0usize..12) {
        let frames = frames(seed, count);
        let bytes = frames.concat();
        prop_assert_eq!(listed(ValidFrames::check(&bytes).expect("valid")), frames);
    }

    #[test]
    fn what_is_damaged_has_no_proof(seed in any::<u64>(), count in 1usize..6, place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let frames = frames(seed, count);
        let mut bytes = frames.concat();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let (offset, _) = ValidFrames::check(&bytes).expect_err("damaged");
        let mut begin = 0;
        let begins = frames.iter().map(|frame| { begin += frame.len(); begin - frame.len() });
        prop_assert_eq!(Some(offset), begins.filter(|begin| *begin <= place).last());
        let mut cutter = FrameCutter::new(&bytes);
        while cutter.show().is_some() {
            cutter.accept();
        }
        let expected = match scan(&bytes[offset..]) {
            Scan::Bad { error, .. } => Some(error),
            // A size that was damaged may state more than is there.
            Scan::Incomplete { .. } | Scan::Message(_) => None,
        };
        prop_assert_eq!((cutter.position(), cutter.error()), (offset, expected));
        let whole = frames.concat();
        prop_assert!(ValidFrames::check(&whole[..whole.len() - 1]).is_err());
    }

    /// Whatever is accepted, passed over and taken, in whatever order: the runs hold the accepted ones, each once.
    #[test]
    fn runs_hold_what_was_accepted(seed in any::<u64>(), decisions in prop::collection::vec(0u8..4, 0..24)) {
        let frames = frames(seed, decisions.len());
        let mut bytes = frames.concat();
        bytes.extend_from_slice(b"MESH");
        let mut cutter = FrameCutter::new(&bytes);
        let (mut expected, mut given) = (Vec::new(), Vec::new());
        for (frame, decision) in frames.iter().zip(&decisions) {
            let message = cutter.show().expect("a message");
            prop_assert_eq!(message.frame(), frame.as_slice());
            match decision {
                0 => {
                    given.extend(listed(cutter.take_run()));
                    cutter.pass();
                }
                1 => {
                    given.extend(listed(cutter.take_run()));
                    cutter.accept();
                    expected.push(frame.clone());
                }
                _ => {
                    cutter.accept();
                    // Once is once.
                    cutter.accept();
                    expected.push(frame.clone());
                }
            }
        }
        prop_assert!(cutter.show().is_none() && cutter.error().is_none(), "more may come");
        cutter.accept();
        given.extend(listed(cutter.take_run()));
        prop_assert_eq!(given, expected);
        prop_assert_eq!(cutter.position(), bytes.len() - 4);
    }

    #[test]
    fn neighbours_of_one_key_come_together(seed in any::<u64>(), count in 0usize..16) {
        let bytes = frames(seed, count).concat();
        let valid = ValidFrames::check(&bytes).expect("valid");
        let runs: Vec<(_, ValidFrames<'_>)> = valid.runs_by(Message::domain).collect();
        prop_assert!(runs.iter().all(|(key, run)| !run.is_empty() && run.iter().all(|m| m.domain() == *key)));
        prop_assert!(runs.windows(2).all(|pair| pair[0].0 != pair[1].0));
        prop_assert_eq!(runs.iter().flat_map(|(_, run)| listed(*run)).collect::<Vec<_>>(), listed(valid));
    }
}

#[test]
fn a_buffer_holds_what_it_was_given_and_what_it_built() {
    let given = frames(1, 3);
    let bytes = given.concat();
    let mut buffer = FrameBuffer::new();
    assert!(buffer.is_empty());
    buffer.extend(ValidFrames::check(&bytes).expect("valid"));
    buffer.push(&Message::parse(&given[0]).expect("valid"));
    buffer.build(&stamp(mesh_types::Domain::System), |frame| frame.body(&Heartbeat::default())).expect("fits");
    let so_far = listed(buffer.frames());
    assert_eq!((so_far[..3].to_vec(), &so_far[3]), (given.clone(), &given[0]));
    assert_eq!(so_far.len(), 5);
    let too_large = vec![0; 60_000];
    let head = Packet { byte_count: 60_000.into(), ..Packet::default() };
    let full = |frame| (0..20).fold(frame, |frame: mesh_codec::FrameBuilder<'_>, _| frame.tailed(&head, &too_large));
    assert!(buffer.build(&stamp(mesh_types::Domain::System), full).is_err());
    assert_eq!(listed(buffer.frames()), so_far);
    buffer.clear();
    assert!(buffer.is_empty() && buffer.frames().bytes().is_empty());
}
