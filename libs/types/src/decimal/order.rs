//! Equality, order and hash by value: `1.50` is `1.5`.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use super::Decimal64;

impl PartialEq for Decimal64 {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal64 {}

impl Hash for Decimal64 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Like `normalized`, but without its bound on the exponent: equality has none either.
        let (mut mantissa, mut exponent) = (self.mantissa, i16::from(self.exponent));
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        mantissa.hash(state);
        if mantissa != 0 {
            exponent.hash(state);
        }
    }
}

impl PartialOrd for Decimal64 {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal64 {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.exponent == other.exponent {
            return self.mantissa.cmp(&other.mantissa);
        }
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        let exponent = self.exponent.min(other.exponent);
        match (self.wide_at(exponent), other.wide_at(exponent)) {
            (Some((left, _)), Some((right, _))) => left.cmp(&right),
            // One of them is so much coarser that its scaled mantissa leaves i128: it is the larger in magnitude.
            (None, _) => 0.cmp(&-self.mantissa.signum()),
            (_, None) => 0.cmp(&self.mantissa.signum()),
        }
    }
}
