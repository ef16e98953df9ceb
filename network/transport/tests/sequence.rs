//! The sequence tracker against a plain model that remembers everything.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::collections::{BTreeMap, BTreeSet};

use mesh_codec::Header;
use mesh_transport::SequenceTracker;
use mesh_transport::sequence::{Missing, Sighting, gap_range};
use mesh_types::wire::Coded;
use mesh_types::{Domain, MessageId, SourceId};
use proptest::prelude::*;
use zerocopy::FromZeros;

fn header(source: u16, sequence: u64, timestamp_ns: u64) -> Header {
    Header {
        domain: Coded::new(Domain::Signal),
        source: SourceId::new(source),
        sequence: sequence.into(),
        timestamp_ns: timestamp_ns.into(),
        ..Header::new_zeroed()
    }
}

/// What a message is, asked in full; the short question agrees and leaves the same behind.
fn observe(tracker: &mut SequenceTracker, header: &Header) -> Sighting {
    let mut short = tracker.clone();
    let follows = short.follows(header);
    if !follows {
        assert_eq!(format!("{short:?}"), format!("{tracker:?}"));
    }
    let sighting = tracker.observe(header);
    if follows {
        assert_eq!((sighting, format!("{short:?}")), (Sighting::New, format!("{tracker:?}")));
    }
    sighting
}

/// What can happen to the next messages of a source.
#[derive(Clone, Debug)]
enum Event {
    Come(u64),
    Again { back: u64, count: u64 },
    Lost(u64),
    LostAndDeclared(u64),
    Restart,
}

fn event() -> impl Strategy<Value = (u16, Event)> {
    let event = prop_oneof![
        4 => (1u64..10).prop_map(Event::Come),
        2 => (1u64..8, 1u64..4).prop_map(|(back, count)| Event::Again { back, count }),
        2 => (1u64..5).prop_map(Event::Lost),
        2 => (1u64..5).prop_map(Event::LostAndDeclared),
        1 => Just(Event::Restart),
    ];
    (1u16..4, event)
}

#[derive(Default)]
struct Model {
    run: u64,
    next: u64,
    /// What came, what the relay declared, what the tracker told, of this run.
    came: BTreeSet<u64>,
    declared: BTreeSet<u64>,
    told: BTreeSet<u64>,
}

proptest! {
    #[test]
    fn each_message_is_new_once_and_each_loss_is_told_once(events in prop::collection::vec(event(), 1..80)) {
        let mut tracker = SequenceTracker::new(true);
        let mut models: BTreeMap<u16, Model> = BTreeMap::new();
        let time = |run: u64, sequence: u64| run * 1_000_000 + sequence;
        for (source, event) in events {
            let model = models.entry(source).or_insert_with(|| Model { next: 1, ..Model::default() });
            match event {
                Event::Come(count) => {
                    for sequence in model.next..model.next + count {
                        let first_ever = model.run == 0 && model.came.is_empty();
                        match observe(&mut tracker, &header(source, sequence, time(model.run, sequence))) {
                            Sighting::New => {}
                            Sighting::After(Missing { first, last, count, exact }) => {
                                let missing: Vec<u64> =
                                    (first..=last).filter(|n| !model.declared.contains(n)).collect();
                                prop_assert_eq!(missing.len() as u64, count);
                                prop_assert_eq!(exact, count == last - first + 1);
                                for n in missing {
                                    prop_assert!(!model.came.contains(&n) && model.told.insert(n));
                                }
                            }
                            Sighting::Duplicate => prop_assert!(false, "{} is new", sequence),
                        }
                        if first_ever {
                            // What went before the first message that it sees is no loss of this receiver's.
                            model.told.extend(1..sequence);
                        }
                        model.came.insert(sequence);
                    }
                    model.next += count;
                    let whole: BTreeSet<u64> = (1..model.next).collect();
                    let known: BTreeSet<u64> =
                        model.came.iter().chain(&model.declared).chain(&model.told).copied().collect();
                    prop_assert_eq!(known, whole, "everything has come, was declared or was told");
                }
                Event::Again { back, count } => {
                    let newest = model.came.last().copied().unwrap_or(0);
                    let from = newest.saturating_sub(back).max(1);
                    for sequence in from..=(from + count).min(newest) {
                        let sighting = observe(&mut tracker, &header(source, sequence, time(model.run, sequence)));
                        prop_assert_eq!(sighting, Sighting::Duplicate);
                    }
                }
                Event::Lost(count) => model.next += count,
                Event::LostAndDeclared(count) => {
                    let (first, last) = (model.next, model.next + count - 1);
                    tracker.declare(&gap_range(SourceId::new(source), Coded::new(Domain::Signal), first, last));
                    model.declared.extend(first..=last);
                    model.next += count;
                }
                Event::Restart => {
                    // A run that said nothing can't be told from no run.
                    if !model.came.is_empty() && model.next - 1 == *model.came.last().expect("some") {
                        *model = Model { run: model.run + 1, next: 1, ..Model::default() };
                        observe(&mut tracker, &header(source, 1, time(model.run, 1)));
                        (model.next, model.came) = (2, BTreeSet::from([1]));
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_panics_and_a_repeat_is_always_a_duplicate(
        headers in prop::collection::vec((any::<u16>(), any::<u64>(), any::<u64>()), 0..50),
        ranges in prop::collection::vec((any::<u16>(), any::<u64>(), any::<u64>()), 0..50),
    ) {
        let mut tracker = SequenceTracker::new(true);
        for (source, first, last) in ranges {
            tracker.declare(&gap_range(SourceId::new(source), Coded::new(Domain::Signal), first, last));
        }
        for (source, sequence, timestamp_ns) in headers {
            observe(&mut tracker, &header(source, sequence, timestamp_ns));
            prop_assert_eq!(observe(&mut tracker, &header(source, sequence, timestamp_ns)), Sighting::Duplicate);
        }
    }
}

#[test]
fn a_snapshot_is_no_stream_and_what_follows_it_is() {
    let mut tracker = SequenceTracker::new(true);
    tracker.begin_snapshot();
    assert_eq!(observe(&mut tracker, &header(1, 5, 5)), Sighting::New);
    assert_eq!(observe(&mut tracker, &header(1, 50, 50)), Sighting::New);
    tracker.end_snapshot();
    assert_eq!(observe(&mut tracker, &header(1, 60, 60)), Sighting::New, "what went before it joined is no loss");
    let missing = Missing { first: 61, last: 62, count: 2, exact: true };
    assert_eq!(observe(&mut tracker, &header(1, 63, 63)), Sighting::After(missing));
    // It was away; the snapshot bridges a part of what it missed.
    tracker.begin_snapshot();
    assert_eq!(observe(&mut tracker, &header(1, 40, 40)), Sighting::Duplicate);
    assert_eq!(observe(&mut tracker, &header(1, 70, 70)), Sighting::New);
    tracker.end_snapshot();
    let missing = Missing { first: 64, last: 79, count: 16, exact: false };
    assert_eq!(observe(&mut tracker, &header(1, 80, 80)), Sighting::After(missing));
}

#[test]
fn a_filter_s_holes_are_no_losses_and_positions_are_what_was_seen() {
    let mut tracker = SequenceTracker::new(false);
    tracker.resume_from(&MessageId::new(Domain::Signal, SourceId::new(1), 7, 7));
    assert_eq!(observe(&mut tracker, &header(1, 7, 7)), Sighting::Duplicate);
    assert_eq!(observe(&mut tracker, &header(1, 900, 900)), Sighting::New);
    assert_eq!(observe(&mut tracker, &header(2, 3, 3)), Sighting::New);
    let seen: Vec<_> = tracker.positions().map(|id| (id.source.get(), id.sequence.get())).collect();
    assert_eq!(seen, [(1, 900), (2, 3)]);
    assert_eq!(tracker.position(SourceId::new(3), Domain::Signal), None);
    tracker.restart(SourceId::new(1));
    assert_eq!(observe(&mut tracker, &header(1, 1, 1)), Sighting::New);
}

#[test]
fn the_short_question_is_answered_for_what_is_in_order_and_for_nothing_else() {
    let ask = |judges_losses: bool, next: Header| {
        let mut tracker = SequenceTracker::new(judges_losses);
        observe(&mut tracker, &header(1, 4, 4));
        let follows = tracker.follows(&next);
        follows && tracker.position(SourceId::new(1), Domain::Signal) == Some(next.id())
    };
    assert_eq!([ask(true, header(1, 5, 5)), ask(false, header(1, 5, 5)), ask(false, header(1, 9, 9))], [true; 3]);
    let others = [header(1, 6, 6), header(1, 4, 4), header(1, 3, 9), header(1, 0, 9), header(2, 5, 5)];
    assert_eq!(others.map(|other| ask(true, other)), [false; 5]);
    assert!(!SequenceTracker::new(true).follows(&header(1, 1, 1)), "it knows nobody");
}
