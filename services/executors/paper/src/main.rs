//! The paper exchange as a process.

fn main() {}
