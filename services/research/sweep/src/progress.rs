//! How far a study is: its rate, the best so far, the time that is left.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use mesh_optimize::{Outcome, Trial};

/// Where a study is.
#[derive(Clone, Debug, Default)]
pub struct At {
    /// Trials that have ended.
    pub ended: u64,
    /// Trials there will be.
    pub trials: u64,
    /// Trials that had ended before this run.
    pub known: u64,
    /// The best so far; with several goals the best by the first of them.
    pub best: Option<Trial>,
}

/// How far it is and how fast.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Where it is.
    pub at: At,
    /// Configurations times bars of this run.
    pub configuration_bars: u64,
    /// How long this run is under way, ns.
    pub elapsed_ns: u64,
}

impl Progress {
    /// Configuration-bars a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.configuration_bars as f64 / (self.elapsed_ns.max(1) as f64 / 1e9)
    }

    /// How long it will take, at the pace of this run; none before the first trial has ended.
    #[must_use]
    pub fn left_ns(&self) -> Option<u64> {
        let here = self.at.ended.checked_sub(self.at.known).filter(|ended| *ended > 0)?;
        let left = self.at.trials.saturating_sub(self.at.ended);
        Some((self.elapsed_ns as f64 / here as f64 * left as f64) as u64)
    }

    /// The best value of the first goal.
    #[must_use]
    pub fn best(&self) -> Option<(u64, f64)> {
        let trial = self.at.best.as_ref()?;
        match &trial.outcome {
            Outcome::Complete { values, .. } => values.first().map(|value| (trial.number, *value)),
            Outcome::Pruned { .. } | Outcome::Failed => None,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self, goal: &str) -> String {
        let At { ended, trials, .. } = self.at;
        let share = ended as f64 * 100.0 / trials.max(1) as f64;
        let rate = short(self.rate());
        let best =
            self.best().map_or_else(String::new, |(number, best)| format!(", best {goal} {best:.4} (trial {number})"));
        let left = self.left_ns().filter(|_| ended < trials);
        let left = left.map_or_else(String::new, |left| format!(", {} left", span(left)));
        format!("{ended} of {trials} trials ({share:.0} %), {rate} configuration-bars/s{best}{left}")
    }
}

fn short(x: f64) -> String {
    match x {
        x if x >= 1e9 => format!("{:.1} G", x / 1e9),
        x if x >= 1e6 => format!("{:.1} M", x / 1e6),
        x if x >= 1e3 => format!("{:.1} k", x / 1e3),
        x => format!("{x:.0} "),
    }
}

fn span(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Who is told.
pub trait Watcher {
    /// How often.
    fn interval(&self) -> Duration;
    /// The work begins; a line about it.
    fn begins(&mut self, line: &str);
    /// It is so far.
    fn passes(&mut self, progress: &Progress);
}

/// Standard error: one line that changes on a terminal, else a line now and then.
#[derive(Debug)]
pub struct Console {
    goal: String,
    is_terminal: bool,
    told: bool,
}

impl Console {
    /// For a study that wants this.
    #[must_use]
    pub fn new(goal: String) -> Self {
        Self { goal, is_terminal: io::stderr().is_terminal(), told: false }
    }
}

impl Watcher for Console {
    fn interval(&self) -> Duration {
        if self.is_terminal { Duration::from_millis(250) } else { Duration::from_secs(10) }
    }

    fn begins(&mut self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn passes(&mut self, progress: &Progress) {
        let line = progress.line(&self.goal);
        // Nobody is left to tell where even this fails.
        let _ =
            if self.is_terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
        self.told = true;
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if self.is_terminal && self.told {
            let _ = writeln!(io::stderr());
        }
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Watcher for Silent {
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn begins(&mut self, _: &str) {}
    fn passes(&mut self, _: &Progress) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rate_and_time_left() {
        let at = At { ended: 300, trials: 1_000, known: 100, best: None };
        let progress = Progress { at, configuration_bars: 4_000_000_000, elapsed_ns: 20_000_000_000 };
        assert_eq!(progress.line("sharpe"), "300 of 1000 trials (30 %), 200.0 M configuration-bars/s, 1 min 10 s left");
        assert_eq!(Progress::default().left_ns(), None);
    }
}
