//! The checksum of the header's part: CRC-32 (IEEE) of 28 or 32 bytes, from words.
//!
//! `crc32fast` is at its best on longer runs; a header's few bytes cost it as much as a whole trade. Slicing by 16 takes
//! them in two steps, and words come from registers, where a builder has them: bytes that were just written can't be read
//! back in other sizes without waiting. `crc32fast` goes on from here with the payload (`tests/corruption.rs` and
//! `a_head_s_state_is_that_of_the_whole_checksum` hold the two to each other).

/// `SLICES[k][b]`: what byte `b` adds when `k` more bytes follow.
static SLICES: [[u32; 256]; 16] = slices();

const REFLECTED_POLYNOMIAL: u32 = 0xedb8_8320;

const fn slices() -> [[u32; 256]; 16] {
    let mut slices = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let (mut state, mut bit) = (byte as u32, 0);
        while bit < 8 {
            state = if state & 1 == 1 { (state >> 1) ^ REFLECTED_POLYNOMIAL } else { state >> 1 };
            bit += 1;
        }
        slices[0][byte] = state;
        byte += 1;
    }
    let mut slice = 1;
    while slice < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = slices[slice - 1][byte];
            slices[slice][byte] = (before >> 8) ^ slices[0][(before & 0xff) as usize];
            byte += 1;
        }
        slice += 1;
    }
    slices
}

/// What four bytes add when `FOLLOWING` more follow.
#[inline(always)]
fn word<const FOLLOWING: usize>(word: u32) -> u32 {
    let [a, b, c, d] = word.to_le_bytes();
    SLICES[FOLLOWING + 3][usize::from(a)]
        ^ SLICES[FOLLOWING + 2][usize::from(b)]
        ^ SLICES[FOLLOWING + 1][usize::from(c)]
        ^ SLICES[FOLLOWING][usize::from(d)]
}

#[inline(always)]
fn first_four(words: [u32; 4]) -> u32 {
    let [a, b, c, d] = words;
    word::<12>(!a) ^ word::<8>(b) ^ word::<4>(c) ^ word::<0>(d)
}

/// The CRC-32 of the header's first 28 bytes.
#[inline(always)]
pub(crate) fn of_header([a, b, c, d, e, f, g]: [u32; 7]) -> u32 {
    let state = first_four([a, b, c, d]);
    !(word::<8>(state ^ e) ^ word::<4>(f) ^ word::<0>(g))
}

/// The CRC-32 of the header's first 28 bytes and the four of the first TLV's header.
#[inline(always)]
pub(crate) fn of_header_and_tlv([a, b, c, d, e, f, g]: [u32; 7], tlv: u32) -> u32 {
    let state = first_four([a, b, c, d]);
    !(word::<12>(state ^ e) ^ word::<8>(f) ^ word::<4>(g) ^ word::<0>(tlv))
}

/// The CRC-32 of what `head` covers and `rest`.
#[inline]
pub(crate) fn continued(head: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(head);
    hasher.update(rest);
    hasher.finalize()
}

/// The CRC-32 of what `head` covers, `first` and `second`.
#[inline]
pub(crate) fn continued_twice(head: u32, first: &[u8], second: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(head);
    hasher.update(first);
    hasher.update(second);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_s_state_is_that_of_the_whole_checksum() {
        let bytes: Vec<u8> = (0u8..100).map(|n| n.wrapping_mul(37).wrapping_add(11)).collect();
        let mut words = [0; 7];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let tlv = u32::from_le_bytes([bytes[28], bytes[29], bytes[30], bytes[31]]);
        assert_eq!(of_header(words), crc32fast::hash(&bytes[..28]));
        assert_eq!(of_header_and_tlv(words, tlv), crc32fast::hash(&bytes[..32]));
        assert_eq!(continued(of_header(words), &bytes[28..]), crc32fast::hash(&bytes));
        assert_eq!(continued_twice(of_header(words), &bytes[28..50], &bytes[50..]), crc32fast::hash(&bytes));
    }
}
