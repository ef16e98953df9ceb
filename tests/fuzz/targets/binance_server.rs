//! Any bytes as a signed request: what our client signs is taken as it was meant, and nothing that was changed after is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::binance::format::Query;
use mesh_venues::binance::server::{Parameters, check};
use mesh_venues::binance::sign::Credentials;

/// The venue's clock, ms.
const NOW_MS: u64 = 1_700_000_000_000;

fn keys() -> Credentials {
    Credentials::new("key".into(), "secret".into())
}

/// The parameters that a request in the client's own form has.
fn pushed(data: &str) -> (Query, Vec<(String, String)>) {
    let (mut query, mut meant) = (Query::new(), Vec::new());
    for (index, value) in data.split('\n').take(8).enumerate() {
        let name = format!("p{index}");
        query.push(&name, value);
        meant.push((name, value.to_owned()));
    }
    (query, meant)
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // As it came: read or refused, never signed by chance.
    if let Ok(parameters) = Parameters::parse(&text) {
        assert!(parameters.iter().count() <= text.len());
    }
    assert!(check(&keys(), Some("key"), &text, "", NOW_MS).is_err());
    assert!(check(&keys(), Some("key"), "", &text, NOW_MS).is_err());

    let (query, meant) = pushed(&text);
    let signed = query.signed(&keys(), NOW_MS, Some(5_000));
    let taken = check(&keys(), Some("key"), &signed, "", NOW_MS).expect("what the client signs is taken");
    let found: Vec<(String, String)> = taken.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(found.get(..meant.len()), Some(meant.as_slice()));
    // Any byte of what was signed, where the input says.
    let place = data.first().map_or(0, |byte| usize::from(*byte)) % query.as_str().len();
    let mut changed = signed.into_bytes();
    changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
    let changed = String::from_utf8(changed).expect("ASCII");
    assert!(check(&keys(), Some("key"), &changed, "", NOW_MS).is_err(), "{changed}");
});
