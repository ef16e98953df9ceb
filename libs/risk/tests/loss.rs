//! Limits on loss: what trips, of which scope, until when; resets; and that a restart changes nothing.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use mesh_oms::PositionKey;
use mesh_risk::loss::Asset;
use mesh_risk::{Account, RiskGate, RiskLimits, RiskView, ScopeLimits, Standing};
use mesh_types::system::KillSwitch;
use mesh_types::{Decimal64, FixedStr, Gate, KillLevel, Outcome, RejectReason, Scope, SignalAction};
use proptest::prelude::*;

const BTC: &str = "binance:perpetual:BTCUSDT";
const DAY: u64 = 86_400 * SECOND;
const MINUTE: u64 = 60 * SECOND;

fn usdt() -> Asset {
    FixedStr::truncated("USDT")
}

fn stands(strategy: &str, profit: &str, unrealized: Option<&str>) -> Standing {
    let open = unrealized != Some("flat");
    let unrealized = unrealized.filter(|text| *text != "flat").map(d);
    Standing { owner: owner(BTC, strategy), quote: usdt(), profit: d(profit), open, unrealized }
}

fn with(scope: impl FnOnce(&mut RiskLimits)) -> RiskGate {
    let mut limits = limits();
    limits.mesh.cooldown_ms = None;
    limits.mesh.entries_per_window = None;
    limits.mesh.entries_per_symbol = None;
    scope(&mut limits);
    assert_eq!(limits.validate(), Ok(()));
    RiskGate::new(limits)
}

/// What an entry of `momentum` is told at a time.
fn told(gate: &mut RiskGate, now_ns: u64) -> Result<(), (Gate, Outcome)> {
    let info = info();
    let book = mesh_risk::BookTop { received_ns: now_ns, ..book() };
    let view = RiskView { now_ns, signal_ns: now_ns, book: Some(book), ..view(&info) };
    let decision = gate.check(&intent(SignalAction::EnterLong, "1"), &view);
    match (&decision.answer, decision.outcome()) {
        (Ok(_), _) => Ok(()),
        (Err(veto), outcome) => {
            assert_eq!(veto.reason, RejectReason::Tripped);
            Err((veto.gate, outcome))
        }
    }
}

/// A new life from what was written down; the standings are those that the ledger's fills add up to.
fn restarted(gate: &RiskGate, written: &[mesh_risk::AccountKey], standings: &[Standing]) -> RiskGate {
    let mut next = RiskGate::new(gate.limits().clone());
    for key in written {
        let (head, losses) = gate.accounts().message(key).expect("an account");
        next.accounts_mut().restore(&head, &losses);
    }
    for standing in standings.iter().filter(|standing| !standing.open) {
        next.accounts_mut().restore_flat(standing.owner, standing.profit);
    }
    next
}

fn reset(name: &str, set_ns: u64) -> KillSwitch {
    KillSwitch {
        scope: FixedStr::truncated(name),
        level: KillLevel::None.into(),
        set_ns: set_ns.into(),
        ..KillSwitch::default()
    }
}

#[test]
fn a_daily_loss_trips_beyond_its_limit_counts_open_positions_and_ends_with_the_day() {
    let mut gate = with(|limits| limits.mesh.daily_loss = Some(d("100")));
    gate.observe(&[stands("momentum", "-60", Some("-40"))], NOW);
    assert_eq!(told(&mut gate, NOW), Ok(()), "100 are allowed");
    let changed = gate.observe(&[stands("momentum", "-60", Some("-40.01"))], NOW + SECOND);
    assert_eq!(told(&mut gate, NOW + SECOND), Err((Gate::DailyLoss, Outcome::Trip)));
    // It stays when the price comes back, over a restart too, and ends with the day.
    let standing = [stands("momentum", "-60", Some("0"))];
    let mut gate = restarted(&gate, &changed, &standing);
    gate.observe(&standing, DAY - SECOND);
    assert_eq!(told(&mut gate, DAY - SECOND), Err((Gate::DailyLoss, Outcome::Trip)));
    gate.observe(&standing, DAY);
    assert_eq!(told(&mut gate, DAY), Ok(()));
    // The next day counts from its own start: 60 were lost before.
    gate.observe(&[stands("momentum", "-160", Some("0"))], DAY + SECOND);
    assert_eq!(told(&mut gate, DAY + SECOND), Ok(()));
    gate.observe(&[stands("momentum", "-160.01", Some("0"))], DAY + SECOND);
    assert_eq!(told(&mut gate, DAY + SECOND), Err((Gate::DailyLoss, Outcome::Trip)));
}

#[test]
fn a_drawdown_is_from_the_best_and_ends_when_a_person_resets_it() {
    let mut gate = with(|limits| limits.mesh.drawdown = Some(d("50")));
    gate.observe(&[stands("momentum", "80", Some("flat"))], NOW);
    gate.observe(&[stands("momentum", "30", Some("flat"))], NOW);
    assert_eq!(told(&mut gate, NOW), Ok(()));
    let fallen = [stands("momentum", "29.99", Some("flat"))];
    let changed = gate.observe(&fallen, NOW);
    assert_eq!(told(&mut gate, NOW), Err((Gate::Drawdown, Outcome::Trip)));
    gate.observe(&fallen, NOW + 30 * DAY);
    assert_eq!(told(&mut gate, NOW + 30 * DAY), Err((Gate::Drawdown, Outcome::Trip)));
    // A reset of something else does not end it; the one of everything does, and the best is what is there now.
    gate.on_kill_switch(&reset("momentum", NOW + DAY), false);
    gate.observe(&fallen, NOW + 30 * DAY);
    assert!(told(&mut gate, NOW + 30 * DAY).is_err());
    gate.on_kill_switch(&reset("", NOW + DAY), false);
    assert!(!gate.observe(&fallen, NOW + 30 * DAY).is_empty(), "it is written down");
    assert_eq!(told(&mut gate, NOW + 30 * DAY), Ok(()));
    gate.observe(&[stands("momentum", "-20.02", Some("flat"))], NOW + 30 * DAY);
    assert!(told(&mut gate, NOW + 30 * DAY).is_err());
    // What was reset while it was down is reset when it starts; an older reset changes nothing.
    for (at_ns, ends) in [(NOW - SECOND, false), (NOW + SECOND, true)] {
        let mut with_fallen = with(|limits| limits.mesh.drawdown = Some(d("50")));
        with_fallen.observe(&[stands("momentum", "80", Some("flat"))], NOW);
        let written = with_fallen.observe(&fallen, NOW);
        assert_eq!(written, changed);
        let mut next = restarted(&with_fallen, &written, &fallen);
        next.on_kill_switch(&reset("", at_ns), true);
        next.observe(&fallen, NOW + MINUTE);
        assert_eq!(told(&mut next, NOW + MINUTE).is_ok(), ends);
    }
}

#[test]
fn losses_in_a_row_pause_and_a_profit_ends_the_row() {
    let mut gate = with(|limits| {
        limits.mesh.loss_streak = Some(2);
        limits.mesh.loss_streak_pause_ms = Some(60_000);
    });
    for profit in ["-1", "-2", "5", "4", "3"] {
        gate.observe(&[stands("momentum", profit, Some("flat"))], NOW);
    }
    assert_eq!(told(&mut gate, NOW), Ok(()), "two in a row");
    // While it is open nothing is counted.
    gate.observe(&[stands("momentum", "1", Some("-50"))], NOW);
    assert_eq!(told(&mut gate, NOW), Ok(()));
    let lost = [stands("momentum", "0", Some("flat"))];
    let changed = gate.observe(&lost, NOW);
    assert_eq!(told(&mut gate, NOW), Err((Gate::LossStreak, Outcome::Trip)));
    let mut gate = restarted(&gate, &changed, &lost);
    gate.observe(&lost, NOW + MINUTE - 1);
    assert!(told(&mut gate, NOW + MINUTE - 1).is_err());
    gate.observe(&lost, NOW + MINUTE);
    assert_eq!(told(&mut gate, NOW + MINUTE), Ok(()), "the row begins anew after the pause");
}

#[test]
fn the_guard_counts_losses_of_its_window_whatever_lies_between() {
    let mut gate = with(|limits| {
        limits.mesh.stop_guard_losses = Some(2);
        limits.mesh.stop_guard_window_ms = Some(600_000);
        limits.mesh.stop_guard_pause_ms = Some(60_000);
    });
    let close = |gate: &mut RiskGate, profit: &str, minute: u64| {
        gate.observe(&[stands("momentum", profit, Some("flat"))], NOW + minute * MINUTE);
        told(gate, NOW + minute * MINUTE)
    };
    assert_eq!(close(&mut gate, "-1", 0), Ok(()));
    assert_eq!(close(&mut gate, "9", 1), Ok(()));
    assert_eq!(close(&mut gate, "8", 9), Ok(()));
    assert_eq!(close(&mut gate, "7", 11), Ok(()), "the first is out of the window");
    assert_eq!(close(&mut gate, "6", 12), Err((Gate::StopGuard, Outcome::Trip)));
    assert_eq!(close(&mut gate, "6", 13), Ok(()), "the pause is over");
}

#[test]
fn a_trip_is_of_its_scope_alone() {
    let strict = ScopeLimits { daily_loss: Some(d("10")), ..ScopeLimits::default() };
    let lost = [stands("momentum", "-11", Some("flat")), stands("other", "0", Some("flat"))];
    let after = |scope: &dyn Fn(&mut RiskLimits, ScopeLimits)| {
        let mut gate = with(|limits| scope(limits, strict.clone()));
        gate.observe(&lost, NOW);
        gate
    };
    let name = owner(BTC, "momentum").1;
    let other = owner(BTC, "other").1;
    let mut of_strategy = after(&|limits, strict| {
        limits.strategy.insert(name, strict);
    });
    assert_eq!(told(&mut of_strategy, NOW), Err((Gate::DailyLoss, Outcome::Trip)));
    assert_eq!(
        told(
            &mut after(&|limits, strict| {
                limits.strategy.insert(other, strict);
            }),
            NOW
        ),
        Ok(())
    );
    let mut of_symbol = after(&|limits, strict| {
        limits.symbol.insert(instrument(), strict);
    });
    assert!(told(&mut of_symbol, NOW).is_err());
    let mut of_venue = after(&|limits, strict| {
        limits.venue.insert(mesh_types::Venue::Binance, strict);
    });
    assert!(told(&mut of_venue, NOW).is_err());
    assert_eq!(
        told(
            &mut after(&|limits, strict| {
                limits.venue.insert(mesh_types::Venue::Okx, strict);
            }),
            NOW
        ),
        Ok(())
    );
    for (gate, reset_by) in [(of_strategy, "momentum"), (of_symbol, "BTCUSDT"), (of_venue, "binance")] {
        for (name, ends) in [("nobody", false), (reset_by, true)] {
            let mut gate = gate.clone();
            gate.on_kill_switch(&reset(name, NOW + 1), false);
            gate.observe(&lost, NOW + 1);
            assert_eq!(told(&mut gate, NOW + 1).is_ok(), ends, "{name}");
        }
    }
}

#[test]
fn what_can_t_be_measured_refuses_and_exits_go_on() {
    let mut gate = with(|limits| limits.mesh.daily_loss = Some(d("100")));
    gate.observe(&[stands("momentum", "0", None)], NOW);
    assert_eq!(told(&mut gate, NOW), Err((Gate::DailyLoss, Outcome::Trip)), "an open position without a price");
    gate.observe(&[stands("momentum", "0", Some("0"))], NOW);
    assert_eq!(told(&mut gate, NOW), Ok(()));
    gate.accounts_mut().lose_sight();
    assert!(told(&mut gate, NOW).is_err());
    gate.observe(&[stands("momentum", "-500", Some("0"))], NOW);
    let info = info();
    let exit = RiskView { position: d("1"), ..view(&info) };
    assert!(gate.check(&intent(SignalAction::ExitLong, "1"), &exit).answer.is_ok());
}

/// A simpler count of one scope's losses.
#[derive(Default)]
struct Model {
    profit: i64,
    peak: i64,
    streak: u32,
}

proptest! {
    /// Positions are closed one after the other, the process is restarted now and then: an account says what a simple count
    /// says, and a drawdown that has tripped stays until it is reset.
    #[test]
    fn an_account_is_what_a_simple_count_says_over_restarts(
        steps in prop::collection::vec((-30i64..30, any::<bool>(), 0u8..20), 1..60),
    ) {
        let mut gate = with(|limits| limits.mesh.drawdown = Some(d("50")));
        let mut model = Model::default();
        let mut written = Vec::new();
        let mut tripped = false;
        let key = |gate: &mut RiskGate| gate.observe(&[], NOW).first().copied();
        prop_assert_eq!(key(&mut gate), None);
        for (index, (result, restart, chance)) in steps.into_iter().enumerate() {
            let now_ns = NOW + index as u64 * SECOND;
            model.profit += result;
            model.peak = model.peak.max(model.profit);
            model.streak = match result { 1.. => 0, 0 => model.streak, _ => model.streak + 1 };
            let standing = [stands("momentum", &model.profit.to_string(), Some("flat"))];
            for changed in gate.observe(&standing, now_ns) {
                if !written.contains(&changed) {
                    written.push(changed);
                }
            }
            tripped |= model.peak - model.profit > 50;
            if chance == 0 {
                gate.on_kill_switch(&reset("", now_ns), false);
                gate.observe(&standing, now_ns);
                model = Model { profit: model.profit, peak: model.profit, streak: 0 };
                tripped = false;
            }
            if restart {
                gate = restarted(&gate, &written, &standing);
                gate.observe(&standing, now_ns);
            }
            let owner: PositionKey = owner(BTC, "momentum");
            let (scope, _, account) = gate.accounts().of(gate.limits(), &owner, usdt()).next().expect("the mesh");
            let account: &Account = account.expect("an account");
            prop_assert_eq!(scope, Scope::Mesh);
            prop_assert_eq!(account.streak(), model.streak);
            prop_assert_eq!(account.drawdown(), Some(Decimal64::new(model.peak - model.profit, 0)));
            prop_assert_eq!(account.trip().is_some(), tripped);
            prop_assert_eq!(told(&mut gate, now_ns).is_err(), tripped);
        }
    }
}
