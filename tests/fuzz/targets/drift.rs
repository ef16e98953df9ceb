//! Any bytes as a file or frame of Drift. Each record has exactly one fate.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::drift::{dlob, gateway, instrument, records};

fuzz_target!(|data: &[u8]| {
    let Ok(market) = instrument("SOL-PERP") else { return };
    let mut told = 0;
    let counts = records::trades(data, market, |trade| {
        assert!(trade.price.get().is_positive());
        told += 1;
    });
    assert_eq!((counts.accepted, counts.parsed), (told, counts.accepted + counts.skipped));
    for raw in [false, true] {
        let counts = records::funding_rates(data, market, raw, |_| {});
        assert_eq!(counts.parsed, counts.accepted + counts.skipped);
    }
    let _ = (gateway::events(data, |_| {}), gateway::markets(data, |_, _| {}));
    let _ = dlob::Parser::new().parse(data, 1, &mut |_| {});
});
