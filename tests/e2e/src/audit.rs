//! The dumb auditor: positions recomputed from fills alone, and portfolio and paper exchange compared, order by order.

use std::collections::BTreeMap;

use mesh_types::Decimal64;

use crate::Mesh;

/// Ledgers by their files.
pub const PORTFOLIO: &str = "portfolio.db";
/// The paper exchange's.
pub const PAPER: &str = "executor-paper.db";

/// A fill as both sides must have it: order, trade, side, price, quantity, fee.
type FillRow = (String, String, String, String, String, String);

fn fills(mesh: &Mesh, database: &str) -> Vec<FillRow> {
    let sql =
        "SELECT client_order_id, trade_id, side, price, quantity, fee FROM fills ORDER BY client_order_id, trade_id";
    let rows = mesh.query(database, sql);
    rows.into_iter()
        .map(|row| match row.as_slice() {
            [order, trade, side, price, quantity, fee] => {
                (order.clone(), trade.clone(), side.clone(), price.clone(), quantity.clone(), fee.clone())
            }
            other => panic!("six columns, found {other:?}"),
        })
        .collect()
}

/// Orders that are not final, at the portfolio.
pub fn open_orders(mesh: &Mesh) -> usize {
    mesh.query(PORTFOLIO, "SELECT count(*) FROM orders WHERE open = 1")
        .first()
        .and_then(|row| row.first()?.parse().ok())
        .unwrap_or(usize::MAX)
}

/// Number of fills at the portfolio.
pub fn fill_count(mesh: &Mesh) -> usize {
    fills(mesh, PORTFOLIO).len()
}

/// What must hold once nothing is under way: every intent reached the exchange at most once, no order came from nowhere,
/// both sides have the same fills, no order is filled beyond its quantity, and positions are the sums of the fills.
///
/// # Panics
/// When it does not hold.
pub fn assert_sound(mesh: &Mesh) {
    let (ours, theirs) = (fills(mesh, PORTFOLIO), fills(mesh, PAPER));
    assert_eq!(ours, theirs, "portfolio and paper exchange have the same fills");
    let intended: BTreeMap<String, String> = pairs(mesh, PORTFOLIO, "SELECT client_order_id, quantity FROM intents");
    let placed: BTreeMap<String, String> = pairs(mesh, PAPER, "SELECT client_order_id, quantity FROM orders");
    for (order, quantity) in &placed {
        assert_eq!(intended.get(order), Some(quantity), "order {order} was intended as it was placed");
    }
    let mut filled: BTreeMap<&str, Decimal64> = BTreeMap::new();
    for (order, _, _, _, quantity, _) in &ours {
        let sum = filled.entry(order).or_default();
        *sum = sum.checked_add(decimal(quantity)).expect("a sum");
    }
    for (order, sum) in filled {
        assert!(sum <= decimal(&intended[order]), "order {order} is filled beyond its quantity: {sum}");
    }
    assert_positions(mesh);
}

fn assert_positions(mesh: &Mesh) {
    let sql = "SELECT instrument || ' ' || strategy, side, quantity FROM fills";
    let mut sums: BTreeMap<String, Decimal64> = BTreeMap::new();
    for row in mesh.query(PORTFOLIO, sql) {
        let [owner, side, quantity] = row.as_slice() else { panic!("three columns") };
        let quantity = decimal(quantity);
        let signed = if side == "buy" { quantity } else { quantity.negated().expect("negated") };
        let sum = sums.entry(owner.clone()).or_default();
        *sum = sum.checked_add(signed).expect("a sum");
    }
    let held = pairs(mesh, PORTFOLIO, "SELECT instrument || ' ' || strategy, quantity FROM positions");
    for (owner, sum) in &sums {
        assert_eq!(
            held.get(owner).map(|text| decimal(text)),
            Some(*sum),
            "the position of {owner} is the sum of its fills"
        );
    }
}

fn pairs(mesh: &Mesh, database: &str, sql: &str) -> BTreeMap<String, String> {
    let rows = mesh.query(database, sql).into_iter();
    rows.filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect()
}

fn decimal(text: &str) -> Decimal64 {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}
