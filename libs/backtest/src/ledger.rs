//! One symbol's books and the run's list of trades. The kernel's account does the arithmetic; here a fill becomes a
//! trade, with its share of the entry's fees and of the funding.

use mesh_kernel::account::{Account, Money, Overflow, notional};
use mesh_kernel::fills::{Costs, Liquidity};
use mesh_kernel::regime::Regime;
use mesh_kernel::{ExitReason, Side};

use crate::decimals::Decimals;

/// One closed part of a position: an entry, or the average of several, and an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Index of the series.
    pub symbol: usize,
    /// Long or short.
    pub side: Side,
    /// Closed lots, positive.
    pub quantity: i64,
    /// Average price of the entries, ticks, rounded down.
    pub entry_price: i64,
    /// Price of the exit, ticks; where an order was filled in parts their average, rounded down.
    pub exit_price: i64,
    /// Time of the first entry, ns: the open of its bar, or the close where it was filled there.
    pub entry_ns: u64,
    /// Time of the exit, ns; that of the bar's open where it was filled inside.
    pub exit_ns: u64,
    /// Index of the bar of the first entry.
    pub entry_bar: usize,
    /// Index of the bar of the exit.
    pub exit_bar: usize,
    /// Gain after fees and funding.
    pub pnl: Money,
    /// Fees of its entries (their share) and of the exit.
    pub fees: Money,
    /// Funding received; negative where paid.
    pub funding: Money,
    /// Why it ended.
    pub reason: ExitReason,
    /// Kind of market at the entry.
    pub regime: Regime,
}

/// Where a fill happens: time and bar.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub(crate) time_ns: u64,
    pub(crate) bar: usize,
}

/// An order at its price, before slippage. Lots are negative to sell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) lots: i64,
    pub(crate) price: f64,
    pub(crate) liquidity: Liquidity,
    pub(crate) at: At,
}

/// A fill at its exact price. Lots are negative to sell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact {
    pub(crate) lots: i64,
    pub(crate) ticks: i64,
    pub(crate) fee_rate: i64,
    pub(crate) at: At,
}

/// What an order gets after slippage.
fn exact(costs: &Costs, decimals: &Decimals, order: &Order) -> Exact {
    let (scale, is_buy) = (decimals.scale(), order.lots > 0);
    let amount = scale.quantity(order.lots).abs() * order.price;
    let slipped = costs.slipped(order.price, is_buy, amount, order.liquidity);
    let ticks = scale.ticks_against(slipped, is_buy);
    Exact { lots: order.lots, ticks, fee_rate: costs.fee_rate(order.liquidity), at: order.at }
}

/// The books of one symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Books {
    pub(crate) account: Account,
    /// When and in what market the position began.
    pub(crate) began: At,
    pub(crate) regime: Regime,
    /// Fees of the entries of what is held.
    pub(crate) entry_fees: Money,
    /// Funding received for what is held.
    pub(crate) held_funding: Money,
    /// Notional of all fills.
    pub(crate) turnover: Money,
}

/// `part` of `whole`'s amount, rounded towards zero; all of it where the part is the whole.
fn share(amount: Money, part: i64, whole: i64) -> Result<Money, Overflow> {
    if part == whole || whole == 0 {
        return Ok(amount);
    }
    Ok(amount.checked_mul(i128::from(part)).ok_or(Overflow)? / i128::from(whole))
}

impl Books {
    pub(crate) const fn side(&self) -> Side {
        match self.account.position {
            0 => Side::Flat,
            long if long > 0 => Side::Long,
            _ => Side::Short,
        }
    }

    /// Average price of what is held, ticks.
    pub(crate) fn entry_price(&self) -> i64 {
        let lots = i128::from(self.account.position);
        let average = self.account.cost.checked_div(lots.saturating_mul(i128::from(mesh_kernel::account::RATE_ONE)));
        average.and_then(|ticks| i64::try_from(ticks).ok()).unwrap_or(0)
    }

    /// Adds to the position; the price of the fill.
    pub(crate) fn enter(&mut self, costs: &Costs, decimals: &Decimals, order: &Order) -> Result<f64, Overflow> {
        let at = exact(costs, decimals, order);
        self.enter_at(&at)?;
        Ok(decimals.scale().price(at.ticks))
    }

    /// The same at an exact price.
    fn enter_at(&mut self, fill: &Exact) -> Result<(), Overflow> {
        self.entry_fees += self.fill(fill)?;
        Ok(())
    }

    /// Closes part of the position, or all of it.
    pub(crate) fn exit(
        &mut self,
        symbol: usize,
        reason: ExitReason,
        costs: &Costs,
        decimals: &Decimals,
        order: &Order,
    ) -> Result<Trade, Overflow> {
        self.exit_at(symbol, reason, &exact(costs, decimals, order))
    }

    /// The same at an exact price.
    fn exit_at(&mut self, symbol: usize, reason: ExitReason, fill: &Exact) -> Result<Trade, Overflow> {
        let (side, held, entry_price) = (self.side(), self.account.position.saturating_abs(), self.entry_price());
        let lots = fill.lots.saturating_abs();
        let entry_fees = share(self.entry_fees, lots, held)?;
        let funding = share(self.held_funding, lots, held)?;
        let realised = self.account.realised;
        let fee = self.fill(fill)?;
        self.entry_fees -= entry_fees;
        self.held_funding -= funding;
        let fees = entry_fees + fee;
        Ok(Trade {
            symbol,
            side,
            quantity: lots,
            entry_price,
            exit_price: fill.ticks,
            entry_ns: self.began.time_ns,
            exit_ns: fill.at.time_ns,
            entry_bar: self.began.bar,
            exit_bar: fill.at.bar,
            pnl: self.account.realised - realised - fees + funding,
            fees,
            funding,
            reason,
            regime: self.regime,
        })
    }

    /// Takes a fill that a venue reported: closes what is held against it, and opens with the rest, in a market of this kind.
    pub(crate) fn take(
        &mut self,
        symbol: usize,
        reason: ExitReason,
        regime: Regime,
        fill: &Exact,
    ) -> Result<Option<Trade>, Overflow> {
        let held = self.account.position;
        let is_against = held != 0 && (held > 0) != (fill.lots > 0);
        let closing =
            if is_against { fill.lots.saturating_abs().min(held.saturating_abs()) * fill.lots.signum() } else { 0 };
        let closed = match closing {
            0 => None,
            lots => Some(self.exit_at(symbol, reason, &Exact { lots, ..*fill })?),
        };
        let lots = fill.lots - closing;
        if lots != 0 {
            if self.account.position == 0 {
                (self.began, self.regime) = (fill.at, regime);
            }
            self.enter_at(&Exact { lots, ..*fill })?;
        }
        Ok(closed)
    }

    /// Books a fill: its fee.
    fn fill(&mut self, fill: &Exact) -> Result<Money, Overflow> {
        let booked = self.account.fill(fill.lots, fill.ticks, fill.fee_rate)?;
        let amount = notional(fill.ticks, fill.lots)?.saturating_abs();
        self.turnover = self.turnover.checked_add(amount).ok_or(Overflow)?;
        Ok(booked.fee)
    }

    /// Pays funding on what is held.
    pub(crate) fn settle(&mut self, mark: i64, rate: i64) -> Result<(), Overflow> {
        if self.account.position != 0 {
            self.held_funding -= self.account.pay_funding(mark, rate)?;
        }
        Ok(())
    }
}
