//! Any bytes as what Hyperliquid sends: frames, lists, errors. A cut frame is refused; a live book is never crossed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_types::BookHealth;
use mesh_venues::hyperliquid::{self, errors::statuses, msgpack};
use mesh_venues::reader::{Language, Reader};

fn frame(reader: &mut Reader, frame: &[u8]) {
    let mut said = 0;
    let read = reader.on_frame(frame, 1, &mut |_| said += 1);
    let whole = frame.trim_ascii_end();
    if read.is_ok() && said > 0 && whole.starts_with(b"{") {
        for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            let cut = whole.get(..cut).unwrap_or_default();
            let read = Reader::new(Language::Hyperliquid).on_frame(cut, 1, &mut |_| {});
            assert!(read.is_err(), "cut: {}", cut.escape_ascii());
        }
    }
    for view in reader.books() {
        assert!(view.health != BookHealth::Live || view.book.is_coherent());
        assert!(view.book.bid_count() <= 1_000 && view.book.ask_count() <= 1_000, "books are bounded");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(Language::Hyperliquid);
    // Lines are the frames of one connection.
    for bytes in data.split(|byte| *byte == b'\n') {
        frame(&mut reader, bytes);
    }
    let _ = (hyperliquid::instruments::perpetuals(data, |_| {}), hyperliquid::instruments::spot(data, |_| {}));
    let _ = (hyperliquid::parse::candles(data, 1, |_| {}), statuses(200, data, |_| {}).map_err(|error| error.action()));
    if let Ok(packed) = msgpack::from_json(data) {
        assert!(packed.len() <= 2 * data.len(), "an action is about as long as its JSON");
    }
});
