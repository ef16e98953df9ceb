//! The good path allocates nothing: building into a buffer with room, parsing, checking and reading in place.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(unsafe_code, reason = "a global allocator can't be written without it; it only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use mesh_codec::{FrameBuilder, FrameScanner, Frames, Message, Stamp, encode_one};
use mesh_types::market::{BookLevel, BookSnapshot, Trade};
use mesh_types::system::Cause;
use mesh_types::wire::U16;
use mesh_types::{Domain, MessageId, SourceId};

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

fn stamp() -> Stamp {
    Stamp { domain: Domain::Market, source: SourceId::new(1), sequence: 1, timestamp_ns: 1 }
}

#[test]
fn the_counter_counts() {
    assert!(allocations_in(|| drop(black_box(vec![1u8; 100]))) > 0);
}

#[test]
fn building_and_reading_allocate_nothing() {
    let mut array = [0u8; 256];
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut scanner = FrameScanner::default();
    scanner.extend(&[0; 64 * 1024]);
    while scanner.next_message().is_some() {}
    let head = BookSnapshot { bid_count: U16::new(50), ask_count: U16::new(50), ..BookSnapshot::default() };
    let levels = [BookLevel::default(); 100];
    let cause = Cause { message: MessageId::NONE };

    let allocations = allocations_in(|| {
        for _ in 0..100 {
            let size = encode_one(&mut array, &stamp(), &Trade::default()).expect("it fits");
            let message = Message::parse(&array[..size]).expect("a message");
            assert!(message.check_tlvs().is_ok() && message.get::<Trade>().is_some());

            buffer.clear();
            for _ in 0..10 {
                FrameBuilder::new(&mut buffer, &stamp()).tailed(&head, &levels).body(&cause).finish().expect("it fits");
            }
            let read = |message: Message<'_>| {
                assert!(message.check_tlvs().is_ok());
                assert_eq!(message.get_tailed::<BookSnapshot>().map(|view| view.items.len()), Some(100));
                assert_eq!(message.get::<Cause>(), Some(&cause));
            };
            Frames::new(&buffer).for_each(|(_, message)| read(message.expect("a message")));
            scanner.extend(&buffer);
            while let Some(message) = scanner.next_message() {
                read(message.expect("a message"));
            }
        }
    });
    assert_eq!(allocations, 0);
}
