//! A position of one strategy in one instrument, from its fills.
//!
//! Lots are closed first in, first out. Every number inside is exact: a lot keeps its own price, so cost and realised profit
//! are sums of products and nothing is ever divided. The average entry price is derived when it is shown:
//! cost / quantity, four digits finer than the prices, rounded against us (up when long, down when short).

use std::collections::VecDeque;

use mesh_types::decimal::MIN_EXPONENT;
use mesh_types::execution::Fill;
use mesh_types::{Decimal64, DecimalError, FixedStr, Rounding, Side};

use crate::exact::Exact;

const EXTRA_DIGITS: i8 = 4;

/// A part of the position that was opened at one price; the quantity is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lot {
    price: Decimal64,
    quantity: Decimal64,
}

/// Quantity, cost and profit of one strategy in one instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    quantity: Decimal64,
    lots: VecDeque<Lot>,
    realized: Exact,
    fees: Exact,
    fee_asset: Option<FixedStr<12>>,
    fill_count: u64,
    updated_ns: u64,
}

/// A fill was counted, but its fee is in another asset than the fees before and was not added to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignFee;

impl Position {
    /// A flat position as an earlier run left it.
    pub fn flat(realized: Decimal64, fees: Decimal64, fill_count: u64, updated_ns: u64) -> Self {
        Self { realized: realized.into(), fees: fees.into(), fill_count, updated_ns, ..Self::default() }
    }

    /// Base quantity; negative is short.
    pub const fn quantity(&self) -> Decimal64 {
        self.quantity
    }

    /// Fills behind it.
    pub const fn fill_count(&self) -> u64 {
        self.fill_count
    }

    /// Time of the last fill, ns since the Unix epoch.
    pub const fn updated_ns(&self) -> u64 {
        self.updated_ns
    }

    /// Price and quantity of each lot, oldest first.
    pub fn lots(&self) -> impl Iterator<Item = (Decimal64, Decimal64)> + '_ {
        self.lots.iter().map(|lot| (lot.price, lot.quantity))
    }

    /// Counts one fill. The position is as it was when this fails.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub fn apply(&mut self, side: Side, fill: &Fill) -> Result<Option<ForeignFee>, DecimalError> {
        let mut next = self.clone();
        let foreign = next.add_fee(fill)?;
        next.trade(side, fill.price.get(), fill.quantity.get())?;
        next.fill_count += 1;
        next.updated_ns = next.updated_ns.max(fill.venue_ns.get());
        *self = next;
        Ok(foreign)
    }

    fn add_fee(&mut self, fill: &Fill) -> Result<Option<ForeignFee>, DecimalError> {
        if fill.fee.get().is_zero() {
            return Ok(None);
        }
        if *self.fee_asset.get_or_insert(fill.fee_asset) != fill.fee_asset {
            return Ok(Some(ForeignFee));
        }
        self.fees = self.fees.checked_add(fill.fee.get().into())?;
        Ok(None)
    }

    fn trade(&mut self, side: Side, price: Decimal64, quantity: Decimal64) -> Result<(), DecimalError> {
        let signed = if side == Side::Buy { quantity } else { quantity.negated()? };
        let long = self.quantity.is_positive();
        let mut rest = quantity;
        if self.quantity.is_positive() == signed.is_negative() && !self.quantity.is_zero() {
            while let Some(lot) = self.lots.front_mut().filter(|_| !rest.is_zero()) {
                let closed = rest.min(lot.quantity);
                let (gain, loss) = if long { (price, lot.price) } else { (lot.price, price) };
                self.realized = self
                    .realized
                    .checked_add(Exact::product(gain, closed))?
                    .checked_sub(Exact::product(loss, closed))?;
                rest = rest.checked_sub(closed)?;
                lot.quantity = lot.quantity.checked_sub(closed)?;
                if lot.quantity.is_zero() {
                    self.lots.pop_front();
                }
            }
        }
        if !rest.is_zero() {
            self.lots.push_back(Lot { price, quantity: rest });
        }
        self.quantity = self.quantity.checked_add(signed)?;
        Ok(())
    }

    /// What the open quantity cost, exactly; positive for long and for short.
    ///
    /// # Errors
    /// When the sum does not fit.
    pub fn cost(&self) -> Result<Exact, DecimalError> {
        self.lots.iter().try_fold(Exact::ZERO, |sum, lot| sum.checked_add(Exact::product(lot.price, lot.quantity)))
    }

    /// Average price of the open quantity, rounded against us; 0 when flat.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn entry_price(&self) -> Result<Decimal64, DecimalError> {
        let Some(finest) = self.lots.iter().map(|lot| lot.price.exponent).min() else { return Ok(Decimal64::ZERO) };
        let rounding = if self.quantity.is_positive() { Rounding::Ceiling } else { Rounding::Floor };
        let (cost, quantity) = (self.cost()?, self.quantity.magnitude()?);
        let fine = finest.saturating_sub(EXTRA_DIGITS).max(MIN_EXPONENT);
        let price =
            cost.div_rounded(quantity, fine, rounding).or_else(|_| cost.div_rounded(quantity, finest, rounding))?;
        Ok(price.mantissa_at(finest).map_or(price, |mantissa| Decimal64::new(mantissa, finest)))
    }

    /// Realised profit without fees, in the quote currency: exact while it fits 18 digits, else rounded down in the last.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn realized_pnl(&self) -> Result<Decimal64, DecimalError> {
        self.realized.to_decimal(Rounding::Floor)
    }

    /// Fees paid, in the asset of the first: exact while it fits 18 digits, else rounded up in the last.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn fees(&self) -> Result<Decimal64, DecimalError> {
        self.fees.to_decimal(Rounding::Ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    fn trade(position: &mut Position, side: Side, price: &str, quantity: &str) {
        let fill = Fill {
            price: d(price).into(),
            quantity: d(quantity).into(),
            fee: d("0.01").into(),
            fee_asset: FixedStr::truncated("USDT"),
            ..Fill::default()
        };
        assert_eq!(position.apply(side, &fill), Ok(None));
    }

    #[test]
    fn lots_close_first_in_first_out_and_profit_is_exact() {
        let mut position = Position::default();
        trade(&mut position, Side::Buy, "10.00", "1");
        trade(&mut position, Side::Buy, "20.00", "2");
        assert_eq!((position.quantity(), position.entry_price()), (d("3"), Ok(d("16.666667"))));
        trade(&mut position, Side::Sell, "12.00", "2");
        assert_eq!((position.quantity(), position.realized_pnl()), (d("1"), Ok(d("-6"))));
        assert_eq!(position.entry_price().map(|p| p.to_string()).as_deref(), Ok("20.00"));
        assert_eq!((position.fees(), position.fill_count()), (Ok(d("0.03")), 3));
    }

    #[test]
    fn a_position_can_turn_through_zero() {
        let mut position = Position::default();
        trade(&mut position, Side::Sell, "10", "2");
        trade(&mut position, Side::Buy, "8", "5");
        assert_eq!((position.quantity(), position.realized_pnl()), (d("3"), Ok(d("4"))));
        assert_eq!(position.entry_price(), Ok(d("8")));
        trade(&mut position, Side::Sell, "8", "3");
        assert_eq!((position.quantity(), position.entry_price()), (d("0"), Ok(d("0"))));
        assert_eq!(position.cost(), Ok(Exact::ZERO));
    }

    #[test]
    fn short_entry_prices_round_down() {
        let mut position = Position::default();
        trade(&mut position, Side::Sell, "10.00", "1");
        trade(&mut position, Side::Sell, "20.00", "2");
        assert_eq!(position.entry_price(), Ok(d("16.666666")));
    }

    #[test]
    fn a_fee_in_another_asset_is_told_apart() {
        let mut position = Position::default();
        trade(&mut position, Side::Buy, "10", "1");
        let fill = Fill {
            price: d("10").into(),
            quantity: d("1").into(),
            fee: d("1").into(),
            fee_asset: FixedStr::truncated("BNB"),
            ..Fill::default()
        };
        assert_eq!(position.apply(Side::Buy, &fill), Ok(Some(ForeignFee)));
        assert_eq!((position.fees(), position.quantity()), (Ok(d("0.01")), d("2")));
    }
}
