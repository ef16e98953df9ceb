//! Orders that may only reduce a position.

use mesh_store::SqliteLedger;
use mesh_types::{TimeInForce, market::Trade};

use super::*;

fn reduce(request: OrderRequest) -> OrderRequest {
    OrderRequest { reduce_only: 1, ..request }
}

#[test]
fn what_exceeds_the_position_is_cancelled_and_nothing_to_reduce_is_refused() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    assert_eq!(venue.say(&reduce(order(1, Side::Sell, 1))), ["rejected no_position"]);
    venue.say(&order(2, Side::Buy, 3));
    assert_eq!(venue.say(&reduce(order(3, Side::Buy, 1))), ["rejected no_position"]);
    assert_eq!(
        venue.say(&reduce(order(4, Side::Sell, 5))),
        ["accepted", "fill 3 at 99 of 3 fee 0.297 taker", "cancelled unfilled after 3"]
    );
    assert_eq!(venue.say(&reduce(order(5, Side::Sell, 1))), ["rejected no_position"]);
    // All or nothing of what there is to reduce.
    venue.say(&order(6, Side::Sell, 2));
    let whole = reduce(limit(7, Side::Buy, 4, 100, TimeInForce::Fok));
    assert_eq!(venue.say(&whole), ["accepted", "fill 2 at 100 of 2 fee 0.2 taker", "cancelled unfilled after 2"]);
}

#[test]
fn a_resting_one_ends_when_the_position_is_gone() {
    let mut venue = Venue::new(0);
    venue.book(&[(99, 9)], &[(100, 9)]);
    venue.say(&order(1, Side::Buy, 3));
    assert_eq!(venue.say(&reduce(limit(2, Side::Sell, 3, 101, TimeInForce::Gtc))), ["accepted"]);
    let trade = Trade {
        instrument: instrument(),
        price: d("102").into(),
        quantity: d("1").into(),
        side: Side::Buy.into(),
        ..Trade::default()
    };
    assert_eq!(venue.say(&trade), ["fill 1 at 101 of 1 fee 0.101 maker"]);
    assert_eq!(
        venue.say(&order(3, Side::Sell, 2)),
        ["accepted", "fill 2 at 99 of 2 fee 0.198 taker", "cancelled venue after 1"]
    );
    assert_eq!(venue.say(&trade), Vec::<String>::new());
}

#[test]
fn a_restart_knows_the_position_from_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("paper.db");
    let open = || Box::new(SqliteLedger::open(&path).expect("opens").with_net_positions());
    let mut venue = Venue::with_ledger(0, open());
    venue.book(&[(99, 9)], &[(100, 9)]);
    venue.say(&order(1, Side::Buy, 3));
    venue.say(&order(2, Side::Sell, 1));
    venue.ledger = open();
    venue.restart();
    venue.introduce();
    venue.book(&[(98, 9)], &[(101, 9)]);
    assert_eq!(
        venue.say(&reduce(order(3, Side::Sell, 5))),
        ["accepted", "fill 2 at 98 of 2 fee 0.196 taker", "cancelled unfilled after 2"]
    );
}

proptest! {
    /// Orders, books, cancels and restarts at random: an own count of the fills says that no reduce-only order made the
    /// position larger or turned it.
    #[test]
    fn a_reduce_only_order_never_crosses_zero(steps in prop::collection::vec(
        (0u8..7, any::<bool>(), any::<bool>(), 1i64..9, 98i64..103), 1..40))
    {
        let mut venue = Venue::new(0);
        let mut reducing = BTreeSet::new();
        let mut position = 0i64;
        venue.book(&[(99, 9)], &[(100, 9)]);
        for (id, (kind, buy, reduces, quantity, price)) in (1u8..).zip(steps) {
            let side = if buy { Side::Buy } else { Side::Sell };
            let request = if kind == 0 || kind == 1 {
                order(id, side, quantity)
            } else {
                limit(id, side, quantity, price, TimeInForce::Gtc)
            };
            if reduces {
                reducing.insert(request.client_order_id);
            }
            match kind {
                0..=3 => drop(venue.say(&if reduces { reduce(request) } else { request })),
                4 => {
                    venue.restart();
                    venue.introduce();
                    venue.book(&[(price - 1, quantity)], &[(price, quantity)]);
                }
                _ => drop(venue.book(&[(price - 1, quantity)], &[(price, quantity)])),
            }
            for fill in core::mem::take(&mut venue.fills) {
                let quantity = fill.quantity.get().mantissa;
                let before = position;
                position += if fill.side.get() == Some(Side::Buy) { quantity } else { -quantity };
                if reducing.contains(&fill.client_order_id) {
                    prop_assert!(position.abs() < before.abs() && position * before >= 0, "{before} to {position}");
                }
            }
        }
    }
}
