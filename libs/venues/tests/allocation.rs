//! Reading a frame a second time allocates nothing: fields lie in the frame, levels in buffers that are used again.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(unsafe_code, reason = "a global allocator can't be written without it; it only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use mesh_types::BookHealth;
use mesh_venues::reader::{Language, Reader, Said};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts what a thread allocates.
struct Counting;

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations_in(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

const FRAMES: &[(Language, &str)] = &[
    (
        Language::Kraken,
        r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00100000}],"checksum":3310070434,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#,
    ),
    (
        Language::Kraken,
        r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105944.2,"qty":0.00027625,"trade_id":7,"timestamp":"2023-10-06T17:35:55Z"}]}"#,
    ),
    (
        Language::Kraken,
        r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1.5,"bid_qty":2.0,"ask":1.6,"ask_qty":3.2,"last":1.5}]}"#,
    ),
    (
        Language::Okx,
        r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,"prevSeqId":-1,"seqId":123456}]}"#,
    ),
    (
        Language::Okx,
        r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"3","px":"43474.1","sz":"0.1","side":"sell","ts":"1646311839593"}]}"#,
    ),
    (
        Language::Hyperliquid,
        r#"{"channel":"l2Book","data":{"coin":"BTC","time":1737918843893,"levels":[[{"n":5,"px":"105055.0","sz":"3.03622"}],[{"px":"105056.0","sz":"0.1428","n":1}]]}}"#,
    ),
    (
        Language::Hyperliquid,
        r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.00001","openInterest":"27.5","oraclePx":"1.0","markPx":"2.50"}}}"#,
    ),
];

#[test]
fn a_frame_is_read_in_place() {
    assert!(allocations_in(|| drop(black_box(vec![1u8; 100]))) > 0, "the counter counts");
    for (language, frame) in FRAMES {
        let mut reader = Reader::new(*language);
        let mut read = || {
            let mut said = 0;
            let parsed = reader.on_frame(black_box(frame.as_bytes()), 1, &mut |what| {
                said += 1;
                if let Said::Book(view) = what {
                    black_box(view.health == BookHealth::Live);
                }
            });
            assert!(parsed.is_ok() && said > 0, "{frame}");
        };
        read();
        assert_eq!(allocations_in(read), 0, "{frame}");
    }
}
