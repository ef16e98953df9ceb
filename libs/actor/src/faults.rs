//! Faults on a stream of messages: drop, delay, duplicate, reorder. Seeded, so that a run can be repeated.

use fastrand::Rng;

/// How a stream misbehaves. Chances are in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Chance that a message never arrives.
    pub drop_permille: u16,
    /// Chance that a message arrives twice.
    pub duplicate_permille: u16,
    /// Chance that a message may be overtaken by later ones.
    pub reorder_permille: u16,
    /// Least time on the way.
    pub min_delay_ns: u64,
    /// Greatest time on the way.
    pub max_delay_ns: u64,
}

/// When a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Time on the way.
    pub delay_ns: u64,
    /// False where it may overtake earlier messages, or be overtaken.
    pub in_order: bool,
}

impl Faults {
    /// A stream that takes some time and does nothing else.
    pub const fn delays(min_delay_ns: u64, max_delay_ns: u64) -> Self {
        Self { drop_permille: 0, duplicate_permille: 0, reorder_permille: 0, min_delay_ns, max_delay_ns }
    }

    /// What becomes of the next message: no arrival where it is lost, two where it is doubled.
    pub fn fate(&self, rng: &mut Rng) -> impl Iterator<Item = Arrival> + use<> {
        let mut chance = |permille: u16| rng.u16(0..1000) < permille;
        let dropped = chance(self.drop_permille);
        let doubled = chance(self.duplicate_permille);
        let in_order = !chance(self.reorder_permille);
        let mut delay = || rng.u64(self.min_delay_ns..=self.max_delay_ns.max(self.min_delay_ns));
        let first = Arrival { delay_ns: delay(), in_order };
        let second = Arrival { delay_ns: delay(), in_order: false };
        [(!dropped).then_some(first), (!dropped && doubled).then_some(second)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_what_they_say_and_repeat_with_the_seed() {
        let faults = Faults { drop_permille: 100, duplicate_permille: 200, ..Faults::delays(5, 9) };
        let count = |seed: u64| -> usize {
            let mut rng = Rng::with_seed(seed);
            (0..10_000).map(|_| faults.fate(&mut rng).inspect(|a| assert!((5..=9).contains(&a.delay_ns))).count()).sum()
        };
        // 10,000 * 0.9 * 1.2, give or take five standard deviations.
        assert!((10_500..11_100).contains(&count(7)), "{}", count(7));
        assert_eq!(count(7), count(7));
        assert_eq!(Faults::default().fate(&mut Rng::with_seed(1)).count(), 1);
    }
}
