//! Momentum as a process.

fn main() {}
