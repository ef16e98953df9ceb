//! Each check at its limit and beyond, what exits skip, and what is written down of each.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use mesh_risk::{BookTop, RiskGate, RiskLimits, RiskView, ScopeLimits};
use mesh_types::execution::Intent;
use mesh_types::market::InstrumentInfo;
use mesh_types::system::KillSwitch;
use mesh_types::{
    Decimal64, Gate, InstrumentStatus, KillLevel, Outcome, RejectReason, Scope, Side, SignalAction, Unit,
};

#[test]
fn each_check_has_its_limit() {
    use Gate as G;
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
    let bid = |bid: &str| RiskView { book: Some(BookTop { bid: d(bid), ..book() }), ..base };
    let suspect = RiskView { book: Some(BookTop { live: false, ..book() }), ..base };
    let cases: Vec<(Intent, RiskView<'_>, Option<Gate>)> = vec![
        (enter, base, None),
        (enter, RiskView { info: Some(&halted), ..base }, Some(G::Instrument)),
        (enter, RiskView { unresolved: 1, ..base }, Some(G::Unresolved)),
        (enter, RiskView { signal_ns: NOW - 10 * SECOND, ..base }, None),
        (enter, RiskView { signal_ns: NOW - 10 * SECOND - 1_000_000, ..base }, Some(G::SignalAge)),
        (enter, old(fresh_until), None),
        (enter, old(fresh_until - 1_000_000), Some(G::BookAge)),
        (enter, suspect, Some(G::BookHealth)),
        (enter, bid("99.99"), None),
        (enter, bid("100.0"), Some(G::BookCrossed)),
        (spot, base, None),
        (short_spot, base, Some(G::SpotShort)),
        (enter, RiskView { working: true, ..base }, Some(G::Working)),
        (quantity("0.06"), base, None),
        (quantity("0"), base, Some(G::LeastQuantity)),
        (quantity("0.01"), base, Some(G::LeastQuantity)),
        (quantity("0.05"), base, Some(G::LeastNotional)),
        (quantity("1.005"), base, Some(G::Lot)),
        (price("100.05"), base, Some(G::Tick)),
        (price("100.5"), base, None),
        (price("100.6"), base, Some(G::PriceBand)),
        (price("0"), base, Some(G::PriceBand)),
        (Intent { side: Side::Sell.into(), ..enter }, base, Some(G::Intent)),
    ];
    for (index, (intent, view, expected)) in cases.iter().enumerate() {
        assert_eq!(refused_by(&limits(), intent, view), *expected, "case {index}");
    }
    let small = InstrumentInfo { max_quantity: d("2").into(), ..info };
    let small = RiskView { info: Some(&small), ..base };
    assert_eq!(refused_by(&limits(), &quantity("2"), &small), None);
    assert_eq!(refused_by(&limits(), &quantity("2.01"), &small), Some(G::GreatestQuantity));
}

#[test]
fn missing_input_refuses() {
    use Gate as G;
    let info = info();
    let (base, enter) = (view(&info), intent(SignalAction::EnterLong, "1"));
    let elsewhere = [mesh_risk::Held { notional: None, ..held_by("binance:perpetual:ETHUSDT", "momentum", "1") }];
    for (view, expected) in [
        (RiskView { info: None, ..base }, G::Instrument),
        (RiskView { book: None, ..base }, G::BookHealth),
        (RiskView { book: Some(BookTop { ask: Decimal64::ZERO, ..book() }), ..base }, G::BookHealth),
        (RiskView { exposure: None, ..base }, G::PositionNotional),
        (RiskView { others: None, ..base }, G::PositionNotional),
        (RiskView { others: Some(&elsewhere), ..base }, G::TotalNotional),
    ] {
        assert_eq!(refused_by(&limits(), &enter, &view), Some(expected));
    }
    let unknown = judged(&limits(), &enter, &RiskView { info: None, ..base });
    assert_eq!(unknown.answer.map_err(|veto| veto.reason).err(), Some(RejectReason::UnknownInstrument));
    let huge = Intent { quantity: Decimal64::new(i64::MAX, 10).into(), ..enter };
    assert!(refused_by(&limits(), &huge, &base).is_some());
}

#[test]
fn the_first_check_that_fails_answers() {
    let mut gate = RiskGate::new(limits());
    let close_only = KillSwitch { level: KillLevel::CloseOnly.into(), ..KillSwitch::default() };
    gate.on_kill_switch(&close_only, false);
    let info = info();
    let nothing = RiskView { info: None, book: None, exposure: None, unresolved: 3, ..view(&info) };
    let found = gate.check(&intent(SignalAction::EnterLong, "99"), &nothing);
    assert_eq!(answer(&found), Err((Gate::KillSwitch, "level of the kill switch 1>0".to_owned())));
    assert_eq!(found.outcome(), Outcome::Deny);
    let mut halted = RiskGate::new(limits());
    halted.halt_entries("a fill that nobody ordered");
    let found = halted.check(&intent(SignalAction::EnterLong, "1"), &view(&info));
    assert_eq!(answer(&found).map_err(|(gate, _)| gate), Err(Gate::Halt));
    let exit = RiskView { position: d("1"), ..view(&info) };
    assert_eq!(answer(&halted.check(&intent(SignalAction::ExitLong, "1"), &exit)), Ok("1".to_owned()));
}

#[test]
fn every_gate_that_was_come_to_is_written_down_with_its_margin() {
    let info = info();
    let mut limits = limits();
    let momentum = ScopeLimits { signal_max_age_ms: Some(3_000), ..ScopeLimits::default() };
    limits.strategy.insert(common::owner("okx:spot:BTC-USDT", "momentum").1, momentum);
    let late = RiskView { signal_ns: NOW - 2_500_000_000, ..view(&info) };
    let entry = judged(&limits, &intent(SignalAction::EnterLong, "1"), &late);
    assert_eq!(entry.outcome(), Outcome::Allow);
    let of = |margins: &[mesh_types::risk::RiskMargin], gate: Gate| {
        let found: Vec<_> = margins.iter().filter(|margin| margin.gate.get() == Some(gate)).copied().collect();
        found
    };
    let [age] = of(&entry.margins, Gate::SignalAge)[..] else { unreachable!("one gate of the age") };
    assert_eq!((age.unit.get(), age.scope.get()), (Some(Unit::Milliseconds), Some(Scope::Strategy)));
    let numbers = [age.actual, age.limit, age.margin].map(|number| number.get());
    assert_eq!(numbers, [d("2500"), d("3000"), d("500")]);
    for gate in [Gate::KillSwitch, Gate::BookAge, Gate::PriceBand, Gate::TotalNotional, Gate::LeastNotional] {
        assert!(!of(&entry.margins, gate).is_empty(), "{gate}");
    }
    assert!(entry.margins.iter().all(|margin| !margin.margin.get().is_negative()));
    // What refuses is the last that was come to, and its margin says by how much.
    let refused =
        judged(&limits, &intent(SignalAction::EnterLong, "1"), &RiskView { signal_ns: NOW - 4 * SECOND, ..late });
    let last = refused.margins.last().expect("a gate");
    assert_eq!((last.gate.get(), last.outcome.get()), (Some(Gate::SignalAge), Some(Outcome::Deny)));
    assert_eq!(last.margin.get(), d("-1000"));
    assert!(of(&refused.margins, Gate::BookAge).is_empty());
}

#[test]
fn exits_skip_what_concerns_new_risk() {
    let info = info();
    let dark = RiskView {
        book: None,
        exposure: None,
        others: None,
        unresolved: 5,
        signal_ns: 0,
        working: true,
        position: d("20"),
        ..view(&info)
    };
    let exit = intent(SignalAction::ExitLong, "20");
    assert_eq!(refused_by(&limits(), &exit, &dark), None);
    assert_eq!(refused_by(&limits(), &intent(SignalAction::ExitLong, "20.01"), &dark), Some(Gate::Holding));
    assert_eq!(refused_by(&limits(), &intent(SignalAction::ExitShort, "1"), &dark), Some(Gate::Holding));
    let mut gate = RiskGate::new(limits());
    let switch = |level: KillLevel, set_ns: u64| KillSwitch {
        level: level.into(),
        set_ns: set_ns.into(),
        ..KillSwitch::default()
    };
    gate.on_kill_switch(&switch(KillLevel::CloseOnly, 1), false);
    assert!(gate.check(&exit, &dark).answer.is_ok());
    gate.on_kill_switch(&switch(KillLevel::HaltAll, 2), false);
    assert!(gate.check(&exit, &dark).answer.is_err());
}

#[test]
fn rates_and_cooldown_leave_exits_their_own_room() {
    let info = info();
    let open = ScopeLimits { cooldown_ms: None, entries_per_symbol: Some(9), ..mesh() };
    let mut gate = RiskGate::new(RiskLimits { mesh: open, ..limits() });
    let (enter, exit) = (intent(SignalAction::EnterLong, "1"), intent(SignalAction::ExitLong, "1"));
    let (entry, leave) = (view(&info), RiskView { position: d("1"), ..view(&info) });
    let mut says = |intent: &Intent, view: &RiskView<'_>| answer(&gate.check(intent, view)).map(|_| ());
    for _ in 0..2 {
        assert_eq!(says(&enter, &entry), Ok(()));
    }
    assert_eq!(says(&enter, &entry), Err((Gate::EntryRate, "entries in the window 3>2".to_owned())));
    for _ in 0..2 {
        assert_eq!(says(&exit, &leave), Ok(()));
    }
    assert_eq!(says(&exit, &leave), Err((Gate::ExitRate, "exits in the window 3>2".to_owned())));
    assert_eq!(says(&exit, &RiskView { now_ns: NOW + 60 * SECOND, ..leave }), Ok(()));

    let mut gate =
        RiskGate::new(RiskLimits { mesh: ScopeLimits { entries_per_symbol: Some(1), ..mesh() }, ..limits() });
    gate.record(&enter);
    let soon = |after: u64| RiskView {
        now_ns: NOW + after,
        signal_ns: NOW + after,
        book: Some(BookTop { received_ns: NOW + after, ..book() }),
        ..entry
    };
    let found = answer(&gate.check(&enter, &soon(SECOND - 1))).map_err(|(gate, _)| gate);
    assert_eq!(found, Err(Gate::Cooldown));
    let found = answer(&gate.check(&enter, &soon(SECOND)));
    assert_eq!(found, Err((Gate::EntryRate, "entries for the instrument in the window 2>1".to_owned())));
    let other = Intent { instrument: "binance:perpetual:ETHUSDT".parse().expect("an id"), ..enter };
    assert!(gate.check(&other, &soon(SECOND)).answer.is_ok());
}

#[test]
fn cancels_have_a_rate_of_their_own() {
    let mut limits = limits();
    limits.mesh.cancels_per_window = Some(3);
    limits.mesh.cancels_per_symbol = Some(2);
    let mut gate = RiskGate::new(limits);
    let (btc, eth) = (common::owner("binance:spot:BTCUSDT", "a"), common::owner("binance:spot:ETHUSDT", "a"));
    let says = |gate: &mut RiskGate, owner, now_ns| gate.check_cancel(owner, now_ns).map_err(|veto| veto.text).err();
    assert_eq!([says(&mut gate, &btc, NOW), says(&mut gate, &btc, NOW)], [None, None]);
    assert_eq!(says(&mut gate, &btc, NOW), Some("cancels for the instrument in the window"));
    assert_eq!([says(&mut gate, &eth, NOW), says(&mut gate, &eth, NOW)], [None, Some("cancels in the window")]);
    assert_eq!(says(&mut gate, &btc, NOW + 60 * SECOND), None);
    let info = info();
    assert!(
        gate.check(&intent(SignalAction::EnterLong, "1"), &view(&info)).answer.is_ok(),
        "entries have their own room"
    );
}

#[test]
fn a_scope_counts_what_it_contains() {
    let info = info();
    let mut limits = limits();
    limits.mesh.cooldown_ms = None;
    limits.mesh.entries_per_window = Some(3);
    let one = ScopeLimits { entries_per_window: Some(1), ..ScopeLimits::default() };
    limits.venue.insert(mesh_types::Venue::Binance, one);
    let mut gate = RiskGate::new(limits);
    let mut enter = |instrument: &str| {
        let order = Intent { instrument: instrument.parse().expect("an id"), ..intent(SignalAction::EnterLong, "1") };
        let decision = gate.check(&order, &view(&info));
        let margin = decision.margins.last().copied().expect("a gate");
        answer(&decision).map(|_| ()).map_err(|(gate, _)| (gate, margin.scope.get()))
    };
    assert_eq!(enter("okx:swap:BTC-USDT-SWAP"), Ok(()));
    assert_eq!(enter("binance:perpetual:BTCUSDT"), Ok(()));
    assert_eq!(enter("binance:perpetual:ETHUSDT"), Err((Gate::EntryRate, Some(Scope::Venue))));
    assert_eq!(enter("okx:swap:ETH-USDT-SWAP"), Ok(()));
    assert_eq!(enter("okx:swap:SOL-USDT-SWAP"), Err((Gate::EntryRate, Some(Scope::Mesh))));
}
