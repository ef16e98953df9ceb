//! Replay: a recorded run's inputs go into a fresh actor, and what comes out is compared with what came out then.
//!
//! The first divergence ends it, shown as the two messages. What is compared: the frames where they were captured, else
//! their number and digest; and the actor's state digest where it was recorded.

use core::fmt;

use mesh_codec::{Frames, Message, json};
use mesh_types::SourceId;

use crate::{Actor, ActorCell, Outbox, TimerId};

/// One recorded input of an actor.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message, as a frame.
    Message(&'a [u8]),
    /// A timer that fired.
    Timer(TimerId),
}

/// What a batch gave in the recorded run; `None` where it was not recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The frames themselves.
    pub frames: Option<&'a [u8]>,
    /// Their number and their digest over all batches so far.
    pub outputs: Option<(u64, u64)>,
    /// The actor's state digest after the batch.
    pub state: Option<u64>,
}

/// Where a replay differs from the record first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The batch, from 0.
    pub batch: u64,
    /// The batch's time, ns since the Unix epoch.
    pub now_ns: u64,
    /// What differs.
    pub what: Difference,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another timer is due, or none.
    Timer {
        /// The recorded one.
        expected: TimerId,
        /// The one that is due now.
        found: Option<TimerId>,
    },
    /// A recorded input is no message.
    Input {
        /// What is wrong with it.
        reason: String,
    },
    /// Two messages differ, or one of them is missing.
    Output {
        /// Its place among the batch's outputs, from 0.
        index: usize,
        /// The recorded frame; `None` where there was no more.
        expected: Option<Vec<u8>>,
        /// The frame now; `None` where there is no more.
        found: Option<Vec<u8>>,
    },
    /// Number or digest of the outputs differ; the recorded frames are not there to be shown.
    Digest {
        /// Recorded number and digest.
        expected: (u64, u64),
        /// Number and digest now.
        found: (u64, u64),
    },
    /// The outputs are the same and the state is not.
    State {
        /// Recorded digest.
        expected: u64,
        /// Digest now.
        found: u64,
    },
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the replay differs from the record in batch {} at {} ns: ", self.batch, self.now_ns)?;
        match &self.what {
            Difference::Timer { expected, found } => write!(f, "timer {expected:?} fired then, {found:?} is due now"),
            Difference::Input { reason } => write!(f, "an input can't be read: {reason}"),
            Difference::Output { index, expected, found } => {
                writeln!(f, "output {index}")?;
                writeln!(f, "  recorded: {}", decoded(expected.as_deref()))?;
                write!(f, "  replayed: {}", decoded(found.as_deref()))
            }
            Difference::Digest { expected, found } => write!(
                f,
                "{} outputs with digest {:016x} then, {} with {:016x} now",
                expected.0, expected.1, found.0, found.1
            ),
            Difference::State { expected, found } => {
                write!(f, "the state's digest was {expected:016x}, it is {found:016x}")
            }
        }
    }
}

impl core::error::Error for Divergence {}

fn decoded(frame: Option<&[u8]>) -> String {
    match frame.map(Message::parse) {
        None => "nothing".to_owned(),
        Some(Ok(message)) => json::message(&message).to_string(),
        Some(Err(error)) => error.to_string(),
    }
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay<A> {
    cell: ActorCell<A>,
    batch: u64,
    digest: u64,
}

impl<A: Actor> Replay<A> {
    /// A fresh actor that speaks as `source`.
    pub fn new(actor: A, source: SourceId) -> Self {
        Self { cell: ActorCell::new(actor, source), batch: 0, digest: 0 }
    }

    /// Handles one recorded batch, gives its outputs to `outputs`, and compares.
    ///
    /// # Errors
    /// The first divergence; the replay can't go on after it.
    pub fn batch<'i>(
        &mut self,
        now_ns: u64,
        inputs: impl IntoIterator<Item = Input<'i>>,
        expected: &Expected<'_>,
        outputs: &mut dyn FnMut(&Message<'_>),
    ) -> Result<(), Divergence> {
        let batch = self.batch;
        let differs = |what| Divergence { batch, now_ns, what };
        self.cell.begin(now_ns);
        for input in inputs {
            match input {
                Input::Timer(expected) => {
                    let found = self.cell.fire_due();
                    if found != Some(expected) {
                        return Err(differs(Difference::Timer { expected, found }));
                    }
                }
                Input::Message(frame) => match Message::parse(frame) {
                    Ok(message) => self.cell.deliver(&message),
                    Err(error) => return Err(differs(Difference::Input { reason: error.to_string() })),
                },
            }
        }
        for (_, message) in self.cell.outbox().frames() {
            message.iter().for_each(&mut *outputs);
        }
        self.digest = self.cell.output_digest(self.digest);
        let found = (self.cell.outbox().count(), self.digest);
        if let Some(difference) =
            expected.frames.and_then(|frames| first_difference(frames, self.cell.outbox().bytes()))
        {
            return Err(differs(difference));
        }
        if let Some(expected) = expected.outputs.filter(|expected| *expected != found) {
            return Err(differs(Difference::Digest { expected, found }));
        }
        let found = self.cell.state_digest();
        if let Some(expected) = expected.state.filter(|expected| *expected != found) {
            return Err(differs(Difference::State { expected, found }));
        }
        self.cell.outbox_mut().clear();
        self.batch += 1;
        Ok(())
    }

    /// What the last batch gave, where it diverged; else nothing.
    pub const fn diverged_outputs(&self) -> &Outbox {
        self.cell.outbox()
    }

    /// The actor's state digest now.
    pub fn state_digest(&self) -> u64 {
        self.cell.state_digest()
    }

    /// Batches handled.
    pub const fn batches(&self) -> u64 {
        self.batch
    }
}

fn first_difference(expected: &[u8], found: &[u8]) -> Option<Difference> {
    if expected == found {
        return None;
    }
    let owned = |item: Option<(usize, Result<Message<'_>, _>)>| {
        item.and_then(|(_, message)| message.ok()).map(|message: Message<'_>| message.frame().to_vec())
    };
    let (mut then, mut now) = (Frames::new(expected), Frames::new(found));
    let mut index = 0;
    loop {
        let (expected, found) = (owned(then.next()), owned(now.next()));
        if expected != found || expected.is_none() {
            return Some(Difference::Output { index, expected, found });
        }
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;
    use crate::digest::Digest;
    use mesh_codec::{Stamp, encode_one};
    use mesh_types::Domain;
    use mesh_types::market::Trade;
    use mesh_types::system::Heartbeat;

    /// Answers each trade with a heartbeat that holds the sum of the ids so far, plus `error`.
    struct Sum {
        sum: u64,
        error: u64,
    }

    impl Actor for Sum {
        fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
            if let Some(trade) = message.get::<Trade>() {
                self.sum += trade.trade_id.get();
                let backlog = (self.sum + if self.sum > 3 { self.error } else { 0 }).into();
                context.emit(&Heartbeat { sent_ns: context.now_ns().into(), backlog });
            }
        }
        fn on_timer(&mut self, _: TimerId, context: &mut Context<'_>) {
            context.set_timer(TimerId(1), context.now_ns() + 10);
        }
        fn state_digest(&self) -> u64 {
            Digest::default().u64(self.sum).value()
        }
    }

    fn trade(id: u64) -> Vec<u8> {
        let mut frame = vec![0; 200];
        let stamp = Stamp { domain: Domain::Market, source: SourceId::new(1), sequence: id, timestamp_ns: 5 };
        let size = encode_one(&mut frame, &stamp, &Trade { trade_id: id.into(), ..Trade::default() }).expect("fits");
        frame.truncate(size);
        frame
    }

    fn run(error: u64, recorded: &[Vec<u8>]) -> (Vec<Vec<u8>>, Result<(), Divergence>) {
        let trades = [trade(1), trade(2), trade(3)];
        let mut replay = Replay::new(Sum { sum: 0, error }, SourceId::new(9));
        let mut all = Vec::new();
        for (index, frame) in trades.iter().enumerate() {
            let start = (index == 0).then_some(Input::Timer(TimerId::START));
            let inputs = start.into_iter().chain([Input::Message(frame.as_slice())]);
            let expected = Expected { frames: recorded.get(index).map(Vec::as_slice), ..Expected::default() };
            let mut batch = Vec::new();
            let result = replay.batch(index as u64, inputs, &expected, &mut |m| batch.extend_from_slice(m.frame()));
            all.push(batch);
            if result.is_err() {
                return (all, result);
            }
        }
        (all, Ok(()))
    }

    #[test]
    fn the_same_inputs_give_the_same_frames() {
        let (recorded, _) = run(0, &[]);
        assert_eq!(run(0, &recorded), (recorded.clone(), Ok(())));
    }

    #[test]
    fn the_first_difference_is_shown_as_two_messages() {
        let (recorded, _) = run(0, &[]);
        let divergence = run(100, &recorded).1.expect_err("the third answer differs");
        assert_eq!(divergence.batch, 2);
        let text = divergence.to_string();
        assert!(text.contains("\"backlog\":6") && text.contains("\"backlog\":106"), "{text}");
    }

    #[test]
    fn a_timer_that_is_not_due_is_a_difference() {
        let mut replay = Replay::new(Sum { sum: 0, error: 0 }, SourceId::new(9));
        let inputs = [Input::Timer(TimerId::START), Input::Timer(TimerId(1))];
        let divergence = replay.batch(0, inputs, &Expected::default(), &mut |_| ()).expect_err("not due yet");
        assert_eq!(divergence.what, Difference::Timer { expected: TimerId(1), found: None });
    }
}
