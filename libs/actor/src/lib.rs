#![doc = include_str!("../README.md")]

pub mod cell;
pub mod context;
pub mod digest;
pub mod faults;
pub mod ledger;
pub mod outbox;
pub mod replay;
pub mod sim;
pub mod timers;

pub use cell::ActorCell;
pub use context::Context;
pub use digest::Digest;
pub use faults::Faults;
pub use ledger::{Ledger, LedgerError, MemoryLedger};
pub use outbox::Outbox;
pub use replay::{Divergence, Expected, Input, Replay};
pub use sim::{NodeSpec, Simulator};
pub use timers::{TimerId, Timers};

use mesh_codec::Message;

/// A deterministic state machine. It has no other inputs than these calls: no clock, socket, file, thread or random
/// source; what it says goes through the context. So the same actor runs live, in replay and in the simulator.
pub trait Actor {
    /// A message has come.
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>);

    /// A timer that was set is due. [`TimerId::START`] fires once, after recovery and before anything else.
    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>);

    /// A digest of all state that can influence what comes out: equal digests, equal futures.
    fn state_digest(&self) -> u64;
}

impl<A: Actor + ?Sized> Actor for Box<A> {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        (**self).on_message(message, context);
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        (**self).on_timer(timer, context);
    }

    fn state_digest(&self) -> u64 {
        (**self).state_digest()
    }
}
