//! Gates on what the market says: whether the price can be believed, what it costs to take it, and to hold.
//!
//! Each is asked of entries alone, and only where it is configured; what it needs and does not have refuses.

use mesh_types::{Decimal64, Gate, InstrumentId, InstrumentKind, Rounding, Side, Unit, Venue};

use crate::gate::{basis_points, whole};
use crate::limits::{Limit, Scoped};
use crate::trail::{Trail, Veto};
use crate::view::{BookTop, RiskView};

/// Hours that funding is told for.
const FUNDING_NS: u64 = 8 * 3_600_000_000_000;
/// Of one.
const BASIS_POINTS: Decimal64 = Decimal64::new(10_000, 0);

/// What else is known of an instrument's market than its book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// How far the venue's times lie from ours, ms, without a sign.
    pub clock_offset_ms: Option<u64>,
    /// The venue's index, or where it has none its mark price.
    pub index: Option<Decimal64>,
    /// What longs pay shorts for an interval, as a fraction of the notional, and the interval in ns.
    pub funding: Option<(Decimal64, u64)>,
    /// Base fee of the instrument's chain, 10^-9 of its coin.
    pub gas_gwei: Option<Decimal64>,
    /// Average price that the whole order would get from the book.
    pub expected_price: Option<Decimal64>,
}

fn bps(limit: Limit<u32>) -> Limit<Decimal64> {
    Limit { scope: limit.scope, value: whole(limit.value.into()) }
}

/// Every gate of the market.
pub(crate) fn check(
    (side, instrument): (Side, &InstrumentId),
    scoped: &Scoped<'_>,
    view: &RiskView<'_>,
    book: BookTop,
    trail: &mut Trail,
) -> Result<(), Veto> {
    let conditions = &view.conditions;
    if let Some(limit) = scoped.least(|limits| limits.clock_offset_ms) {
        let gate = Gate::ClockOffset;
        let offset = trail.known(gate, conditions.clock_offset_ms, "the venue does not say its time")?;
        let limit = Limit { scope: limit.scope, value: whole(limit.value) };
        trail.at_most(gate, Unit::Milliseconds, limit, whole(offset), "the venue's clock against ours, ms")?;
    }
    if let Some(limit) = scoped.least(|limits| limits.oracle_gap_bps) {
        let gate = Gate::OracleGap;
        let index = trail.known(gate, conditions.index.filter(|index| index.is_positive()), "no index price")?;
        let gap = middle(book).and_then(|middle| apart(middle, index));
        let gap = trail.known(gate, gap, "a number does not fit")?;
        trail.at_most(gate, Unit::BasisPoints, bps(limit), gap, "the book against the index, basis points")?;
    }
    if let Some(limit) = scoped.least(|limits| limits.slippage_bps) {
        let gate = Gate::Slippage;
        let text = "the book holds not enough";
        let expected = trail.known(gate, conditions.expected_price.filter(|price| price.is_positive()), text)?;
        let best = if side == Side::Buy { book.ask } else { book.bid };
        let slippage = trail.known(gate, apart(expected, best), "a number does not fit")?;
        trail.at_most(gate, Unit::BasisPoints, bps(limit), slippage, "expected slippage, basis points")?;
    }
    if let (Some(limit), true) = (scoped.least(|limits| limits.funding_bps_8h), pays_funding(instrument)) {
        let gate = Gate::FundingCost;
        let (rate, interval_ns) = trail.known(gate, conditions.funding, "no funding rate")?;
        let paid = if side == Side::Buy { Ok(rate) } else { rate.negated() };
        let cost = paid.ok().and_then(|paid| for_8h(paid, interval_ns));
        let cost = trail.known(gate, cost, "a number does not fit")?;
        trail.at_most(gate, Unit::BasisPoints, bps(limit), cost, "funding in 8 hours, basis points")?;
    }
    if let (Some(limit), true) = (scoped.least(|limits| limits.gas_gwei), instrument.venue() == Some(Venue::Chain)) {
        let gas = trail.known(Gate::GasBudget, conditions.gas_gwei, "the chain's gas price is not known")?;
        trail.at_most(Gate::GasBudget, Unit::Gwei, limit, gas, "gas price, gwei")?;
    }
    Ok(())
}

/// Whether who holds it pays or gets funding.
fn pays_funding(instrument: &InstrumentId) -> bool {
    matches!(instrument.kind(), Some(InstrumentKind::Perpetual | InstrumentKind::Swap))
}

fn middle(book: BookTop) -> Option<Decimal64> {
    book.bid.checked_add(book.ask).and_then(|sum| sum.checked_mul(Decimal64::new(5, -1))).ok()
}

/// How far two prices are apart, in basis points of the second, rounded up.
fn apart(price: Decimal64, of: Decimal64) -> Option<Decimal64> {
    let difference = price.checked_sub(of).and_then(Decimal64::magnitude).ok()?;
    basis_points(difference, of).ok()
}

/// A rate of an interval in basis points of 8 hours, rounded up.
fn for_8h(rate: Decimal64, interval_ns: u64) -> Option<Decimal64> {
    let bps = rate.checked_mul(BASIS_POINTS).ok()?;
    // A venue that does not say its interval means 8 hours.
    if interval_ns == 0 || interval_ns == FUNDING_NS {
        return Some(bps);
    }
    let hours = |ns: u64| Decimal64::new(i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX), 0);
    bps.checked_mul(hours(FUNDING_NS)).ok()?.div_rounded(hours(interval_ns), -8, Rounding::Ceiling).ok()
}
