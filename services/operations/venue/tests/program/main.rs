//! The program, run on files.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;
mod decode;
mod sign;
