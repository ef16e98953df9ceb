//! What the tests of the gate share: an instrument, a book, limits, an intent, a view.

#![allow(clippy::expect_used, dead_code, unreachable_pub, reason = "each test file is a crate of its own")]

use mesh_oms::{Exposure, PositionKey};
use mesh_risk::{BookTop, Decision, Held, RiskGate, RiskLimits, RiskView, ScopeLimits};
use mesh_types::execution::Intent;
use mesh_types::market::InstrumentInfo;
use mesh_types::signal::StrategyName;
use mesh_types::{
    Decimal64, FixedStr, Gate, InstrumentId, InstrumentStatus, OrderType, Side, SignalAction, TimeInForce,
};

pub const SECOND: u64 = 1_000_000_000;
pub const NOW: u64 = 1_000 * SECOND;

pub fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

pub fn info() -> InstrumentInfo {
    InstrumentInfo {
        tick: d("0.1").into(),
        lot: d("0.01").into(),
        min_quantity: d("0.02").into(),
        max_quantity: d("50").into(),
        min_notional: d("5").into(),
        quote: FixedStr::truncated("USDT"),
        status: InstrumentStatus::Trading.into(),
        ..InstrumentInfo::default()
    }
}

pub fn book() -> BookTop {
    BookTop { bid: d("99.9"), ask: d("100.0"), live: true, received_ns: NOW }
}

/// Orders of 500, positions of 1000, all of 1500.
pub fn mesh() -> ScopeLimits {
    ScopeLimits {
        order_notional: Some(d("500")),
        position_notional: Some(d("1000")),
        total_notional: Some(d("1500")),
        cooldown_ms: Some(1_000),
        entries_per_window: Some(2),
        exits_per_window: Some(2),
        entries_per_symbol: Some(2),
        ..RiskLimits::default().mesh
    }
}

pub fn limits() -> RiskLimits {
    RiskLimits { mesh: mesh(), ..RiskLimits::default() }
}

pub fn instrument() -> InstrumentId {
    "binance:perpetual:BTCUSDT".parse().expect("an id")
}

pub fn intent(action: SignalAction, quantity: &str) -> Intent {
    Intent {
        instrument: instrument(),
        strategy: StrategyName::truncated("momentum"),
        action: action.into(),
        side: action.side().into(),
        order_type: OrderType::Market.into(),
        time_in_force: TimeInForce::Ioc.into(),
        quantity: d(quantity).into(),
        worst_price: (if action.side() == Side::Buy { d("100.0") } else { d("99.9") }).into(),
        decided_ns: NOW.into(),
        ..Intent::default()
    }
}

pub fn view(info: &InstrumentInfo) -> RiskView<'_> {
    RiskView {
        now_ns: NOW,
        signal_ns: NOW,
        info: Some(info),
        book: Some(book()),
        offered: None,
        conditions: mesh_risk::Conditions::default(),
        position: Decimal64::ZERO,
        exposure: Some(Exposure::default()),
        others: Some(&[]),
        working: false,
        unresolved: 0,
    }
}

pub fn owner(instrument: &str, strategy: &str) -> PositionKey {
    (instrument.parse().expect("an id"), StrategyName::truncated(strategy))
}

/// What another owner holds, at 100.
pub fn held_by(instrument: &str, strategy: &str, quantity: &str) -> Held {
    let notional = d(quantity).checked_mul(d("100")).ok();
    Held { owner: owner(instrument, strategy), quantity: d(quantity), notional }
}

pub fn held(quantity: &str) -> Option<Exposure> {
    Some(Exposure { quantity: d(quantity), highest: d(quantity), lowest: d(quantity) })
}

/// The quantity that is allowed, or the gate that refuses with what it saw.
pub fn answer(decision: &Decision) -> Result<String, (Gate, String)> {
    match &decision.answer {
        Ok(approved) => Ok(approved.get().quantity.get().to_string()),
        Err(veto) => Err((veto.gate, format!("{} {}>{}", veto.text, veto.actual, veto.limit))),
    }
}

/// What a fresh gate with these limits says.
pub fn judged(limits: &RiskLimits, intent: &Intent, view: &RiskView<'_>) -> Decision {
    RiskGate::new(limits.clone()).check(intent, view)
}

/// The gate that refuses.
pub fn refused_by(limits: &RiskLimits, intent: &Intent, view: &RiskView<'_>) -> Option<Gate> {
    answer(&judged(limits, intent, view)).err().map(|(gate, _)| gate)
}
