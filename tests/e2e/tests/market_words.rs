//! What people ask about the market of a running mesh: venues, instruments, books.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use serde_json::Value;
use test_e2e::Mesh;

const BITCOIN: &str = "binance:spot:BTCUSDT";

#[test]
fn a_running_mesh_tells_of_its_venues_instruments_and_books() {
    let mesh = Mesh::up(&[]);
    venues(&mesh);
    instruments(&mesh);
    book(&mesh);
    mesh.down();
    let said = mesh.run(&["venues", "--json"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("the market relay does not run"), "{said:?}");
}

#[test]
fn candles_of_the_past_are_fetched_and_go_on_after_a_kill() {
    let mesh = Mesh::up(&[("SIMVENUE", "HISTORY_S", "3600")]);
    let minutes = || mesh.json_lines(&["candles", BITCOIN, "1m", "--from", "0", "--origin", "venue", "--json"]);
    let closed = |candles: &[Value]| -> Vec<u64> {
        let closed = candles.iter().filter(|candle| candle["closed"] == true);
        closed.map(|candle| candle["open_ns"].as_u64().expect("a time") / 60_000_000_000).collect()
    };
    mesh.wait("an hour of minutes", || closed(&minutes()).len() >= 59);
    let before = closed(&minutes());
    assert!(before.windows(2).all(|pair| pair[1] == pair[0] + 1), "each minute once, none left out: {before:?}");
    let old = mesh.kill("history");
    mesh.await_return("history", old);
    mesh.wait("the next minute", || closed(&minutes()).len() > before.len());
    let after = closed(&minutes());
    assert!(after.windows(2).all(|pair| pair[1] == pair[0] + 1), "{after:?}");
    assert_eq!(after[..before.len()], before[..]);
    for interval in ["3m", "5m", "15m", "30m"] {
        let candles = mesh.json_lines(&["candles", BITCOIN, interval, "--origin", "venue", "--json"]);
        assert!(!closed(&candles).is_empty(), "{interval}");
    }
    let plot = mesh.run(&["candles", BITCOIN, "1m", "--plot"]);
    assert!(String::from_utf8_lossy(&plot.stdout).contains("volume"), "{plot:?}");
    let none = mesh.run(&["candles", "binance:spot:XRPUSDT", "1m"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
}

fn one(mesh: &Mesh, words: &[&str]) -> Value {
    let mut lines = mesh.json_lines(words);
    assert_eq!(lines.len(), 1, "{words:?}: {lines:?}");
    lines.swap_remove(0)
}

fn venues(mesh: &Mesh) {
    mesh.wait("all to be well", || mesh.run(&["venues"]).status.success());
    let told = one(mesh, &["venues", "--json"]);
    let venues = told["venues"].as_array().expect("a list");
    assert_eq!(venues.len(), 1);
    let venue = &venues[0];
    assert_eq!((&venue["venue"], &venue["process"]), (&"binance".into(), &"adapter-binance".into()));
    assert_eq!((&venue["feed"], &venue["state"]), (&"up".into(), &"ready".into()));
    assert_eq!((&venue["books"]["live"], &venue["instruments"]), (&2.into(), &2.into()), "{venue}");
    assert!(venue["delay_ns"].is_i64() && venue["in_per_s"].as_f64() > Some(0.0), "{venue}");
    mesh.run(&["stop", "adapter-binance"]);
    let told = mesh.run(&["venues", "--json"]);
    assert_eq!(told.status.code(), Some(1), "an adapter that does not run is not well");
    mesh.run(&["start", "adapter-binance"]);
}

fn instruments(mesh: &Mesh) {
    let told = one(mesh, &["instruments", "--venue", "binance", "--search", "btc", "--json"]);
    let found = told["instruments"].as_array().expect("a list");
    assert_eq!(found.len(), 1, "{told}");
    assert_eq!((&found[0]["instrument"], &found[0]["status"]), (&BITCOIN.into(), &"trading".into()));
    assert!(found[0]["tick"].is_string() && found[0]["recv_ns"].is_u64(), "{told}");
    let refused = mesh.run(&["instruments", "--venue", "binnance"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean \"binance\""), "{refused:?}");
}

fn book(mesh: &Mesh) {
    mesh.wait("the book to be live", || mesh.run(&["book", BITCOIN, "--once"]).status.success());
    let told = one(mesh, &["book", BITCOIN, "--once", "--json", "--depth", "3"]);
    assert_eq!((&told["health"], &told["reason"]), (&"live".into(), &Value::Null), "{told}");
    let price = |level: &Value| level[0].as_str().and_then(|text| text.parse::<f64>().ok()).expect("a price");
    let side = |name: &str| told[name].as_array().expect("levels").iter().map(price).collect::<Vec<_>>();
    let (bids, asks) = (side("bids"), side("asks"));
    assert_eq!((bids.len(), asks.len()), (3, 3), "{told}");
    assert!(bids[0] < asks[0] && bids.is_sorted_by(|a, b| a > b) && asks.is_sorted(), "{told}");
    let unknown = mesh.run(&["book", "binance:spot:BTCUSD", "--once"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean \"binance:spot:BTCUSDT\""), "{unknown:?}");
    assert_eq!(mesh.run(&["book", "bitcoin"]).status.code(), Some(2));
}
