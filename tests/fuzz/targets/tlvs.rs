//! Any payload behind a good header: everything that reads TLVs gives an answer, and checked values can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_codec::{Message, entry, json, packet};
use mesh_fuzz::message;

fuzz_target!(|data: &[u8]| {
    let Some((domain, payload)) = data.split_first() else { return };
    let frame = message(1 + domain % 4, payload);
    let message = Message::parse(&frame).expect("a good header");

    let checked = message.check_tlvs();
    let count = message.tlvs().filter(Result::is_ok).count();
    let shown = json::message(&message);
    assert_eq!(shown["tlvs"].as_array().map_or(0, Vec::len), message.tlvs().count());
    let _ = packet::join(&message);

    for tlv in message.tlvs().map_while(Result::ok) {
        let Some(entry) = entry(tlv.number) else { continue };
        let (key, instrument) = (entry.key(tlv.value), entry.instrument(tlv.value));
        if tlv.check(message.domain()).is_ok() {
            assert_eq!(key.is_some(), entry.last_value.is_some());
            assert_eq!(instrument.is_some(), entry.instrument_offset.is_some());
            let mut fields = 0;
            (entry.visit)(tlv.value, &mut |_, _| fields += 1);
            assert_eq!(fields, entry.fields.iter().filter(|field| !field.name.starts_with("reserved")).count());
        }
    }
    if checked.is_ok() {
        assert!(count > 0 && message.tlvs().all(|tlv| tlv.is_ok()));
    }
});
