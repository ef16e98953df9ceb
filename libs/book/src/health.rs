//! Why a book is not live. The state itself is [`mesh_types::BookHealth`]: live, suspect, resyncing.

use core::fmt;

/// What happened to a book that is not live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No snapshot has come yet.
    NoSnapshot,
    /// The snapshot is there; the first change that continues it is not.
    Bridging,
    /// Changes are missing.
    Gap {
        /// The sequence that the book stood at.
        last: u64,
        /// The first sequence of the change that came.
        found: u64,
    },
    /// The snapshot is older than the changes that were kept.
    StaleSnapshot {
        /// The snapshot's sequence.
        snapshot: u64,
        /// The first sequence that was kept.
        first: u64,
    },
    /// The venue's checksum is not that of the book.
    Checksum {
        /// What the venue sent; a signed one as its 32 bits.
        expected: u32,
        /// What the book has.
        found: u32,
    },
    /// Nothing was heard for too long.
    Stale {
        /// Time since the last message, ns.
        age_ns: u64,
    },
    /// The best bid is not below the best ask.
    Crossed,
    /// The connection ended.
    Disconnected,
    /// The subscription ended.
    Unsubscribed,
    /// The venue prints finer digits than the book holds.
    Precision,
    /// The publisher said so, without telling why.
    Publisher,
    /// A message that contradicts itself.
    Malformed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot => f.write_str("no snapshot yet"),
            Self::Bridging => f.write_str("waiting for the first change after the snapshot"),
            Self::Gap { last, found } => write!(f, "gap: the book stands at {last}, the next change starts at {found}"),
            Self::StaleSnapshot { snapshot, first } => {
                write!(f, "the snapshot ({snapshot}) is older than the changes that were kept (from {first})")
            }
            Self::Checksum { expected, found } => {
                write!(f, "checksum: the venue's is {expected}, the book's is {found}")
            }
            Self::Stale { age_ns } => write!(f, "stale: nothing was heard for {} ms", age_ns / 1_000_000),
            Self::Crossed => f.write_str("crossed: the best bid is not below the best ask"),
            Self::Disconnected => f.write_str("the connection ended"),
            Self::Unsubscribed => f.write_str("the subscription ended"),
            Self::Precision => f.write_str("the venue prints finer digits than the book holds"),
            Self::Publisher => f.write_str("the publisher says that it is not live"),
            Self::Malformed => f.write_str("a message that contradicts itself"),
        }
    }
}
