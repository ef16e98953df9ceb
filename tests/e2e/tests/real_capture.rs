//! A real capture of Binance through the whole mesh: the simulated venue plays it, and everything from the adapter on is as
//! with the venue itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::collections::BTreeMap;

use mesh_types::Decimal64;
use serde_json::Value;
use test_e2e::{Mesh, audit, real_data};

#[test]
fn a_real_capture_becomes_books_signals_and_fills() {
    let Some(tape) = real_data("binance/spot/raw_ws/btcusdt_20240808.gz") else { return };
    let tape = format!("{{ file = \"{}\", speed = 10.0, loop = false }}", tape.display());
    let mesh = Mesh::up(&[
        ("SIMVENUE", "TAPE", &tape),
        ("ADAPTER_BINANCE", "SYMBOLS", "[\"BTCUSDT\"]"),
        ("STRATEGY_MOMENTUM", "INSTRUMENTS", "[\"binance:spot:BTCUSDT\"]"),
    ]);
    for kind in ["trade", "quote", "book_snapshot", "book_delta", "candle", "signal", "intent", "order_request", "fill"]
    {
        mesh.wait(kind, || !mesh.captured(kind).is_empty());
    }
    // A price of that day, with Binance's digits.
    let price = Mesh::body(&mesh.captured("trade")[0])["price"].as_str().expect("a price").to_owned();
    assert!(price.starts_with("61") && price.ends_with("000000"), "{price}");
    assert!(mesh.run(&["stop", "strategy-momentum"]).status.success());
    mesh.wait("every order to be final", || audit::open_orders(&mesh) == 0);
    fills_are_never_better_than_the_book(&mesh);
    mesh.down();
    audit::assert_sound(&mesh);
}

/// Rebuilds the book from what was published, and compares each fill with the best price of the book that it names.
fn fills_are_never_better_than_the_book(mesh: &Mesh) {
    let mut books = mesh.captured("book_snapshot");
    books.extend(mesh.captured("book_delta"));
    books.sort_by_key(|book| book["sequence"].as_u64());
    let mut levels: [BTreeMap<Decimal64, Decimal64>; 2] = Default::default();
    let mut best: BTreeMap<u64, (Decimal64, Decimal64)> = BTreeMap::new();
    for book in books.iter().map(Mesh::body) {
        for (side, key) in levels.iter_mut().zip(["bids", "asks"]) {
            if book["name"] == "book_snapshot" {
                side.clear();
            }
            for level in book[key].as_array().expect("levels") {
                let (price, quantity) = (decimal(&level[0]), decimal(&level[1]));
                if quantity.is_zero() {
                    side.remove(&price)
                } else {
                    side.insert(price, quantity)
                };
            }
        }
        if let (Some((bid, _)), Some((ask, _))) = (levels[0].last_key_value(), levels[1].first_key_value()) {
            best.insert(book["last_sequence"].as_u64().expect("a sequence"), (*bid, *ask));
        }
    }
    let fills = mesh.captured("fill");
    assert!(!fills.is_empty());
    for fill in fills.iter().map(Mesh::body) {
        let (bid, ask) = best[&fill["book_sequence"].as_u64().expect("a sequence")];
        let price = decimal(&fill["price"]);
        let fair = if fill["side"] == "buy" { price >= ask } else { price <= bid };
        assert!(fair, "{fill} against {bid} / {ask}");
    }
}

fn decimal(value: &Value) -> Decimal64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("a decimal, found {value}"))
}
