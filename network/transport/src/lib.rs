#![doc = include_str!("../README.md")]

mod backoff;
mod client;
pub mod control;
pub mod faulty;
mod inbox;
mod link;
pub mod memory;
mod outbox;
mod poller;
pub mod runs;
pub mod sequence;
pub mod socket;
mod subscription;

pub use backoff::Backoff;
pub use client::{Client, ClientConfig, ClientEvent, DownReason, SendOutcome};
pub use control::GapNotice;
pub use link::{Connector, Link, UnixConnector, UnixLink};
pub use poller::{Poller, Ready, Waker};
pub use sequence::SequenceTracker;
pub use subscription::{Identity, Subscription, TypeSet};
