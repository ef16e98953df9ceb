//! A book that has its size changes, is published and is followed without allocating.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]
#![allow(unsafe_code, reason = "a global allocator can't be written without it; it only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use mesh_book::{
    BinanceBook, BinanceRule, Book, Change, Diff, Exponents, Level, MirrorBook, PublicationHead, Snapshot, Step,
    StreamBook, TopView,
};
use mesh_types::BookHealth;

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

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
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

const MIDDLE: i64 = 1_000_000;
/// Levels a side: more than a view shows, and more than the best of them that a book keeps together.
const LEVELS: i64 = 600;
/// Messages of a round.
const ROUND: i64 = 400;

fn side(sign: i64) -> Vec<Level> {
    (1..=LEVELS).map(|step| Level::new(MIDDLE + sign * step * 10, 5)).collect()
}

/// What message `number` changes: a level that is there, one that enters or leaves near the best, and one far from it. After
/// a round the book is what it was.
fn change(number: i64, sign: i64) -> [Level; 3] {
    let place = number / 2 % 120 + 1;
    let enters = i64::from(number % 2 == 0);
    [
        Level::new(MIDDLE + sign * place * 10, 5 + enters),
        Level::new(MIDDLE + sign * (place * 10 - 5), 7 * enters),
        Level::new(MIDDLE + sign * (LEVELS - place) * 10, 5 + enters),
    ]
}

/// Publishes and follows a book after each message of two rounds; answers with what the second allocated.
fn second_round(mut message: impl FnMut(u64, &[Level], &[Level], &mut dyn FnMut(&Book, u64))) -> usize {
    let (mut view, mut mirror) = (TopView::new(75), MirrorBook::new());
    let mut sequence = 1;
    let mut round = || {
        for number in 0..ROUND {
            sequence += 1;
            message(sequence, &change(number, -1), &change(number, 1), &mut |book, at| {
                let Some(told) = view.publish(book, at, BookHealth::Live) else { return };
                let followed = match told.head {
                    PublicationHead::Snapshot(head) => mirror.on_snapshot(&head, told.levels),
                    PublicationHead::Delta(head) => mirror.on_delta(&head, told.levels),
                };
                followed.expect("a message of ours");
                black_box(&mirror);
            });
        }
    };
    round();
    allocations_in(round)
}

#[test]
fn a_book_from_a_stream_changes_in_place() {
    assert!(allocations_in(|| drop(black_box(vec![1u8; 100]))) > 0, "the counter counts");
    let mut book = StreamBook::new(Exponents::new(-2, -3), usize::MAX);
    let (bids, asks) = (side(-1), side(1));
    let whole = Change { snapshot: true, previous: None, sequence: 1, bids: &bids, asks: &asks };
    assert_eq!(book.on_change(&whole, 1, |_| None), Step::Applied);
    let allocated = second_round(|sequence, bids, asks, publish| {
        let change = Change { snapshot: false, previous: Some(sequence - 1), sequence, bids, asks };
        assert_eq!(book.on_change(&change, sequence, |_| None), Step::Applied);
        publish(book.book(), sequence);
    });
    assert_eq!(allocated, 0);
}

#[test]
fn binance_s_book_changes_in_place() {
    for rule in [BinanceRule::Spot, BinanceRule::Futures] {
        let mut book = BinanceBook::new(rule, Exponents::new(-2, -3), 100);
        let (bids, asks) = (side(-1), side(1));
        book.on_diff(&Diff { first: 1, last: 1, previous: 0, bids: &[], asks: &[] });
        book.snapshot_requested();
        book.on_snapshot(&Snapshot { last: 1, bids: &bids, asks: &asks, limit: 1_000 });
        let allocated = second_round(|sequence, bids, asks, publish| {
            let diff = Diff { first: sequence, last: sequence, previous: sequence - 1, bids, asks };
            assert_eq!(book.on_diff(&diff), Step::Applied, "{sequence}");
            publish(book.book(), sequence);
        });
        assert_eq!(allocated, 0, "{rule:?}");
    }
}

#[test]
fn a_book_that_is_told_whole_each_time_is_replaced_in_place() {
    let mut book = StreamBook::new(Exponents::new(-2, -3), 20);
    let allocated = second_round(|sequence, bids, asks, publish| {
        let whole = Change { snapshot: true, previous: None, sequence, bids, asks };
        assert_eq!(book.on_block(&whole, sequence), Step::Applied);
        publish(book.book(), sequence);
    });
    assert_eq!(allocated, 0);
}
