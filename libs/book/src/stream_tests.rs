use super::*;
use crate::book::tests::{Plain, any_change};
use crate::checksum;
use mesh_types::Side;
use proptest::prelude::*;

const EXPONENTS: Exponents = Exponents::new(-1, -2);
const BIDS: &[Level] = &[Level::new(10, 1), Level::new(9, 2)];
const ASKS: &[Level] = &[Level::new(20, 1)];

const fn snapshot(sequence: u64) -> Change<'static> {
    Change { snapshot: true, previous: None, sequence, bids: BIDS, asks: ASKS }
}

const fn change(previous: u64, sequence: u64, bids: &[Level]) -> Change<'_> {
    Change { snapshot: false, previous: Some(previous), sequence, bids, asks: &[] }
}

fn live(depth: usize) -> StreamBook {
    let mut book = StreamBook::new(EXPONENTS, depth);
    assert_eq!(book.on_change(&snapshot(7), 100, |_| None), Step::Applied);
    book
}

fn apply(book: &mut StreamBook, change: &Change<'_>) -> Step {
    book.on_change(change, 100, |_| None)
}

#[test]
fn a_chain_is_followed_and_its_ids_may_fall() {
    let mut book = live(5);
    assert_eq!(apply(&mut book, &change(7, 9, &[Level::new(11, 1)])), Step::Applied);
    assert_eq!(apply(&mut book, &change(9, 9, &[])), Step::Applied, "nothing changed for a minute");
    assert_eq!(apply(&mut book, &change(9, 3, &[])), Step::Applied, "maintenance began the ids again");
    assert_eq!(apply(&mut book, &change(9, 3, &[Level::new(11, 5)])), Step::Ignored, "the same again");
    assert_eq!(book.book().best_bid(), Some(Level::new(11, 1)));
    assert_eq!(apply(&mut book, &change(4, 5, &[])), Step::Broken);
    assert_eq!((book.health(), book.reason()), (BookHealth::Suspect, Some(Reason::Gap { last: 3, found: 4 })));
    assert!(book.wants_snapshot());
    book.snapshot_requested();
    assert_eq!((book.health(), book.wants_snapshot()), (BookHealth::Resyncing, false));
    assert_eq!(apply(&mut book, &change(3, 4, &[])), Step::Held, "only a snapshot heals it");
    book.snapshot_failed();
    assert!(book.wants_snapshot());
    assert_eq!(apply(&mut book, &snapshot(50)), Step::Applied);
    assert_eq!((book.health(), book.reason(), book.wants_snapshot()), (BookHealth::Live, None, false));
}

#[test]
fn levels_beyond_the_venue_s_depth_are_cut() {
    let mut book = live(2);
    let better = Change { snapshot: false, previous: None, sequence: 8, bids: &[Level::new(11, 1)], asks: &[] };
    assert_eq!(apply(&mut book, &better), Step::Applied);
    assert_eq!(book.book().bids().map(|l| l.price).collect::<Vec<_>>(), [11, 10], "9 was pushed out");
}

#[test]
fn a_wrong_checksum_and_a_crossed_book_are_suspect() {
    let mut book = live(5);
    assert_eq!(book.on_change(&change(7, 8, &[]), 100, |_| Some((5, 6))), Step::Broken);
    assert_eq!(book.reason(), Some(Reason::Checksum { expected: 5, found: 6 }));
    assert!(book.wants_snapshot());
    book.snapshot_requested();
    assert_eq!(book.on_change(&snapshot(9), 100, |_| Some((5, 6))), Step::Held);
    assert!(book.wants_snapshot(), "the snapshot itself was wrong");
    assert_eq!(book.on_change(&snapshot(9), 100, |_| Some((5, 5))), Step::Applied);
    assert_eq!(apply(&mut book, &change(9, 10, &[Level::new(20, 1)])), Step::Broken);
    assert_eq!(book.reason(), Some(Reason::Crossed));
}

#[test]
fn a_block_of_the_past_is_ignored_and_silence_is_stale() {
    let mut book = live(20);
    assert_eq!(book.on_block(&snapshot(6), 200), Step::Ignored);
    assert_eq!(book.on_block(&snapshot(7), 200), Step::Applied, "the same block again, as after subscribing again");
    assert_eq!(book.on_time(1_200, 1_000), Step::Ignored);
    assert_eq!(book.on_time(1_201, 1_000), Step::Broken);
    assert_eq!((book.health(), book.reason()), (BookHealth::Suspect, Some(Reason::Stale { age_ns: 1_001 })));
    assert_eq!(book.on_block(&snapshot(8), 1_300), Step::Applied);
}

#[test]
fn finer_exponents_keep_the_book_and_impossible_ones_lose_it() {
    let mut book = live(5);
    book.refine(Exponents::new(-3, -2));
    assert_eq!((book.health(), book.book().best_bid()), (BookHealth::Live, Some(Level::new(1_000, 1))));
    book.refine(Exponents::new(0, 0));
    assert_eq!((book.health(), book.reason()), (BookHealth::Suspect, Some(Reason::Precision)));
    assert_eq!(book.book().best_bid(), None);
    book.disconnected();
    assert!(!book.wants_snapshot(), "the next connection brings one");
    assert_eq!(book.malformed(), Step::Held);
}

/// The state after each message, and the messages.
struct History {
    states: Vec<Plain>,
    messages: Vec<(Vec<Level>, Vec<Level>)>,
}

impl History {
    fn new(changes: &[(Side, Level)], cuts: &[usize]) -> Self {
        let mut state = Plain::default();
        state.set(Side::Buy, Level::new(1, 1));
        state.set(Side::Sell, Level::new(99, 1));
        let (mut states, mut messages, mut rest) = (vec![state.clone()], vec![], changes);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            let (mut bids, mut asks) = (vec![], vec![]);
            for (side, level) in now {
                // Quantities differ from message to message, so that a wrong book is a different one.
                let turn = 10 * i64::try_from(states.len()).expect("small");
                let quantity = if level.quantity == 0 { 0 } else { level.quantity + turn };
                let price = if *side == Side::Buy { level.price } else { level.price + 40 };
                let level = Level::new(price, quantity);
                if *side == Side::Buy {
                    bids.push(level)
                } else {
                    asks.push(level)
                }
                state.set(*side, level);
            }
            states.push(state.clone());
            messages.push((bids, asks));
        }
        Self { states, messages }
    }

    fn is_true(&self, book: &StreamBook, best: usize) -> bool {
        let (bids, asks): (Vec<_>, Vec<_>) =
            (book.book().bids().take(best).collect(), book.book().asks().take(best).collect());
        self.states.iter().any(|s| s.bids().iter().take(best).eq(&bids) && s.asks().iter().take(best).eq(&asks))
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Deliver,
    Drop,
    Twice,
    SwapWithNext,
    Again(usize),
    Snapshot,
    Disconnect,
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::Deliver),
        1 => Just(Fault::Drop),
        1 => Just(Fault::Twice),
        1 => Just(Fault::SwapWithNext),
        1 => (0usize..20).prop_map(Fault::Again),
        2 => Just(Fault::Snapshot),
        1 => Just(Fault::Disconnect),
    ]
}

/// Sequences of message `index`, which rise by 1 to 3 and start again at 5 now and then.
fn sequence(index: usize) -> u64 {
    let index = u64::try_from(index).expect("small");
    // Within one history no number comes twice: what is said of ids that fall is tested above.
    1_000 + 2 * index + index % 2
}

/// Plays a history with faults; `chained` decides by sequences, else checksums do.
fn play(history: &History, faults: &[Fault], chained: bool) -> Result<(StreamBook, usize), TestCaseError> {
    let mut book = StreamBook::new(EXPONENTS, 1_000);
    let sum = |state: &Plain| {
        let mut whole = Book::new(EXPONENTS);
        whole.replace(&state.bids(), &state.asks());
        checksum::kraken(&whole)
    };
    let deliver = |book: &mut StreamBook, index: usize, whole: bool| -> Result<(), TestCaseError> {
        let (state, message) = (&history.states[index + usize::from(!whole)], history.messages.get(index));
        let (all_bids, all_asks) = (state.bids(), state.asks());
        let (bids, asks) =
            if whole { (&all_bids, &all_asks) } else { message.map(|(b, a)| (b, a)).expect("a message") };
        let at = if whole { index } else { index + 1 };
        let previous = chained.then(|| sequence(index));
        let change = Change { snapshot: whole, previous, sequence: sequence(at), bids, asks };
        let expected = sum(state);
        book.on_change(&change, 1, |book| (!chained).then(|| (expected, checksum::kraken(book))));
        if book.health() == BookHealth::Live {
            // A checksum vouches for the ten best, a chain for all.
            let best = if chained { 1_000 } else { 10 };
            prop_assert!(history.is_true(book, best));
        } else {
            prop_assert!(book.reason().is_some());
        }
        Ok(())
    };
    let (mut at, end) = (0, history.messages.len());
    for fault in faults {
        if at + 2 >= end {
            break;
        }
        match fault {
            Fault::Deliver => deliver(&mut book, at, false)?,
            Fault::Drop => {}
            Fault::Twice => {
                deliver(&mut book, at, false)?;
                deliver(&mut book, at, false)?;
            }
            Fault::SwapWithNext => {
                deliver(&mut book, at + 1, false)?;
                deliver(&mut book, at, false)?;
                at += 1;
            }
            Fault::Again(back) => deliver(&mut book, at.saturating_sub(*back), false)?,
            Fault::Snapshot => deliver(&mut book, at, true)?,
            Fault::Disconnect => book.disconnected(),
        }
        at += usize::from(!matches!(fault, Fault::Again(_) | Fault::Snapshot | Fault::Disconnect));
    }
    if book.health() != BookHealth::Live {
        deliver(&mut book, at, true)?;
        prop_assert_eq!(book.health(), BookHealth::Live, "{:?}", book.reason());
        deliver(&mut book, at, false)?;
    }
    Ok((book, at))
}

fn any_history() -> impl Strategy<Value = History> {
    let changes = proptest::collection::vec(any_change(), 30..90);
    (changes, proptest::collection::vec(1usize..4, 1..6)).prop_map(|(changes, cuts)| History::new(&changes, &cuts))
}

impl core::fmt::Debug for History {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.messages)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_chained_book_is_never_live_and_wrong(history in any_history(), faults in proptest::collection::vec(any_fault(), 5..80)) {
        play(&history, &faults, true)?;
    }

    #[test]
    fn a_checksummed_book_is_never_live_and_wrong(history in any_history(), faults in proptest::collection::vec(any_fault(), 5..80)) {
        play(&history, &faults, false)?;
    }

    #[test]
    fn a_snapshot_heals_every_book(history in any_history(), faults in proptest::collection::vec(any_fault(), 0..40), chained in any::<bool>()) {
        let (book, _) = play(&history, &faults, chained)?;
        prop_assert_eq!(book.health(), BookHealth::Live);
        prop_assert!(!book.wants_snapshot());
    }
}
