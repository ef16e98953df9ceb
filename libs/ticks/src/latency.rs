//! How long an order takes to the venue, and its answer back.
//!
//! Constant, or a curve measured from orders of our own: between two of them the time is interpolated, before the first and
//! after the last it is that of the nearest.

use core::fmt;

/// Latency of both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always the same, ns.
    Constant {
        /// From us to the venue's matching.
        entry_ns: u64,
        /// From there back to us.
        response_ns: u64,
    },
    /// As measured.
    Curve(Curve),
}

impl Latency {
    /// The same on both ways.
    #[must_use]
    pub const fn each_way(ns: u64) -> Self {
        Self::Constant { entry_ns: ns, response_ns: ns }
    }

    /// What an order that is sent now takes to the venue, ns.
    #[must_use]
    pub fn entry_ns(&self, now_ns: u64) -> u64 {
        match self {
            Self::Constant { entry_ns, .. } => *entry_ns,
            Self::Curve(curve) => curve.at(now_ns, |sample| sample.entry_ns),
        }
    }

    /// What an answer that the venue sends now takes to us, ns.
    #[must_use]
    pub fn response_ns(&self, now_ns: u64) -> u64 {
        match self {
            Self::Constant { response_ns, .. } => *response_ns,
            Self::Curve(curve) => curve.at(now_ns, |sample| sample.response_ns),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    sent_ns: u64,
    entry_ns: u64,
    response_ns: u64,
}

/// Latency over time, from orders of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve(Vec<Sample>);

/// A curve that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurveError {
    /// It has no rows.
    Empty,
    /// The first line is no header of a curve.
    Header {
        /// What it is.
        found: String,
    },
    /// A row is not what the header promises.
    Row {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
        /// The row.
        found: String,
    },
}

impl fmt::Display for CurveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected at least one row of times after the header, found none"),
            Self::Header { found } => write!(
                f,
                "line 1: expected the header `sent_ns,accepted_ns` or `sent_ns,accepted_ns,reported_ns`, found `{found}`"
            ),
            Self::Row { line, what, found } => write!(f, "line {line}: expected {what}, found `{found}`"),
        }
    }
}

impl core::error::Error for CurveError {}

impl Curve {
    /// Reads `sent_ns,accepted_ns` (when we sent, when the venue accepted: the way back is taken to be as long), or with
    /// `reported_ns` (when its report came) as third. All by one clock, in the order of sending.
    ///
    /// # Errors
    /// The first line that can't be used.
    pub fn parse(text: &str) -> Result<Self, CurveError> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let columns = match lines.next().map_or("", |(_, line)| line.trim_start_matches('\u{feff}')) {
            "sent_ns,accepted_ns" => 2,
            "sent_ns,accepted_ns,reported_ns" => 3,
            found => return Err(CurveError::Header { found: found.to_owned() }),
        };
        let mut samples: Vec<Sample> = Vec::new();
        for (line, row) in lines.filter(|(_, row)| !row.is_empty()) {
            let fault = |what| CurveError::Row { line, what, found: row.to_owned() };
            let cells: Result<Vec<u64>, _> = row.split(',').map(|cell| cell.trim().parse()).collect();
            let cells = cells.map_err(|_| fault("whole numbers of ns"))?;
            let (Some(sent_ns), Some(accepted_ns)) = (cells.first().copied(), cells.get(1).copied()) else {
                return Err(fault("as many cells as the header has"));
            };
            if cells.len() != columns {
                return Err(fault("as many cells as the header has"));
            }
            let entry_ns = accepted_ns.checked_sub(sent_ns);
            let entry_ns = entry_ns.ok_or_else(|| fault("acceptance after sending: bring both times to one clock"))?;
            let response_ns = cells.get(2).map_or(Some(entry_ns), |reported_ns| reported_ns.checked_sub(accepted_ns));
            let response_ns = response_ns.ok_or_else(|| fault("a report after acceptance: bring both to one clock"))?;
            if samples.last().is_some_and(|before| before.sent_ns >= sent_ns) {
                return Err(fault("a time of sending after that of the row before: sort the rows"));
            }
            samples.push(Sample { sent_ns, entry_ns, response_ns });
        }
        if samples.is_empty() { Err(CurveError::Empty) } else { Ok(Self(samples)) }
    }

    fn at(&self, now_ns: u64, of: impl Fn(&Sample) -> u64) -> u64 {
        let after = self.0.partition_point(|sample| sample.sent_ns <= now_ns);
        let before = after.checked_sub(1).and_then(|index| self.0.get(index));
        match (before, self.0.get(after)) {
            (Some(before), Some(after)) => {
                let (from, to) = (i128::from(of(before)), i128::from(of(after)));
                let span = i128::from(after.sent_ns - before.sent_ns);
                let gone = i128::from(now_ns - before.sent_ns);
                u64::try_from(from + (to - from) * gone / span).unwrap_or(0)
            }
            (Some(nearest), None) | (None, Some(nearest)) => of(nearest),
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_curve_is_interpolated_and_held_at_its_ends() {
        let text = "sent_ns,accepted_ns,reported_ns\n1000,1100,1300\n2000,2300,2700\n";
        let curve = Latency::Curve(Curve::parse(text).unwrap());
        let of = |at| (curve.entry_ns(at), curve.response_ns(at));
        assert_eq!(
            (of(0), of(1000), of(1500), of(2000), of(9999)),
            ((100, 200), (100, 200), (200, 300), (300, 400), (300, 400))
        );
        let short = Latency::Curve(Curve::parse("sent_ns,accepted_ns\n5,9\n").unwrap());
        assert_eq!((short.entry_ns(7), short.response_ns(7)), (4, 4));
    }

    #[test]
    fn faults_name_the_line() {
        let says = |text: &str| Curve::parse(text).unwrap_err().to_string();
        assert!(says("a,b\n1,2\n").contains("line 1: expected the header"));
        assert!(says("sent_ns,accepted_ns\n").contains("at least one row"));
        assert!(says("sent_ns,accepted_ns\n5,4\n").contains("line 2: expected acceptance after sending"));
        assert!(says("sent_ns,accepted_ns\n5,6\n5,7\n").contains("line 3: expected a time of sending after"));
        assert!(says("sent_ns,accepted_ns\n5,x\n").contains("line 2: expected whole numbers"));
        assert!(says("sent_ns,accepted_ns\n5,6,7\n").contains("line 2: expected as many cells"));
        assert!(says("sent_ns,accepted_ns,reported_ns\n5,7,6\n").contains("line 2: expected a report after"));
    }

    proptest! {
        #[test]
        fn between_two_samples_it_is_between_them(rows in prop::collection::vec((1u64..1_000, 0u64..10_000), 1..20), at in 0u64..20_000) {
            let (mut sent, mut text) = (0, String::from("sent_ns,accepted_ns\n"));
            let mut samples = Vec::new();
            for (step, entry) in rows {
                sent += step;
                text += &format!("{sent},{}\n", sent + entry);
                samples.push((sent, entry));
            }
            let curve = Latency::Curve(Curve::parse(&text).unwrap());
            let before = samples.iter().rev().find(|sample| sample.0 <= at).or(samples.first()).unwrap().1;
            let after = samples.iter().find(|sample| sample.0 > at).or(samples.last()).unwrap().1;
            let found = curve.entry_ns(at);
            prop_assert!(found >= before.min(after) && found <= before.max(after));
        }
    }
}
