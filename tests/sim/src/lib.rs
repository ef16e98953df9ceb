#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, reason = "a broken scenario ends the run")]

pub mod planted;
pub mod rest;
pub mod run;
pub mod safety;
pub mod witness;
pub mod world;

use mesh_types::{Decimal64, Side};
use serde::Serialize;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// Batches that were handled before.
    pub step: u64,
    /// What was found.
    pub found: String,
}

/// A quantity with its side's sign.
pub(crate) fn signed(side: Option<Side>, quantity: Decimal64) -> Decimal64 {
    if side == Some(Side::Buy) { quantity } else { quantity.negated().expect("small numbers") }
}

/// `left + right`.
pub(crate) fn plus(left: Decimal64, right: Decimal64) -> Decimal64 {
    left.checked_add(right).expect("small numbers")
}
