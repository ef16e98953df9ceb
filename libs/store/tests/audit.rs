//! Ledgers that somebody changed, copies made while they are written, and readers that are in nobody's way.

#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use mesh_actor::Ledger;
use mesh_codec::Frames;
use mesh_store::audit::Fault;
use mesh_store::{Audit, SqliteLedger, audit, backup};
use mesh_types::Mode;
use mesh_types::execution::{OrderCancelled, OrderStatus, RiskVerdict};
use rusqlite::Connection;

use support::{Said, commit, fill, intent, open, placed, position, said};

fn looked_at(path: &Path) -> Audit {
    audit(path).expect("it can be read")
}

/// A day of orders: placed, filled in parts, cancelled, asked about, and repeats of it all.
fn day(ledger: &mut SqliteLedger, orders: u8) {
    for id in 0..orders {
        commit(ledger, &Said::default(), &said(&RiskVerdict::default()));
        commit(ledger, &Said::default(), &placed(id, 2));
        let trade = format!("t{id}");
        commit(ledger, &said(&fill(id, &trade, 1)), &said(&position(1, 1)));
        let asked = OrderStatus { client_order_id: intent(id, 2).client_order_id, ..OrderStatus::default() };
        commit(ledger, &said(&asked).say(&fill(id, &trade, 1)), &Said::default());
        let end = OrderCancelled {
            client_order_id: intent(id, 2).client_order_id,
            filled_quantity: support::whole(1).into(),
            ..OrderCancelled::default()
        };
        commit(ledger, &said(&end), &said(&position(0, 2)));
    }
}

#[test]
fn a_sound_ledger_is_made_again_from_its_audit_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a ledger #1?.db");
    assert!(audit(&path).is_err(), "nothing is there");
    let mut ledger = open(&path);
    assert_eq!(looked_at(&path).batches, 0);
    day(&mut ledger, 5);
    let found = looked_at(&path);
    assert_eq!(
        (found.faults.as_slice(), found.batches, found.earlier_rows),
        ([].as_slice(), 20, 0),
        "repeats leave nothing"
    );
    drop(ledger);
    assert_eq!(looked_at(&path), found, "closed as well");
    let mut ledger = open(&path).with_net_positions();
    ledger.recover(&mut |_| {}).expect("recovers");
    day(&mut ledger, 7);
    let later = looked_at(&path);
    assert_eq!((later.faults.as_slice(), later.batches > found.batches), ([].as_slice(), true));
    assert_ne!(later.head, found.head);
}

#[test]
fn whoever_changes_a_row_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.db");
    day(&mut open(&whole).with_net_positions(), 4);
    let table = |table, extra, missing| Fault::Table { table, extra, missing };
    let cases: [(&str, Fault); 11] = [
        ("UPDATE fills SET price = '1' WHERE trade_id = 't1'", table("fills", 1, 1)),
        ("UPDATE fills SET frame = x'00' WHERE trade_id = 't1'", table("fills", 1, 1)),
        ("DELETE FROM fills WHERE trade_id = 't3'", table("fills", 0, 1)),
        ("UPDATE intents SET quantity = '9' WHERE seq = (SELECT min(seq) FROM intents)", table("intents", 1, 1)),
        ("UPDATE orders SET open = 1 WHERE seq = (SELECT min(seq) FROM orders)", table("orders", 1, 1)),
        ("UPDATE positions SET realized_pnl = '1000000'", table("positions", 1, 1)),
        ("UPDATE net_positions SET quantity = '0'", table("net_positions", 1, 1)),
        ("DELETE FROM risk_decisions WHERE seq = (SELECT max(seq) FROM risk_decisions)", table("risk_decisions", 0, 1)),
        (
            "UPDATE audit SET frames = (SELECT frames FROM audit WHERE batch = 2) WHERE batch = 6",
            Fault::Chain { batch: 6 },
        ),
        ("DELETE FROM audit WHERE batch = 5", Fault::Chain { batch: 6 }),
        ("UPDATE audit SET batch = -batch; UPDATE audit SET batch = batch + 1000", Fault::Chain { batch: 984 }),
    ];
    for (index, (sql, fault)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.db"));
        std::fs::copy(&whole, &path).expect("copied");
        Connection::open(&path).and_then(|c| c.execute_batch(sql)).expect("changed");
        assert_eq!(looked_at(&path).faults, [fault], "{sql}");
    }
    // A row beyond the log keeps its owner from starting at all.
    let path = folder.path().join("more.db");
    std::fs::copy(&whole, &path).expect("copied");
    let sql = "INSERT INTO flat_positions VALUES ('x', 'y', 1000000, x'00')";
    Connection::open(&path).and_then(|c| c.execute_batch(sql)).expect("changed");
    let error = SqliteLedger::open(&path).expect_err("is refused").to_string();
    assert!(error.contains("its rows go on to 1000000") && error.contains("corrupt"), "{error}");
}

#[test]
fn rows_from_before_the_audit_log_are_told_apart_and_what_follows_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    day(&mut open(&path).with_net_positions(), 3);
    // As an earlier build left it.
    let sql = "DROP TABLE audit; DROP TABLE properties; PRAGMA user_version = 4";
    Connection::open(&path).and_then(|c| c.execute_batch(sql)).expect("changed");
    assert!(audit(&path).expect_err("older").to_string().contains("start the process that owns it once"));
    let mut ledger = open(&path).with_net_positions();
    let rows = looked_at(&path).earlier_rows;
    assert!(rows > 10, "{rows}");
    day(&mut ledger, 6);
    let found = looked_at(&path);
    assert_eq!(found.faults, []);
    assert!(found.earlier_rows > 10 && found.batches > 10, "{found:?}");
    Connection::open(&path).and_then(|c| c.execute_batch("DELETE FROM fills WHERE trade_id = 't5'")).expect("changed");
    assert_eq!(looked_at(&path).faults, [Fault::Table { table: "fills", extra: 0, missing: 1 }]);
}

#[test]
fn a_backup_of_a_ledger_that_is_written_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    day(&mut ledger, 2);
    let done = AtomicBool::new(false);
    let copies = std::thread::scope(|scope| {
        let copies = scope.spawn(|| {
            let mut copies: Vec<PathBuf> = Vec::new();
            while copies.len() < 5 {
                let copy = folder.path().join(format!("backup-{}.db", copies.len()));
                backup(&path, &copy).expect("copies");
                copies.push(copy);
            }
            done.store(true, Ordering::Relaxed);
            copies
        });
        let mut batches = 0u8;
        while !done.load(Ordering::Relaxed) {
            commit(&mut ledger, &Said::default(), &placed(100 + batches % 100, 2));
            commit(&mut ledger, &said(&fill(100 + batches % 100, &format!("u{batches}"), 1)), &Said::default());
            batches = batches.wrapping_add(1);
        }
        copies.join().expect("copied")
    });
    for copy in &copies {
        assert_eq!(looked_at(copy).faults, [], "{}", copy.display());
        assert!(!folder.path().join(format!("{}-wal", copy.display())).exists());
    }
    // Restored: the copy takes the ledger's place, and its owner goes on with it.
    let mut rows = 0;
    let (head, restored) = (looked_at(&copies[4]).head, folder.path().join("restored.db"));
    std::fs::copy(&copies[4], &restored).expect("copied");
    let mut again = open(&restored);
    again.recover(&mut |_| rows += 1).expect("recovers");
    assert!(rows > 4, "{rows}");
    assert_eq!(looked_at(&restored).head, head);
    commit(&mut again, &Said::default(), &placed(99, 2));
    assert_eq!(looked_at(&restored).faults, []);

    let error = backup(&path, &copies[0]).expect_err("is there").to_string();
    assert!(error.contains("overwrites nothing"), "{error}");
    let nowhere = backup(&path, &folder.path().join("missing/copy.db")).expect_err("no folder").to_string();
    assert!(nowhere.contains("can't be opened"), "{nowhere}");
    assert!(backup(&folder.path().join("missing.db"), &folder.path().join("x.db")).is_err());
    assert!(!folder.path().join("x.db").exists() && !folder.path().join("x.db.partial").exists());
}

#[test]
fn no_reader_holds_up_the_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = open(&path);
    day(&mut ledger, 1);
    let reader = SqliteLedger::open_reader(&path).expect("opens");
    let count = || -> i64 { reader.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).expect("rows") };
    // A user interface that forgot to end what it began, and tries to do worse.
    reader.execute_batch("BEGIN").expect("begins");
    assert_eq!(count(), 1);
    let batch = placed(9, 1);
    let before = std::time::Instant::now();
    ledger.commit(Frames::new(&[]), Frames::new(&batch.bytes)).expect("commits beside it");
    let mut ledger = {
        drop(ledger);
        open(&path)
    };
    // More than a checkpoint of the log needs.
    for id in 10..60 {
        let many = (0..40).fold(placed(id, 1), |said, _| said.say(&RiskVerdict::default()));
        commit(&mut ledger, &Said::default(), &many);
    }
    assert_eq!(count(), 1, "it keeps its view");
    for worse in ["COMMIT; BEGIN IMMEDIATE; DELETE FROM fills", "BEGIN EXCLUSIVE; DROP TABLE fills", "VACUUM"] {
        assert!(reader.execute_batch(worse).is_err(), "{worse}");
        let _ = reader.execute_batch("ROLLBACK");
        commit(&mut ledger, &Said::default(), &placed(200, 1).say(&RiskVerdict::default()));
    }
    assert!(before.elapsed().as_secs() < 60, "nothing waited for a lock");
    assert_eq!(looked_at(&path).faults, []);
}

#[test]
fn a_ledger_belongs_to_one_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    drop(open(&path).of_mode(Mode::Paper).expect("new"));
    drop(open(&path).of_mode(Mode::Paper).expect("again"));
    let error = open(&path).of_mode(Mode::Live).expect_err("another").to_string();
    assert!(error.contains("found one of mode paper"), "{error}");
}
