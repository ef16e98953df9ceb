//! Each gate on the market at its limit and just beyond, and without what it needs.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use mesh_risk::market::Conditions;
use mesh_risk::{RiskLimits, RiskView, ScopeLimits};
use mesh_types::execution::Intent;
use mesh_types::{Decimal64, Gate, SignalAction};

/// The gate that refuses an entry where one limit is set and this is known.
fn refused(
    limit: impl FnOnce(&mut ScopeLimits),
    instrument: &str,
    action: SignalAction,
    conditions: Conditions,
) -> Option<Gate> {
    let info = info();
    let mut mesh = mesh();
    limit(&mut mesh);
    let order = Intent { instrument: instrument.parse().expect("an id"), ..intent(action, "1") };
    refused_by(&RiskLimits { mesh, ..limits() }, &order, &RiskView { conditions, ..view(&info) })
}

const BTC: &str = "binance:perpetual:BTCUSDT";

#[test]
fn the_venues_clock_may_be_so_far_from_ours() {
    let with = |offset: Option<u64>| {
        let conditions = Conditions { clock_offset_ms: offset, ..Conditions::default() };
        refused(|limits| limits.clock_offset_ms = Some(500), BTC, SignalAction::EnterLong, conditions)
    };
    assert_eq!(
        [with(Some(500)), with(Some(501)), with(None)],
        [None, Some(Gate::ClockOffset), Some(Gate::ClockOffset)]
    );
}

#[test]
fn the_book_may_be_so_far_from_the_index() {
    let with = |index: Option<&str>| {
        let conditions = Conditions { index: index.map(d), ..Conditions::default() };
        refused(|limits| limits.oracle_gap_bps = Some(100), BTC, SignalAction::EnterLong, conditions)
    };
    // The middle is 99.95: a hundredth above 98.9604, and below 100.9595...
    for index in ["98.961", "99.95", "100.959"] {
        assert_eq!(with(Some(index)), None, "{index}");
    }
    for index in [Some("98.96"), Some("100.96"), Some("0"), None] {
        assert_eq!(with(index), Some(Gate::OracleGap), "{index:?}");
    }
}

#[test]
fn the_expected_price_may_be_so_far_from_the_best() {
    let with = |action: SignalAction, price: Option<&str>| {
        let conditions = Conditions { expected_price: price.map(d), ..Conditions::default() };
        refused(|limits| limits.slippage_bps = Some(20), BTC, action, conditions)
    };
    assert_eq!(with(SignalAction::EnterLong, Some("100.2")), None);
    assert_eq!(with(SignalAction::EnterLong, Some("100.21")), Some(Gate::Slippage));
    assert_eq!(with(SignalAction::EnterShort, Some("99.7002")), None);
    assert_eq!(with(SignalAction::EnterShort, Some("99.70")), Some(Gate::Slippage));
    assert_eq!(with(SignalAction::EnterLong, None), Some(Gate::Slippage));
}

#[test]
fn funding_is_a_cost_of_the_side_that_pays_it() {
    const HOUR: u64 = 3_600_000_000_000;
    let with = |instrument: &str, action: SignalAction, funding: Option<(&str, u64)>| {
        let funding = funding.map(|(rate, interval_ns)| (d(rate), interval_ns));
        let conditions = Conditions { funding, ..Conditions::default() };
        refused(|limits| limits.funding_bps_8h = Some(8), instrument, action, conditions)
    };
    let (long, short) = (SignalAction::EnterLong, SignalAction::EnterShort);
    assert_eq!(with(BTC, long, Some(("0.0008", 8 * HOUR))), None);
    assert_eq!(with(BTC, long, Some(("0.00080001", 8 * HOUR))), Some(Gate::FundingCost));
    assert_eq!(with(BTC, short, Some(("0.01", 8 * HOUR))), None, "it is paid to shorts");
    assert_eq!(with(BTC, short, Some(("-0.00081", 0))), Some(Gate::FundingCost));
    assert_eq!(with(BTC, long, Some(("0.0001", HOUR))), None);
    assert_eq!(with(BTC, long, Some(("0.00010001", HOUR))), Some(Gate::FundingCost));
    assert_eq!(with(BTC, long, None), Some(Gate::FundingCost));
    assert_eq!(with("binance:spot:BTCUSDT", long, None), None, "spot has none");
}

#[test]
fn gas_has_a_budget_on_chains() {
    const POOL: &str = "polygon:pool:0x45dda9cb7c25131df268515131f647d726f50608";
    let with = |instrument: &str, gas: Option<&str>| {
        let conditions = Conditions { gas_gwei: gas.map(d), ..Conditions::default() };
        let limit = |limits: &mut ScopeLimits| limits.gas_gwei = Some(d("50"));
        refused(limit, instrument, SignalAction::EnterLong, conditions)
    };
    assert_eq!(with(POOL, Some("50")), None);
    assert_eq!(with(POOL, Some("50.001")), Some(Gate::GasBudget));
    assert_eq!(with(POOL, None), Some(Gate::GasBudget));
    assert_eq!(with(BTC, None), None);
}

#[test]
fn prices_may_fall_so_far_before_the_equity_is_used_up() {
    let info = info();
    let mut limits = limits();
    limits.mesh = ScopeLimits {
        order_notional: Some(d("9000")),
        position_notional: Some(d("9000")),
        total_notional: Some(d("9000")),
        liquidation_distance_bps: Some(2_500),
        ..mesh()
    };
    limits.capital.insert("USDT".to_owned(), d("500"));
    let sized = |quantity: &str| {
        let decision = judged(&limits, &intent(SignalAction::EnterLong, quantity), &view(&info));
        (answer(&decision).ok(), decision.cut_by.map(|veto| (veto.gate, veto.actual)))
    };
    // A quarter of 2000 is 500.
    assert_eq!(sized("20"), (Some("20".to_owned()), None));
    assert_eq!(sized("25"), (Some("20.00".to_owned()), Some((Gate::LiquidationDistance, d("2000")))));
    limits.capital.insert("USDT".to_owned(), Decimal64::ONE);
    let broke = judged(&limits, &intent(SignalAction::EnterLong, "1"), &view(&info));
    assert_eq!(answer(&broke).map_err(|(gate, _)| gate), Err(Gate::LiquidationDistance));
}
