//! All orders and positions of one portfolio.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_types::execution::{Fill, Intent, Position as PositionBody};
use mesh_types::signal::StrategyName;
use mesh_types::{ClientOrderId, Decimal64, DecimalError, InstrumentId, Side};

use crate::order::{Alarm, BadIntent, Effect, Order, Report};
use crate::position::Position;

/// A position's owner: an instrument and a strategy.
pub type PositionKey = (InstrumentId, StrategyName);

/// A report about an order that is not here. One of a fill means that something traded which nobody wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownOrder {
    /// The order.
    pub client_order_id: ClientOrderId,
}

impl fmt::Display for UnknownOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a report about order {}, which this ledger does not hold", self.client_order_id)
    }
}

impl core::error::Error for UnknownOrder {}

/// The bounds between which a position can end, whatever becomes of the open orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// The position now; negative is short.
    pub quantity: Decimal64,
    /// The position where all open buys and no open sell are filled.
    pub highest: Decimal64,
    /// The position where all open sells and no open buy are filled.
    pub lowest: Decimal64,
}

impl Exposure {
    /// The larger of the two magnitudes: the worst case.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn worst(&self) -> Result<Decimal64, DecimalError> {
        Ok(self.highest.magnitude()?.max(self.lowest.magnitude()?))
    }

    /// The bounds with one more open order.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub fn with_order(self, side: Side, quantity: Decimal64) -> Result<Self, DecimalError> {
        Ok(match side {
            Side::Buy => Self { highest: self.highest.checked_add(quantity)?, ..self },
            Side::Sell => Self { lowest: self.lowest.checked_sub(quantity)?, ..self },
        })
    }
}

/// Orders and positions.
#[derive(Clone, Debug, Default)]
pub struct Oms {
    orders: BTreeMap<ClientOrderId, Order>,
    unsettled: BTreeMap<ClientOrderId, PositionKey>,
    settled_order: VecDeque<ClientOrderId>,
    positions: BTreeMap<PositionKey, Position>,
}

/// Settled orders that are kept, so that late repeats of their reports are recognised.
pub const SETTLED_ORDERS_KEPT: usize = 10_000;

impl Oms {
    /// Takes an intent. The same one again changes nothing; answers whether it is new.
    ///
    /// # Errors
    /// When it holds what no order can have.
    pub fn intend(&mut self, intent: &Intent) -> Result<bool, BadIntent> {
        if self.orders.contains_key(&intent.client_order_id) {
            return Ok(false);
        }
        let order = Order::new(intent)?;
        self.unsettled.insert(intent.client_order_id, (intent.instrument, intent.strategy));
        self.orders.insert(intent.client_order_id, order);
        Ok(true)
    }

    /// One order.
    pub fn order(&self, id: &ClientOrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// All orders that are remembered, by id.
    pub fn orders(&self) -> impl Iterator<Item = &Order> + '_ {
        self.orders.values()
    }

    /// An order was sent.
    pub fn on_sent(&mut self, id: &ClientOrderId, now_ns: u64) {
        if let Some(order) = self.orders.get_mut(id) {
            order.on_sent(now_ns);
        }
    }

    /// The executor was asked about an order.
    pub fn on_asked(&mut self, id: &ClientOrderId, now_ns: u64) {
        if let Some(order) = self.orders.get_mut(id) {
            order.on_asked(now_ns);
        }
    }

    /// Counts a report: the order, and for a new fill the position.
    ///
    /// # Errors
    /// When the order is not here.
    pub fn apply(&mut self, report: &Report<'_>, now_ns: u64) -> Result<Effect, UnknownOrder> {
        let client_order_id = report.client_order_id();
        let Some(order) = self.orders.get_mut(&client_order_id) else {
            return Err(UnknownOrder { client_order_id });
        };
        let untouched = matches!(report, Report::Fill(_)).then(|| order.clone());
        let mut effect = order.apply(report, now_ns);
        if let (Report::Fill(fill), true) = (report, effect.filled) {
            match Self::apply_fill(&mut self.positions, order, fill) {
                Ok(None) => {}
                Ok(Some(alarm)) => effect.alarm = effect.alarm.or(Some(alarm)),
                Err(_) => {
                    // A sum that leaves 127 bits: no fill of a venue. Order and position stay as they were, together.
                    if let Some(untouched) = untouched {
                        *order = untouched;
                    }
                    effect = Effect { alarm: Some(Alarm::Malformed), ..Effect::default() };
                }
            }
        }
        self.settle(&client_order_id);
        Ok(effect)
    }

    fn apply_fill(
        positions: &mut BTreeMap<PositionKey, Position>,
        order: &Order,
        fill: &Fill,
    ) -> Result<Option<Alarm>, DecimalError> {
        let intent = order.intent();
        let position = positions.entry((intent.instrument, intent.strategy)).or_default();
        Ok(position.apply(order.side(), fill)?.map(|_| Alarm::ForeignFee))
    }

    /// Keeps the index of orders that are not settled, and forgets the oldest settled ones beyond the bound.
    fn settle(&mut self, id: &ClientOrderId) {
        let Some(order) = self.orders.get(id) else { return };
        if !order.is_settled() {
            self.unsettled.insert(*id, (order.intent().instrument, order.intent().strategy));
        } else if self.unsettled.remove(id).is_some() {
            self.settled_order.push_back(*id);
            while self.settled_order.len() > SETTLED_ORDERS_KEPT {
                let oldest = self.settled_order.pop_front().filter(|id| !self.unsettled.contains_key(id));
                oldest.map(|id| self.orders.remove(&id));
            }
        }
    }

    /// Orders of which something may still come, by id.
    pub fn unsettled(&self) -> impl Iterator<Item = &Order> + '_ {
        self.unsettled.keys().filter_map(|id| self.orders.get(id))
    }

    /// True where the owner has an order of which something may still come.
    pub fn is_working(&self, key: &PositionKey) -> bool {
        self.unsettled.values().any(|owner| owner == key)
    }

    /// A position.
    pub fn position(&self, key: &PositionKey) -> Option<&Position> {
        self.positions.get(key)
    }

    /// Quantity of a position; 0 where there is none.
    pub fn quantity(&self, key: &PositionKey) -> Decimal64 {
        self.positions.get(key).map_or(Decimal64::ZERO, Position::quantity)
    }

    /// All positions, flat ones too, by instrument and strategy.
    pub fn positions(&self) -> impl Iterator<Item = (&PositionKey, &Position)> + '_ {
        self.positions.iter()
    }

    /// The message about a position.
    ///
    /// # Errors
    /// When a number does not fit it.
    pub fn position_body(&self, key: &PositionKey) -> Result<PositionBody, DecimalError> {
        let empty = Position::default();
        let position = self.positions.get(key).unwrap_or(&empty);
        Ok(PositionBody {
            instrument: key.0,
            strategy: key.1,
            quantity: position.quantity().into(),
            entry_price: position.entry_price()?.into(),
            realized_pnl: position.realized_pnl()?.into(),
            fees: position.fees()?.into(),
            fill_count: position.fill_count().into(),
            updated_ns: position.updated_ns().into(),
        })
    }

    /// Takes a flat position as an earlier run left it, unless the fills given back already say more. Positions that are
    /// not flat come back from their fills.
    pub fn restore(&mut self, body: &PositionBody) {
        let known = self.positions.entry((body.instrument, body.strategy)).or_default();
        if body.quantity.get().is_zero() && body.fill_count.get() >= known.fill_count() {
            let (realized, fees) = (body.realized_pnl.get(), body.fees.get());
            *known = Position::flat(realized, fees, body.fill_count.get(), body.updated_ns.get());
        }
    }

    /// The bounds of one owner's position, whatever becomes of its open orders.
    ///
    /// # Errors
    /// When a sum does not fit; nothing may be risked then.
    pub fn exposure(&self, owner: &PositionKey) -> Result<Exposure, DecimalError> {
        let quantity = self.quantity(owner);
        let held = Exposure { quantity, highest: quantity, lowest: quantity };
        let open = self.unsettled.iter().filter(|(_, of)| *of == owner).filter_map(|(id, _)| self.orders.get(id));
        open.into_iter().try_fold(held, |sum, order| sum.with_order(order.side(), order.open_quantity()?))
    }

    /// Everybody who holds something, has held it, or has an open order, by instrument and strategy. Their worst cases are added
    /// where a limit is on all of them, never netted, so that closing one position never raises the sum.
    pub fn owners(&self) -> impl Iterator<Item = PositionKey> + use<> {
        let owners: BTreeSet<PositionKey> = self.positions.keys().chain(self.unsettled.values()).copied().collect();
        owners.into_iter()
    }

    /// What all strategies hold together of an instrument.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub fn net_quantity(&self, instrument: &InstrumentId) -> Result<Decimal64, DecimalError> {
        let held = self.positions.iter().filter(|((of, _), _)| of == instrument);
        held.into_iter().try_fold(Decimal64::ZERO, |sum, (_, position)| sum.checked_add(position.quantity()))
    }
}
