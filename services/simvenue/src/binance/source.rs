//! Where the market comes from: the generator, or a recording.

use std::io;

use mesh_book::Book;

use super::Frame;
use super::frames::Wanted;
use super::generated::Generated;
use super::played::Played;
use crate::core::Trade;
use crate::core::candles::Candles;
use crate::core::exchange::Exchange;
use crate::core::recording::Line;

/// Lines that are played in one go at most, so that requests get their turn.
const BATCH_LINES: usize = 1_000;

/// The lines of a recording, from the first as often as asked.
pub trait Lines: Send {
    /// The next line; `None` at the end. A line that can't be read is an error of kind `InvalidData`, and passed.
    ///
    /// # Errors
    /// When the file can't be read.
    fn next_line(&mut self) -> io::Result<Option<Line>>;

    /// Goes back to the first line.
    ///
    /// # Errors
    /// When the file can't be opened.
    fn rewind(&mut self) -> io::Result<()>;
}

/// A recording on its way.
pub struct Tape {
    /// What it says.
    pub played: Played,
    lines: Box<dyn Lines>,
    next: Option<Line>,
    speed: f64,
    looped: bool,
    /// Our time and the recording's at its first line.
    start: Option<(u64, u64)>,
    due_ns: u64,
    ended: bool,
}

impl Tape {
    /// A recording before its first line. At its end it starts again where `looped`, else the market falls silent.
    pub fn new(played: Played, lines: Box<dyn Lines>, speed: f64, looped: bool) -> Self {
        Self { played, lines, next: None, speed, looped, start: None, due_ns: 0, ended: false }
    }

    /// True once it has come to its end and does not start again.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads the next line, past those that can't be read. True where the recording has started again.
    fn read(&mut self) -> bool {
        while self.next.is_none() && !self.ended {
            match self.lines.next_line() {
                Ok(Some(line)) => self.next = Some(line),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => self.played.count_bad_line(),
                // A recording that ends torn ends there.
                Ok(None) | Err(_) => {
                    // One without a single line would start again for ever.
                    self.ended = !self.looped || self.start.is_none() || self.lines.rewind().is_err();
                    if !self.ended {
                        self.played.restart();
                        self.start = None;
                        return true;
                    }
                }
            }
        }
        false
    }

    /// When a line is due: clocks of recordings step back at times, the replay does not.
    fn due(&mut self, received_ns: u64, now_ns: u64) -> u64 {
        let (ours, theirs) = *self.start.get_or_insert((now_ns, received_ns));
        let passed = received_ns.saturating_sub(theirs) as f64 / self.speed;
        self.due_ns = self.due_ns.max(ours.saturating_add(passed as u64));
        self.due_ns
    }
}

/// Where the market comes from.
pub enum Source {
    /// The generator.
    Generated(Generated),
    /// A recording.
    Tape(Box<Tape>),
}

impl Source {
    /// When there is something new, ns since the Unix epoch; `None` where nothing will come.
    pub const fn next_ns(&self) -> Option<u64> {
        match self {
            Self::Generated(generated) => Some(generated.next_ns()),
            Self::Tape(tape) if tape.ended => None,
            Self::Tape(tape) => Some(tape.due_ns),
        }
    }

    /// A symbol's book and last update id; `None` where it is not known.
    pub fn book(&self, index: usize) -> Option<(&Book, u64)> {
        match self {
            Self::Generated(generated) => generated.book(index),
            Self::Tape(tape) => tape.played.book(index),
        }
    }

    /// A symbol's candles.
    pub fn candles(&self, index: usize) -> Option<&Candles> {
        match self {
            Self::Generated(generated) => generated.candles(index),
            Self::Tape(tape) => tape.played.candles(index),
        }
    }

    /// A symbol's trades of late, oldest first; a recording keeps none.
    pub fn trades(&self, index: usize) -> impl Iterator<Item = &Trade> {
        let trades = match self {
            Self::Generated(generated) => generated.trades(index),
            Self::Tape(_) => None,
        };
        trades.into_iter().flatten()
    }

    /// Comes to `now_ns`. True where the venue has started again: nothing continues what was said before.
    pub fn advance(&mut self, now_ns: u64, wanted: Wanted<'_>, exchange: &mut Exchange, out: &mut Vec<Frame>) -> bool {
        let tape = match self {
            Self::Generated(generated) => {
                generated.advance(now_ns, wanted, exchange, out);
                return false;
            }
            Self::Tape(tape) => tape,
        };
        for _ in 0..BATCH_LINES {
            if tape.read() {
                for index in 0..exchange.instruments().len() {
                    if let Some((book, _)) = tape.played.book(index) {
                        exchange.on_book(index, book, None, now_ns);
                    }
                }
                return true;
            }
            let Some(line) = tape.next.take() else { return false };
            if tape.due(line.received_ns, now_ns) > now_ns {
                tape.next = Some(line);
                return false;
            }
            tape.played.on_line(&line, now_ns, wanted, exchange, out);
        }
        false
    }
}
