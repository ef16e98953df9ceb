//! Prices in ticks and quantities in lots, as matching counts them.
//!
//! What is no multiple is rounded against our orders: less quantity, a worse price.

use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, Rounding, Side};

/// Tick and lot of an instrument, both positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    tick: Decimal64,
    lot: Decimal64,
}

impl Units {
    /// `None` where the instrument's are unusable.
    pub(crate) fn of(info: &InstrumentInfo) -> Option<Self> {
        let (tick, lot) = (info.tick.get(), info.lot.get());
        (tick.is_positive() && lot.is_positive()).then_some(Self { tick, lot })
    }

    /// Whole lots.
    pub(crate) fn lots(&self, quantity: Decimal64) -> Option<i64> {
        count(quantity, self.lot, Rounding::TowardsZero)
    }

    /// The quantity of so many lots.
    pub(crate) fn quantity(&self, lots: i64) -> Option<Decimal64> {
        Some(Decimal64::new(self.lot.mantissa.checked_mul(lots)?, self.lot.exponent))
    }

    /// Ticks of what stands on a side of the book: bids down, asks up.
    pub(crate) fn ticks(&self, side: Side, price: Decimal64) -> Option<i64> {
        let rounding = if side == Side::Buy { Rounding::Floor } else { Rounding::Ceiling };
        // Ranks are prices with either sign.
        count(price, self.tick, rounding).filter(|ticks| *ticks > 0)
    }

    /// The price of so many ticks.
    pub(crate) fn price(&self, ticks: i64) -> Option<Decimal64> {
        Some(Decimal64::new(self.tick.mantissa.checked_mul(ticks)?, self.tick.exponent))
    }
}

fn count(value: Decimal64, step: Decimal64, rounding: Rounding) -> Option<i64> {
    let whole = value.round_to_step(step, rounding).ok()?;
    whole.mantissa.checked_div(step.mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    #[test]
    fn what_is_no_multiple_is_rounded_against_us() {
        let units = Units { tick: d("0.05"), lot: d("0.2") };
        assert_eq!((units.ticks(Side::Buy, d("1.09")), units.ticks(Side::Sell, d("1.06"))), (Some(21), Some(22)));
        assert_eq!((units.lots(d("0.59")), units.lots(d("-0.59"))), (Some(2), Some(-2)));
        assert_eq!((units.price(21), units.quantity(2)), (Some(d("1.05")), Some(d("0.4"))));
        assert_eq!(units.ticks(Side::Buy, d("0.01")), None);
    }

    proptest! {
        #[test]
        fn multiples_come_back(ticks in 1i64..1_000_000, lots in 0i64..1_000_000, tick in 1i64..100, exponent in -8i8..3) {
            let units = Units { tick: Decimal64::new(tick, exponent), lot: Decimal64::new(tick, exponent) };
            let price = units.price(ticks).expect("fits");
            prop_assert_eq!((units.ticks(Side::Buy, price), units.ticks(Side::Sell, price)), (Some(ticks), Some(ticks)));
            prop_assert_eq!(units.lots(units.quantity(lots).expect("fits")), Some(lots));
        }

        #[test]
        fn values_that_make_no_sense_never_panic(a in any::<i64>(), b in any::<i64>(), p in any::<i8>(), q in any::<i8>()) {
            let info = InstrumentInfo { tick: Decimal64::new(b, q).into(), lot: Decimal64::new(b, q).into(), ..InstrumentInfo::default() };
            if let Some(units) = Units::of(&info) {
                let _ = (units.lots(Decimal64::new(a, p)), units.ticks(Side::Sell, Decimal64::new(a, p)), units.price(a));
            }
        }
    }
}
