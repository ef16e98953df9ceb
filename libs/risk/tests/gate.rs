//! Each check at its limit and beyond, what exits skip, and what holds for every outcome.
#![allow(clippy::expect_used)]

use mesh_oms::{Exposure, Oms, Report};
use mesh_risk::{BookTop, RiskGate, RiskLimits, RiskView, Veto};
use mesh_types::execution::{Fill, Intent};
use mesh_types::market::InstrumentInfo;
use mesh_types::signal::StrategyName;
use mesh_types::system::KillSwitch;
use mesh_types::{
    ClientOrderId, Decimal64, FixedStr, InstrumentStatus, KillLevel, OrderType, RejectReason, Side, SignalAction,
    TimeInForce,
};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 1_000 * SECOND;

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

fn info() -> InstrumentInfo {
    InstrumentInfo {
        tick: d("0.1").into(),
        lot: d("0.01").into(),
        min_quantity: d("0.02").into(),
        max_quantity: d("50").into(),
        min_notional: d("5").into(),
        status: InstrumentStatus::Trading.into(),
        ..InstrumentInfo::default()
    }
}

fn book() -> BookTop {
    BookTop { bid: d("99.9"), ask: d("100.0"), live: true, received_ns: NOW }
}

fn limits() -> RiskLimits {
    RiskLimits {
        order_notional: d("500"),
        position_notional: d("1000"),
        total_notional: d("1500"),
        cooldown_ms: 1_000,
        orders_per_window: 4,
        reserved_for_exits: 2,
        entries_per_instrument: 2,
        ..RiskLimits::default()
    }
}

fn intent(action: SignalAction, quantity: &str) -> Intent {
    Intent {
        instrument: "binance:perpetual:BTCUSDT".parse().expect("an id"),
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

fn view(info: &InstrumentInfo) -> RiskView<'_> {
    RiskView {
        now_ns: NOW,
        signal_ns: NOW,
        info: Some(info),
        book: Some(book()),
        position: Decimal64::ZERO,
        exposure: Some(Exposure::default()),
        others_quantity: Some(Decimal64::ZERO),
        others_notional: Some(Decimal64::ZERO),
        working: false,
        unresolved: 0,
    }
}

fn check(gate: &mut RiskGate, intent: &Intent, view: &RiskView<'_>) -> Result<(), (RejectReason, String)> {
    gate.check(intent, view).map(|_| ()).map_err(|v: Veto| (v.reason, format!("{} {}>{}", v.text, v.actual, v.limit)))
}

fn reason(intent: &Intent, view: &RiskView<'_>) -> Option<RejectReason> {
    check(&mut RiskGate::new(limits()), intent, view).err().map(|(reason, _)| reason)
}

fn held(quantity: &str) -> Option<Exposure> {
    Some(Exposure { quantity: d(quantity), highest: d(quantity), lowest: d(quantity) })
}

#[test]
fn each_check_has_its_limit() {
    use RejectReason as R;
    let info = info();
    let (base, enter) = (view(&info), intent(SignalAction::EnterLong, "1"));
    let halted = InstrumentInfo { status: InstrumentStatus::Halted.into(), ..info };
    let spot = Intent { instrument: "binance:spot:BTCUSDT".parse().expect("an id"), ..enter };
    let short_spot = Intent {
        action: SignalAction::EnterShort.into(),
        side: Side::Sell.into(),
        worst_price: d("99.9").into(),
        ..spot
    };
    let quantity = |q: &str| Intent { quantity: d(q).into(), ..enter };
    let price = |p: &str| Intent { worst_price: d(p).into(), ..enter };
    let fresh_until = NOW - 5 * SECOND;
    let old = |received_ns| RiskView { book: Some(BookTop { received_ns, ..book() }), ..base };
    let suspect = RiskView { book: Some(BookTop { live: false, ..book() }), ..base };
    let cases: Vec<(Intent, RiskView<'_>, Option<RejectReason>)> = vec![
        (enter, base, None),
        (enter, RiskView { info: Some(&halted), ..base }, Some(R::Filter)),
        (enter, RiskView { unresolved: 1, ..base }, Some(R::OrderPending)),
        (enter, RiskView { signal_ns: NOW - 10 * SECOND, ..base }, None),
        (enter, RiskView { signal_ns: NOW - 10 * SECOND - 1_000_000, ..base }, Some(R::Stale)),
        (enter, old(fresh_until), None),
        (enter, old(fresh_until - 1_000_000), Some(R::BookNotLive)),
        (enter, suspect, Some(R::BookNotLive)),
        (spot, base, None),
        (short_spot, base, Some(R::InsufficientFunds)),
        (enter, RiskView { working: true, ..base }, Some(R::OrderPending)),
        (quantity("0.06"), base, None),
        (quantity("0.01"), base, Some(R::Filter)),
        (quantity("0.05"), base, Some(R::Filter)),
        (quantity("1.005"), base, Some(R::Filter)),
        (quantity("51"), base, Some(R::Filter)),
        (price("100.05"), base, Some(R::Filter)),
        (price("100.5"), base, None),
        (price("100.6"), base, Some(R::Filter)),
        (price("0"), base, Some(R::Filter)),
        (quantity("5"), base, None),
        (quantity("5.01"), base, Some(R::OrderNotional)),
        (quantity("5"), RiskView { exposure: held("5"), ..base }, None),
        (quantity("5"), RiskView { exposure: held("5.01"), ..base }, Some(R::PositionNotional)),
        (quantity("5"), RiskView { others_quantity: Some(d("5.01")), ..base }, Some(R::PositionNotional)),
        (quantity("5"), RiskView { exposure: held("-10.02"), ..base }, Some(R::PositionNotional)),
        (quantity("5"), RiskView { others_notional: Some(d("1000")), ..base }, None),
        (quantity("5"), RiskView { others_notional: Some(d("1000.01")), ..base }, Some(R::PositionNotional)),
        (Intent { side: Side::Sell.into(), ..enter }, base, Some(R::Malformed)),
    ];
    for (index, (intent, view, expected)) in cases.iter().enumerate() {
        assert_eq!(reason(intent, view), *expected, "case {index}");
    }
}

#[test]
fn missing_input_vetoes() {
    use RejectReason as R;
    let info = info();
    let (base, enter) = (view(&info), intent(SignalAction::EnterLong, "1"));
    for (view, expected) in [
        (RiskView { info: None, ..base }, R::UnknownInstrument),
        (RiskView { book: None, ..base }, R::BookNotLive),
        (RiskView { exposure: None, ..base }, R::PositionNotional),
        (RiskView { others_quantity: None, ..base }, R::PositionNotional),
        (RiskView { others_notional: None, ..base }, R::PositionNotional),
        (RiskView { book: Some(BookTop { ask: Decimal64::ZERO, ..book() }), ..base }, R::BookNotLive),
    ] {
        assert_eq!(reason(&enter, &view), Some(expected));
    }
    let huge = Intent { quantity: Decimal64::new(i64::MAX, 10).into(), ..enter };
    assert!(reason(&huge, &base).is_some());
}

#[test]
fn the_first_check_that_fails_answers() {
    let mut gate = RiskGate::new(limits());
    gate.on_kill_switch(&KillSwitch { level: KillLevel::CloseOnly.into(), ..KillSwitch::default() });
    let info = info();
    let nothing = RiskView { info: None, book: None, exposure: None, unresolved: 3, ..view(&info) };
    let found = check(&mut gate, &intent(SignalAction::EnterLong, "99"), &nothing);
    assert_eq!(found, Err((RejectReason::KillSwitch, "level of the kill switch 1>0".to_owned())));
    let mut halted = RiskGate::new(limits());
    halted.halt_entries("a fill that nobody ordered");
    let found = check(&mut halted, &intent(SignalAction::EnterLong, "1"), &view(&info)).map_err(|(r, _)| r);
    assert_eq!(found, Err(RejectReason::KillSwitch));
    let exit = RiskView { position: d("1"), ..view(&info) };
    assert_eq!(check(&mut halted, &intent(SignalAction::ExitLong, "1"), &exit), Ok(()));
}

#[test]
fn exits_skip_what_concerns_new_risk() {
    let info = info();
    let dark = RiskView {
        book: None,
        exposure: None,
        others_notional: None,
        unresolved: 5,
        signal_ns: 0,
        working: true,
        position: d("20"),
        ..view(&info)
    };
    let exit = intent(SignalAction::ExitLong, "20");
    assert_eq!(reason(&exit, &dark), None);
    assert_eq!(reason(&intent(SignalAction::ExitLong, "20.01"), &dark), Some(RejectReason::NoPosition));
    assert_eq!(reason(&intent(SignalAction::ExitShort, "1"), &dark), Some(RejectReason::NoPosition));
    let mut gate = RiskGate::new(limits());
    gate.on_kill_switch(&KillSwitch { level: KillLevel::CloseOnly.into(), set_ns: 1.into(), ..KillSwitch::default() });
    assert_eq!(check(&mut gate, &exit, &dark), Ok(()));
    gate.on_kill_switch(&KillSwitch { level: KillLevel::HaltAll.into(), set_ns: 2.into(), ..KillSwitch::default() });
    assert!(check(&mut gate, &exit, &dark).is_err());
}

#[test]
fn rates_and_cooldown_leave_room_for_exits() {
    let info = info();
    let mut gate = RiskGate::new(RiskLimits { cooldown_ms: 0, entries_per_instrument: 9, ..limits() });
    let (enter, exit) = (intent(SignalAction::EnterLong, "1"), intent(SignalAction::ExitLong, "1"));
    let (entry, leave) = (view(&info), RiskView { position: d("1"), ..view(&info) });
    for _ in 0..2 {
        assert_eq!(check(&mut gate, &enter, &entry), Ok(()));
    }
    let found = check(&mut gate, &enter, &entry);
    assert_eq!(found, Err((RejectReason::RateLimit, "entries in the window 3>2".to_owned())));
    for _ in 0..2 {
        assert_eq!(check(&mut gate, &exit, &leave), Ok(()));
    }
    assert!(check(&mut gate, &exit, &leave).is_err_and(|(reason, _)| reason == RejectReason::RateLimit));
    let later = RiskView { now_ns: NOW + 60 * SECOND, ..leave };
    assert_eq!(check(&mut gate, &exit, &later), Ok(()));

    let mut gate = RiskGate::new(RiskLimits { entries_per_instrument: 1, ..limits() });
    gate.record(&enter);
    let soon = |after: u64| RiskView {
        now_ns: NOW + after,
        signal_ns: NOW + after,
        book: Some(BookTop { received_ns: NOW + after, ..book() }),
        ..entry
    };
    let found = check(&mut gate, &enter, &soon(SECOND - 1)).map_err(|(reason, _)| reason);
    assert_eq!(found, Err(RejectReason::Cooldown));
    let found = check(&mut gate, &enter, &soon(SECOND));
    assert_eq!(found, Err((RejectReason::RateLimit, "entries for the instrument in the window 2>1".to_owned())));
    let other = Intent { instrument: "binance:perpetual:ETHUSDT".parse().expect("an id"), ..enter };
    assert_eq!(check(&mut gate, &other, &soon(SECOND)), Ok(()));
}

proptest! {
    /// Entries come, orders are filled in part, in full or not at all, and nobody knows which until the end.
    #[test]
    fn approved_entries_keep_the_limits_for_all_outcomes(steps in prop::collection::vec((any::<bool>(), 1i64..500, 0i64..=4), 1..30)) {
        let info = info();
        let mut gate = RiskGate::new(RiskLimits {
            cooldown_ms: 0, orders_per_window: 1_000, entries_per_instrument: 1_000, ..limits()
        });
        let mut oms = Oms::default();
        let mut outcomes = Vec::new();
        for (index, (long, hundredths, quarters)) in steps.into_iter().enumerate() {
            let action = if long { SignalAction::EnterLong } else { SignalAction::EnterShort };
            let id = ClientOrderId::new([index as u8; 16]);
            let quantity = Decimal64::new(hundredths, -2).to_string();
            let order = Intent { client_order_id: id, ..intent(action, &quantity) };
            let view = RiskView { exposure: oms.exposure(&(order.instrument, order.strategy)).ok(), ..view(&info) };
            if let Ok(approved) = gate.check(&order, &view) {
                oms.intend(approved.get()).expect("an intent");
                outcomes.push((*approved.get(), quarters));
            }
        }
        for (order, quarters) in outcomes {
            let filled = order.quantity.get().mantissa * quarters / 4;
            let fill = Fill {
                client_order_id: order.client_order_id, instrument: order.instrument, side: order.side,
                price: d("100.0").into(), quantity: Decimal64::new(filled.max(1), -2).into(),
                trade_id: FixedStr::truncated(&order.client_order_id.to_string()), ..Fill::default()
            };
            oms.apply(&Report::Fill(&fill), NOW).expect("known");
            let (_, position) = oms.positions().next().expect("a position");
            let notional = position.quantity().magnitude().and_then(|q| q.checked_mul(d("100.0"))).expect("fits");
            prop_assert!(notional <= d("1000"), "{notional}");
        }
    }
}
