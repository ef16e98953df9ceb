//! Limits that cut a size: at their room and beyond, in whole lots, never more than was asked for, whatever becomes of orders.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use mesh_oms::{Exposure, Oms, Report};
use mesh_risk::limits::Group;
use mesh_risk::{Held, RiskGate, RiskLimits, RiskView, ScopeLimits};
use mesh_types::execution::{Fill, Intent};
use mesh_types::market::InstrumentInfo;
use mesh_types::{ClientOrderId, Decimal64, FixedStr, Gate, Outcome, Scope, SignalAction};
use proptest::prelude::*;

const ETH: &str = "binance:perpetual:ETHUSDT";
const OKX: &str = "okx:swap:BTC-USDT-SWAP";

/// What is allowed of an entry, and by which gate it was cut or refused.
fn sized(limits: &RiskLimits, intent: &Intent, view: &RiskView<'_>) -> (String, Option<Gate>) {
    let decision = judged(limits, intent, view);
    let cut_by = decision.cut_by.map(|veto| veto.gate);
    match answer(&decision) {
        Ok(quantity) => {
            assert_eq!(decision.outcome() == Outcome::Reduce, cut_by.is_some());
            (quantity, cut_by)
        }
        Err((gate, _)) => ("no".to_owned(), Some(gate)),
    }
}

#[test]
fn each_limit_cuts_to_its_room() {
    use Gate as G;
    let info = info();
    let enter = |quantity: &str| intent(SignalAction::EnterLong, quantity);
    let base = view(&info);
    let (narrow, mut wide) = (limits(), limits());
    wide.mesh.order_notional = Some(d("100000"));
    let holding = |quantity: &str| RiskView { exposure: held(quantity), ..base };
    let (same, else_where) = ([held_by("binance:perpetual:BTCUSDT", "b", "6")], [held_by(ETH, "b", "8.5")]);
    let cases: Vec<(&RiskLimits, Intent, RiskView<'_>, &str, Option<Gate>)> = vec![
        // 500 buy 5 at 100.
        (&narrow, enter("5"), base, "5", None),
        (&narrow, enter("5.01"), base, "5.00", Some(G::OrderNotional)),
        // 1000 of a position; 6 of it are there, with open orders at their worst.
        (&wide, enter("4"), holding("6"), "4", None),
        (&wide, enter("4.01"), holding("6"), "4.00", Some(G::PositionNotional)),
        (&wide, enter("4.01"), RiskView { others: Some(&same), ..base }, "4.00", Some(G::PositionNotional)),
        (&wide, enter("5"), holding("10"), "no", Some(G::PositionNotional)),
        (&wide, enter("20.02"), holding("-10"), "20.00", Some(G::PositionNotional)),
        (&wide, enter("5"), holding("-10.01"), "no", Some(G::PositionNotional)),
        // 1500 of all; 850 of it are elsewhere.
        (&wide, enter("6.5"), RiskView { others: Some(&else_where), ..base }, "6.5", None),
        (&wide, enter("6.51"), RiskView { others: Some(&else_where), ..base }, "6.50", Some(G::TotalNotional)),
        // Less than the venue takes is nothing.
        (&wide, enter("5"), holding("9.95"), "no", Some(G::PositionNotional)),
        (&wide, enter("5"), holding("9.94"), "0.06", Some(G::PositionNotional)),
    ];
    for (index, (limits, intent, view, expected, gate)) in cases.iter().enumerate() {
        assert_eq!(sized(limits, intent, view), ((*expected).to_owned(), *gate), "case {index}");
    }
    // A short is cut on its own side.
    let short = intent(SignalAction::EnterShort, "20.5");
    assert_eq!(sized(&wide, &short, &holding("10")), ("20.00".to_owned(), Some(G::PositionNotional)));
}

#[test]
fn a_sum_is_of_the_scope_that_limits_it() {
    let info = info();
    let others = [held_by(ETH, "b", "3"), held_by(OKX, "momentum", "4")];
    let view = RiskView { others: Some(&others), ..view(&info) };
    let room = |change: fn(&mut RiskLimits, ScopeLimits)| {
        let mut limits = limits();
        limits.mesh = ScopeLimits { order_notional: Some(d("5000")), position_notional: Some(d("5000")), ..mesh() };
        change(&mut limits, ScopeLimits { total_notional: Some(d("900")), ..ScopeLimits::default() });
        sized(&limits, &intent(SignalAction::EnterLong, "40"), &view)
    };
    let cut = |quantity: &str| (quantity.to_owned(), Some(Gate::TotalNotional));
    assert_eq!(room(|_, _| ()), cut("8.00"), "1500 less 700");
    assert_eq!(
        room(|l, s| {
            l.venue.insert(mesh_types::Venue::Binance, s);
        }),
        cut("6.00"),
        "900 less 300 there"
    );
    let strategy = |l: &mut RiskLimits, s| {
        l.strategy.insert(owner(ETH, "momentum").1, s);
    };
    assert_eq!(room(strategy), cut("5.00"), "900 less 400 of its own");
    assert_eq!(
        room(|l, s| {
            l.symbol.insert(instrument(), s);
        }),
        cut("8.00"),
        "900 are 9, of all there are 8"
    );
}

#[test]
fn equity_groups_and_the_book_bound_a_size() {
    let info = info();
    let others = [held_by(ETH, "b", "3")];
    let base = RiskView { others: Some(&others), offered: Some(d("20")), ..view(&info) };
    let enter = |quantity: &str| intent(SignalAction::EnterLong, quantity);
    let with = |change: &dyn Fn(&mut RiskLimits)| {
        let mut limits = limits();
        limits.mesh = ScopeLimits {
            order_notional: Some(d("5000")),
            position_notional: Some(d("5000")),
            total_notional: Some(d("50000")),
            ..mesh()
        };
        limits.capital.insert("USDT".to_owned(), d("400"));
        change(&mut limits);
        limits
    };
    let cut = |quantity: &str, gate: Gate| (quantity.to_owned(), Some(gate));
    // Twice 400 are 800; 300 of it are elsewhere.
    let leverage = with(&|l| l.mesh.leverage = Some(d("2")));
    assert_eq!(sized(&leverage, &enter("5"), &base), ("5".to_owned(), None));
    assert_eq!(sized(&leverage, &enter("5.01"), &base), cut("5.00", Gate::Leverage));
    let twice = judged(&leverage, &enter("6"), &base);
    let margin = twice.margins.iter().find(|m| m.gate.get() == Some(Gate::Leverage)).expect("a gate");
    let numbers = [margin.actual, margin.limit, margin.margin].map(|number| number.get());
    assert_eq!(numbers, [d("2.25"), d("2"), d("-0.25")]);
    let concentration = with(&|l| l.mesh.concentration_percent = Some(d("50")));
    assert_eq!(sized(&concentration, &enter("2"), &base), ("2".to_owned(), None));
    assert_eq!(sized(&concentration, &enter("2.01"), &base), cut("2.00", Gate::Concentration));
    // Without equity there is nothing to measure by.
    let broke = with(&|l| {
        l.mesh.leverage = Some(d("2"));
        l.capital.clear();
    });
    assert_eq!(sized(&broke, &enter("1"), &base), cut("no", Gate::Leverage));
    let group = |instruments: &[&str]| {
        let instruments = instruments.iter().map(|text| text.parse().expect("an id")).collect();
        let group = Group { instruments, notional: d("700") };
        with(&|l| {
            l.group.insert("majors".to_owned(), group.clone());
        })
    };
    let majors = group(&[ETH, "binance:perpetual:BTCUSDT"]);
    assert_eq!(sized(&majors, &enter("4"), &base), ("4".to_owned(), None));
    assert_eq!(sized(&majors, &enter("4.01"), &base), cut("4.00", Gate::Correlation));
    assert_eq!(sized(&group(&[ETH, OKX]), &enter("9"), &base), ("9".to_owned(), None), "not of the group");
    let liquidity = with(&|l| l.mesh.liquidity_percent = Some(d("10")));
    assert_eq!(sized(&liquidity, &enter("2"), &base), ("2".to_owned(), None));
    assert_eq!(sized(&liquidity, &enter("2.01"), &base), cut("2.00", Gate::Liquidity));
    assert_eq!(sized(&liquidity, &enter("1"), &RiskView { offered: None, ..base }), cut("no", Gate::Liquidity));
}

/// What the market and the configuration can be.
fn worlds() -> impl Strategy<Value = (RiskLimits, InstrumentInfo, Vec<Held>, Exposure, Decimal64)> {
    let amount = |most: i64| (1..most).prop_map(|mantissa| Decimal64::new(mantissa, -2));
    let maybe = |most: i64| prop::option::of((1..most).prop_map(|mantissa| Decimal64::new(mantissa, -2)));
    let scope = (maybe(100_000), maybe(200_000), maybe(300_000), maybe(1_000), maybe(20_000), maybe(10_000));
    let scope = scope.prop_map(|(order, position, total, leverage, concentration, liquidity)| ScopeLimits {
        order_notional: order,
        position_notional: position,
        total_notional: total,
        leverage,
        concentration_percent: concentration,
        liquidity_percent: liquidity,
        ..ScopeLimits::default()
    });
    let limits =
        (scope.clone(), scope.clone(), scope, amount(100_000)).prop_map(|(mesh, strategy, symbol, capital)| {
            let mut limits = RiskLimits { mesh, ..RiskLimits::default() };
            limits.strategy.insert(owner(ETH, "momentum").1, strategy);
            limits.symbol.insert(instrument(), symbol);
            limits.capital.insert("USDT".to_owned(), capital);
            limits
        });
    let lot = prop_oneof![Just("0.01"), Just("0.05"), Just("1"), Just("0.3")];
    let info = (lot, 0i64..100).prop_map(|(lot, least)| InstrumentInfo {
        lot: d(lot).into(),
        min_quantity: Decimal64::new(least, -2).into(),
        max_quantity: Decimal64::ZERO.into(),
        ..info()
    });
    let place = prop_oneof![Just("binance:perpetual:BTCUSDT"), Just(ETH), Just(OKX)];
    let others = prop::collection::vec((place, any::<bool>(), 1i64..2_000), 0..5).prop_map(|others| {
        let name = |own| if own { "momentum" } else { "b" };
        let own_place = |place: &str, own: bool| own && place == "binance:perpetual:BTCUSDT";
        let others = others.into_iter().filter(move |(place, own, _)| !own_place(place, *own));
        others.map(|(place, own, q)| held_by(place, name(own), &Decimal64::new(q, -2).to_string())).collect()
    });
    let exposure = (-2_000i64..2_000, 0i64..500, 0i64..500).prop_map(|(quantity, up, down)| Exposure {
        quantity: Decimal64::new(quantity, -2),
        highest: Decimal64::new(quantity + up, -2),
        lowest: Decimal64::new(quantity - down, -2),
    });
    (limits, info, others, exposure, amount(5_000))
}

proptest! {
    /// Risk only ever reduces, in whole lots, and what it allows it allows again: no limit is passed by the smaller size.
    #[test]
    fn a_size_is_only_ever_reduced_and_the_rest_passes_every_limit(
        (limits, info, others, exposure, offered) in worlds(), lots in 1i64..2_000, long in any::<bool>(),
    ) {
        let action = if long { SignalAction::EnterLong } else { SignalAction::EnterShort };
        let asked = info.lot.get().checked_mul(Decimal64::new(lots, 0)).expect("fits");
        let order = Intent { quantity: asked.into(), ..intent(action, "1") };
        let view = RiskView {
            others: Some(&others), exposure: Some(exposure), offered: Some(offered), ..common::view(&info)
        };
        let decision = judged(&limits, &order, &view);
        let denied = decision.margins.iter().filter(|m| m.outcome.get() == Some(Outcome::Deny)).count();
        let Ok(approved) = &decision.answer else {
            prop_assert_eq!(denied, 1);
            return Ok(());
        };
        let allowed = approved.get().quantity.get();
        prop_assert_eq!(denied, 0);
        prop_assert!(allowed.is_positive() && allowed <= asked && allowed.is_multiple_of(info.lot.get()));
        prop_assert_eq!(decision.cut_by.is_some(), allowed < asked);
        prop_assert_eq!(Intent { quantity: asked.into(), ..*approved.get() }, order, "nothing but the size changes");
        let again = judged(&limits, approved.get(), &view);
        prop_assert_eq!(again.outcome(), Outcome::Allow);
        let short = again.margins.iter().find(|m| m.margin.get() < d("-0.0001"));
        prop_assert!(short.is_none(), "{:?}", short);
        // One lot more would be too much for the limit that cut.
        if decision.cut_by.is_some() {
            let more = allowed.checked_add(info.lot.get()).expect("fits");
            let more = judged(&limits, &Intent { quantity: more.into(), ..order }, &view);
            prop_assert_eq!(more.answer.expect("reduced").get().quantity.get(), allowed);
        }
        let scopes = decision.margins.iter().filter(|m| m.outcome.get() == Some(Outcome::Reduce));
        prop_assert!(scopes.clone().all(|m| m.scope.get().is_some_and(|scope| scope != Scope::Venue)));
    }

    /// Entries come, orders are filled in part, in full or not at all, and nobody knows which until the end: whatever it is, the
    /// limits hold.
    #[test]
    fn approved_entries_keep_the_limits_for_all_outcomes(steps in prop::collection::vec((any::<bool>(), 1i64..500, 0i64..=4), 1..30)) {
        let info = info();
        let many = ScopeLimits {
            cooldown_ms: None, entries_per_window: Some(1_000), entries_per_symbol: Some(1_000), ..mesh()
        };
        let mut gate = RiskGate::new(RiskLimits { mesh: many, ..limits() });
        let mut oms = Oms::default();
        let mut outcomes = Vec::new();
        for (index, (long, hundredths, quarters)) in steps.into_iter().enumerate() {
            let action = if long { SignalAction::EnterLong } else { SignalAction::EnterShort };
            let id = ClientOrderId::new([index as u8; 16]);
            let quantity = Decimal64::new(hundredths, -2).to_string();
            let order = Intent { client_order_id: id, ..intent(action, &quantity) };
            let view = RiskView { exposure: oms.exposure(&(order.instrument, order.strategy)).ok(), ..view(&info) };
            if let Ok(approved) = gate.check(&order, &view).answer {
                oms.intend(approved.get()).expect("an intent");
                outcomes.push((*approved.get(), quarters));
            }
        }
        for (order, quarters) in outcomes {
            let quantity = order.quantity.get().mantissa_at(-2).expect("hundredths");
            let fill = Fill {
                client_order_id: order.client_order_id, instrument: order.instrument, side: order.side,
                price: d("100.0").into(), quantity: Decimal64::new((quantity * quarters / 4).max(1), -2).into(),
                trade_id: FixedStr::truncated(&order.client_order_id.to_string()), ..Fill::default()
            };
            oms.apply(&Report::Fill(&fill), NOW).expect("known");
            let (_, position) = oms.positions().next().expect("a position");
            let notional = position.quantity().magnitude().and_then(|q| q.checked_mul(d("100.0"))).expect("fits");
            prop_assert!(notional <= d("1000"), "{notional}");
        }
    }

    /// The same of many owners at once, with fills between the entries: sums over the mesh, a venue, a strategy and an instrument
    /// stay within what each allows, whatever is filled of what, and when.
    #[test]
    fn the_sums_of_every_scope_hold_for_all_outcomes(
        steps in prop::collection::vec((0usize..3, any::<bool>(), any::<bool>(), 1i64..500, 0i64..=4, any::<bool>()), 1..40),
    ) {
        let info = info();
        let total = |notional: &str| ScopeLimits { total_notional: Some(d(notional)), ..ScopeLimits::default() };
        let many = ScopeLimits {
            cooldown_ms: None, entries_per_window: None, entries_per_symbol: None, exits_per_window: None, ..mesh()
        };
        let mut limits = RiskLimits { mesh: many, ..limits() };
        limits.venue.insert(mesh_types::Venue::Okx, total("400"));
        limits.strategy.insert(owner(ETH, "b").1, total("700"));
        limits.symbol.insert(ETH.parse().expect("an id"), ScopeLimits { position_notional: Some(d("300")), ..total("350") });
        let mut gate = RiskGate::new(limits);
        let mut oms = Oms::default();
        let mut waiting: Vec<(Intent, i64)> = Vec::new();
        let fill = |oms: &mut Oms, (order, quarters): (Intent, i64)| {
            let quantity = order.quantity.get().mantissa_at(-2).expect("hundredths") * quarters / 4;
            let fill = Fill {
                client_order_id: order.client_order_id, instrument: order.instrument, side: order.side,
                price: d("100.0").into(), quantity: Decimal64::new(quantity, -2).into(),
                trade_id: FixedStr::truncated(&order.client_order_id.to_string()), ..Fill::default()
            };
            if quantity > 0 {
                oms.apply(&Report::Fill(&fill), NOW).expect("known");
            }
        };
        for (index, (place, own, long, hundredths, quarters, fills)) in steps.into_iter().enumerate() {
            let owner = owner(["binance:perpetual:BTCUSDT", ETH, OKX][place], if own { "momentum" } else { "b" });
            let action = if long { SignalAction::EnterLong } else { SignalAction::EnterShort };
            let quantity = Decimal64::new(hundredths, -2).to_string();
            let id = ClientOrderId::new([index as u8; 16]);
            let order = Intent { client_order_id: id, instrument: owner.0, strategy: owner.1, ..intent(action, &quantity) };
            let others: Vec<Held> = oms
                .owners()
                .filter(|other| *other != owner)
                .map(|owner| {
                    let quantity = oms.exposure(&owner).and_then(|exposure| exposure.worst()).expect("fits");
                    Held { owner, quantity, notional: quantity.checked_mul(d("100")).ok() }
                })
                .collect();
            let view = RiskView { exposure: oms.exposure(&owner).ok(), others: Some(&others), ..view(&info) };
            if let Ok(approved) = gate.check(&order, &view).answer {
                oms.intend(approved.get()).expect("an intent");
                waiting.push((*approved.get(), quarters));
            }
            if fills && !waiting.is_empty() {
                fill(&mut oms, waiting.swap_remove(index % waiting.len()));
            }
        }
        waiting.into_iter().for_each(|order| fill(&mut oms, order));
        let sum = |within: &dyn Fn(&mesh_oms::PositionKey) -> bool| {
            let held = oms.positions().filter(|(owner, _)| within(owner));
            held.fold(Decimal64::ZERO, |sum, (_, position)| {
                let notional = position.quantity().magnitude().and_then(|quantity| quantity.checked_mul(d("100")));
                sum.checked_add(notional.expect("fits")).expect("fits")
            })
        };
        let (eth, okx) = (owner(ETH, "b"), owner(OKX, "b"));
        prop_assert!(sum(&|_| true) <= d("1500"));
        prop_assert!(sum(&|of| of.0.venue() == okx.0.venue()) <= d("400"));
        prop_assert!(sum(&|of| of.1 == eth.1) <= d("700"));
        prop_assert!(sum(&|of| of.0 == eth.0) <= d("300"));
    }
}
