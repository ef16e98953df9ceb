#![doc = include_str!("../README.md")]

pub mod documents;
pub mod files;
pub mod layers;
pub mod manifests;
pub mod purity;
pub mod workspace;

use core::fmt;

/// A rule that is broken: where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, with a line where there is one, or the crate.
    pub place: String,
    /// What is wrong, and what to do instead.
    pub what: String,
}

impl Finding {
    /// What is wrong with a crate or a whole file.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// What is wrong in a line, counted from 1.
    pub fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
