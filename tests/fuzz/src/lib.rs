//! What the targets share: bytes that are right in what random bytes never are, their checksums.

use mesh_codec::header::checksum;
use mesh_codec::{HEADER_BYTES, MAGIC, PROTOCOL_VERSION};

/// A message with a right header and checksum: random bytes hardly ever get past those.
pub fn message(domain: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    frame[..4].copy_from_slice(&MAGIC);
    frame[4] = PROTOCOL_VERSION;
    frame[5] = domain;
    frame[8] = 1;
    frame[24..28].copy_from_slice(&u32::try_from(payload.len()).expect("a short payload").to_le_bytes());
    frame.extend(payload);
    let sum = checksum(&frame).expect("a header is there");
    frame[28..32].copy_from_slice(&sum.to_le_bytes());
    frame
}

/// The pieces of a script: a kind, a length, that many bytes (or as many as are left).
pub fn pieces(mut script: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    core::iter::from_fn(move || {
        let [kind, length, rest @ ..] = script else { return None };
        let (piece, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        script = rest;
        Some((*kind, piece))
    })
}
