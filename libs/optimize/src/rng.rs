//! The one source of chance of this crate: a generator that is seeded by its user and gives the same numbers for ever.
//!
//! xoshiro256++ (Blackman and Vigna, 'Scrambled linear pseudorandom number generators', 2021), its state filled by
//! SplitMix64 as its authors advise. It is ours, and not a crate's, because a study that is resumed in a year must go on
//! with the same numbers. It is no cryptographic generator.

/// A seeded generator of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

/// The step of SplitMix64: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator of `seed`.
    pub fn seeded(seed: u64) -> Self {
        let state = [1, 2, 3, 4].map(|step: u64| mix(seed.wrapping_add(step.wrapping_mul(GOLDEN))));
        Self { state }
    }

    /// The generator of item `number` of the work that `seed` names: each trial and each Monte Carlo path has its own, so
    /// that it does not matter who runs which, or when.
    pub fn stream(seed: u64, number: u64) -> Self {
        Self::seeded(mix(seed.wrapping_add(GOLDEN)) ^ mix(number ^ 0x5851_f42d_4c95_7f2d))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let output = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        output
    }

    /// A number of [0, 1), of 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number of 0 to `bound` - 1, each equally likely (Lemire, 'Fast random integer generation in an interval', 2019);
    /// 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let reject_below = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= reject_below {
                return (product >> 64) as u64;
            }
        }
    }

    /// An index of a slice of `len` items; 0 where it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Brings `items` in a random order, each equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// An index drawn with probability proportional to its weight; the last where rounding leaves nothing.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let total: f64 = weights.clone().sum();
        let mut left = self.uniform() * total;
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        // State 1, 2, 3, 4: the first outputs that the authors' C program prints.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, number| Rng::stream(seed, number).next_u64();
        assert_eq!(first(7, 3), first(7, 3));
        let all: std::collections::BTreeSet<u64> =
            (0..50).flat_map(|s| (0..50).map(move |n| (s, n))).map(|(s, n)| first(s, n)).collect();
        assert_eq!(all.len(), 2500);
    }

    #[test]
    fn numbers_below_a_bound_are_equally_likely() {
        let mut rng = Rng::seeded(1);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[rng.index(7)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn uniform_has_its_mean_and_variance() {
        let mut rng = Rng::seeded(2);
        let draws: Vec<f64> = (0..100_000).map(|_| rng.uniform()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.004 && (variance - 1.0 / 12.0).abs() < 0.002);
    }

    #[test]
    fn weights_are_kept() {
        let mut rng = Rng::seeded(3);
        let mut counts = [0u32; 3];
        for _ in 0..40_000 {
            counts[rng.weighted([1.0, 0.0, 3.0].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((9_600..10_400).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn every_order_is_equally_likely() {
        let mut rng = Rng::seeded(4);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            *counts.entry(items).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|count| (850..1_150).contains(count)));
    }
}
