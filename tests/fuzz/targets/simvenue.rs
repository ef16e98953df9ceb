//! Any requests to the simulated venue: each is answered in the venue's words, and no balance is ever below zero.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::binance::sign::Credentials;
use serde_json::Value;
use simvenue::binance::answer::{Answer, Request};
use simvenue::binance::session::{Reaction, Session};
use simvenue::binance::venue::Venue;
use simvenue::core::faults::Faults;
use simvenue::server::build;
use simvenue::settings::{Settings, TEST_KEY, TEST_SECRET};

const START_NS: u64 = 1_700_000_000_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

fn venue() -> Venue {
    let settings = Settings { history_s: 0, symbols: vec!["BTCUSDT".to_owned()], ..Settings::default() };
    build::venue(&settings, START_NS).expect("the default venue")
}

fn ask(venue: &mut Venue, method: &str, path: &str, query: &str, now_ns: u64) -> Answer {
    let answer = venue.answer(&Request { method, path, query, body: "", api_key: Some(TEST_KEY), now_ns });
    assert!(matches!(answer.status, 200 | 400..=429), "{method} {path}?{query}: {answer:?}");
    assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{method} {path}?{query}: {answer:?}");
    answer
}

/// The query with the account's signature.
fn signed(query: &str, now_ns: u64) -> String {
    let time = format!("timestamp={}", now_ns / 1_000_000);
    let query = if query.is_empty() { time } else { format!("{query}&{time}") };
    let signature = Credentials::new(TEST_KEY.into(), TEST_SECRET.into()).sign(&query);
    format!("{query}&signature={signature}")
}

fn no_balance_is_negative(venue: &mut Venue, now_ns: u64) {
    let answer = ask(venue, "GET", "/api/v3/account", &signed("", now_ns), now_ns);
    let account: Value = serde_json::from_str(&answer.body).expect("JSON");
    for balance in account["balances"].as_array().expect(&answer.body) {
        for part in ["free", "locked"] {
            assert!(balance[part].as_str().is_some_and(|text| !text.starts_with('-')), "{balance}");
        }
    }
}

// A line is `W text` of a stream's client, `S METHOD path?query` to be signed, or `METHOD path?query` as it is.
fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (mut venue, mut session, mut faults) = (venue(), Session::default(), Faults::default());
    let mut now_ns = START_NS;
    for line in text.lines().take(32) {
        now_ns += SECOND_NS;
        if let Some(text) = line.strip_prefix("W ") {
            match session.on_text(text, now_ns, &mut faults) {
                Reaction::Answer(answer) | Reaction::Refusal(answer) => {
                    assert!(serde_json::from_str::<Value>(&answer).is_ok(), "{text}: {answer}");
                }
                Reaction::Close => panic!("one message a second is not too many"),
            }
            continue;
        }
        let (sign, line) = line.strip_prefix("S ").map_or((false, line), |rest| (true, rest));
        let (method, target) = line.split_once(' ').unwrap_or((line, "/"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = if sign { signed(query, now_ns) } else { query.to_owned() };
        ask(&mut venue, method, path, &query, now_ns);
    }
    no_balance_is_negative(&mut venue, now_ns + 90 * SECOND_NS);
});
