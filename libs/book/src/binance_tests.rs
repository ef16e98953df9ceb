use super::*;
use crate::book::tests::{Plain, any_change};
use mesh_types::Side;
use proptest::prelude::*;

const EXPONENTS: Exponents = Exponents::new(-2, -3);

fn diff(first: u64, last: u64, previous: u64, bids: &[Level]) -> Diff<'_> {
    Diff { first, last, previous, bids, asks: &[] }
}

fn snapshot(last: u64) -> Snapshot<'static> {
    Snapshot { last, bids: &[Level { price: 10, quantity: 1 }], asks: &[Level { price: 20, quantity: 1 }], limit: 100 }
}

fn book(rule: BinanceRule) -> BinanceBook {
    BinanceBook::new(rule, EXPONENTS, 8)
}

#[test]
fn spot_drops_what_the_snapshot_covers_and_the_first_kept_touches_it() {
    let mut spot = book(BinanceRule::Spot);
    assert!(!spot.wants_snapshot(), "nothing is buffered yet");
    assert_eq!(spot.on_diff(&diff(157, 160, 0, &[Level::new(11, 7)])), Step::Held);
    assert!(spot.wants_snapshot());
    spot.snapshot_requested();
    assert_eq!(spot.on_diff(&diff(161, 165, 0, &[Level::new(12, 1)])), Step::Held);
    assert_eq!(spot.on_snapshot(&snapshot(160)), Step::Applied);
    assert_eq!((spot.health(), spot.sequence(), spot.reason()), (BookHealth::Live, 165, None));
    assert_eq!(spot.book().bids().map(|l| l.price).collect::<Vec<_>>(), [12, 10], "157..160 was dropped");
    assert_eq!(spot.on_diff(&diff(161, 165, 0, &[])), Step::Ignored);
    assert_eq!(spot.on_diff(&diff(166, 166, 0, &[Level::new(12, 0)])), Step::Applied);
    assert_eq!(spot.on_diff(&diff(168, 169, 0, &[])), Step::Broken);
    assert_eq!((spot.health(), spot.reason()), (BookHealth::Suspect, Some(Reason::Gap { last: 166, found: 168 })));
    assert!(spot.wants_snapshot());
}

#[test]
fn a_snapshot_older_than_the_buffer_is_asked_for_again() {
    let mut spot = book(BinanceRule::Spot);
    spot.on_diff(&diff(157, 160, 0, &[]));
    spot.snapshot_requested();
    assert_eq!(spot.on_snapshot(&snapshot(155)), Step::Held);
    assert_eq!(spot.reason(), Some(Reason::StaleSnapshot { snapshot: 155, first: 157 }));
    assert!(spot.wants_snapshot());
    spot.snapshot_requested();
    assert_eq!(spot.on_snapshot(&snapshot(158)), Step::Applied);
}

#[test]
fn futures_keep_the_change_that_ends_at_the_snapshot_and_follow_the_chain() {
    let mut usdm = book(BinanceRule::Futures);
    usdm.on_diff(&diff(100, 110, 95, &[Level::new(11, 1)]));
    usdm.on_diff(&diff(150, 160, 110, &[Level::new(12, 1)]));
    usdm.snapshot_requested();
    assert_eq!(usdm.on_snapshot(&snapshot(110)), Step::Applied);
    assert_eq!((usdm.sequence(), usdm.book().bid_count()), (160, 3));
    assert_eq!(usdm.on_diff(&diff(161, 170, 160, &[])), Step::Applied, "pu continues");
    assert_eq!(usdm.on_diff(&diff(171, 180, 169, &[])), Step::Broken, "U would continue, pu does not");
}

#[test]
fn futures_ask_again_when_the_snapshot_lies_between_changes() {
    let mut usdm = book(BinanceRule::Futures);
    usdm.on_diff(&diff(150, 160, 110, &[]));
    usdm.snapshot_requested();
    assert_eq!(usdm.on_snapshot(&snapshot(130)), Step::Held);
    assert!(usdm.wants_snapshot());
    usdm.snapshot_requested();
    assert_eq!(usdm.on_snapshot(&snapshot(110)), Step::Applied, "pu names the snapshot");
}

#[test]
fn a_snapshot_ahead_of_the_stream_waits_for_it() {
    let mut spot = book(BinanceRule::Spot);
    spot.on_diff(&diff(1, 2, 0, &[]));
    spot.snapshot_requested();
    assert_eq!(spot.on_snapshot(&snapshot(10)), Step::Held);
    assert_eq!((spot.health(), spot.reason()), (BookHealth::Resyncing, Some(Reason::Bridging)));
    assert_eq!(spot.on_diff(&diff(3, 10, 0, &[])), Step::Held);
    assert_eq!(spot.on_diff(&diff(11, 11, 0, &[])), Step::Applied);
}

#[test]
fn a_refresh_keeps_the_old_book_going() {
    let mut spot = book(BinanceRule::Spot);
    spot.on_diff(&diff(1, 2, 0, &[]));
    spot.on_snapshot(&snapshot(1));
    spot.refresh();
    assert_eq!(spot.on_diff(&diff(3, 3, 0, &[Level::new(11, 1)])), Step::Applied);
    assert!(spot.wants_snapshot());
    spot.snapshot_requested();
    assert_eq!(spot.on_diff(&diff(4, 4, 0, &[Level::new(12, 1)])), Step::Applied);
    assert_eq!(spot.health(), BookHealth::Live);
    assert_eq!(spot.on_snapshot(&snapshot(3)), Step::Applied);
    assert_eq!(spot.book().bids().map(|l| l.price).collect::<Vec<_>>(), [12, 10], "the snapshot, and what came after");
    spot.refresh();
    assert_eq!(spot.on_diff(&diff(5, 5, 0, &[])), Step::Applied);
    spot.snapshot_requested();
    assert_eq!(spot.on_snapshot(&snapshot(2)), Step::Held, "too old: the live book goes on");
    assert_eq!((spot.health(), spot.sequence()), (BookHealth::Live, 5));
    assert!(spot.wants_snapshot());
}

#[test]
fn a_crossed_book_is_suspect() {
    let mut spot = book(BinanceRule::Spot);
    spot.on_diff(&diff(1, 2, 0, &[]));
    spot.on_snapshot(&snapshot(1));
    assert_eq!(spot.on_diff(&diff(3, 3, 0, &[Level::new(20, 1)])), Step::Broken);
    assert_eq!((spot.health(), spot.reason()), (BookHealth::Suspect, Some(Reason::Crossed)));
    spot.snapshot_requested();
    assert_eq!(spot.health(), BookHealth::Resyncing);
}

#[test]
fn the_buffer_is_bounded_and_loses_its_oldest() {
    let mut spot = book(BinanceRule::Spot);
    for id in 1..=20 {
        spot.on_diff(&diff(id, id, 0, &[]));
    }
    assert_eq!(spot.held.len(), 8);
    spot.snapshot_requested();
    assert_eq!(spot.on_snapshot(&snapshot(5)), Step::Held);
    assert_eq!(spot.on_snapshot(&snapshot(12)), Step::Applied, "13 is the first that is kept");
}

#[test]
fn a_top_near_the_snapshot_s_edge_wants_a_refresh() {
    let mut spot = book(BinanceRule::Spot);
    let bids = [Level::new(10, 1), Level::new(9, 1), Level::new(8, 1)];
    let asks = [Level::new(20, 1)];
    spot.on_diff(&diff(1, 2, 0, &[]));
    spot.on_snapshot(&Snapshot { last: 1, bids: &bids, asks: &asks, limit: 3 });
    assert!(!spot.needs_refresh(3), "the ask side came whole");
    spot.on_diff(&diff(3, 3, 0, &[Level::new(10, 0), Level::new(5, 1)]));
    assert!(spot.needs_refresh(3), "5 lies beyond 8: what lies between is not known");
    assert!(!spot.needs_refresh(2));
}

#[test]
fn other_exponents_start_the_book_again() {
    let mut spot = book(BinanceRule::Spot);
    spot.on_diff(&diff(1, 2, 0, &[]));
    spot.on_snapshot(&snapshot(1));
    spot.restart(Exponents::new(-4, -3));
    assert_eq!((spot.health(), spot.reason()), (BookHealth::Suspect, Some(Reason::Precision)));
    assert_eq!((spot.book().exponents(), spot.book().bid_count()), (Exponents::new(-4, -3), 0));
}

/// `U`, `u`, the `u` before, bids and asks of one message.
type Sent = (u64, u64, u64, Vec<Level>, Vec<Level>);

/// A venue's true history: the book after each change, and the changes as they were sent.
struct History {
    rule: BinanceRule,
    states: Vec<(u64, Plain)>,
    diffs: Vec<Sent>,
}

impl History {
    /// Changes of `changes`, cut into messages; never crossed, since bids lie below 40 and asks from 40.
    fn new(rule: BinanceRule, changes: &[(Side, Level)], cuts: &[usize]) -> Self {
        let mut state = Plain::default();
        let (mut last, mut states, mut diffs) = (100u64, vec![], vec![]);
        state.set(Side::Buy, Level::new(1, 1));
        state.set(Side::Sell, Level::new(99, 1));
        states.push((last, state.clone()));
        let mut rest = changes;
        for cut in cuts.iter().cycle().take(changes.len()) {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            let previous = last;
            // Futures ids jump, because they are shared by all symbols.
            let mut first = last + if rule == BinanceRule::Spot { 1 } else { 5 };
            let start = first;
            let (mut bids, mut asks) = (vec![], vec![]);
            // Quantities differ from message to message, so that a wrong book is a different one.
            for (index, (side, level)) in now.iter().enumerate() {
                let price = if *side == Side::Buy { level.price } else { level.price + 40 };
                let quantity =
                    if level.quantity == 0 { 0 } else { level.quantity + i64::try_from(first).expect("small") * 10 };
                let level = Level::new(price, quantity);
                if *side == Side::Buy {
                    bids.push(level)
                } else {
                    asks.push(level)
                }
                state.set(*side, level);
                first += u64::from(index + 1 < now.len());
            }
            last = first;
            states.push((last, state.clone()));
            diffs.push((start, last, previous, bids, asks));
        }
        Self { rule, states, diffs }
    }

    fn deliver(&self, book: &mut BinanceBook, index: usize) {
        let (first, last, previous, bids, asks) = &self.diffs[index];
        let previous = if self.rule == BinanceRule::Spot { 0 } else { *previous };
        book.on_diff(&Diff { first: *first, last: *last, previous, bids, asks });
    }

    fn snapshot(&self, book: &mut BinanceBook, index: usize) {
        let (last, state) = &self.states[index];
        book.on_snapshot(&Snapshot { last: *last, bids: &state.bids(), asks: &state.asks(), limit: 1000 });
    }

    fn check(&self, book: &BinanceBook) -> Result<(), TestCaseError> {
        if book.health() == BookHealth::Live {
            let truth = self.states.iter().find(|(last, _)| *last == book.sequence());
            let truth = &truth.ok_or_else(|| TestCaseError::fail("live at no sequence of the venue's"))?.1;
            prop_assert_eq!(book.book().bids().collect::<Vec<_>>(), truth.bids());
            prop_assert_eq!(book.book().asks().collect::<Vec<_>>(), truth.asks());
        } else {
            prop_assert!(book.reason().is_some());
        }
        prop_assert!(book.held.len() <= book.capacity);
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Fault {
    Deliver,
    Drop,
    Twice,
    SwapWithNext,
    Again(usize),
    SnapshotOf(usize),
    RequestFails,
    Refresh,
    Disconnect,
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::Deliver),
        1 => Just(Fault::Drop),
        1 => Just(Fault::Twice),
        1 => Just(Fault::SwapWithNext),
        1 => (0usize..20).prop_map(Fault::Again),
        3 => (0usize..6).prop_map(Fault::SnapshotOf),
        1 => Just(Fault::RequestFails),
        1 => Just(Fault::Refresh),
        1 => Just(Fault::Disconnect),
    ]
}

fn any_history() -> impl Strategy<Value = (bool, Vec<(Side, Level)>, Vec<usize>)> {
    let cuts = proptest::collection::vec(1usize..4, 1..6);
    (any::<bool>(), proptest::collection::vec(any_change(), 30..90), cuts)
}

fn history((futures, changes, cuts): &(bool, Vec<(Side, Level)>, Vec<usize>)) -> History {
    History::new(if *futures { BinanceRule::Futures } else { BinanceRule::Spot }, changes, cuts)
}

/// Plays a history with faults, and gives back the book and the next message.
fn play(history: &History, faults: &[Fault]) -> Result<(BinanceBook, usize), TestCaseError> {
    let mut book = BinanceBook::new(history.rule, EXPONENTS, 6);
    let (mut at, end) = (0, history.diffs.len());
    for fault in faults {
        if at + 1 >= end {
            break;
        }
        match fault {
            Fault::Deliver => history.deliver(&mut book, at),
            Fault::Drop => {}
            Fault::Twice => (0..2).for_each(|_| history.deliver(&mut book, at)),
            Fault::SwapWithNext => {
                history.deliver(&mut book, at + 1);
                history.check(&book)?;
                history.deliver(&mut book, at);
                at += 1;
            }
            Fault::Again(back) => history.deliver(&mut book, at.saturating_sub(*back)),
            // From a little behind the stream to a little ahead.
            Fault::SnapshotOf(ahead) => history.snapshot(&mut book, (at + ahead).saturating_sub(3).min(end)),
            Fault::RequestFails => {
                book.snapshot_requested();
                book.snapshot_failed();
            }
            Fault::Refresh => book.refresh(),
            Fault::Disconnect => book.disconnected(),
        }
        history.check(&book)?;
        let moves = matches!(fault, Fault::Deliver | Fault::Drop | Fault::Twice | Fault::SwapWithNext);
        at += usize::from(moves);
    }
    Ok((book, at))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_book_is_never_live_and_wrong(case in any_history(), faults in proptest::collection::vec(any_fault(), 5..80)) {
        play(&history(&case), &faults)?;
    }

    #[test]
    fn a_clean_stream_heals_every_book(case in any_history(), faults in proptest::collection::vec(any_fault(), 0..12)) {
        let history = history(&case);
        let (mut book, at) = play(&history, &faults)?;
        if at + 4 < history.diffs.len() {
            for index in at..history.diffs.len() {
                history.deliver(&mut book, index);
                history.check(&book)?;
                if book.wants_snapshot() {
                    book.snapshot_requested();
                    history.snapshot(&mut book, index + 1);
                    history.check(&book)?;
                }
            }
            prop_assert_eq!(book.health(), BookHealth::Live, "{:?}", book.reason());
        }
    }
}
