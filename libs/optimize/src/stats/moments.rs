//! Mean, variance, skewness and kurtosis.
//!
//! Welford's way (1962), with the merge of Chan, Golub, LeVeque (1979): a constant series has a variance of exactly zero,
//! which is how 'no variance' is told from 'little'.

use super::{Stat, Undefined, check, finite, ratio};

/// Count, mean and sum of squared deviations of numbers seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many numbers.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared deviations from it.
    pub squares: f64,
}

impl Moments {
    /// Of these numbers.
    pub fn of(values: &[f64]) -> Self {
        values.iter().fold(Self::default(), |moments, &value| moments.with(value))
    }

    /// With one more number.
    pub fn with(self, value: f64) -> Self {
        let count = self.count + 1;
        let delta = value - self.mean;
        let mean = self.mean + delta / count as f64;
        Self { count, mean, squares: self.squares + delta * (value - mean) }
    }

    /// Of both together.
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let share = other.count as f64 / count as f64;
        Self {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + other.squares + delta * delta * share * self.count as f64,
        }
    }

    /// Standard deviation of the sample (divisor n - 1); 0 where there are fewer than two numbers.
    pub fn deviation(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

/// The mean.
pub fn mean(values: &[f64]) -> Stat {
    check(values, "values", 1)?;
    finite(Moments::of(values).mean)
}

/// Standard deviation of the sample (divisor n - 1).
pub fn deviation(values: &[f64]) -> Stat {
    check(values, "values", 2)?;
    finite(Moments::of(values).deviation())
}

/// Central moments 2, 3 and 4 (divisor n), in units of the largest deviation so that no power overflows.
fn central(values: &[f64]) -> Result<[f64; 3], Undefined> {
    check(values, "values", 2)?;
    let mean = finite(Moments::of(values).mean)?;
    let largest = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Undefined::zero("the variance"));
    }
    let sums = values.iter().fold([0.0; 3], |[two, three, four], value| {
        let d = (value - mean) / largest;
        [two + d * d, three + d * d * d, four + d * d * d * d]
    });
    Ok(sums.map(|sum| sum / values.len() as f64))
}

/// Skewness: third central moment over the second to the power 1.5, both with divisor n.
pub fn skewness(values: &[f64]) -> Stat {
    let [two, three, _] = central(values)?;
    ratio(three, two.powf(1.5), "the variance")
}

/// Kurtosis, 3 for a normal distribution: fourth central moment over the square of the second, both with divisor n.
pub fn kurtosis(values: &[f64]) -> Stat {
    let [two, _, four] = central(values)?;
    ratio(four, two * two, "the variance")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let values = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(mean(&values), Ok(3.0));
        assert_eq!(Moments::of(&values).squares, 14.0);
        assert!((skewness(&values).unwrap() - 4.5 / 3.5f64.powf(1.5)).abs() < 1e-15);
        assert!((kurtosis(&values).unwrap() - 24.5 / 12.25).abs() < 1e-15);
    }

    #[test]
    fn a_constant_has_no_variance_at_all() {
        let moments = Moments::of(&[0.1; 1000]);
        assert_eq!((moments.mean, moments.squares), (0.1, 0.0));
        assert_eq!(moments.merge(moments).squares, 0.0);
        assert_eq!(skewness(&[0.1; 7]), Err(Undefined::zero("the variance")));
    }

    #[test]
    fn merged_is_the_whole() {
        let values: Vec<f64> = (0..100).map(|n| f64::from(n * n % 37)).collect();
        let merged = Moments::of(&values[..31]).merge(Moments::of(&values[31..]));
        let whole = Moments::of(&values);
        assert!((merged.mean - whole.mean).abs() < 1e-12 && (merged.squares - whole.squares).abs() < 1e-9);
    }
}
