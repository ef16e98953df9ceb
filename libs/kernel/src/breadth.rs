//! Market breadth: the share of a watch-list whose fast average stands above its slow one.

use crate::decision::Side;

/// Counts one bar of the watch-list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breadth {
    above: u32,
    total: u32,
}

impl Breadth {
    /// Adds a symbol by its averages. Symbols that warm up are left out by the caller.
    pub fn add(&mut self, fast: f64, slow: f64) {
        self.total = self.total.saturating_add(1);
        self.above += u32::from(fast > slow && self.above < self.total);
    }

    /// The share, 0 to 100; `None` for an empty list.
    #[must_use]
    pub fn pct(&self) -> Option<f64> {
        (self.total > 0).then(|| f64::from(self.above) * 100.0 / f64::from(self.total))
    }
}

/// Breadth as seen from a side: the share that speaks for it.
#[must_use]
pub fn favour_pct(side: Side, breadth_pct: f64) -> f64 {
    match side {
        Side::Short => 100.0 - breadth_pct,
        _ => breadth_pct,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_share() {
        let mut breadth = Breadth::default();
        assert_eq!(breadth.pct(), None);
        [(2.0, 1.0), (1.0, 2.0), (1.0, 1.0), (3.0, 1.0)].iter().for_each(|(f, s)| breadth.add(*f, *s));
        assert_eq!(breadth.pct(), Some(50.0));
        assert_eq!(favour_pct(Side::Short, 30.0), 70.0);
    }
}
