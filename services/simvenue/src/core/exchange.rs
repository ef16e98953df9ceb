//! Accounts and their orders against the simulated market.
//!
//! A taker gets what the book shows ([`crate::core::matching`]). A resting order stands behind the quantity that the book
//! shows at its price; public trades at its price use that up first, trades and levels beyond its price fill it at its own
//! price. Fees are paid in what is received.
//!
//! Invariants: balances are never negative, and every asset's total changes by fills and fees only
//! (`tests::books_balance_whatever_is_ordered`); a public trade fills no more than its own quantity.

use std::collections::{BTreeMap, VecDeque};

use mesh_book::{Book, Level};
use mesh_types::{Rounding, Side};

use crate::core::Trade;
use crate::core::accounts::Balances;
use crate::core::instrument::Instrument;
use crate::core::matching::{self, Consumed};
use crate::core::orders::{Amount, Event, Fill, Kind, Order, Placement, Reject, Status, TimeInForce, What};
use crate::core::units::{ONE, product};

/// Finished orders, and fills, that are kept for questions.
const KEPT: usize = 10_000;
/// Open orders of one account at one instrument, as the venue's MAX_NUM_ORDERS.
const MOST_OPEN: usize = 200;

/// How a client names an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderRef<'a> {
    /// By the exchange's id.
    Id(u64),
    /// By its own; the latest of that id.
    ClientId(&'a str),
}

/// The exchange's own side: accounts, orders, fills.
#[derive(Clone, Debug)]
pub struct Exchange {
    instruments: Vec<Instrument>,
    accounts: Vec<Balances>,
    consumed: Vec<Consumed>,
    open: BTreeMap<u64, Order>,
    finished: VecDeque<Order>,
    fills: VecDeque<(usize, Fill)>,
    /// What owners were not told yet; the oldest go where nobody asks.
    events: VecDeque<Event>,
    /// Fee of the notional, of 10^-8: makers', takers'.
    fee_rates: (i64, i64),
    last_order_id: u64,
    last_trade_id: u64,
}

impl Exchange {
    /// An exchange whose accounts start with these balances. Fees are fractions of 10^-8: makers', takers'.
    pub fn new(instruments: Vec<Instrument>, accounts: Vec<Balances>, fee_rates: (i64, i64)) -> Self {
        let consumed = vec![Consumed::default(); instruments.len()];
        Self {
            instruments,
            accounts,
            consumed,
            open: BTreeMap::new(),
            finished: VecDeque::new(),
            fills: VecDeque::new(),
            events: VecDeque::new(),
            fee_rates,
            last_order_id: 1_000,
            last_trade_id: 0,
        }
    }

    /// What is traded.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// An account's balances.
    pub fn balances(&self, account: usize) -> Option<&Balances> {
        self.accounts.get(account)
    }

    /// An order of an account, open or not.
    pub fn order(&self, account: usize, instrument: usize, which: OrderRef<'_>) -> Option<&Order> {
        let wanted = |order: &&Order| {
            let named = match which {
                OrderRef::Id(id) => order.id == id,
                OrderRef::ClientId(id) => order.client_order_id == id,
            };
            named && order.account == account && order.instrument == instrument
        };
        self.open.values().rev().find(wanted).or_else(|| self.finished.iter().rev().find(wanted))
    }

    /// The open orders of an account, oldest first; of one instrument, or of all.
    pub fn open_orders(&self, account: usize, instrument: Option<usize>) -> impl Iterator<Item = &Order> {
        let wanted = move |order: &&Order| {
            order.account == account && instrument.is_none_or(|instrument| order.instrument == instrument)
        };
        self.open.values().filter(wanted)
    }

    /// The fills of an account, oldest first.
    pub fn fills(&self, account: usize) -> impl DoubleEndedIterator<Item = &Fill> {
        self.fills.iter().filter(move |(owner, _)| *owner == account).map(|(_, fill)| fill)
    }

    /// What happened to orders since the last call, in order.
    pub fn take_events(&mut self) -> impl Iterator<Item = Event> + use<> {
        core::mem::take(&mut self.events).into_iter()
    }

    fn happened(&mut self, order: &Order, what: What) {
        if self.events.len() >= KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event { order: order.clone(), what });
    }

    /// Whether an order would be taken, without placing it.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, account: usize, placement: &Placement, book: &Book) -> Result<(), Reject> {
        self.plan(account, placement, book).map(|_| ())
    }

    /// The fills that an order would have at once.
    fn plan(&self, account: usize, placement: &Placement, book: &Book) -> Result<Vec<Level>, Reject> {
        let index = placement.instrument;
        let (Some(instrument), Some(consumed)) = (self.instruments.get(index), self.consumed.get(index)) else {
            return Err(Reject::UnknownOrder);
        };
        let limit = match placement.kind {
            Kind::Market => None,
            Kind::Limit | Kind::LimitMaker => {
                instrument.check_price(placement.price)?;
                Some(placement.price)
            }
        };
        if let Amount::Base(quantity) = placement.amount {
            instrument.check_quantity(quantity)?;
        }
        let fills = matching::plan(instrument, book, consumed, placement.side, limit, placement.amount);
        instrument.check_notional(match (placement.amount, limit) {
            (Amount::Quote(amount), _) => amount,
            (Amount::Base(quantity), Some(price)) => instrument.notional(price, quantity, Rounding::Floor),
            // A market order counts at the price that it meets; on an empty book there is nothing to count.
            (Amount::Base(quantity), None) => match fills.first() {
                Some(best) => instrument.notional(best.price, quantity, Rounding::Floor),
                None => i128::MAX,
            },
        })?;
        let mut open = self.open_orders(account, Some(index));
        if open.any(|order| order.client_order_id == placement.client_order_id) {
            return Err(Reject::Duplicate);
        }
        if self.open_orders(account, Some(index)).count() >= MOST_OPEN {
            return Err(Reject::TooManyOpen);
        }
        if placement.kind == Kind::LimitMaker && !fills.is_empty() {
            return Err(Reject::WouldTake);
        }
        let (asset, amount) = self.needed(instrument, placement, &fills);
        let free = self.accounts.get(account).map_or(0, |balances| balances.get(asset).free);
        if free < amount { Err(Reject::InsufficientBalance) } else { Ok(fills) }
    }

    /// The asset and amount that an order locks.
    fn needed<'a>(&self, instrument: &'a Instrument, placement: &Placement, fills: &[Level]) -> (&'a str, i128) {
        let filled: i128 = fills.iter().map(|fill| i128::from(fill.quantity)).sum();
        let cost = || fills.iter().map(|f| instrument.notional(f.price, f.quantity, Rounding::Ceiling)).sum();
        match (placement.side, placement.amount) {
            (Side::Sell, Amount::Base(quantity)) => (&instrument.base, i128::from(quantity)),
            (Side::Sell, Amount::Quote(_)) => (&instrument.base, filled),
            (Side::Buy, Amount::Base(quantity)) if placement.kind != Kind::Market => {
                (&instrument.quote, instrument.notional(placement.price, quantity, Rounding::Ceiling))
            }
            (Side::Buy, _) => (&instrument.quote, cost()),
        }
    }

    /// Places an order. What came of it is in the order and its fills.
    ///
    /// # Errors
    /// Why it was refused; nothing has changed then.
    pub fn place(
        &mut self,
        account: usize,
        placement: &Placement,
        book: &Book,
        now_ns: u64,
    ) -> Result<(Order, Vec<Fill>), Reject> {
        let mut levels = self.plan(account, placement, book)?;
        let instrument = self.instruments.get(placement.instrument).ok_or(Reject::UnknownOrder)?;
        let filled = levels.iter().map(|level| level.quantity).fold(0i64, i64::saturating_add);
        let quantity = match placement.amount {
            Amount::Base(quantity) => quantity,
            Amount::Quote(_) => filled,
        };
        if placement.time_in_force == TimeInForce::Fok && filled < quantity {
            levels.clear();
        }
        let (asset, locked) = self.needed(instrument, placement, &levels);
        let balances = self.accounts.get_mut(account).ok_or(Reject::InsufficientBalance)?;
        balances.lock(asset, locked).map_err(|_| Reject::InsufficientBalance)?;
        self.last_order_id += 1;
        let mut order = Order {
            id: self.last_order_id,
            account,
            instrument: placement.instrument,
            client_order_id: placement.client_order_id.clone(),
            side: placement.side,
            kind: placement.kind,
            time_in_force: placement.time_in_force,
            price: placement.price,
            quantity,
            executed: 0,
            executed_quote: 0,
            status: Status::New,
            placed_ns: now_ns,
            updated_ns: now_ns,
            locked,
            ahead: 0,
        };
        self.happened(&order, What::New);
        if let Some(consumed) = self.consumed.get_mut(placement.instrument) {
            consumed.take(placement.side.opposite(), &levels);
        }
        let fills: Vec<Fill> = levels.iter().map(|level| self.fill(&mut order, *level, false, now_ns)).collect();
        let rests = placement.kind != Kind::Market && placement.time_in_force == TimeInForce::Gtc;
        if order.remaining() > 0 && !rests || quantity == 0 {
            order.status = Status::Expired;
            self.happened(&order, What::Expired);
        }
        if order.status.is_open() {
            order.ahead = shown(book, order.side, order.price);
        }
        self.keep(order.clone());
        Ok((order, fills))
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// Where no such order is open.
    pub fn cancel(
        &mut self,
        account: usize,
        instrument: usize,
        which: OrderRef<'_>,
        now_ns: u64,
    ) -> Result<Order, Reject> {
        let found = self.order(account, instrument, which).filter(|order| order.status.is_open()).map(|o| o.id);
        let mut order = found.and_then(|id| self.open.remove(&id)).ok_or(Reject::UnknownOrder)?;
        order.status = Status::Canceled;
        order.updated_ns = now_ns;
        self.happened(&order, What::Canceled);
        self.keep(order.clone());
        Ok(order)
    }

    /// Takes a public trade: resting orders that it meets are filled, the best price first, then the oldest.
    pub fn on_trade(&mut self, instrument: usize, trade: &Trade) {
        let makers = if trade.buyer_is_maker { Side::Buy } else { Side::Sell };
        let mut left = trade.quantity;
        for id in self.resting(instrument, makers, trade.price) {
            let Some(mut order) = self.open.remove(&id) else { continue };
            if order.price == trade.price {
                let others = order.ahead.min(left);
                order.ahead -= others;
                left -= others;
            }
            let quantity = order.remaining().min(left);
            if quantity > 0 {
                left -= quantity;
                let level = Level::new(order.price, quantity);
                self.fill(&mut order, level, true, trade.time_ns);
            }
            self.keep(order);
        }
    }

    /// The market has changed its book: `levels` were set, or all where it is `None`. Resting orders that are crossed now
    /// are filled.
    pub fn on_book(&mut self, instrument: usize, book: &Book, levels: Option<&[(Side, i64)]>, now_ns: u64) {
        let Some(consumed) = self.consumed.get_mut(instrument) else { return };
        match levels {
            Some(levels) => levels.iter().for_each(|(side, price)| consumed.level_set(*side, *price)),
            None => consumed.clear(),
        }
        for side in [Side::Buy, Side::Sell] {
            let best = if side == Side::Buy { book.best_ask() } else { book.best_bid() };
            let Some(best) = best else { continue };
            for id in self.resting(instrument, side, best.price) {
                self.cross(id, book, now_ns);
            }
        }
        for order in self.open.values_mut().filter(|order| order.instrument == instrument) {
            order.ahead = order.ahead.min(shown(book, order.side, order.price));
        }
    }

    /// Resting orders of `side` that a price reaches, the best first, then the oldest.
    fn resting(&self, instrument: usize, side: Side, price: i64) -> Vec<u64> {
        let reached = |order: &&Order| {
            let within = if side == Side::Buy { order.price >= price } else { order.price <= price };
            order.instrument == instrument && order.side == side && within
        };
        let mut found: Vec<(i64, u64)> = self
            .open
            .values()
            .filter(reached)
            .map(|order| (if side == Side::Buy { -order.price } else { order.price }, order.id))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Fills a resting order against levels that have come through its price, at its own price.
    fn cross(&mut self, id: u64, book: &Book, now_ns: u64) {
        let Some(mut order) = self.open.remove(&id) else { return };
        let index = order.instrument;
        if let (Some(instrument), Some(consumed)) = (self.instruments.get(index), self.consumed.get_mut(index)) {
            let wanted = Amount::Base(order.remaining());
            let levels = matching::plan(instrument, book, consumed, order.side, Some(order.price), wanted);
            consumed.take(order.side.opposite(), &levels);
            let quantity = levels.iter().map(|level| level.quantity).fold(0i64, i64::saturating_add);
            if quantity > 0 {
                let level = Level::new(order.price, quantity);
                self.fill(&mut order, level, true, now_ns);
            }
        }
        self.keep(order);
    }

    /// Books one fill of an order.
    fn fill(&mut self, order: &mut Order, level: Level, maker: bool, time_ns: u64) -> Fill {
        let rate = if maker { self.fee_rates.0 } else { self.fee_rates.1 };
        self.last_trade_id += 1;
        let mut fill = Fill {
            trade_id: self.last_trade_id,
            order_id: order.id,
            instrument: order.instrument,
            side: order.side,
            price: level.price,
            quantity: level.quantity,
            fee: 0,
            fee_asset: String::new(),
            maker,
            time_ns,
        };
        let (Some(instrument), Some(balances)) =
            (self.instruments.get(order.instrument), self.accounts.get_mut(order.account))
        else {
            return fill;
        };
        let base = i128::from(level.quantity);
        let (spent, received, spent_asset, received_asset, quote) = match order.side {
            Side::Buy => {
                let cost = instrument.notional(level.price, level.quantity, Rounding::Ceiling);
                (cost, base, &instrument.quote, &instrument.base, cost)
            }
            Side::Sell => {
                let proceeds = instrument.notional(level.price, level.quantity, Rounding::Floor);
                (base, proceeds, &instrument.base, &instrument.quote, proceeds)
            }
        };
        // Rounding up per fill can ask for more than was locked for the whole; the order never pays that.
        let spent = spent.min(order.locked);
        fill.fee = product(received, rate, Rounding::Ceiling).min(received);
        fill.fee_asset.clone_from(received_asset);
        balances.spend_locked(spent_asset, spent);
        balances.receive(received_asset, received - fill.fee);
        order.locked -= spent;
        order.executed = order.executed.saturating_add(level.quantity);
        order.executed_quote += quote;
        order.updated_ns = time_ns;
        order.status = if order.remaining() == 0 { Status::Filled } else { Status::PartiallyFilled };
        if self.fills.len() >= KEPT {
            self.fills.pop_front();
        }
        self.fills.push_back((order.account, fill.clone()));
        self.happened(order, What::Trade(fill.clone()));
        fill
    }

    /// Puts an order where it belongs; what a finished one still had locked is free again.
    fn keep(&mut self, mut order: Order) {
        if order.status.is_open() {
            self.open.insert(order.id, order);
            return;
        }
        if let (Some(instrument), Some(balances)) =
            (self.instruments.get(order.instrument), self.accounts.get_mut(order.account))
        {
            let asset = if order.side == Side::Buy { &instrument.quote } else { &instrument.base };
            balances.unlock(asset, order.locked);
            order.locked = 0;
        }
        if self.finished.len() >= KEPT {
            self.finished.pop_front();
        }
        self.finished.push_back(order);
    }
}

/// What the market shows at a price.
fn shown(book: &Book, side: Side, price: i64) -> i64 {
    let at = |level: &Level| level.price == price;
    let found = if side == Side::Buy { book.bids().find(at) } else { book.asks().find(at) };
    found.map_or(0, |level| level.quantity)
}

/// A fee rate, of 10^-8, from basis points.
pub const fn basis_points(bps: i64) -> i64 {
    bps * (ONE / 10_000)
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
