//! Orders that wait, end by themselves, are linked, or take another's place.

use mesh_types::TriggerKind;
use mesh_types::execution::{OrderReplace, OrderTerms};

use super::*;

fn id(id: u8) -> ClientOrderId {
    ClientOrderId::new([id; 16])
}

fn terms(order: u8) -> OrderTerms {
    OrderTerms { client_order_id: id(order), instrument: instrument(), ..OrderTerms::default() }
}

fn waits(order: u8, kind: TriggerKind, price: i64) -> OrderTerms {
    OrderTerms { trigger: kind.into(), trigger_price: Decimal64::new(price, 0).into(), ..terms(order) }
}

fn trails(order: u8, distance: i64) -> OrderTerms {
    let trail = Decimal64::new(distance, 0).into();
    OrderTerms { trigger: TriggerKind::TrailingStop.into(), trail, ..terms(order) }
}

fn linked(to: u8, terms: OrderTerms) -> OrderTerms {
    OrderTerms { linked_order_id: id(to), ..terms }
}

fn replaces(order: u8, by: u8, both: i64) -> OrderReplace {
    OrderReplace {
        client_order_id: id(order),
        new_client_order_id: id(by),
        instrument: instrument(),
        quantity: Decimal64::new(both, 0).into(),
        ..OrderReplace::default()
    }
}

fn all() -> OrderCancel {
    OrderCancel::default()
}

#[test]
fn a_stop_is_worked_once_the_market_is_against_it() {
    let mut venue = Venue::new(20);
    venue.book(&[(99, 9)], &[(100, 9)]);
    let stop = waits(1, TriggerKind::Stop, 95);
    assert_eq!(venue.say_both(&order(1, Side::Sell, 3), &stop), ["accepted"]);
    assert_eq!(venue.after(20), NOTHING);
    assert_eq!(venue.say(&trade(96, 1, Side::Sell)), NOTHING);
    assert_eq!(venue.say(&trade(95, 1, Side::Sell)), ["trigger at 95 is met"]);
    // It meets the book that the price led to, not the one before.
    venue.book(&[(94, 2), (93, 9)], &[(95, 9)]);
    assert_eq!(venue.after(20), ["fill 2 at 94 of 2 fee 0.188 taker", "fill 1 at 93 of 3 fee 0.093 taker"]);
    // A book without trades does it too, once all of it lies beyond.
    venue.say_both(&order(2, Side::Buy, 1), &waits(2, TriggerKind::Stop, 104));
    venue.after(20);
    assert_eq!(venue.book(&[(103, 9)], &[(105, 9)]), NOTHING);
    assert_eq!(venue.book(&[(104, 9)], &[(106, 9)]), ["trigger at 104 is met"]);
    assert_eq!(venue.after(20), ["fill 1 at 106 of 1 fee 0.106 taker"]);
}

#[test]
fn a_take_profit_waits_for_somebody_who_pays_it_and_a_limit_then_rests() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    let request = limit(1, Side::Sell, 3, 106, TimeInForce::Gtc);
    assert_eq!(venue.say_both(&request, &waits(1, TriggerKind::TakeProfit, 104)), ["accepted"]);
    assert_eq!(venue.book(&[(103, 9)], &[(104, 9)]), NOTHING);
    assert_eq!(venue.book(&[(104, 9)], &[(105, 9)]), ["trigger at 104 is met"]);
    assert_eq!(venue.book(&[(106, 2)], &[(107, 9)]), ["fill 2 at 106 of 2 fee 0.212 maker"]);
}

#[test]
fn a_trailing_stop_follows_and_a_restart_knows_how_far() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    assert_eq!(venue.say_both(&order(1, Side::Sell, 1), &trails(1, 5)), ["accepted", "trigger at 94 waits"]);
    assert_eq!(venue.say(&trade(110, 1, Side::Buy)), ["trigger at 105 waits"]);
    assert_eq!(venue.restart(), NOTHING);
    venue.introduce();
    assert_eq!(venue.say(&ask(1)), ["accepted", "trigger at 105 waits", "status accepted 0"]);
    assert_eq!(venue.book(&[(106, 9)], &[(107, 9)]), NOTHING);
    assert_eq!(venue.say(&trade(105, 1, Side::Sell)), ["trigger at 105 is met", "fill 1 at 106 of 1 fee 0.106 taker"]);
}

#[test]
fn one_that_was_triggered_before_a_crash_is_worked_after_it() {
    let mut venue = Venue::new(20);
    venue.book(&[(99, 9)], &[(100, 9)]);
    venue.say_both(&order(1, Side::Sell, 1), &waits(1, TriggerKind::Stop, 95));
    venue.after(20);
    assert_eq!(venue.say(&trade(95, 1, Side::Sell)), ["trigger at 95 is met"]);
    assert_eq!(venue.restart(), NOTHING);
    assert_eq!(venue.after(500), NOTHING, "no book yet");
    venue.introduce();
    venue.book(&[(94, 9)], &[(96, 9)]);
    assert_eq!(venue.after(200), ["fill 1 at 94 of 1 fee 0.094 taker"]);
}

#[test]
fn of_two_that_are_linked_one_ends_the_other() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    venue.say(&order(9, Side::Buy, 3));
    let reduces = |request| OrderRequest { reduce_only: 1, ..request };
    let profit = reduces(limit(1, Side::Sell, 3, 104, TimeInForce::Gtc));
    assert_eq!(venue.say_both(&profit, &linked(2, terms(1))), ["accepted"]);
    let stop = reduces(order(2, Side::Sell, 3));
    assert_eq!(venue.say_both(&stop, &linked(1, waits(2, TriggerKind::Stop, 95))), ["accepted"]);
    assert_eq!(
        venue.say(&trade(94, 1, Side::Sell)),
        ["trigger at 95 is met", "cancelled linked after 0", "fill 3 at 99 of 3 fee 0.297 taker"]
    );
    // Whichever of them names the other.
    venue.say(&order(10, Side::Buy, 1));
    assert_eq!(venue.say(&limit(3, Side::Sell, 1, 104, TimeInForce::Gtc)), ["accepted"]);
    venue.say_both(&order(4, Side::Sell, 1), &linked(3, waits(4, TriggerKind::Stop, 90)));
    assert_eq!(
        venue.say(&trade(105, 9, Side::Buy)),
        ["fill 1 at 104 of 1 fee 0.104 maker", "cancelled linked after 0"]
    );
    let late = linked(3, waits(5, TriggerKind::Stop, 90));
    assert_eq!(venue.say_both(&order(5, Side::Sell, 1), &late), ["rejected conflict"]);
}

#[test]
fn a_protective_stop_ends_with_its_position() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    venue.say(&order(1, Side::Buy, 3));
    let stop = OrderRequest { reduce_only: 1, ..order(2, Side::Sell, 3) };
    assert_eq!(venue.say_both(&stop, &waits(2, TriggerKind::Stop, 95)), ["accepted"]);
    assert_eq!(
        venue.say(&order(3, Side::Sell, 3)),
        ["accepted", "fill 3 at 99 of 3 fee 0.297 taker", "cancelled venue after 0"]
    );
}

#[test]
fn an_order_ends_when_its_time_is_over_in_whatever_life() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    let till = |order: u8, ms: u64, venue: &Venue| OrderTerms {
        good_till_ns: (venue.now_ns + ms * MS).into(),
        ..terms(order)
    };
    let (first, second) = (till(1, 50, &venue), till(2, 80, &venue));
    assert_eq!(venue.say_both(&limit(1, Side::Buy, 1, 98, TimeInForce::Gtc), &first), ["accepted"]);
    assert_eq!(venue.say_both(&limit(2, Side::Buy, 1, 97, TimeInForce::Gtc), &second), ["accepted"]);
    assert_eq!((venue.after(49), venue.after(1)), (vec![], vec!["cancelled expired after 0".to_owned()]));
    venue.now_ns += 40 * MS;
    assert_eq!(venue.restart(), ["cancelled expired after 0"]);
    venue.introduce();
    let over = OrderTerms { good_till_ns: (venue.now_ns - 1).into(), ..terms(3) };
    assert_eq!(venue.say_both(&limit(3, Side::Buy, 1, 97, TimeInForce::Gtc), &over), ["rejected stale"]);
}

#[test]
fn a_replacement_takes_the_place_or_nothing_happens() {
    let mut venue = Venue::new(0);
    venue.book(&[(97, 9)], &[(102, 9)]);
    venue.say(&limit(1, Side::Buy, 4, 99, TimeInForce::Gtc));
    let better = limit(2, Side::Buy, 4, 100, TimeInForce::Gtc);
    assert_eq!(venue.say_both(&better, &replaces(1, 2, 4)), ["accepted", "cancelled replaced after 0"]);
    assert_eq!(venue.say(&trade(99, 1, Side::Sell)), ["fill 1 at 100 of 1 fee 0.1 maker"]);
    // The sender did not know of the fill: both together would be filled too much.
    let blind = limit(3, Side::Buy, 4, 101, TimeInForce::Gtc);
    assert_eq!(venue.say_both(&blind, &replaces(2, 3, 4)), ["rejected conflict"]);
    let knows = limit(4, Side::Buy, 3, 101, TimeInForce::Gtc);
    assert_eq!(venue.say_both(&knows, &replaces(2, 4, 4)), ["accepted", "cancelled replaced after 1"]);
    assert_eq!(
        venue.say_both(&limit(5, Side::Buy, 1, 99, TimeInForce::Gtc), &replaces(2, 5, 9)),
        ["rejected conflict"]
    );
    assert_eq!(venue.say(&replaces(4, 6, 9)), ["rejected malformed"]);
    venue.restart();
    assert_eq!(venue.say(&ask(2)).last().map(String::as_str), Some("status cancelled 1"));
    assert_eq!(venue.say(&ask(4)), ["accepted", "status accepted 0"]);
}

#[test]
fn a_replacement_on_its_way_survives_a_crash() {
    let mut venue = Venue::new(20);
    venue.book(&[(97, 9)], &[(102, 9)]);
    venue.say(&limit(1, Side::Buy, 4, 99, TimeInForce::Gtc));
    venue.after(20);
    assert_eq!(venue.say_both(&limit(2, Side::Buy, 4, 98, TimeInForce::Gtc), &replaces(1, 2, 4)), ["accepted"]);
    assert_eq!(venue.restart(), NOTHING);
    assert_eq!(venue.after(20), ["cancelled replaced after 0"]);
    assert_eq!(venue.restart(), NOTHING);
    assert_eq!(venue.say(&ask(2)), ["accepted", "status accepted 0"]);
}

#[test]
fn all_orders_of_an_instrument_or_of_all_are_taken_back() {
    let mut venue = Venue::new(0);
    venue.book(&[(97, 9)], &[(102, 9)]);
    venue.say(&limit(1, Side::Buy, 4, 96, TimeInForce::Gtc));
    venue.say_both(&order(2, Side::Sell, 1), &waits(2, TriggerKind::Stop, 90));
    let other = "binance:spot:ETHUSDT".parse().expect("an id");
    assert_eq!(venue.say(&OrderCancel { instrument: other, ..all() }), NOTHING);
    assert_eq!(
        venue.say(&OrderCancel { instrument: instrument(), ..all() }),
        ["cancelled requested after 0", "cancelled requested after 0"]
    );
    venue.say(&limit(3, Side::Buy, 4, 96, TimeInForce::Gtc));
    assert_eq!(venue.say(&all()), ["cancelled requested after 0"]);
    assert_eq!(venue.say(&all()), NOTHING);
}

#[test]
fn conditions_that_make_no_sense_are_refused_with_their_reason() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    let half = OrderTerms { trigger_price: d("94.5").into(), ..waits(1, TriggerKind::Stop, 1) };
    let no_price = waits(2, TriggerKind::Stop, 0);
    let both = OrderTerms { trail: d("1").into(), ..waits(3, TriggerKind::TakeProfit, 105) };
    let no_distance = OrderTerms { trail: d("0").into(), ..trails(4, 1) };
    let price_of_none = waits(5, TriggerKind::None, 95);
    let of_another = waits(99, TriggerKind::Stop, 95);
    let to_itself = linked(7, waits(7, TriggerKind::Stop, 95));
    let immediate = OrderTerms { good_till_ns: (venue.now_ns + MS).into(), ..terms(8) };
    let cases = [half, no_price, both, no_distance, price_of_none, of_another, to_itself, immediate];
    for (id, more) in (1u8..).zip(cases) {
        let reason = if id == 1 { RejectReason::Filter } else { RejectReason::Malformed };
        assert_eq!(venue.say_both(&order(id, Side::Sell, 1), &more), [format!("rejected {reason}")], "case {id}");
    }
    let posts =
        OrderRequest { order_type: OrderType::PostOnly.into(), ..limit(20, Side::Buy, 1, 98, TimeInForce::Ioc) };
    assert_eq!(venue.say(&posts), ["rejected malformed"]);
    // The same id with other conditions is another order.
    venue.say_both(&order(21, Side::Sell, 1), &waits(21, TriggerKind::Stop, 95));
    assert_eq!(venue.say_both(&order(21, Side::Sell, 1), &waits(21, TriggerKind::Stop, 94)), ["status accepted 0"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Orders of every kind, books, trades and cancels at random, with a crash after any of them: what was said of each
    /// order is said again, word for word, and its trigger stands where it stood. Of two linked orders never both are filled.
    #[test]
    fn a_crash_at_any_step_changes_nothing(steps in prop::collection::vec(
        (0u8..9, any::<bool>(), 1i64..6, 95i64..106, any::<bool>()), 1..40))
    {
        let mut venue = Venue::new(0);
        venue.book(&[(99, 9)], &[(101, 9)]);
        let mut ids: Vec<u8> = Vec::new();
        let mut filled: BTreeSet<ClientOrderId> = BTreeSet::new();
        let mut pairs: Vec<(u8, u8)> = Vec::new();
        for (at, (kind, buys, quantity, price, crashes)) in (1u8..).zip(steps) {
            let side = if buys { Side::Buy } else { Side::Sell };
            let stop = |kind| waits(at, kind, price);
            ids.push(at);
            match kind {
                0 => drop(venue.say(&limit(at, side, quantity, price, TimeInForce::Gtc))),
                1 => drop(venue.say_both(&order(at, side, quantity), &stop(TriggerKind::Stop))),
                2 => drop(venue.say_both(&limit(at, side, quantity, price, TimeInForce::Gtc), &stop(TriggerKind::TakeProfit))),
                3 => drop(venue.say_both(&order(at, side, quantity), &trails(at, quantity))),
                4 => {
                    let other = at.saturating_sub(1).max(1);
                    pairs.push((at, other));
                    drop(venue.say_both(&limit(at, side, quantity, price, TimeInForce::Gtc), &linked(other, terms(at))));
                }
                5 => {
                    let replaced = replaces(at.saturating_sub(1), at, quantity);
                    drop(venue.say_both(&limit(at, side, quantity, price, TimeInForce::Gtc), &replaced));
                }
                6 => drop(venue.say(&cancel(at / 2))),
                7 => drop(venue.book(&[(price - 1, quantity)], &[(price + 1, quantity)])),
                _ => drop(venue.say(&trade(price, quantity, side))),
            }
            filled.extend(core::mem::take(&mut venue.fills).iter().map(|fill| fill.client_order_id));
            for (one, other) in &pairs {
                prop_assert!(one == other || !(filled.contains(&id(*one)) && filled.contains(&id(*other))));
            }
            if crashes {
                let before: Vec<Vec<String>> = ids.iter().map(|id| venue.say(&ask(*id))).collect();
                prop_assert_eq!(venue.restart(), Vec::<String>::new());
                let after: Vec<Vec<String>> = ids.iter().map(|id| venue.say(&ask(*id))).collect();
                prop_assert_eq!(before, after);
                venue.introduce();
                venue.book(&[(price - 1, quantity)], &[(price + 1, quantity)]);
                filled.extend(core::mem::take(&mut venue.fills).iter().map(|fill| fill.client_order_id));
            }
        }
    }
}
