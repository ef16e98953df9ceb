//! The portfolio as a process.

fn main() {}
