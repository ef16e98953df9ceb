//! Levels as integers at the book's exponents, and the exact way there from decimals and text.
//!
//! Within one book the exponents are constant, so comparing prices is comparing integers. A level that has finer digits
//! than the book can hold is an error that names the exponents which would hold it: the venue changed its tick or lot, and
//! the adapter must start the book again with finer ones. Digits are never dropped.

use core::fmt;

use mesh_types::market::BookLevel;
use mesh_types::{Decimal64, DecimalError};

/// One level: a price and the quantity resting there, as mantissas at the book's [`Exponents`]. Quantity 0 removes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// Price mantissa.
    pub price: i64,
    /// Quantity mantissa; 0 removes the level.
    pub quantity: i64,
}

impl Level {
    /// A level.
    pub const fn new(price: i64, quantity: i64) -> Self {
        Self { price, quantity }
    }
}

impl From<Level> for BookLevel {
    fn from(level: Level) -> Self {
        Self { price: level.price.into(), quantity: level.quantity.into() }
    }
}

impl From<BookLevel> for Level {
    fn from(level: BookLevel) -> Self {
        Self { price: level.price.get(), quantity: level.quantity.get() }
    }
}

/// The powers of ten that all prices and all quantities of one book are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exponents {
    /// Of prices: -2 where the finest step is 0.01.
    pub price: i8,
    /// Of quantities.
    pub quantity: i8,
}

/// Why a level can't stand in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelError {
    /// It has finer digits than the book holds: tick or lot changed at the venue. Start the book again with `needed`.
    Finer {
        /// The book's exponents.
        have: Exponents,
        /// Exponents that hold this level too.
        needed: Exponents,
    },
    /// The price is not positive, the quantity negative, or one of them does not fit 63 bits at the book's exponents.
    Range {
        /// The price that came.
        price: Decimal64,
        /// The quantity that came.
        quantity: Decimal64,
    },
    /// The text is no decimal number.
    Text(DecimalError),
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finer { have, needed } => write!(
                f,
                "expected a level at 10^{} (price) and 10^{} (quantity), found one that needs 10^{} and 10^{}; the venue \
                 changed tick or lot: start the book again with those exponents",
                have.price, have.quantity, needed.price, needed.quantity
            ),
            Self::Range { price, quantity } => write!(
                f,
                "expected a positive price and a quantity of at least 0 within 63 bits at the book's exponents, found \
                 {price} and {quantity}"
            ),
            Self::Text(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LevelError {}

impl From<DecimalError> for LevelError {
    fn from(error: DecimalError) -> Self {
        Self::Text(error)
    }
}

const POWERS: [i64; 19] = {
    let mut powers = [1i64; 19];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// The mantissa at `exponent`, exactly. The usual cases are one comparison, or one 64-bit product or division.
fn mantissa_at(value: Decimal64, exponent: i8) -> Result<i64, DecimalError> {
    if value.exponent == exponent {
        return Ok(value.mantissa);
    }
    let shift = i16::from(value.exponent) - i16::from(exponent);
    match POWERS.get(usize::from(shift.unsigned_abs())) {
        Some(power) if shift > 0 => value.mantissa.checked_mul(*power).ok_or(DecimalError::Overflow),
        Some(power) if value.mantissa % power == 0 => Ok(value.mantissa / power),
        Some(_) => Err(DecimalError::Inexact),
        None => value.mantissa_at(exponent),
    }
}

impl Exponents {
    /// Exponents of prices and quantities.
    pub const fn new(price: i8, quantity: i8) -> Self {
        Self { price, quantity }
    }

    /// The coarsest exponents that keep every printed digit of all the levels; for a book whose instrument is not known
    /// otherwise, from its first snapshot.
    pub fn of_levels(levels: impl IntoIterator<Item = (Decimal64, Decimal64)>) -> Self {
        levels.into_iter().fold(Self::default(), |have, (price, quantity)| have.with(price, quantity))
    }

    /// These exponents, made finer where the printed digits of a level need it.
    #[must_use]
    pub fn with(self, price: Decimal64, quantity: Decimal64) -> Self {
        Self { price: self.price.min(price.exponent), quantity: self.quantity.min(quantity.exponent) }
    }

    /// The level at these exponents.
    ///
    /// # Errors
    /// [`LevelError::Finer`] where digits would be lost, [`LevelError::Range`] where it can't be a level.
    #[inline]
    pub fn level(self, price: Decimal64, quantity: Decimal64) -> Result<Level, LevelError> {
        match (mantissa_at(price, self.price), mantissa_at(quantity, self.quantity)) {
            (Ok(p), Ok(q)) if p > 0 && q >= 0 => Ok(Level::new(p, q)),
            (Err(DecimalError::Inexact), _) | (_, Err(DecimalError::Inexact)) => {
                Err(LevelError::Finer { have: self, needed: self.with(price.normalized(), quantity.normalized()) })
            }
            _ => Err(LevelError::Range { price, quantity }),
        }
    }

    /// The level of two texts at these exponents.
    ///
    /// # Errors
    /// As [`Exponents::level`], and where a text is no decimal number.
    pub fn parse_level(self, price: &[u8], quantity: &[u8]) -> Result<Level, LevelError> {
        self.level(Decimal64::parse_bytes(price)?, Decimal64::parse_bytes(quantity)?)
    }

    /// The price of a level as a decimal.
    pub const fn price(self, level: Level) -> Decimal64 {
        Decimal64::new(level.price, self.price)
    }

    /// The quantity of a level as a decimal.
    pub const fn quantity(self, level: Level) -> Decimal64 {
        Decimal64::new(level.quantity, self.quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_are_exact_or_name_the_exponents_they_need() {
        let two = Exponents::new(-2, -3);
        assert_eq!(two.parse_level(b"61837.63000000", b"0.02000000"), Ok(Level::new(6_183_763, 20)));
        assert_eq!(two.parse_level(b"7", b"0"), Ok(Level::new(700, 0)));
        assert_eq!(
            two.parse_level(b"61837.6350", b"0.02"),
            Err(LevelError::Finer { have: two, needed: Exponents::new(-3, -3) })
        );
        assert_eq!(
            two.parse_level(b"1", b"0.00001"),
            Err(LevelError::Finer { have: two, needed: Exponents::new(-2, -5) })
        );
        for (price, quantity) in [("0", "1"), ("-1", "1"), ("1", "-1"), ("9223372036854775807", "1")] {
            let error = two.parse_level(price.as_bytes(), quantity.as_bytes());
            assert!(matches!(error, Err(LevelError::Range { .. })), "{price} {quantity}: {error:?}");
        }
        assert!(matches!(two.parse_level(b"x", b"1"), Err(LevelError::Text(_))));
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_wide_one(mantissa in any::<i64>(), from in -20i8..=20, to in -20i8..=20) {
            let value = Decimal64::new(mantissa, from);
            prop_assert_eq!(mantissa_at(value, to), value.mantissa_at(to));
        }

        #[test]
        fn the_needed_exponents_hold_the_level(price in 1i64..1_000_000_000, quantity in 0i64..1_000_000_000, p in -8i8..=0, q in -8i8..=0) {
            let (price, quantity) = (Decimal64::new(price, p), Decimal64::new(quantity, q));
            let coarse = Exponents::new(-1, -1);
            if let Err(LevelError::Finer { needed, .. }) = coarse.level(price, quantity) {
                let level = needed.level(price, quantity);
                prop_assert!(level.is_ok());
                let level = level.expect("checked");
                prop_assert_eq!((needed.price(level), needed.quantity(level)), (price, quantity));
            }
        }
    }
}
