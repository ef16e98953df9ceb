//! Instrument ids from any text and any bytes: one text has one id, and one id has one text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_types::InstrumentId;
use zerocopy::FromBytes;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(id) = text.parse::<InstrumentId>()
    {
        assert_eq!(id.to_string(), text);
        assert!(id.is_valid());
    }
    if let Ok((id, _)) = InstrumentId::read_from_prefix(data) {
        let text = id.to_string();
        assert_eq!(id.is_valid(), text.parse() == Ok(id), "{text}");
    }
});
