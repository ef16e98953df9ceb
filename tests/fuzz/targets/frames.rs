//! A stream of good messages and garbage, cut anywhere: no good message is lost, and cutting changes nothing.
//!
//! The input is the size of a chunk, then pieces: odd ones are messages, even ones garbage.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_codec::{FrameScanner, Frames};
use mesh_fuzz::{message, pieces};

/// The stream that the script describes, and where its good messages stand.
fn stream(script: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut good) = (Vec::new(), Vec::new());
    for (kind, piece) in pieces(script) {
        if kind % 2 == 1 {
            good.push(bytes.len());
            bytes.extend(message(1 + (kind / 2) % 4, piece));
        } else {
            bytes.extend(piece);
        }
    }
    (bytes, good)
}

fuzz_target!(|data: &[u8]| {
    let Some((chunk, script)) = data.split_first() else { return };
    let (bytes, good) = stream(script);

    let found: Vec<(usize, &[u8])> =
        Frames::new(&bytes).filter_map(|(at, message)| message.ok().map(|message| (at, message.frame()))).collect();
    // A good message may be part of another: the fuzzer learns to put a right header and checksum into the garbage before it.
    let told = |good: &usize| found.iter().any(|(at, frame)| (*at..at + frame.len()).contains(good));
    assert!(good.iter().all(told), "a good message was lost");

    let mut scanner = FrameScanner::default();
    let (mut messages, mut taken) = (Vec::new(), 0);
    for piece in bytes.chunks(1 + usize::from(*chunk)) {
        scanner.extend(piece);
        while let Some(result) = scanner.next_message() {
            if let Ok(message) = result {
                taken += message.frame().len();
                messages.push(message.frame().to_vec());
            }
        }
    }
    assert!(messages.len() <= found.len(), "cutting added messages");
    assert!(messages.iter().zip(&found).all(|(message, (_, frame))| message == frame), "cutting changed the messages");
    assert_eq!(taken + scanner.pending_bytes() + scanner.skipped_bytes() as usize, bytes.len());
});
