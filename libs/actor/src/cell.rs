//! An actor with its outbox and timers: what every driver (live, replay, simulator) steps.

use mesh_codec::Message;
use mesh_types::{MessageId, SourceId};

use crate::context::{Context, Counters};
use crate::outbox::Outbox;
use crate::timers::{TimerId, Timers};
use crate::{Actor, Digest};

/// One running actor.
#[derive(Debug)]
pub struct ActorCell<A> {
    actor: A,
    outbox: Outbox,
    timers: Timers,
    counters: Counters,
    now_ns: u64,
}

impl<A: Actor> ActorCell<A> {
    /// The actor, speaking as `source`. Its start timer is set.
    pub fn new(actor: A, source: SourceId) -> Self {
        let mut timers = Timers::default();
        timers.set(TimerId::START, 0);
        Self { actor, outbox: Outbox::new(source), timers, counters: Counters::default(), now_ns: 0 }
    }

    /// Begins a batch: the time that its inputs are handled at. Time never goes back: an earlier one counts as the last.
    /// Answers with the time that holds.
    pub fn begin(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.now_ns
    }

    /// Handles one message.
    pub fn deliver(&mut self, message: &Message<'_>) {
        let (actor, mut context) = self.step(message.id());
        actor.on_message(message, &mut context);
    }

    /// Fires the next timer that is due, if any. A driver handles the due timers before the batch's messages.
    pub fn fire_due(&mut self) -> Option<TimerId> {
        let timer = self.timers.pop_due(self.now_ns)?;
        let (actor, mut context) = self.step(MessageId::NONE);
        actor.on_timer(timer, &mut context);
        Some(timer)
    }

    fn step(&mut self, cause: MessageId) -> (&mut A, Context<'_>) {
        let Self { actor, outbox, timers, counters, now_ns } = self;
        (actor, Context { now_ns: *now_ns, cause, outbox, timers, counters })
    }

    /// The actor.
    pub const fn actor(&self) -> &A {
        &self.actor
    }

    /// What waits to be sent.
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What waits to be sent, to be taken.
    pub const fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// When the next timer is due.
    pub fn next_timer_ns(&self) -> Option<u64> {
        self.timers.next_ns()
    }

    /// What the actor has counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Digest of the actor's state.
    pub fn state_digest(&self) -> u64 {
        self.actor.state_digest()
    }

    /// Digest of the frames that wait, over `earlier` ones.
    pub fn output_digest(&self, earlier: u64) -> u64 {
        Digest::from_value(earlier).bytes(self.outbox.bytes()).value()
    }
}
