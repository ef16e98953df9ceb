//! What an actor may do while it handles one input.

use mesh_codec::registry::{TailedTlv, TlvBody};
use mesh_types::wire::Tailed;
use mesh_types::{FixedVec, MessageId};

use crate::outbox::Outbox;
use crate::timers::{TimerId, Timers};

/// The world as an actor sees it: the time of the batch, an outbox, timers, counters.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) now_ns: u64,
    pub(crate) cause: MessageId,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) timers: &'a mut Timers,
    pub(crate) counters: &'a mut Counters,
}

/// Named counts of what an actor met, for metrics.
#[derive(Clone, Debug, Default)]
pub struct Counters(Vec<(&'static str, u64)>);

impl Counters {
    /// Adds to a count.
    pub fn add(&mut self, name: &'static str, n: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += n,
            None => self.0.push((name, n)),
        }
    }

    /// All counts since the start.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().copied()
    }

    /// One count.
    pub fn get(&self, name: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

impl Context<'_> {
    /// The time, ns since the Unix epoch: read once for a batch of inputs, never going back.
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The message at hand; none in a timer.
    pub const fn cause(&self) -> MessageId {
        self.cause
    }

    /// Says `body`, because of the message at hand. Answers with the new message's id, `None` where it was too large.
    pub fn emit<T: TlvBody>(&mut self, body: &T) -> Option<MessageId> {
        self.emit_because(&[], body)
    }

    /// Says `body`, because of `earlier` messages and the one at hand. The first cause is the one that `mesh trace` follows
    /// first.
    pub fn emit_because<T: TlvBody>(&mut self, earlier: &[MessageId], body: &T) -> Option<MessageId> {
        self.outbox.push_body(T::DOMAIN, self.now_ns, &join(earlier, self.cause), body)
    }

    /// Says `body` and, behind it in the same message, `more` of the same domain.
    pub fn emit_with<T: TlvBody, M: TlvBody>(
        &mut self,
        earlier: &[MessageId],
        body: &T,
        more: &M,
    ) -> Option<MessageId> {
        let causes = join(earlier, self.cause);
        self.outbox.push(T::DOMAIN, self.now_ns, &causes, |builder| builder.body(body).body(more))
    }

    /// Says `body` and, behind it in the same message, `head` with its items.
    pub fn emit_with_items<T: TlvBody, M: TailedTlv>(
        &mut self,
        earlier: &[MessageId],
        body: &T,
        head: &M,
        items: &[<M as Tailed>::Item],
    ) -> Option<MessageId> {
        let causes = join(earlier, self.cause);
        self.outbox.push(T::DOMAIN, self.now_ns, &causes, |builder| builder.body(body).tailed(head, items))
    }

    /// Says a body with items, because of the message at hand.
    pub fn emit_tailed<T: TailedTlv>(&mut self, head: &T, items: &[<T as Tailed>::Item]) -> Option<MessageId> {
        self.outbox.push_tailed(T::DOMAIN, self.now_ns, &[self.cause], head, items)
    }

    /// Sets a timer, or moves it; one that lies in the past fires in the next batch.
    pub fn set_timer(&mut self, timer: TimerId, at_ns: u64) {
        self.timers.set(timer, at_ns);
    }

    /// Counts something for metrics.
    pub fn count(&mut self, name: &'static str, n: u64) {
        self.counters.add(name, n);
    }
}

const MAX_CAUSES: usize = 8;

/// Earlier causes, then the one at hand, without doubles.
fn join(earlier: &[MessageId], at_hand: MessageId) -> FixedVec<MessageId, MAX_CAUSES> {
    let mut causes = FixedVec::new();
    for id in earlier.iter().take(MAX_CAUSES - 1).chain([&at_hand]) {
        if !id.is_none() && !causes.contains(id) {
            // There are at most as many as fit.
            let _ = causes.push(*id);
        }
    }
    causes
}
