//! Sweeps that were asked for and are not done: in the order in which they came, at most so many, each once.
//!
//! What is asked for again while it waits or runs is known; what comes when there is no room is refused, and whoever asked is
//! told. The first is the one that runs.

use std::collections::VecDeque;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

/// A sweep that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// SHA-256 of the specification's text, in hex: what tells jobs apart.
    pub spec_hash: String,
    /// The specification's file, below the folder of research.
    pub spec: String,
    /// The message that asked, in hex.
    pub cause: String,
}

/// What became of a job that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits now.
    Taken,
    /// It waited, or runs, already; so many are before it.
    Known {
        /// Before it.
        before: usize,
    },
    /// There is no room.
    Full,
}

/// Jobs that wait, the first of which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Queue(VecDeque<Job>);

impl Queue {
    /// A job comes; there is room for `most`.
    pub fn offer(&mut self, job: Job, most: usize) -> Offered {
        if let Some(before) = self.0.iter().position(|one| one.spec_hash == job.spec_hash) {
            return Offered::Known { before };
        }
        if self.0.len() >= most {
            return Offered::Full;
        }
        self.0.push_back(job);
        Offered::Taken
    }

    /// The job that runs, or is to.
    #[must_use]
    pub fn first(&self) -> Option<&Job> {
        self.0.front()
    }

    /// The first one is over, whatever came of it.
    pub fn end_first(&mut self) -> Option<Job> {
        self.0.pop_front()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a path stays below the folder that it starts from: plain names only. A link on the way can still lead out.
#[must_use]
pub fn stays_below(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> Job {
        Job { spec_hash: name.to_owned(), spec: format!("{name}.toml"), cause: String::new() }
    }

    #[test]
    fn each_is_there_once_in_order_and_no_more_than_there_is_room_for() {
        let mut queue = Queue::default();
        assert_eq!(queue.offer(job("a"), 2), Offered::Taken);
        assert_eq!(queue.offer(job("b"), 2), Offered::Taken);
        assert_eq!(queue.offer(job("b"), 2), Offered::Known { before: 1 });
        assert_eq!(queue.offer(job("c"), 2), Offered::Full);
        let text = serde_json::to_string(&queue).unwrap();
        assert_eq!(serde_json::from_str::<Queue>(&text).unwrap(), queue);
        assert_eq!(queue.end_first(), Some(job("a")));
        assert_eq!((queue.first(), queue.len()), (Some(&job("b")), 1));
        assert_eq!(queue.offer(job("a"), 2), Offered::Taken, "what is over can be asked for again");
    }

    #[test]
    fn only_plain_names_stay_below() {
        for good in ["a.toml", "folder/a.toml", "./a.toml/b"] {
            assert_eq!(stays_below(Path::new(good)), !good.starts_with('.'), "{good}");
        }
        for bad in ["", "/etc/passwd", "../a.toml", "a/../../b"] {
            assert!(!stays_below(Path::new(bad)), "{bad}");
        }
    }
}
