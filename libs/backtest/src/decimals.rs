//! The exact integers of a run, as text and as `f64`.
//!
//! A run counts prices in ticks of 10^-`price`, quantities in lots of 10^-`quantity`, and money in
//! tick * lot * 10^-8 (see `mesh_kernel::account`): sums, fees and funding are exact, and so is their text.

use mesh_kernel::account::{Money, Scale};

use crate::Series;

/// Digits of an 1e-8th.
const RATE_DECIMALS: u32 = 8;

/// Decimals of prices and quantities, the same for all symbols of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimals {
    price: u32,
    quantity: u32,
    scale: Scale,
}

/// Digits of a quantity that are told apart where nothing else is asked for.
const QUANTITY_DIGITS: f64 = 8.0;

impl Decimals {
    /// Decimals that leave eight digits of the smallest quantity that the capital buys, at most eight of them.
    #[must_use]
    pub fn of_quantity(capital: f64, series: &[Series]) -> u32 {
        let first =
            |series: &Series| series.bars.iter().find(|timed| timed.bar.is_valid()).map(|timed| timed.bar.close);
        Self::of_bought(capital / series.iter().filter_map(first).fold(0.0, f64::max))
    }

    /// Decimals that leave eight digits of this quantity, at most eight of them.
    #[must_use]
    pub fn of_bought(quantity: f64) -> u32 {
        (QUANTITY_DIGITS - quantity.log10().ceil()).clamp(0.0, QUANTITY_DIGITS) as u32
    }

    /// With so many decimals; `None` where either is above 12, which leaves no room for amounts.
    #[must_use]
    pub fn new(price: u32, quantity: u32) -> Option<Self> {
        let scale = Scale::new(price, quantity).filter(|_| price <= 12 && quantity <= 12)?;
        Some(Self { price, quantity, scale })
    }

    /// Conversions from and to `f64`.
    #[must_use]
    pub const fn scale(&self) -> &Scale {
        &self.scale
    }

    /// The nearest whole lots of a quantity that is held: its digits stay where lots are fine enough.
    #[must_use]
    pub fn held_lots(&self, quantity: f64) -> i64 {
        (quantity / self.scale.quantity(1)).round() as i64
    }

    /// A price as plain decimal.
    #[must_use]
    pub fn price_text(&self, ticks: i64) -> String {
        text(i128::from(ticks), self.price)
    }

    /// A quantity as plain decimal.
    #[must_use]
    pub fn quantity_text(&self, lots: i64) -> String {
        text(i128::from(lots), self.quantity)
    }

    /// Money as plain decimal, every digit of it.
    #[must_use]
    pub fn money_text(&self, money: Money) -> String {
        text(money, self.price + self.quantity + RATE_DECIMALS)
    }

    /// Money as the nearest `f64`.
    #[must_use]
    pub fn money(&self, money: Money) -> f64 {
        self.scale.money(money)
    }
}

/// Plain decimal without trailing zeros: `-12.5`.
fn text(value: i128, decimals: u32) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = decimals as usize + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals as usize);
    let part = part.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_plain() {
        assert_eq!(text(1_250, 2), "12.5");
        assert_eq!(text(-1, 8), "-0.00000001");
        assert_eq!((text(0, 4), text(7, 0)), ("0".into(), "7".into()));
        assert!(Decimals::new(13, 0).is_none());
    }

    proptest! {
        #[test]
        fn held_quantities_come_back(lots in 1i64..1_000_000_000_000) {
            let decimals = Decimals::new(0, 6).unwrap();
            let read: f64 = decimals.quantity_text(lots).parse().unwrap();
            prop_assert_eq!(decimals.held_lots(read), lots);
        }

        #[test]
        fn prices_of_eight_decimals_come_back(ticks in 1i64..1_000_000_000_000_000) {
            let decimals = Decimals::new(8, 0).unwrap();
            let read: f64 = decimals.price_text(ticks).parse().unwrap();
            prop_assert_eq!(decimals.scale().ticks(read), ticks);
        }
    }
}
