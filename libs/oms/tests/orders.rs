//! Orders and positions against an independent, dumber auditor: reports are repeated, shuffled and lost, and the ledger
//! must agree with what the list of fills says.
#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_oms::{Alarm, Oms, OrderKey, Report};
use mesh_types::execution::{Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderStatus};
use mesh_types::signal::StrategyName;
use mesh_types::{
    CancelReason, ClientOrderId, Decimal64, FixedStr, InstrumentId, OrderState, OrderType, Side, SignalAction,
    TimeInForce,
};
use proptest::prelude::*;

fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

fn strategy() -> StrategyName {
    StrategyName::truncated("momentum")
}

fn whole(value: i64) -> Decimal64 {
    Decimal64::new(value, 0)
}

fn intent(bar_ns: u64, side: Side, quantity: i64) -> Intent {
    let action = if side == Side::Buy { SignalAction::EnterLong } else { SignalAction::ExitLong };
    let key = OrderKey {
        mesh_id: 1,
        strategy: strategy(),
        instrument: instrument(),
        action,
        bar_ns,
        interval_ns: 60,
        attempt: 0,
    };
    Intent {
        client_order_id: key.client_order_id(),
        instrument: instrument(),
        strategy: strategy(),
        action: action.into(),
        side: side.into(),
        order_type: OrderType::Market.into(),
        time_in_force: TimeInForce::Ioc.into(),
        quantity: whole(quantity).into(),
        ..Intent::default()
    }
}

fn fill(intent: &Intent, index: usize, price: i64, quantity: i64) -> Fill {
    Fill {
        client_order_id: intent.client_order_id,
        instrument: intent.instrument,
        side: intent.side,
        price: whole(price).into(),
        quantity: whole(quantity).into(),
        fee: Decimal64::new(quantity, -2).into(),
        fee_asset: FixedStr::truncated("USDT"),
        trade_id: FixedStr::truncated(&format!("{}-{index}", intent.client_order_id)),
        ..Fill::default()
    }
}

fn cancelled(id: ClientOrderId, filled: i64) -> OrderCancelled {
    OrderCancelled {
        client_order_id: id,
        instrument: instrument(),
        reason: CancelReason::Unfilled.into(),
        filled_quantity: whole(filled).into(),
        ..OrderCancelled::default()
    }
}

fn status(id: ClientOrderId, state: OrderState, filled: i64) -> OrderStatus {
    OrderStatus {
        client_order_id: id,
        instrument: instrument(),
        state: state.into(),
        filled_quantity: whole(filled).into(),
        ..OrderStatus::default()
    }
}

/// One order that was sent.
fn sent(quantity: i64) -> (Oms, Intent) {
    let mut oms = Oms::default();
    let intent = intent(1, Side::Buy, quantity);
    assert_eq!(oms.intend(&intent), Ok(true));
    oms.on_sent(&intent.client_order_id, 1);
    (oms, intent)
}

fn state(oms: &Oms, intent: &Intent) -> OrderState {
    oms.order(&intent.client_order_id).expect("an order").state()
}

#[test]
fn an_order_goes_forward_and_repeats_change_nothing() {
    let (mut oms, order) = sent(3);
    let id = order.client_order_id;
    assert_eq!(oms.intend(&order), Ok(false));
    let accepted = OrderAccepted { client_order_id: id, instrument: instrument(), ..OrderAccepted::default() };
    let reports = [(Report::Accepted(&accepted), OrderState::Accepted)];
    let (first, second) = (fill(&order, 0, 10, 1), fill(&order, 1, 11, 2));
    let fills = [(Report::Fill(&first), OrderState::PartiallyFilled), (Report::Fill(&second), OrderState::Filled)];
    for (report, expected) in reports.into_iter().chain(fills) {
        let effect = oms.apply(&report, 5).expect("known");
        assert!(effect.changed && effect.alarm.is_none());
        assert_eq!(state(&oms, &order), expected);
        let again = oms.apply(&report, 6).expect("known");
        assert_eq!((again.changed, again.alarm), (false, None));
    }
    let late = cancelled(id, 1);
    for report in [Report::Accepted(&accepted), Report::Fill(&first), Report::Cancelled(&late)] {
        assert!(!oms.apply(&report, 7).expect("known").changed, "{report:?}");
    }
    assert_eq!(state(&oms, &order), OrderState::Filled);
    assert_eq!(oms.unsettled().count(), 0);
}

#[test]
fn what_a_cancel_claims_to_be_filled_is_owed_until_the_fills_come() {
    let (mut oms, order) = sent(5);
    let report = cancelled(order.client_order_id, 2);
    oms.apply(&Report::Cancelled(&report), 1).expect("known");
    assert_eq!((state(&oms, &order), oms.unsettled().count()), (OrderState::Cancelled, 1));
    assert_eq!(oms.exposure(&(instrument(), strategy())).and_then(|e| e.worst()), Ok(whole(2)));
    oms.apply(&Report::Fill(&fill(&order, 0, 10, 2)), 1).expect("known");
    assert_eq!((state(&oms, &order), oms.unsettled().count()), (OrderState::Cancelled, 0));
    assert_eq!(oms.exposure(&(instrument(), strategy())).map(|e| e.quantity), Ok(whole(2)));
}

#[test]
fn silence_is_unknown_and_costs_its_worst_case() {
    let (mut oms, order) = sent(5);
    oms.on_asked(&order.client_order_id, 9);
    assert_eq!(state(&oms, &order), OrderState::Unknown);
    assert_eq!(oms.exposure(&(instrument(), strategy())).and_then(|e| e.worst()), Ok(whole(5)));
    let never = status(order.client_order_id, OrderState::Unknown, 0);
    assert!(oms.apply(&Report::Status(&never), 10).expect("known").never_had);
    let accepted = status(order.client_order_id, OrderState::Accepted, 0);
    oms.apply(&Report::Status(&accepted), 11).expect("known");
    assert_eq!(state(&oms, &order), OrderState::Accepted);
    // It spoke of the order before: sending again would not be safe.
    let effect = oms.apply(&Report::Status(&never), 12).expect("known");
    assert_eq!((effect.never_had, effect.alarm), (false, Some(Alarm::Forgotten)));
    assert_eq!(oms.exposure(&(instrument(), strategy())).and_then(|e| e.worst()), Ok(whole(5)));
}

#[test]
fn what_must_not_happen_is_counted_and_raises_an_alarm() {
    let (mut oms, order) = sent(2);
    let over = fill(&order, 0, 10, 3);
    assert_eq!(oms.apply(&Report::Fill(&over), 1).expect("known").alarm, Some(Alarm::Overfill));
    assert_eq!(oms.quantity(&(instrument(), strategy())), whole(3));

    let (mut oms, order) = sent(2);
    let refused = OrderRejected { client_order_id: order.client_order_id, ..OrderRejected::default() };
    oms.apply(&Report::Rejected(&refused), 1).expect("known");
    assert_eq!(state(&oms, &order), OrderState::Rejected);
    let effect = oms.apply(&Report::Fill(&fill(&order, 0, 10, 1)), 2).expect("known");
    assert_eq!((effect.alarm, state(&oms, &order)), (Some(Alarm::FilledAfterReject), OrderState::Unknown));
    assert_eq!(oms.quantity(&(instrument(), strategy())), whole(1));
    let effect = oms.apply(&Report::Rejected(&refused), 3).expect("known");
    assert_eq!(effect.alarm, Some(Alarm::RejectedAfterFill));

    let (mut oms, order) = sent(2);
    let wrong = Fill { side: Side::Sell.into(), ..fill(&order, 0, 10, 1) };
    assert_eq!(oms.apply(&Report::Fill(&wrong), 1).expect("known").alarm, Some(Alarm::Malformed));
    assert!(oms.quantity(&(instrument(), strategy())).is_zero());
    let stranger = Fill { client_order_id: ClientOrderId::new([9; 16]), ..wrong };
    assert!(oms.apply(&Report::Fill(&stranger), 1).is_err());
}

#[test]
fn a_flat_position_is_restored_unless_the_fills_say_more() {
    let (mut oms, order) = sent(2);
    let key = (instrument(), strategy());
    let baseline = mesh_types::execution::Position {
        instrument: key.0,
        strategy: key.1,
        realized_pnl: whole(7).into(),
        fill_count: 4.into(),
        ..Default::default()
    };
    oms.restore(&baseline);
    oms.apply(&Report::Fill(&fill(&order, 0, 10, 2)), 1).expect("known");
    let body = oms.position_body(&key).expect("fits");
    assert_eq!((body.quantity.get(), body.realized_pnl.get(), body.fill_count.get()), (whole(2), whole(7), 5));
    oms.restore(&baseline);
    assert_eq!(oms.quantity(&key), whole(2));
}

#[test]
fn settled_orders_are_forgotten_in_the_end_and_open_ones_never() {
    let mut oms = Oms::default();
    let open = intent(0, Side::Buy, 1);
    oms.intend(&open).expect("an intent");
    for bar in 1..=(mesh_oms::oms::SETTLED_ORDERS_KEPT as u64 + 5) {
        let order = intent(bar, Side::Buy, 1);
        oms.intend(&order).expect("an intent");
        oms.apply(&Report::Cancelled(&cancelled(order.client_order_id, 0)), 1).expect("known");
    }
    assert!(oms.order(&open.client_order_id).is_some());
    assert!(oms.order(&intent(5, Side::Buy, 1).client_order_id).is_none());
    assert!(oms.order(&intent(6, Side::Buy, 1).client_order_id).is_some());
}

/// The auditor: a list of fills, units of one, no cleverness.
#[derive(Default)]
struct Auditor {
    seen: BTreeSet<String>,
    units: VecDeque<(bool, i64)>,
    realized: i64,
    fee_cents: i64,
}

impl Auditor {
    fn on_fill(&mut self, fill: &Fill) {
        if !self.seen.insert(fill.trade_id.lossy().to_owned()) {
            return;
        }
        let buy = fill.side.get() == Some(Side::Buy);
        let price = fill.price.get().mantissa;
        self.fee_cents += fill.fee.get().mantissa;
        for _ in 0..fill.quantity.get().mantissa {
            match self.units.front() {
                Some((held, entry)) if *held != buy => {
                    self.realized += if *held { price - entry } else { entry - price };
                    self.units.pop_front();
                }
                _ => self.units.push_back((buy, price)),
            }
        }
    }

    fn quantity(&self) -> i64 {
        self.units.iter().map(|(long, _)| if *long { 1 } else { -1 }).sum()
    }
}

#[derive(Clone, Debug)]
enum Sent {
    Accepted(usize),
    Fill(usize, usize),
    End(usize),
    Status(usize),
}

/// Whether it buys, ordered quantity, fills as price and quantity.
type Ordered = (bool, i64, Vec<(i64, i64)>);

#[derive(Clone, Debug)]
struct Script {
    orders: Vec<Ordered>,
    deliveries: Vec<Sent>,
}

fn script() -> impl Strategy<Value = Script> {
    let order =
        (any::<bool>(), 1i64..20, prop::collection::vec((1i64..100, 1i64..6), 0..5)).prop_map(|(buy, n, fills)| {
            let mut left = n;
            let fills: Vec<_> = fills
                .into_iter()
                .map(|(price, quantity)| {
                    let quantity = quantity.min(left);
                    left -= quantity;
                    (price, quantity)
                })
                .filter(|(_, quantity)| *quantity > 0)
                .collect();
            (buy, n, fills)
        });
    prop::collection::vec(order, 1..6).prop_flat_map(|orders| {
        let mut all = Vec::new();
        for (index, (_, _, fills)) in orders.iter().enumerate() {
            all.extend([Sent::Accepted(index), Sent::End(index), Sent::Status(index)]);
            all.extend((0..fills.len()).map(|f| Sent::Fill(index, f)));
        }
        let doubled: Vec<Sent> = all.iter().chain(&all).cloned().collect();
        (Just(orders), Just(doubled).prop_shuffle()).prop_map(|(orders, deliveries)| Script { orders, deliveries })
    })
}

fn rank(state: OrderState) -> u8 {
    match state {
        OrderState::Intended | OrderState::Sent | OrderState::Unknown => 0,
        OrderState::Accepted => 1,
        OrderState::PartiallyFilled => 2,
        OrderState::Cancelled | OrderState::Rejected => 3,
        OrderState::Filled => 4,
    }
}

proptest! {
    #[test]
    fn any_order_of_reports_gives_the_auditors_position(script in script()) {
        let (mut oms, mut auditor) = (Oms::default(), Auditor::default());
        let intents: Vec<Intent> = script.orders.iter().enumerate().map(|(bar, (buy, quantity, _))| {
            intent(bar as u64, if *buy { Side::Buy } else { Side::Sell }, *quantity)
        }).collect();
        for intent in &intents {
            oms.intend(intent).expect("an intent");
        }
        let mut ranks: BTreeMap<ClientOrderId, u8> = BTreeMap::new();
        let mut bounds = Vec::new();
        for (step, sent) in script.deliveries.iter().enumerate() {
            bounds.push(oms.exposure(&(instrument(), strategy())).expect("fits"));
            let index = match sent { Sent::Accepted(i) | Sent::Fill(i, _) | Sent::End(i) | Sent::Status(i) => *i };
            let (_, ordered, fills) = &script.orders[index];
            let id = intents[index].client_order_id;
            let total: i64 = fills.iter().map(|(_, q)| q).sum();
            let effect = match sent {
                Sent::Accepted(_) => {
                    let report = OrderAccepted { client_order_id: id, ..OrderAccepted::default() };
                    oms.apply(&Report::Accepted(&report), step as u64)
                }
                Sent::Fill(_, f) => {
                    let report = fill(&intents[index], *f, fills[*f].0, fills[*f].1);
                    auditor.on_fill(&report);
                    oms.apply(&Report::Fill(&report), step as u64)
                }
                Sent::End(_) => oms.apply(&Report::Cancelled(&cancelled(id, total)), step as u64),
                Sent::Status(_) => {
                    let state = if total == *ordered { OrderState::Filled } else { OrderState::Cancelled };
                    oms.apply(&Report::Status(&status(id, state, total)), step as u64)
                }
            };
            prop_assert_eq!(effect.expect("known").alarm, None);
            let order = oms.order(&id).expect("an order");
            let before = ranks.insert(id, rank(order.state())).unwrap_or(0);
            prop_assert!(before <= rank(order.state()), "never backward");
            prop_assert_eq!(oms.quantity(&(instrument(), strategy())), whole(auditor.quantity()));
        }
        let body = oms.position_body(&(instrument(), strategy())).expect("fits");
        prop_assert_eq!(body.quantity.get(), whole(auditor.quantity()));
        prop_assert_eq!(body.realized_pnl.get(), whole(auditor.realized));
        prop_assert_eq!(body.fees.get(), Decimal64::new(auditor.fee_cents, -2));
        prop_assert_eq!(body.fill_count.get(), auditor.seen.len() as u64);
        prop_assert_eq!(oms.unsettled().count(), 0);
        // The count that is made of real logs agrees with both.
        let mut second = mesh_oms::Auditor::default();
        for intent in &intents {
            prop_assert_eq!(second.on_intent(intent), Ok(()));
        }
        for sent in &script.deliveries {
            if let Sent::Fill(order, f) = sent {
                let (price, quantity) = script.orders[*order].2[*f];
                prop_assert_eq!(second.on_fill(&fill(&intents[*order], *f, price, quantity)), Ok(()));
            }
        }
        prop_assert_eq!(second.check(&body), Ok(()));
        let wrong = mesh_types::execution::Position { realized_pnl: whole(auditor.realized + 1).into(), ..body };
        prop_assert!(second.check(&wrong).is_err());
        // Unknown orders counted at their worst case: the end lies within the bounds of every moment before.
        for bound in bounds {
            prop_assert!(bound.lowest <= body.quantity.get() && body.quantity.get() <= bound.highest);
        }
    }
}
