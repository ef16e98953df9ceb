//! The clock, read in one place.

use std::time::Instant;

pub(crate) use mesh_runtime::clock::now_ns;

/// How long ago that was, ns.
pub(crate) fn since_ns(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
