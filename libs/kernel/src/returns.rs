//! Returns of whole periods, such as days, summed up as a run goes: what ratios like Sharpe's are made of.

/// Sums over the returns of the periods so far, in a fixed order, so that every path has the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returns {
    /// Periods that ended.
    pub count: u32,
    /// Sum of their returns, fractions: 0.01 is a hundredth.
    pub sum: f64,
    /// Sum of their squares.
    pub squares: f64,
    /// Sum of the squares of those below 0.
    pub losses_squared: f64,
    /// Equity at the end of the last one, in the quote currency.
    pub last_equity: f64,
}

impl Returns {
    /// Before the first period.
    #[must_use]
    pub fn new(equity: f64) -> Self {
        Self { last_equity: equity, ..Self::default() }
    }

    /// A period ends. From where the capital is gone returns are 0.
    pub fn close(&mut self, equity: f64) {
        let change = if self.last_equity > 0.0 { (equity - self.last_equity) / self.last_equity } else { 0.0 };
        self.count = self.count.saturating_add(1);
        self.sum += change;
        self.squares += change * change;
        if change < 0.0 {
            self.losses_squared += change * change;
        }
        self.last_equity = equity;
    }

    /// Periods end that left equity as it was: what `close` does for each, at once.
    pub const fn pass(&mut self, periods: u32) {
        self.count = self.count.saturating_add(periods);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_returns() {
        let mut returns = Returns::new(100.0);
        [110.0, 99.0, 99.0].into_iter().for_each(|equity| returns.close(equity));
        let (up, down) = (0.1, (99.0 - 110.0) / 110.0);
        assert_eq!((returns.count, returns.last_equity), (3, 99.0));
        assert_eq!((returns.sum, returns.squares), (up + down, up * up + down * down));
        assert_eq!(returns.losses_squared, down * down);
    }

    #[test]
    fn periods_without_change_pass_at_once() {
        let mut one = Returns::new(100.0);
        one.close(90.0);
        let mut other = one;
        (0..3).for_each(|_| one.close(90.0));
        other.pass(3);
        assert_eq!(one, other);
    }

    #[test]
    fn lost_capital_returns_nothing() {
        let mut returns = Returns::new(100.0);
        [-5.0, 7.0].into_iter().for_each(|equity| returns.close(equity));
        assert_eq!((returns.count, returns.sum), (2, -1.05));
    }
}
