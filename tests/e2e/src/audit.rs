//! The ledgers of a mesh that ran, looked at from outside: `mesh audit` counts them a second time.

use std::collections::BTreeMap;

use crate::Mesh;

/// Ledgers by their files.
pub const PORTFOLIO: &str = "portfolio.db";
/// The paper exchange's.
pub const PAPER: &str = "executor-paper.db";

/// Orders that are not final, at the portfolio.
pub fn open_orders(mesh: &Mesh) -> usize {
    count(mesh, "SELECT count(*) FROM orders WHERE open = 1").unwrap_or(usize::MAX)
}

/// Number of fills at the portfolio.
pub fn fill_count(mesh: &Mesh) -> usize {
    count(mesh, "SELECT count(*) FROM fills").unwrap_or(0)
}

fn count(mesh: &Mesh, sql: &str) -> Option<usize> {
    mesh.query(PORTFOLIO, sql).first()?.first()?.parse().ok()
}

/// What must hold once nothing is under way: each ledger is its audit log, both sides have the same fills, positions, profit
/// and fees are what a second count of the recorded messages gives, every intent reached the exchange at most once and as it
/// was meant, and no order came from nowhere. Answers with what the audit says.
///
/// # Panics
/// When it does not hold.
pub fn assert_sound(mesh: &Mesh) -> serde_json::Value {
    assert_sound_at(mesh, PAPER)
}

/// The same with another executor's ledger.
///
/// # Panics
/// When it does not hold.
pub fn assert_sound_at(mesh: &Mesh, executor: &str) -> serde_json::Value {
    let output = mesh.run(&["audit", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert!(output.status.success() && report["sound"] == true, "{said}");
    assert_eq!(report["fills"], fill_count(mesh), "{said}");
    let intended = pairs(mesh, PORTFOLIO, "SELECT client_order_id, quantity FROM intents");
    for (order, quantity) in &pairs(mesh, executor, "SELECT client_order_id, quantity FROM orders") {
        assert_eq!(intended.get(order), Some(quantity), "order {order} was intended as it was placed");
    }
    report
}

fn pairs(mesh: &Mesh, database: &str, sql: &str) -> BTreeMap<String, String> {
    let rows = mesh.query(database, sql).into_iter();
    rows.filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect()
}
