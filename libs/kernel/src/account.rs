//! The books of one linear instrument (spot bought with the quote currency, or a linear perpetual), in integers.
//!
//! Prices are ticks, quantities lots, rates 1e-8ths. Money is counted in `tick * lot * 1e-8`: a notional times a
//! rate is then a whole number, so cash, fees and funding are exact, with nothing rounded at all. The one division is
//! the cost that leaves with a part of a position (average cost); its remainder stays with the position, so nothing
//! is lost either. Every operation is checked: too large is an error, never a wrong number.

use crate::math::max;

use crate::wide::{checked_mul, share, to_f64};

/// One in rates: 100 %.
pub const RATE_ONE: i64 = 100_000_000;

/// Money, in `tick * lot * 1e-8`.
pub type Money = i128;

/// A number left its range; the account is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("amount beyond the account's range: expected |price * quantity * 1e8| below 2^127; use coarser ticks or lots")
    }
}

impl core::error::Error for Overflow {}

/// What a fill did, in money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// Lots that were closed by it.
    pub closed: i64,
    /// Gain of those, fees left out.
    pub realised: Money,
    /// Fee paid; negative where the venue pays.
    pub fee: Money,
}

/// Cash, position and what they are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Cash: what was paid in, plus realised gains, less fees and funding. (A perpetual's position costs no cash.)
    pub cash: Money,
    /// Lots held, negative for short.
    pub position: i64,
    /// What the position cost: its lots at their entry prices, negative for short.
    pub cost: Money,
    /// Gains realised so far.
    pub realised: Money,
    /// Fees paid so far.
    pub fees: Money,
    /// Funding paid so far; negative where received.
    pub funding: Money,
}

/// Price times quantity.
///
/// # Errors
/// Where it leaves the range.
#[inline]
pub fn notional(price: i64, quantity: i64) -> Result<Money, Overflow> {
    charge(price, quantity, RATE_ONE)
}

/// Price times quantity times a rate.
#[inline]
fn charge(price: i64, quantity: i64, rate: i64) -> Result<Money, Overflow> {
    // The first product always fits, mostly in 64 bits.
    let notional = i128::from(price) * i128::from(quantity);
    match i64::try_from(notional) {
        Ok(notional) => Ok(i128::from(notional) * i128::from(rate)),
        Err(_) => checked_mul(notional, rate).ok_or(Overflow),
    }
}

#[inline]
fn add(a: Money, b: Money) -> Result<Money, Overflow> {
    a.checked_add(b).ok_or(Overflow)
}

impl Account {
    /// With cash and nothing else.
    #[must_use]
    pub const fn new(cash: Money) -> Self {
        Self { cash, position: 0, cost: 0, realised: 0, fees: 0, funding: 0 }
    }

    /// Books a fill of `quantity` lots (negative: sold) at a price, with a fee rate in 1e-8ths. A fill through zero
    /// closes the position and opens the other side.
    ///
    /// # Errors
    /// Where a number leaves its range; nothing is booked then.
    #[inline]
    pub fn fill(&mut self, quantity: i64, price: i64, fee_rate: i64) -> Result<Booked, Overflow> {
        let position = self.position.checked_add(quantity).ok_or(Overflow)?;
        let fee = charge(price, quantity.checked_abs().ok_or(Overflow)?, fee_rate)?;
        let opposite = (self.position > 0 && quantity < 0) || (self.position < 0 && quantity > 0);
        let closed = if opposite { smaller(quantity, self.position.checked_neg().ok_or(Overflow)?) } else { 0 };
        let (mut next, mut realised) = (Self { position, fees: add(self.fees, fee)?, ..*self }, 0);
        if closed != 0 {
            // Cost that leaves: all of it, exactly, where the position does.
            let all = self.position.checked_neg().ok_or(Overflow)?;
            let leaving = if closed == all { self.cost } else { share(self.cost, closed, all).ok_or(Overflow)? };
            // What those lots bring, less what they cost: `closed` has the sign of the fill.
            realised = add(notional(price, closed)?.checked_neg().ok_or(Overflow)?, -leaving)?;
            next.realised = add(self.realised, realised)?;
            next.cash = add(self.cash, realised)?;
            next.cost = add(self.cost, -leaving)?;
        }
        if closed != quantity {
            next.cost = add(next.cost, notional(price, quantity.checked_sub(closed).ok_or(Overflow)?)?)?;
        }
        next.cash = add(next.cash, -fee)?;
        *self = next;
        Ok(Booked { closed: closed.checked_abs().ok_or(Overflow)?, realised, fee })
    }

    /// Pays (or, short at a positive rate, receives) funding on the position at the mark price; what was paid.
    ///
    /// # Errors
    /// Where a number leaves its range; nothing is booked then.
    pub fn pay_funding(&mut self, mark: i64, rate: i64) -> Result<Money, Overflow> {
        let paid = charge(mark, self.position, rate)?;
        (self.cash, self.funding) = (add(self.cash, -paid)?, add(self.funding, paid)?);
        Ok(paid)
    }

    /// Gain of the open position at a price.
    ///
    /// # Errors
    /// Where it leaves the range.
    #[inline]
    pub fn unrealised(&self, mark: i64) -> Result<Money, Overflow> {
        add(notional(mark, self.position)?, -self.cost)
    }

    /// Cash and unrealised gain.
    ///
    /// # Errors
    /// Where it leaves the range.
    #[inline]
    pub fn equity(&self, mark: i64) -> Result<Money, Overflow> {
        add(self.cash, self.unrealised(mark)?)
    }
}

/// The one nearer to zero, of two numbers of the same sign.
fn smaller(a: i64, b: i64) -> i64 {
    if a.unsigned_abs() < b.unsigned_abs() { a } else { b }
}

/// Decimals of an instrument: what ticks and lots mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    price_factor: f64,
    quantity_factor: f64,
    /// `tick * lot` in one of the quote currency.
    units: i64,
}

/// Powers of ten that `f64` holds exactly.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

impl Scale {
    /// With so many decimals of prices and quantities; `None` where they are more than 18 together.
    #[must_use]
    pub fn new(price_decimals: u32, quantity_decimals: u32) -> Option<Self> {
        let units = POWERS.get(price_decimals.checked_add(quantity_decimals)? as usize)?;
        let (price, quantity) = (POWERS.get(price_decimals as usize)?, POWERS.get(quantity_decimals as usize)?);
        Some(Self { price_factor: *price, quantity_factor: *quantity, units: *units as i64 })
    }

    /// The nearest tick, halves away from zero; held within `i64`.
    #[must_use]
    #[inline]
    pub fn ticks(&self, price: f64) -> i64 {
        nearest(price * self.price_factor)
    }

    /// The tick at which a buyer pays no less, a seller gets no more, than the price: a fill is never made better by
    /// rounding. What is within 1e-6 of a tick, or within what a decimal price loses as an `f64`, counts as on it, so
    /// that a decimal price stays itself.
    #[must_use]
    #[inline]
    pub fn ticks_against(&self, price: f64, is_buy: bool) -> i64 {
        let scaled = price * self.price_factor;
        let near = nearest(scaled);
        let off = scaled - near as f64;
        // Half a unit of the last place for the price, another for the product.
        let slack = max(1e-6, scaled * (2.0 * f64::EPSILON));
        match (is_buy, off) {
            (true, off) if off > slack => near.saturating_add(1),
            (false, off) if off < -slack => near.saturating_sub(1),
            _ => near,
        }
    }

    /// Whole lots within a quantity: rounded towards zero.
    #[must_use]
    #[inline]
    pub fn lots(&self, quantity: f64) -> i64 {
        (quantity * self.quantity_factor) as i64
    }

    /// A price back.
    #[must_use]
    #[inline]
    pub fn price(&self, ticks: i64) -> f64 {
        ticks as f64 / self.price_factor
    }

    /// A quantity back.
    #[must_use]
    #[inline]
    pub fn quantity(&self, lots: i64) -> f64 {
        lots as f64 / self.quantity_factor
    }

    /// Money in the quote currency, for decisions and reports.
    #[must_use]
    #[inline]
    pub fn money(&self, money: Money) -> f64 {
        to_f64(money) / (self.units as f64 * RATE_ONE as f64)
    }

    /// Money of an amount in the quote currency, to the nearest 1e-8 of it; held within 9e10.
    #[must_use]
    pub fn money_of(&self, amount: f64) -> Money {
        i128::from(nearest(amount * 1e8)) * i128::from(self.units)
    }
}

fn nearest(x: f64) -> i64 {
    let whole = x as i64;
    let rest = x - whole as f64;
    if rest >= 0.5 {
        whole.saturating_add(1)
    } else if rest <= -0.5 {
        whole.saturating_sub(1)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn average_cost_and_flip() {
        let mut account = Account::new(0);
        account.fill(10, 100, 0).unwrap();
        account.fill(10, 110, 0).unwrap();
        let half = account.fill(-10, 120, 0).unwrap();
        assert_eq!((half.closed, half.realised), (10, 150 * i128::from(RATE_ONE)));
        let flip = account.fill(-20, 120, 0).unwrap();
        assert_eq!((flip.closed, flip.realised), (10, 150 * i128::from(RATE_ONE)));
        assert_eq!((account.position, account.cost), (-10, -1200 * i128::from(RATE_ONE)));
        assert_eq!(account.unrealised(110).unwrap(), 100 * i128::from(RATE_ONE));
    }

    #[test]
    fn too_large_is_an_error_and_books_nothing() {
        let mut account = Account::new(5);
        assert_eq!(account.fill(i64::MAX, i64::MAX, 0), Err(Overflow));
        assert_eq!(account.fill(i64::MIN, 1, 0), Err(Overflow));
        assert_eq!(account, Account::new(5));
    }

    #[test]
    fn rounding_never_makes_a_fill_better() {
        let scale = Scale::new(2, 3).unwrap();
        assert_eq!((scale.ticks_against(1.001, true), scale.ticks_against(1.001, false)), (101, 100));
        assert_eq!((scale.ticks_against(1.009, true), scale.ticks_against(1.009, false)), (101, 100));
        assert_eq!((scale.ticks_against(1.10, true), scale.ticks_against(1.10, false)), (110, 110));
        assert_eq!((scale.ticks(1.005), scale.ticks(-1.006), scale.lots(1.9999)), (100, -101, 1999));
        assert!(Scale::new(10, 9).is_none());
        assert_eq!(scale.money(scale.money_of(-12.34)), -12.34);
    }

    proptest! {
        /// Whatever the fills, cash plus the position's worth is what was paid for and got, to the last unit.
        #[test]
        fn nothing_is_lost(fills in prop::collection::vec((-1_000_000i64..1_000_000, 1i64..10_000_000, -100_000i64..1_000_000), 1..60), mark in 1i64..10_000_000) {
            let mut account = Account::new(0);
            let (mut flow, mut held) = (0i128, 0i128);
            for (quantity, price, rate) in fills {
                account.fill(quantity, price, rate).unwrap();
                let turnover = i128::from(quantity) * i128::from(price);
                flow -= turnover * i128::from(RATE_ONE) + turnover.abs() * i128::from(rate);
                held += i128::from(quantity);
                prop_assert_eq!(i128::from(account.position), held);
                prop_assert_eq!(account.equity(mark).unwrap(), flow + held * i128::from(mark) * i128::from(RATE_ONE));
                prop_assert_eq!(account.cash, account.realised - account.fees - account.funding);
                prop_assert!(account.position != 0 || account.cost == 0);
            }
        }
    }
}
