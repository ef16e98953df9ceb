//! Any bytes as a line of a recording: a bare frame is what it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_venues::tape::{Kind, line};

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(line)) = line(data)
        && line.kind == Kind::Frame
        && line.received_ns == 0
        && !data.trim_ascii_start().starts_with(b"{")
        && !data.trim_ascii_start().starts_with(b"0")
    {
        assert_eq!(line.frame.as_ref(), data.trim_ascii());
    }
});
