//! How large an entry may be: limits that cut a size instead of refusing it.
//!
//! Each says how much of the base there is room for. The least of them holds, in whole lots, rounded down: a size only ever
//! becomes smaller. Where the rest is less than the venue takes, the limit that cut most has refused the entry.

use mesh_oms::{Exposure, PositionKey};
use mesh_types::decimal::MIN_EXPONENT;
use mesh_types::market::InstrumentInfo;
use mesh_types::{Decimal64, DecimalError, Gate, InstrumentId, Outcome, Rounding, Scope, Side, Unit};

use crate::limits::{Limit, RiskLimits, Scoped};
use crate::rate::is_within;
use crate::trail::{Trail, Veto, reason};
use crate::view::{Held, RiskView};

const PERCENT: Decimal64 = Decimal64::new(100, 0);
const BASIS_POINTS: Decimal64 = Decimal64::new(10_000, 0);

/// An entry that is to be sized.
pub(crate) struct Entry<'a> {
    pub(crate) owner: PositionKey,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal64,
    /// The price that it is counted at: the worst that it can be filled at, or the market's where that is worse.
    pub(crate) price: Decimal64,
    pub(crate) info: &'a InstrumentInfo,
    /// What was put in and earned in the quote currency; `None` where it is not known.
    pub(crate) equity: Option<Decimal64>,
}

/// A limit, measured.
struct Measured {
    gate: Gate,
    unit: Unit,
    limit: Limit<Decimal64>,
    /// What the whole size would bring it to.
    actual: Decimal64,
    /// Base quantity that there is room for; below 0 where the limit is passed already.
    room: Decimal64,
    text: &'static str,
    /// The limit is the least that must be left, not the most that may be.
    floor: bool,
}

/// What the order of an entry is cut to, and by which limit.
pub(crate) struct Sized {
    pub(crate) quantity: Decimal64,
    pub(crate) cut_by: Option<Veto>,
}

/// The size that every limit has room for.
///
/// # Errors
/// The limit that has no room, or can't be computed.
pub(crate) fn size(
    entry: &Entry<'_>,
    limits: &RiskLimits,
    scoped: &Scoped<'_>,
    view: &RiskView<'_>,
    trail: &mut Trail,
) -> Result<Sized, Veto> {
    let sizer = Sizer { entry, view };
    let mut sized = Sized { quantity: entry.quantity, cut_by: None };
    for measured in sizer.all(limits, scoped, trail)? {
        sizer.cut(&measured, &mut sized, trail)?;
    }
    Ok(sized)
}

struct Sizer<'a> {
    entry: &'a Entry<'a>,
    view: &'a RiskView<'a>,
}

impl Sizer<'_> {
    fn all(&self, limits: &RiskLimits, scoped: &Scoped<'_>, trail: &mut Trail) -> Result<Vec<Measured>, Veto> {
        let mut all = Vec::new();
        if let Some(limit) = scoped.least(|limits| limits.order_notional) {
            let actual = self.notional(self.entry.quantity);
            let found = actual.and_then(|actual| Ok((actual, self.quantity(limit.value)?)));
            let (actual, room) = trail.known(Gate::OrderNotional, found.ok(), "a number does not fit")?;
            let (gate, text) = (Gate::OrderNotional, "notional of the order");
            all.push(Measured { gate, unit: Unit::Quote, limit, actual, room, text, floor: false });
        }
        for limit in scoped.each(|limits| limits.position_notional) {
            let gate = (Gate::PositionNotional, "notional of the position");
            all.push(self.sum(gate, limit, limit.scope, |_| false, trail)?);
        }
        for limit in scoped.each(|limits| limits.total_notional) {
            let within = |other: &Held| is_within(limit.scope, &self.entry.owner, &other.owner);
            all.push(self.sum(
                (Gate::TotalNotional, "notional of all positions"),
                limit,
                limit.scope,
                within,
                trail,
            )?);
        }
        for limit in scoped.each(|limits| limits.leverage) {
            let within = |other: &Held| is_within(limit.scope, &self.entry.owner, &other.owner);
            let gate = (Gate::Leverage, "multiple of the equity");
            all.push(self.of_equity(gate, (Unit::Times, Decimal64::ONE), limit, within, trail)?);
        }
        if let Some(limit) = scoped.least(|limits| limits.concentration_percent) {
            let gate = (Gate::Concentration, "share of the equity, percent");
            all.push(self.of_equity(gate, (Unit::Percent, PERCENT), limit, |_| false, trail)?);
        }
        if let Some(limit) = scoped.greatest(|limits| limits.liquidation_distance_bps) {
            all.push(self.liquidation(limit, trail)?);
        }
        let instrument = &self.entry.owner.0;
        for group in limits.group.values().filter(|group| group.instruments.contains(instrument)) {
            let limit = Limit { scope: Scope::Mesh, value: group.notional };
            let within = |other: &Held| group.instruments.contains(&other.owner.0);
            let gate = (Gate::Correlation, "notional of what moves together");
            all.push(self.sum(gate, limit, Scope::Mesh, within, trail)?);
        }
        if let Some(limit) = scoped.least(|limits| limits.liquidity_percent) {
            all.push(self.liquidity(limit, trail)?);
        }
        Ok(all)
    }

    /// A limit on the notional of this instrument and of others that are `within`.
    fn sum(
        &self,
        (gate, text): (Gate, &'static str),
        limit: Limit<Decimal64>,
        scope: Scope,
        within: impl Fn(&Held) -> bool,
        trail: &mut Trail,
    ) -> Result<Measured, Veto> {
        let exposure = trail.known(gate, self.view.exposure, "the exposure can't be computed")?;
        let others = trail.known(gate, self.view.others, "the exposure can't be computed")?;
        let here: &InstrumentId = &self.entry.owner.0;
        // A strategy's own limit leaves the others in the instrument out.
        let counts =
            |other: &&Held| other.owner.0 == *here && (scope != Scope::Strategy || other.owner.1 == self.entry.owner.1);
        let here_quantity =
            others.iter().filter(counts).try_fold(Decimal64::ZERO, |sum, other| sum.checked_add(other.quantity).ok());
        let here_quantity = trail.known(gate, here_quantity, "the exposure can't be computed")?;
        let elsewhere = others.iter().filter(|other| other.owner.0 != *here && within(other));
        let elsewhere = elsewhere
            .map(|other| other.notional)
            .try_fold(Decimal64::ZERO, |sum, notional| sum.checked_add(notional?).ok());
        let elsewhere = trail.known(gate, elsewhere, "a position has no price")?;
        let found = self.room(exposure, here_quantity, elsewhere, limit.value);
        let (actual, room) = trail.known(gate, found.ok(), "a number does not fit")?;
        Ok(Measured { gate, unit: Unit::Quote, limit, actual, room, text, floor: false })
    }

    /// What the whole size brings the sum to, and how much of the base there is room for.
    fn room(
        &self,
        exposure: Exposure,
        here: Decimal64,
        elsewhere: Decimal64,
        limit: Decimal64,
    ) -> Result<(Decimal64, Decimal64), DecimalError> {
        let Entry { side, quantity, .. } = *self.entry;
        let after = exposure.with_order(side, quantity)?.worst()?.checked_add(here)?;
        let actual = self.notional(after)?.checked_add(elsewhere)?;
        // On either side of zero the position may go so far.
        let reach = self.quantity(limit.checked_sub(elsewhere)?)?.checked_sub(here)?;
        let (towards, away) = match side {
            Side::Buy => (exposure.highest, exposure.lowest),
            Side::Sell => (exposure.lowest.negated()?, exposure.highest.negated()?),
        };
        let room = if away < reach.negated()? { Decimal64::ZERO } else { reach.checked_sub(towards)? };
        Ok((actual, room))
    }

    /// A limit on a sum in parts of the equity.
    fn of_equity(
        &self,
        gate: (Gate, &'static str),
        (unit, parts): (Unit, Decimal64),
        limit: Limit<Decimal64>,
        within: impl Fn(&Held) -> bool,
        trail: &mut Trail,
    ) -> Result<Measured, Veto> {
        let equity = self.entry.equity.filter(|equity| equity.is_positive());
        let equity = trail.known(gate.0, equity, "there is no equity")?;
        let allowed = limit.value.checked_mul(equity).and_then(|all| all.div_rounded(parts, -8, Rounding::Floor));
        let allowed = trail.known(gate.0, allowed.ok(), "a number does not fit")?;
        let of_sum = Limit { scope: limit.scope, value: allowed };
        let sum = self.sum(gate, of_sum, limit.scope, within, trail)?;
        let actual = sum.actual.checked_mul(parts).and_then(|all| all.div_rounded(equity, -4, Rounding::Ceiling));
        let actual = trail.known(gate.0, actual.ok(), "a number does not fit")?;
        Ok(Measured { unit, limit, actual, ..sum })
    }

    /// How far prices may go against all positions: the equity over their notional.
    fn liquidation(&self, limit: Limit<u32>, trail: &mut Trail) -> Result<Measured, Veto> {
        let gate = Gate::LiquidationDistance;
        let limit = Limit { scope: limit.scope, value: Decimal64::new(limit.value.into(), 0) };
        let leverage = BASIS_POINTS.div_rounded(limit.value, -8, Rounding::Floor).ok();
        let leverage = trail.known(gate, leverage, "a number does not fit")?;
        let of_leverage = Limit { scope: Scope::Mesh, value: leverage };
        let names = (gate, "basis points until the equity is used up");
        let sum = self.of_equity(names, (Unit::Times, Decimal64::ONE), of_leverage, |_| true, trail)?;
        let actual = BASIS_POINTS.div_rounded(sum.actual, -4, Rounding::Floor).ok();
        let actual = trail.known(gate, actual, "a number does not fit")?;
        Ok(Measured { unit: Unit::BasisPoints, limit, actual, floor: true, ..sum })
    }

    fn liquidity(&self, limit: Limit<Decimal64>, trail: &mut Trail) -> Result<Measured, Veto> {
        let gate = Gate::Liquidity;
        let offered = self.view.offered.filter(|offered| offered.is_positive());
        let offered = trail.known(gate, offered, "the book offers nothing at the price")?;
        let room =
            limit.value.checked_mul(offered).and_then(|all| all.div_rounded(PERCENT, self.fine(), Rounding::Floor));
        let actual = self.entry.quantity.checked_mul(PERCENT);
        let actual = actual.and_then(|all| all.div_rounded(offered, -4, Rounding::Ceiling));
        let found = room.and_then(|room| Ok((actual?, room)));
        let (actual, room) = trail.known(gate, found.ok(), "a number does not fit")?;
        Ok(Measured {
            gate,
            unit: Unit::Percent,
            limit,
            actual,
            room,
            text: "share of the book, percent",
            floor: false,
        })
    }

    /// Cuts the size to what a limit has room for.
    fn cut(&self, measured: &Measured, sized: &mut Sized, trail: &mut Trail) -> Result<(), Veto> {
        let Measured { gate, unit, limit, actual, room, text, floor } = *measured;
        let veto = Veto { gate, reason: reason(gate), text, actual, limit: limit.value };
        let margin = if floor { actual.checked_sub(limit.value) } else { limit.value.checked_sub(actual) };
        let margin = trail.known(gate, margin.ok(), "a number does not fit")?;
        let fits = self.entry.quantity <= room;
        let lots = room.round_to_step(self.entry.info.lot.get(), Rounding::Floor).unwrap_or_default();
        let outcome = match fits {
            true => Outcome::Allow,
            false if lots.is_positive() && self.is_taken(lots) => Outcome::Reduce,
            false => Outcome::Deny,
        };
        trail.note(gate, unit, (limit.scope, outcome), [actual, limit.value, margin]);
        match outcome {
            Outcome::Allow => {}
            Outcome::Reduce if lots < sized.quantity => *sized = Sized { quantity: lots, cut_by: Some(veto) },
            Outcome::Reduce => {}
            _ => return Err(veto),
        }
        Ok(())
    }

    /// Whether the venue takes an order of this size.
    fn is_taken(&self, quantity: Decimal64) -> bool {
        let price = match (self.entry.side, self.view.book) {
            (_, Some(book)) => book.bid,
            (_, None) => self.entry.price,
        };
        let notional = quantity.mul_rounded(price, -8, Rounding::Floor);
        quantity >= self.entry.info.min_quantity.get()
            && notional.is_ok_and(|notional| notional >= self.entry.info.min_notional.get())
    }

    fn notional(&self, quantity: Decimal64) -> Result<Decimal64, DecimalError> {
        quantity.mul_rounded(self.entry.price, -8, Rounding::Ceiling)
    }

    /// How much of the base a notional buys, never more.
    fn quantity(&self, notional: Decimal64) -> Result<Decimal64, DecimalError> {
        notional.div_rounded(self.entry.price, self.fine(), Rounding::Floor)
    }

    /// An exponent finer than the lot.
    fn fine(&self) -> i8 {
        self.entry.info.lot.exponent.saturating_sub(2).max(MIN_EXPONENT)
    }
}
