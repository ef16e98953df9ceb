//! `mesh book`: one instrument's ladder, as a view that stays, as one picture, or as lines of JSON.

mod ladder;
mod view;

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mesh_codec::TlvBody;
use mesh_runtime::clock;
use mesh_topology::Layout;
use mesh_transport::Subscription;
use mesh_types::market::{BookDelta, BookSnapshot, Trade};
use mesh_types::{BookHealth, Domain, InstrumentId};

use crate::commands::instruments;
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::feed::{self, Seen};
use crate::screen;
use ladder::Ladder;

/// The adapter answers the relay's request for a snapshot well within this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A listener that lost its relay looks for it again so often.
const AGAIN: Duration = Duration::from_secs(1);

/// How the book is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Levels a side
    #[arg(long, default_value_t = 15, value_name = "COUNT")]
    depth: usize,
    /// Print the book once; exit code 1 when it is not live
    #[arg(long)]
    once: bool,
    /// As JSON: one object for each change, or one in all with --once
    #[arg(long)]
    json: bool,
}

/// Shows a book.
pub(crate) fn book(layout: &Layout, instrument: &str, options: &Options) -> Outcome {
    let instrument = instruments::parse(layout, instrument)?;
    if options.json && !options.once {
        return lines(layout, instrument, options.depth);
    }
    if options.once || !std::io::stdout().is_terminal() {
        return once(layout, instrument, options);
    }
    stay(layout, instrument, options.depth)
}

fn wanted(instrument: InstrumentId) -> Subscription {
    Subscription {
        types: [BookSnapshot::NUMBER, BookDelta::NUMBER, Trade::NUMBER].into_iter().collect(),
        instruments: vec![instrument],
        last_values: true,
    }
}

/// Why there is no book.
fn missing(layout: &Layout, instrument: InstrumentId) -> Failure {
    match instruments::known(layout) {
        Ok(known) if known.contains_key(&instrument) => {
            Failure::bad(format!("{instrument} has no book yet; `./manage.sh venues` shows the feeds"))
        }
        Ok(known) => {
            let hint = instruments::hint(&known, &instrument.to_string());
            Failure::bad(format!("nobody here follows {instrument}; {hint}"))
        }
        Err(failure) => failure,
    }
}

/// What the relay keeps may be old: the picture is of the first book that is said now, and live; of another only where none
/// becomes live in time.
fn once(layout: &Layout, instrument: InstrumentId, options: &Options) -> Outcome {
    let mut ladder = Ladder::new(instrument);
    let (mut fresh, deadline) = (false, Instant::now() + PATIENCE);
    feed::follow(layout, "book", Domain::Market, &wanted(instrument), &mut |seen| {
        let now = matches!(&seen, Seen::Message(_)) && fresh;
        let changed = on(&mut ladder, &seen);
        fresh |= matches!(seen, Seen::AllLastValues);
        let done = (now && changed && ladder.book.health() == BookHealth::Live) || Instant::now() > deadline;
        if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if ladder.updates == 0 {
        return Err(missing(layout, instrument));
    }
    if options.json {
        Console::new().json(&ladder.to_json(options.depth))?;
    } else {
        let height = 2 * options.depth + view::EXTRA_LINES;
        screen::print(view::render(&ladder, clock::now_ns(), screen::SIZE.0, height))?;
    }
    if ladder.book.health() == BookHealth::Live { Ok(()) } else { Err(Failure::Silent) }
}

/// A line for each change, until the reader or the user ends it; from the first live book on that is said now, or from what
/// there is where none becomes live in time.
fn lines(layout: &Layout, instrument: InstrumentId, depth: usize) -> Outcome {
    let mut ladder = Ladder::new(instrument);
    let mut console = Console::new();
    let mut failed = None;
    let (mut all_kept, mut begun, deadline) = (false, false, Instant::now() + PATIENCE);
    feed::follow(layout, "book", Domain::Market, &wanted(instrument), &mut |seen| {
        let changed = on(&mut ladder, &seen);
        begun |= changed && all_kept && ladder.book.health() == BookHealth::Live || Instant::now() > deadline;
        all_kept |= matches!(seen, Seen::AllLastValues);
        if changed && begun {
            failed = console.json(&ladder.to_json(depth)).and_then(|()| console.flush()).err();
        }
        let nothing = ladder.updates == 0 && Instant::now() > deadline;
        if failed.is_some() || nothing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Err(missing(layout, instrument)),
    }
}

/// Takes what was seen; true where the book was told anew.
fn on(ladder: &mut Ladder, seen: &Seen<'_>) -> bool {
    match seen {
        Seen::Message(message) => ladder.message(message),
        Seen::Missed => ladder.missed(),
        Seen::AllLastValues | Seen::Nothing => false,
    }
}

type Shared = Arc<Mutex<Ladder>>;

fn locked(ladder: &Shared) -> MutexGuard<'_, Ladder> {
    ladder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thread follows the relay, this one draws.
fn stay(layout: &Layout, instrument: InstrumentId, depth: usize) -> Outcome {
    // What is wrong from the start is said before the screen is taken.
    let known = instruments::known(layout)?;
    if !known.contains_key(&instrument) {
        return Err(missing(layout, instrument));
    }
    let ladder = Arc::new(Mutex::new(Ladder::new(instrument)));
    let (heard, layout) = (Arc::clone(&ladder), layout.clone());
    let listen = move || {
        loop {
            // It ends where the relay can't be reached to begin with, and is tried again.
            let _ = feed::follow(&layout, "book", Domain::Market, &wanted(instrument), &mut |seen| {
                on(&mut locked(&heard), &seen);
                ControlFlow::Continue(())
            });
            locked(&heard).missed();
            std::thread::sleep(AGAIN);
        }
    };
    std::thread::Builder::new().name("relay".to_owned()).spawn(listen)?;
    screen::stay(|width, height| {
        let height = height.min(2 * depth + view::EXTRA_LINES);
        view::render(&locked(&ladder), clock::now_ns(), width, height)
    })
}
