//! A live executor and a hostile venue: what the venue's own books say, ours say, whatever was lost, doubled, late or killed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use mesh_venues::binance::format::Query;
use mesh_venues::binance::sign::Credentials;
use serde_json::Value;
use test_e2e::{Mesh, audit, mesh};

/// The account that a simulated venue has by default; it opens nothing else.
const KEY: &str = "simvenue-test-key";
const SECRET: &str = "simvenue-test-secret";
const EXECUTOR: &str = "executor-binance";
const DATABASE: &str = "executor-binance.db";

const KEYS: [(&str, &str); 2] = [("ALPHAMESH_BINANCE_API_KEY", KEY), ("ALPHAMESH_BINANCE_API_SECRET", SECRET)];
const CONFIRMED: [(&str, &str); 2] =
    [("ALPHAMESH_LIVE_ENABLE", "1"), ("ALPHAMESH_LIVE_CONFIRM", "I_UNDERSTAND_THIS_CAN_LOSE_MONEY")];

/// The paper profile with the executor of a venue in place of the paper exchange.
fn topology(mode: &str, address: &str) -> String {
    let paper = include_str!("../../../network/topology/profiles/paper.toml");
    let executor = format!(
        "name = \"{EXECUTOR}\"\nkind = \"executor\"\nbinary = \"{EXECUTOR}\"\nsource = 40\nneeds = [\"relay-execution\", \"simvenue\"]\n\n\
         [process.settings]\nrest_url = \"http://{address}\"\nstream_url = \"ws://{address}\"\nrecheck_ms = 2000\nretry_ms = 100\n"
    );
    let old = "name = \"executor-paper\"\nkind = \"executor\"\nbinary = \"executor-paper\"\nsource = 40\nneeds = [\"relay-market\", \"relay-execution\"]\n";
    let listen = "listen = \"127.0.0.1:17601\"\n";
    assert!(paper.contains(old) && paper.contains(listen), "the profile is as it was");
    // Fees are paid in what is received, and a position in the base would shrink with each.
    let fees = format!("{listen}fees = {{ maker_bps = 0, taker_bps = 0 }}\n");
    let text = paper.replace(old, &executor).replace(listen, &fees);
    text.replace("mode = \"paper\"", &format!("mode = \"{mode}\""))
        .replace("profile = \"paper\"", "profile = \"live-sim\"")
}

fn up(mode: &str) -> (Mesh, String) {
    let address = mesh::free_address();
    let environment: Vec<(&str, &str)> = KEYS.into_iter().chain(CONFIRMED).collect();
    (Mesh::up_with(&topology(mode, &address), &address, &environment), address)
}

/// What the venue's own books say of the account.
fn venue_trades(address: &str) -> Vec<Value> {
    let keys = Credentials::new(KEY.into(), SECRET.into());
    let mut trades = Vec::new();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let mut query = Query::new();
        query.push("symbol", symbol).push("fromId", 0).push("limit", 1_000);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis();
        let target = format!("/api/v3/myTrades?{}", query.signed(&keys, u64::try_from(now).expect("a time"), None));
        let mut stream = TcpStream::connect(address).expect("the venue listens");
        write!(stream, "GET {target} HTTP/1.1\r\nHost: venue\r\nX-MBX-APIKEY: {KEY}\r\nConnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let rows: Vec<Value> =
            serde_json::from_str(body).unwrap_or_else(|_| panic!("a list of trades, found {answer}"));
        assert!(rows.len() < 1_000, "all of them");
        trades.extend(rows);
    }
    trades
}

/// Trade, price, quantity, bought: as both sides must have it.
type Row = (u64, String, String, bool);

fn books_agree(mesh: &Mesh, address: &str) {
    let text = |value: &Value| value.as_str().expect("a decimal").to_owned();
    let trades = venue_trades(address);
    let theirs: BTreeSet<Row> = trades
        .iter()
        .map(|t| (t["id"].as_u64().expect("an id"), text(&t["price"]), text(&t["qty"]), t["isBuyer"] == true))
        .collect();
    let sql = "SELECT trade_id, price, quantity, side, client_order_id FROM fills";
    for database in [audit::PORTFOLIO, DATABASE] {
        let rows = mesh.query(database, sql);
        let ours: BTreeSet<Row> =
            rows.iter().map(|r| (r[0].parse().expect("an id"), r[1].clone(), r[2].clone(), r[3] == "buy")).collect();
        assert_eq!(ours, theirs, "{database} and the venue have the same trades");
        let orders: BTreeSet<&String> = rows.iter().map(|row| &row[4]).collect();
        let at_the_venue: BTreeSet<u64> =
            trades.iter().map(|trade| trade["orderId"].as_u64().expect("an id")).collect();
        assert_eq!(orders.len(), at_the_venue.len(), "{database}: one order is one order at the venue");
    }
}

#[test]
fn the_venue_s_books_and_ours_agree_whatever_goes_wrong() {
    let (mesh, address) = up("live");
    mesh.wait("a first fill", || audit::fill_count(&mesh) > 0);
    let more = |what: &str| {
        let fills = audit::fill_count(&mesh);
        mesh.wait(&format!("a fill after {what}"), || audit::fill_count(&mesh) > fills);
    };
    for fault in [
        r#"{"error_after_accept":{"next":1}}"#,
        r#"{"timeout_after_accept":{"next":1}}"#,
        r#"{"duplicate_report":{"next":5}}"#,
        r#"{"late_report":{"next":3}}"#,
        r#"{"lost_report":{"next":5}}"#,
        r#"{"bad_gateway":{"next":2}}"#,
        r#"{"maintenance":{"next":3}}"#,
        r#"{"mute_reports":{"next":1}}"#,
    ] {
        mesh.switch_faults(fault);
        more(fault);
    }
    let made = mesh.switch_faults("{}");
    for fault in
        ["error_after_accept", "timeout_after_accept", "duplicate_report", "late_report", "lost_report", "mute_reports"]
    {
        assert!(made[fault]["made"].as_u64() > Some(0), "{fault} was made: {made}");
    }
    // Killed while it trades, and while the venue says nothing of what it took.
    for round in 0..6 {
        if round % 2 == 1 {
            mesh.switch_faults(r#"{"error_after_accept":{"next":1}}"#);
        }
        let old = mesh.kill(EXECUTOR);
        mesh.await_return(EXECUTOR, old);
        more("the executor was killed");
    }
    for victim in ["portfolio", "relay-execution"] {
        let old = mesh.kill(victim);
        mesh.await_return(victim, old);
        more(victim);
    }
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    mesh.wait("the executor to know it too", || {
        mesh.query(DATABASE, "SELECT count(*) FROM orders WHERE open = 1")[0][0] == "0"
    });
    books_agree(&mesh, &address);
    mesh.down();
    audit::assert_sound_at(&mesh, DATABASE);
}

#[test]
fn dry_live_signs_and_checks_and_places_nothing() {
    let (mesh, address) = up("dry_live");
    let refused = "SELECT count(*) FROM reports WHERE kind = 'rejected' AND reason = 'venue'";
    mesh.wait("an order that was only looked at", || mesh.query(audit::PORTFOLIO, refused)[0][0] != "0");
    assert_eq!(venue_trades(&address), Vec::<Value>::new());
    assert_eq!(audit::fill_count(&mesh), 0);
    mesh.down();
}

#[test]
fn an_executor_without_both_confirmations_starts_nothing() {
    let address = mesh::free_address();
    let mesh = Mesh::down_with(&topology("live", &address), &address, &KEYS);
    let output = mesh.run_up(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("needs two confirmations"), "{said}");
}
