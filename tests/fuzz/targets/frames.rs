//! A stream of good messages and garbage, cut anywhere: no good message is lost, and cutting changes nothing.
//!
//! The input is the size of a chunk, then pieces: a byte (odd for a message, even for garbage), a length, that many bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_codec::{FrameScanner, Frames};
use mesh_fuzz::message;

/// The stream that the script describes, and its good messages.
fn stream(mut script: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut bytes, mut good) = (Vec::new(), Vec::new());
    while let [kind, length, rest @ ..] = script {
        let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        if kind % 2 == 1 {
            let frame = message(1 + (kind / 2) % 4, piece);
            bytes.extend(&frame);
            good.push(frame);
        } else {
            bytes.extend(piece);
        }
        script = rest;
    }
    (bytes, good)
}

fuzz_target!(|data: &[u8]| {
    let Some((chunk, script)) = data.split_first() else { return };
    let (bytes, good) = stream(script);

    let whole: Vec<Vec<u8>> = Frames::new(&bytes).filter_map(|(_, m)| m.ok().map(|m| m.frame().to_vec())).collect();
    // Garbage may hold a whole message too, so there can be more than the script says.
    let mut found = whole.iter();
    assert!(good.iter().all(|frame| found.any(|other| other == frame)), "a good message was lost");

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
    assert!(whole.starts_with(&messages), "cutting changed the messages");
    assert_eq!(taken + scanner.pending_bytes() + scanner.skipped_bytes() as usize, bytes.len());
});
