//! CRC-32 by carry-less multiplication, for runs as short as a message.
//!
//! Bytes are the coefficients of a polynomial over GF(2), the first bit the highest; the checksum is what is left of it,
//! times x^32, after division by P. Every 16-byte block is multiplied by x^(128 d + 32) mod P, where d counts the blocks
//! after it: d's factors come from a table, so no block waits for another, as it would if one were folded into the next.
//! The sum of the products has 96 bits, and two more multiplications divide it (Barrett).
//!
//! The blocks end where the message ends. What is left over stands in front, where zeros change nothing: the head and the
//! first bytes after it are shifted together in registers.
//!
//! Sources: Gopal and others, *Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction* (Intel, 2009), for
//! folding; the division by a 64-bit quotient as in Linux's `lib/crc/x86/crc-pclmul-template.S`.

#![allow(
    unsafe_code,
    reason = "a function that uses more than every processor has may only be called by one that knows: `Folding` is made \
              where the processor was asked, and its calls are the only unsafe lines"
)]

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi32_si128, _mm_extract_epi32, _mm_or_si128,
    _mm_set_epi64x, _mm_setzero_si128, _mm_shuffle_epi8, _mm_xor_si128, _mm256_castsi256_si128,
    _mm256_clmulepi64_epi128, _mm256_extracti128_si256, _mm256_xor_si256, _mm256_zextsi128_si256,
    _mm512_castsi512_si256, _mm512_clmulepi64_epi128, _mm512_extracti64x4_epi64, _mm512_xor_si512,
    _mm512_zextsi128_si512,
};
use std::sync::LazyLock;

use zerocopy::transmute;

use super::Head;

type Block = [u8; 16];

/// P without x^32, reflected: bit 31 - i is the coefficient of x^i, as in all that follows.
const POLYNOMIAL: u32 = 0xedb8_8320;
/// P with x^32 in bit 0 and 1 in bit 32.
const DIVISOR: u64 = ((POLYNOMIAL as u64) << 1) | 1;
/// x^96 / P, without its remainder: x^64 in bit 0. The coefficient of 1 has no place, and can't change a quotient.
const RECIPROCAL: u64 = reciprocal();

/// Blocks that the table reaches over.
const MAX_BLOCKS: usize = 128;
/// Blocks that the head can take: 32 bytes, and up to 15 of what follows.
const HEAD_BLOCKS: usize = 3;
/// The most that can follow a head.
const MAX_BYTES: usize = (MAX_BLOCKS - HEAD_BLOCKS) * size_of::<Block>();

/// What the two halves of a block are multiplied by; the last entry is the last block's.
static FACTORS: [[u64; 2]; MAX_BLOCKS] = factors();

/// `remainder` times x^n, mod P.
const fn times_x_to(mut remainder: u32, n: usize) -> u32 {
    let mut i = 0;
    while i < n {
        remainder = if remainder & 1 == 1 { (remainder >> 1) ^ POLYNOMIAL } else { remainder >> 1 };
        i += 1;
    }
    remainder
}

const fn factors() -> [[u64; 2]; MAX_BLOCKS] {
    let mut factors = [[0; 2]; MAX_BLOCKS];
    // The second half's factor: x^32 for the last block.
    let mut second = POLYNOMIAL;
    let mut blocks_after = 0;
    while blocks_after < MAX_BLOCKS {
        let first = times_x_to(second, 64);
        // One place up, so that the product's lowest 32 coefficients begin with its second word.
        factors[MAX_BLOCKS - 1 - blocks_after] = [(first as u64) << 1, (second as u64) << 1];
        second = times_x_to(first, 64);
        blocks_after += 1;
    }
    factors
}

/// Long division, the highest coefficient first.
const fn reciprocal() -> u64 {
    let (mut quotient, mut remainder, mut i) = (1, POLYNOMIAL, 1);
    while i < 64 {
        quotient |= ((remainder & 1) as u64) << i;
        remainder = times_x_to(remainder, 1);
        i += 1;
    }
    quotient
}

/// A window of 16 bytes from here moves bytes to the end (from `t`) or to the front (from `16 + t`); others become zero.
static SHIFTS: [u8; 48] = {
    let mut shifts = [0x80; 48];
    let mut i = 0;
    while i < 16 {
        shifts[16 + i] = i as u8;
        i += 1;
    }
    shifts
};

/// How this processor folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folding {
    /// One block at a time: PCLMULQDQ, SSSE3, SSE4.1.
    Ones,
    /// Two at a time: VPCLMULQDQ and AVX2 as well.
    Twos,
    /// Four at a time: AVX-512F as well.
    Fours,
}

impl Folding {
    /// The best that this processor can; `None` where it can't.
    #[inline]
    pub(super) fn of_this_processor() -> Option<Self> {
        static BEST: LazyLock<Option<Folding>> = LazyLock::new(|| Folding::all_of_this_processor().last());
        *BEST
    }

    /// Everything that this processor can, the best last. Nothing else makes one of these.
    pub(super) fn all_of_this_processor() -> impl Iterator<Item = Self> {
        let ones = is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        let twos = ones && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("vpclmulqdq");
        let fours = twos && is_x86_feature_detected!("avx512f");
        [(ones, Self::Ones), (twos, Self::Twos), (fours, Self::Fours)]
            .into_iter()
            .filter_map(|(can, folding)| can.then_some(folding))
    }

    /// Whether so many bytes after a head are for this.
    #[inline]
    pub(super) fn takes(bytes: usize) -> bool {
        (size_of::<Block>()..=MAX_BYTES).contains(&bytes)
    }

    /// The CRC-32 of `head` and `rest`; `None` for a length that it does not take.
    #[inline]
    pub(super) fn sum(self, [a, b, c, d]: Head, rest: &[u8]) -> Option<u32> {
        Self::takes(rest.len()).then(|| match self {
            // SAFETY: `all_of_this_processor` has asked for the features of `by_ones`.
            Self::Ones => unsafe { by_ones(a, b, c, d, rest) },
            // SAFETY: for those of `by_twos`.
            Self::Twos => unsafe { by_twos(a, b, c, d, rest) },
            // SAFETY: and for those of `by_fours`.
            Self::Fours => unsafe { by_fours(a, b, c, d, rest) },
        })
    }
}

// The head comes as four numbers: an array would come through memory, where what was written as words can't be read as
// blocks at once.
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
fn by_ones(a: u64, b: u64, c: u64, d: u64, rest: &[u8]) -> u32 {
    let message = Layout::new(a, b, c, d, rest);
    finish(add_all(message.sum_of_front(), message.blocks, message.factors))
}

// Pairs and fours end where the message ends: single blocks come before them.
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1,avx2,vpclmulqdq")]
fn by_twos(a: u64, b: u64, c: u64, d: u64, rest: &[u8]) -> u32 {
    let message = Layout::new(a, b, c, d, rest);
    let (singles, pairs) = message.blocks.as_rchunks::<2>();
    let (single_factors, pair_factors) = message.factors.as_rchunks::<2>();
    let mut sums = _mm256_zextsi128_si256(add_all(message.sum_of_front(), singles, single_factors));
    for (blocks, factors) in pairs.iter().zip(pair_factors) {
        let (blocks, factors): (__m256i, __m256i) = (transmute!(*blocks), transmute!(*factors));
        let first = _mm256_clmulepi64_epi128::<0x00>(blocks, factors);
        let second = _mm256_clmulepi64_epi128::<0x11>(blocks, factors);
        sums = _mm256_xor_si256(sums, _mm256_xor_si256(first, second));
    }
    finish(_mm_xor_si128(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums)))
}

#[target_feature(enable = "pclmulqdq,ssse3,sse4.1,avx2,vpclmulqdq,avx512f")]
fn by_fours(a: u64, b: u64, c: u64, d: u64, rest: &[u8]) -> u32 {
    let message = Layout::new(a, b, c, d, rest);
    let (singles, fours) = message.blocks.as_rchunks::<4>();
    let (single_factors, four_factors) = message.factors.as_rchunks::<4>();
    let mut sums = _mm512_zextsi128_si512(add_all(message.sum_of_front(), singles, single_factors));
    for (blocks, factors) in fours.iter().zip(four_factors) {
        let (blocks, factors): (__m512i, __m512i) = (transmute!(*blocks), transmute!(*factors));
        let first = _mm512_clmulepi64_epi128::<0x00>(blocks, factors);
        let second = _mm512_clmulepi64_epi128::<0x11>(blocks, factors);
        sums = _mm512_xor_si512(sums, _mm512_xor_si512(first, second));
    }
    let sums = _mm256_xor_si256(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums));
    finish(_mm_xor_si128(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums)))
}

/// A message as blocks; at least one block follows the head.
struct Layout<'m> {
    /// Zeros, the head, and what of the rest fills no block.
    front: [__m128i; HEAD_BLOCKS],
    front_factors: &'static [[u64; 2]; HEAD_BLOCKS],
    blocks: &'m [Block],
    factors: &'static [[u64; 2]],
}

impl<'m> Layout<'m> {
    #[inline]
    #[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
    fn new(a: u64, b: u64, c: u64, d: u64, rest: &'m [u8]) -> Self {
        // The checksum begins with all ones, which is the same as the first four bytes inverted.
        let first = _mm_xor_si128(_mm_set_epi64x(b as i64, a as i64), _mm_cvtsi32_si128(-1));
        let second = _mm_set_epi64x(d as i64, c as i64);
        let (odd, blocks) = rest.as_rchunks::<16>();
        let third = transmute!(rest.first_chunk::<16>().copied().unwrap_or_default());
        let window = |start: usize| -> __m128i {
            transmute!(SHIFTS.get(start..).and_then(<[u8]>::first_chunk::<16>).copied().unwrap_or_default())
        };
        let (to_end, to_front) = (window(odd.len()), window(16 + odd.len()));
        let front = [
            _mm_shuffle_epi8(first, to_end),
            _mm_or_si128(_mm_shuffle_epi8(first, to_front), _mm_shuffle_epi8(second, to_end)),
            _mm_or_si128(_mm_shuffle_epi8(second, to_front), _mm_shuffle_epi8(third, to_end)),
        ];
        debug_assert!((16..=MAX_BYTES).contains(&rest.len()), "`Folding::sum` has looked");
        let from = MAX_BLOCKS.saturating_sub(HEAD_BLOCKS + blocks.len());
        let (front_factors, factors) =
            FACTORS.get(from..).and_then(<[_]>::split_first_chunk).unwrap_or((&[[0; 2]; HEAD_BLOCKS], &[]));
        Self { front, front_factors, blocks, factors }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
    fn sum_of_front(&self) -> __m128i {
        let mut sum = _mm_setzero_si128();
        for (block, factors) in self.front.iter().zip(self.front_factors) {
            sum = add(sum, *block, factors);
        }
        sum
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
fn add_all(mut sum: __m128i, blocks: &[Block], factors: &[[u64; 2]]) -> __m128i {
    for (block, factors) in blocks.iter().zip(factors) {
        sum = add(sum, transmute!(*block), factors);
    }
    sum
}

#[inline]
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
fn add(sum: __m128i, block: __m128i, factors: &[u64; 2]) -> __m128i {
    let factors: __m128i = transmute!(*factors);
    let first = _mm_clmulepi64_si128::<0x00>(block, factors);
    let second = _mm_clmulepi64_si128::<0x11>(block, factors);
    _mm_xor_si128(sum, _mm_xor_si128(first, second))
}

/// What is left of 96 bits after division by P, inverted.
#[inline]
#[target_feature(enable = "pclmulqdq,ssse3,sse4.1")]
fn finish(sum: __m128i) -> u32 {
    let constants = _mm_set_epi64x(DIVISOR as i64, RECIPROCAL as i64);
    let quotient = _mm_clmulepi64_si128::<0x00>(sum, constants);
    let product = _mm_clmulepi64_si128::<0x10>(quotient, constants);
    !(_mm_extract_epi32::<2>(_mm_xor_si128(sum, product)) as u32)
}
