//! A person's orders, what is held and earned, and ledgers that are checked, copied and changed by somebody.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use serde_json::Value;
use test_e2e::{Mesh, audit};

const BTC: &str = "binance:spot:BTCUSDT";

fn one(mesh: &Mesh, words: &[&str]) -> Value {
    let output = mesh.run(&[words, &["--json"]].concat());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?} says one thing in JSON: {text}"))
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

/// The rows of a list that are the manual strategy's.
fn manual(list: &Value) -> Vec<Value> {
    list.as_array().expect("a list").iter().filter(|row| row["strategy"] == "manual").cloned().collect()
}

#[test]
fn a_person_buys_and_sells_past_risk_and_sees_what_came_of_it() {
    let mesh = Mesh::up(&[]);
    mesh.wait("a first fill", || audit::fill_count(&mesh) > 0);
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);

    let bought = one(&mesh, &["order", "place", BTC, "buy", "--notional", "100"]);
    assert_eq!(
        (&bought["state"], &bought["strategy"], &bought["action"]),
        (&"filled".into(), &"manual".into(), &"enter_long".into())
    );
    assert_eq!(
        keys(&bought),
        [
            "action",
            "client_order_id",
            "decided_ns",
            "filled_quantity",
            "instrument",
            "open",
            "order_type",
            "price",
            "quantity",
            "side",
            "state",
            "strategy",
            "time_in_force",
            "worst_price"
        ]
    );
    let held = manual(&one(&mesh, &["positions"])["positions"]);
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(
        keys(&held[0]),
        [
            "entry_price",
            "fees",
            "fill_count",
            "instrument",
            "mark_price",
            "quantity",
            "realized_pnl",
            "strategy",
            "unrealized_pnl",
            "updated_ns"
        ]
    );
    assert_eq!(held[0]["quantity"], bought["filled_quantity"]);
    assert!(held[0]["mark_price"].is_string() && held[0]["unrealized_pnl"].is_string(), "{held:?}");

    let sold = one(&mesh, &["order", "place", BTC, "sell"]);
    assert_eq!((&sold["state"], &sold["action"]), (&"filled".into(), &"exit_long".into()), "{sold}");
    assert_eq!(sold["filled_quantity"], bought["filled_quantity"], "all of it");
    assert_eq!(manual(&one(&mesh, &["positions"])["positions"]), Vec::<Value>::new());
    let earned = manual(&one(&mesh, &["pnl"])["pnl"]);
    assert_eq!(
        keys(&earned[0]),
        ["fees", "fill_count", "instrument", "open", "realized_pnl", "strategy", "unrealized_pnl"]
    );
    assert_eq!((&earned[0]["open"], earned[0]["fees"][0]["asset"].is_string()), (&false.into(), true));
    assert_eq!(manual(&one(&mesh, &["pnl", "--since", "2100-01-01"])["pnl"]), Vec::<Value>::new());
    let orders = mesh.json_lines(&["order", "ls", "-n", "2", "--json"]);
    assert_eq!(orders, [bought, sold]);

    // Risk is asked, and says no.
    assert!(mesh.run(&["kill", "--halt-all"]).status.success());
    let refused = mesh.run(&["order", "place", BTC, "buy"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("risk refuses: kill_switch"), "{said}");
    assert!(mesh.run(&["kill", "--reset"]).status.success());

    // Nobody executes: the order stays open, and that is said; a cancel is not done before it is.
    assert!(mesh.run(&["stop", "executor-paper"]).status.success());
    let open = one(&mesh, &["order", "place", BTC, "buy", "--notional", "100", "--timeout", "2"]);
    assert_eq!(open["open"], true, "{open}");
    let id = open["client_order_id"].as_str().expect("an id");
    assert_eq!(mesh.json_lines(&["order", "ls", "--open", "--json"]).len(), 1);
    assert_eq!(mesh.run(&["order", "cancel", id, "--timeout", "1"]).status.code(), Some(1));
    assert!(mesh.run(&["start", "executor-paper"]).status.success());
    mesh.wait("the order to end", || audit::open_orders(&mesh) == 0);
    assert!(mesh.run(&["order", "cancel", "--all"]).status.success());
    let unknown = mesh.run(&["order", "cancel", &"ab".repeat(16)]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no order abab"), "{unknown:?}");
    assert!(mesh.run(&["order", "ls"]).status.success() && mesh.run(&["positions", "--all"]).status.success());
    mesh.down();
    let report = audit::assert_sound(&mesh);
    assert_eq!(report["unrecorded"], 0, "{report}");
}

#[test]
fn ledgers_are_copied_while_they_are_written_and_what_somebody_changes_is_found() {
    let mesh = Mesh::up(&[]);
    mesh.wait("a first fill", || audit::fill_count(&mesh) > 0);
    let copies = mesh.home().join("copies");
    let out = copies.to_str().expect("a path");
    let copied = mesh.json_lines(&["ledger", "backup", "--out", out, "--json"]);
    assert_eq!(copied.iter().map(|copy| &copy["ledger"]).collect::<Vec<_>>(), ["executor-paper", "portfolio"]);
    let again = mesh.run(&["ledger", "backup", "portfolio", "--out", out]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("overwrites nothing"), "{again:?}");
    let running = mesh.json_lines(&["ledger", "check", "--json"]);
    assert!(running.len() == 2 && running.iter().all(|ledger| ledger["sound"] == true), "{running:?}");
    assert!(mesh.run(&["audit"]).status.success(), "beside the running mesh");
    assert!(String::from_utf8_lossy(&mesh.run(&["ledger", "check", "portfoli"]).stderr).contains("portfolio"));
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.down();
    audit::assert_sound(&mesh);

    let path = mesh.home().join("data").join(audit::PORTFOLIO);
    let change = |sql: &str| rusqlite::Connection::open(&path).and_then(|c| c.execute_batch(sql)).expect("changed");
    change("UPDATE positions SET realized_pnl = '1000000'");
    let found = mesh.run(&["ledger", "check"]);
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(
        found.status.code() == Some(1) && said.contains("not sound portfolio: ") && said.contains("table positions"),
        "{said}"
    );
    assert_eq!(one(&mesh, &["audit"])["sound"], false);

    // Restored, the mesh goes on: what it had not heard of when it was copied, it asks for.
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    std::fs::copy(copies.join("portfolio.db"), &path).expect("restored");
    assert_eq!(one(&mesh, &["ledger", "check", "portfolio"])["sound"], true);
    mesh.up_again();
    mesh.wait("a fill after it", || audit::fill_count(&mesh) > 0);
}
