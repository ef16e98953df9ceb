//! A made-up market of any length, the same for the same seed: for benchmarks and tests.
//!
//! A price walks in ticks; around it levels change as they do in recorded diffs: most at the best few, some far; takers trade
//! at the touch now and then. It has the shape of a liquid book, nothing more.

use mesh_book::{Exponents, Level};
use mesh_types::Decimal64;

use crate::tape::{Kind, Tape, TapeBuilder, TapeError};

/// Levels a side of the snapshot.
const DEPTH: i64 = 500;
const START_NS: u64 = 1_700_000_000_000_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    const fn below(&mut self, bound: u64) -> i64 {
        (self.next() % bound) as i64
    }
}

/// A tape of so many messages after its snapshot, a fifth of them trades, the others diffs of about eight levels.
///
/// # Errors
/// Where it would be too long.
pub fn tape(seed: u64, messages: usize) -> Result<Tape, TapeError> {
    let (mut random, mut builder) = (Random(seed), TapeBuilder::new(0));
    let exponents = Exponents::new(-1, -3);
    let mut mid = 600_000i64;
    let (mut time_ns, mut levels) = (START_NS, (Vec::new(), Vec::new()));
    for distance in 1..=DEPTH {
        levels.0.push(Level::new(mid - distance, 1 + random.below(5_000)));
        levels.1.push(Level::new(mid + distance, 1 + random.below(5_000)));
    }
    builder.book(Kind::Snapshot, (time_ns, time_ns + 1_000_000), exponents, levels.0.drain(..), levels.1.drain(..))?;
    for _ in 0..messages {
        time_ns += 200_000 + random.next() % 20_000_000;
        let times = (time_ns, time_ns + 1_000_000 + random.next() % 150_000);
        if random.below(5) == 0 {
            let buys = random.below(2) == 0;
            let price = if buys { mid + 1 } else { mid - 1 };
            let quantity = Decimal64 { mantissa: 1 + random.below(800), exponent: -3 };
            builder.trade(times, Decimal64 { mantissa: price, exponent: -1 }, quantity, buys)?;
            continue;
        }
        if random.below(3) == 0 {
            // The price moves: the level that it leaves becomes the other side's.
            let up = random.below(2) == 0;
            mid += if up { 1 } else { -1 };
            let (gone, new) = (Level::new(mid, 0), 1 + random.below(5_000));
            let (bid, ask) = (Level::new(mid - 1, new), Level::new(mid + 1, new));
            levels.0.extend([gone, bid]);
            levels.1.extend([gone, ask]);
        }
        for _ in 0..2 + random.below(10) {
            let distance = if random.below(4) == 0 { 1 + random.below(DEPTH as u64) } else { 1 + random.below(8) };
            // The best level is never taken away here: prices move above.
            let quantity = if distance > 1 && random.below(4) == 0 { 0 } else { 1 + random.below(5_000) };
            if random.below(2) == 0 {
                levels.0.push(Level::new(mid - distance, quantity));
            } else {
                levels.1.push(Level::new(mid + distance, quantity));
            }
        }
        builder.book(Kind::Delta, times, exponents, levels.0.drain(..), levels.1.drain(..))?;
    }
    builder.finish(0)
}
