//! What to do after a request failed, whatever the venue.
//!
//! The one thing that must not be got wrong: where a venue does not say that an order was refused, it may have been placed.
//! [`Action::UnknownOutcome`] stands for that; the order is asked for by its client id and never sent again blindly.

use mesh_types::RejectReason;

/// What to do after a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Not executed: send it again after a pause.
    Retry,
    /// A limit was hit: not executed; send nothing before this time has passed.
    BackOff {
        /// Seconds that the venue asks for; 0 where it does not say.
        retry_after_s: u64,
        /// The address or key is banned, not only slowed.
        banned: bool,
    },
    /// Our clock is off: measure the offset, sign again, send again.
    ResyncClock,
    /// It may have been executed: ask by the client order id, never send it again.
    UnknownOutcome,
    /// Refused for certain.
    Rejected(RejectReason),
    /// The venue has an order of this client id already: ask for it.
    AlreadyPlaced,
    /// The venue does not know the order. Right after placing it may lag: ask a few times before believing it.
    NotFound,
    /// Keys, permissions or configuration are wrong: stop and tell a person.
    Fatal,
}
