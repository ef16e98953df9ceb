//! What is traded, and the filters that orders must pass.

use core::fmt;

use mesh_types::Rounding;

use crate::core::units::{ONE, product};

/// One symbol. All numbers are integers of 10^-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its name at the venue.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Price step.
    pub tick: i64,
    /// Quantity step.
    pub lot: i64,
    /// Least quantity of an order.
    pub min_quantity: i64,
    /// Greatest quantity of an order.
    pub max_quantity: i64,
    /// Least notional of an order.
    pub min_notional: i64,
}

/// A filter that an order did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The price is no positive multiple of the tick.
    Price,
    /// The quantity is out of bounds or no multiple of the lot.
    LotSize,
    /// The notional is too small.
    Notional,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Price => "PRICE_FILTER",
            Self::LotSize => "LOT_SIZE",
            Self::Notional => "NOTIONAL",
        })
    }
}

impl Instrument {
    /// Whether a price can be ordered at.
    ///
    /// # Errors
    /// [`Filter::Price`].
    pub const fn check_price(&self, price: i64) -> Result<(), Filter> {
        if price > 0 && price % self.tick == 0 { Ok(()) } else { Err(Filter::Price) }
    }

    /// Whether a quantity can be ordered.
    ///
    /// # Errors
    /// [`Filter::LotSize`].
    pub const fn check_quantity(&self, quantity: i64) -> Result<(), Filter> {
        let fits =
            quantity > 0 && quantity >= self.min_quantity && quantity <= self.max_quantity && quantity % self.lot == 0;
        if fits { Ok(()) } else { Err(Filter::LotSize) }
    }

    /// Whether an amount of the quote asset is enough for an order.
    ///
    /// # Errors
    /// [`Filter::Notional`].
    pub fn check_notional(&self, notional: i128) -> Result<(), Filter> {
        if notional >= i128::from(self.min_notional) { Ok(()) } else { Err(Filter::Notional) }
    }

    /// What `quantity` costs at `price`, in the quote asset.
    pub fn notional(&self, price: i64, quantity: i64, rounding: Rounding) -> i128 {
        product(i128::from(quantity), price, rounding)
    }

    /// The most lots that `amount` of the quote asset buys at `price`, as a quantity.
    pub fn affordable(&self, amount: i128, price: i64) -> i64 {
        let quantity = amount.saturating_mul(i128::from(ONE)) / i128::from(price.max(1));
        let lots = quantity / i128::from(self.lot);
        i64::try_from(lots * i128::from(self.lot)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn btcusdt() -> Instrument {
        Instrument {
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            tick: ONE / 100,
            lot: ONE / 100_000,
            min_quantity: ONE / 100_000,
            max_quantity: 9_000 * ONE,
            min_notional: 5 * ONE,
        }
    }

    #[test]
    fn filters_refuse_what_the_venue_refuses() {
        let btc = btcusdt();
        assert_eq!(btc.check_price(60_000 * ONE + 1_000_000), Ok(()));
        assert_eq!(btc.check_price(60_000 * ONE + 1), Err(Filter::Price));
        assert_eq!(btc.check_price(0), Err(Filter::Price));
        for quantity in [0, -1, 999, 9_001 * ONE, 1_500] {
            assert_eq!(btc.check_quantity(quantity), Err(Filter::LotSize), "{quantity}");
        }
        assert_eq!(btc.check_quantity(1_000), Ok(()));
        let notional = btc.notional(60_000 * ONE, 1_000, Rounding::Ceiling);
        assert_eq!(notional, 60_000_000);
        assert_eq!(btc.check_notional(notional), Err(Filter::Notional));
        assert_eq!(btc.affordable(notional + 59_999_999, 60_000 * ONE), 1_000);
    }
}
