//! Any bytes as one message: what parses is whole and sums right, what does not says why.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_codec::header::checksum;
use mesh_codec::{HEADER_BYTES, Message};

fn check(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => {
            assert!(bytes.starts_with(message.frame()));
            assert_eq!(message.frame().len(), HEADER_BYTES + message.payload().len());
            assert_eq!(checksum(message.frame()), Some(message.header().checksum.get()));
            assert_eq!(message.id().domain(), Some(message.domain()));
        }
        Err(error) => {
            assert!(error.offset() <= bytes.len().max(HEADER_BYTES));
            assert!(error.to_string().contains(error.likely_cause()));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    // With size and checksum put right, so that the search gets past them.
    if data.len() >= HEADER_BYTES {
        let mut mended = data.to_vec();
        let payload = u32::try_from(data.len() - HEADER_BYTES).expect("a short input");
        mended[24..28].copy_from_slice(&payload.to_le_bytes());
        let sum = checksum(&mended).expect("a header is there");
        mended[28..32].copy_from_slice(&sum.to_le_bytes());
        check(&mended);
    }
});
