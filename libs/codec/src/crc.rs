//! The checksum of a message: CRC-32 (IEEE) of the header's first 28 bytes and the payload.
//!
//! A message is short, and the checksum stands between its two parts: `crc32fast`, at its best on long runs, would need two
//! calls of which the second waits for the first. So the head comes in registers, as a builder has it (bytes that were just
//! written can't be read back in other sizes without waiting), and is folded together with what follows. Where the
//! processor can't, or what follows is long, `crc32fast` sums; it is also what the tests hold this to.

#[cfg(target_arch = "x86_64")]
mod fold;

/// The header's first 28 bytes and the four of the first TLV's header, in little-endian words.
pub(crate) type Head = [u64; 4];

/// The CRC-32 of `head` and `rest`.
#[inline]
pub(crate) fn of_head_and(head: Head, rest: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(sum) = fold::Folding::of_this_processor().and_then(|folding| folding.sum(head, rest)) {
        return sum;
    }
    continued(of_words(head), rest)
}

/// The CRC-32 of the header's first 28 bytes and a payload that is shorter than a TLV's header.
#[cold]
pub(crate) fn of_short(head: &[u8], payload: &[u8]) -> u32 {
    continued(crc32fast::hash(head), payload)
}

fn of_words(head: Head) -> u32 {
    let mut bytes = [0; size_of::<Head>()];
    for (slot, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(head) {
        *slot = word.to_le_bytes();
    }
    crc32fast::hash(&bytes)
}

/// The CRC-32 of what `before` is that of, and `rest`.
fn continued(before: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The head as words, and what follows it.
    fn cut(bytes: &[u8]) -> (Head, &[u8]) {
        let (head, rest) = bytes.split_first_chunk::<32>().expect("a head");
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(head.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        (words, rest)
    }

    fn noise(count: usize) -> Vec<u8> {
        (0..count as u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect()
    }

    fn check(bytes: &[u8]) {
        let expected = crc32fast::hash(bytes);
        let (head, rest) = cut(bytes);
        assert_eq!(of_head_and(head, rest), expected, "{} bytes follow", rest.len());
        assert_eq!(continued(of_words(head), rest), expected);
        #[cfg(target_arch = "x86_64")]
        for folding in fold::Folding::all_of_this_processor() {
            let sum = folding.sum(head, rest);
            assert_eq!(sum.unwrap_or(expected), expected, "{folding:?}: {} bytes follow", rest.len());
            assert_eq!(sum.is_some(), fold::Folding::takes(rest.len()), "{folding:?}: {} bytes follow", rest.len());
        }
    }

    #[test]
    fn it_is_crc32_at_every_length_and_place() {
        let bytes = noise(32 + 2_100 + 64);
        for length in 0..=2_100 {
            let start = length % 64;
            check(&bytes[start..start + 32 + length]);
        }
        for start in 0..64 {
            for length in [0, 1, 15, 16, 17, 68, 255, 256, 257, 852, 1_999, 2_000, 2_001] {
                check(&bytes[start..start + 32 + length]);
            }
        }
    }

    #[test]
    fn a_payload_without_a_tlv_is_summed_too() {
        let bytes = noise(32);
        for length in 28..32 {
            assert_eq!(of_short(&bytes[..28], &bytes[28..length]), crc32fast::hash(&bytes[..length]));
        }
    }

    proptest! {
        #[test]
        fn it_is_crc32_of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 32..2_300), start in 0usize..64) {
            check(&bytes);
            // At another place in memory.
            let moved = [vec![0; start], bytes].concat();
            check(&moved[start..]);
        }
    }
}
