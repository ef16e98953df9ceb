//! Inputs beside the bars: what was known of the book, the premium, funding at some times, and what of it is known when a bar
//! closes.
//!
//! A value counts from its time on, later by the delay that the rules state, until it is too old or the next one is known. A bar
//! is decided on when it closes; so a value of a later time is never seen (`nothing_is_known_before_its_time`).

use mesh_kernel::Context;

use crate::data::TimedBar;

/// The inputs, in the order of [`Context`]'s fields; a name's number is its place.
pub const NAMES: [&str; 6] =
    ["btc_trend", "breadth_pct", "book_imbalance", "premium_pct", "spread_bp", "funding_bp_8h"];

/// A value, and the time that it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimedValue {
    /// ns since the Unix epoch.
    pub time_ns: u64,
    /// The value, in the unit of its input.
    pub value: f64,
}

/// Values of each input, times rising; empty for one that is not given.
pub type Values = [Vec<TimedValue>; NAMES.len()];

/// When a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputRules {
    /// From so long after its time on.
    pub delay_ns: u64,
    /// Until so long after that, by input.
    pub max_age_ns: [u64; NAMES.len()],
}

const HOUR_NS: u64 = 3_600_000_000_000;
/// The longest delay or age, s: three years.
const SECONDS_MAX: f64 = 1e8;

fn ns_of(seconds: f64) -> Option<u64> {
    (0.0..=SECONDS_MAX).contains(&seconds).then_some((seconds * 1e9) as u64)
}

impl InputRules {
    /// No delay; an hour, and nine of funding, which most venues settle every eight.
    pub const DEFAULT: Self =
        Self { delay_ns: 0, max_age_ns: [HOUR_NS, HOUR_NS, HOUR_NS, HOUR_NS, HOUR_NS, 9 * HOUR_NS] };

    /// Sets how old the values of one input, or of all, may be.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn set_max_age(&mut self, name: Option<&str>, seconds: f64) -> Result<(), String> {
        let ns = ns_of(seconds).ok_or_else(|| format!("expected 0 to {SECONDS_MAX} s, found {seconds}"))?;
        match name.map(|name| NAMES.iter().position(|known| *known == name)) {
            None => self.max_age_ns = [ns; NAMES.len()],
            Some(Some(input)) => self.max_age_ns[input] = ns,
            Some(None) => {
                return Err(format!("expected {}, found `{}`", NAMES.join(", "), name.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Sets how long after its time a value is known.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn set_delay(&mut self, seconds: f64) -> Result<(), String> {
        self.delay_ns = ns_of(seconds).ok_or_else(|| format!("expected 0 to {SECONDS_MAX} s, found {seconds}"))?;
        Ok(())
    }

    /// The values of one input that are known at the close of each bar, NaN where none is; nothing for an input without values.
    fn column(&self, input: usize, values: &[TimedValue], bars: &[TimedBar], interval_ns: u64) -> Vec<f64> {
        if values.is_empty() {
            return Vec::new();
        }
        let max_age_ns = self.max_age_ns.get(input).copied().unwrap_or(0);
        let known_ns = |value: &TimedValue| value.time_ns.saturating_add(self.delay_ns);
        let mut next = 0;
        let at_close = |timed: &TimedBar| {
            let close_ns = timed.open_ns.saturating_add(interval_ns);
            while values.get(next).is_some_and(|value| known_ns(value) <= close_ns) {
                next += 1;
            }
            let last = next.checked_sub(1).and_then(|last| values.get(last));
            let fresh = last.filter(|last| close_ns - known_ns(last) <= max_age_ns);
            fresh.map_or(f64::NAN, |last| last.value)
        };
        bars.iter().map(at_close).collect()
    }

    /// The same of all inputs.
    #[must_use]
    pub fn columns(&self, values: &Values, bars: &[TimedBar], interval_ns: u64) -> [Vec<f64>; NAMES.len()] {
        core::array::from_fn(|input| self.column(input, &values[input], bars, interval_ns))
    }
}

/// What is known at a bar: inputs that are given take the place of those that are derived.
#[must_use]
pub fn known(columns: &[Vec<f64>; NAMES.len()], bar: usize, derived: &Context) -> Context {
    let of = |input: usize, derived: Option<f64>| match columns.get(input).map(Vec::as_slice) {
        None | Some([]) => derived,
        Some(column) => column.get(bar).copied().filter(|value| value.is_finite()),
    };
    Context {
        btc_trend: of(0, derived.btc_trend),
        breadth_pct: of(1, derived.breadth_pct),
        book_imbalance: of(2, derived.book_imbalance),
        premium_pct: of(3, derived.premium_pct),
        spread_bp: of(4, derived.spread_bp),
        funding_bp_8h: of(5, derived.funding_bp_8h),
    }
}

/// How many bars each given input is known at, by name.
pub fn coverage<'a>(columns: impl IntoIterator<Item = &'a Vec<f64>>) -> impl Iterator<Item = (&'static str, usize)> {
    let known = |column: &Vec<f64>| column.iter().filter(|value| value.is_finite()).count();
    let given = columns.into_iter().zip(NAMES).filter(|(column, _)| !column.is_empty());
    given.map(move |(column, name)| (name, known(column))).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: InputRules = InputRules { delay_ns: 0, max_age_ns: [25; 6] };

    fn values(times: &[u64]) -> Vec<TimedValue> {
        times.iter().map(|time_ns| TimedValue { time_ns: *time_ns, value: *time_ns as f64 }).collect()
    }

    fn at_closes(rules: &InputRules, times: &[u64]) -> Vec<Option<f64>> {
        let bars = [0, 10, 20, 50, 60].map(|open_ns| TimedBar { open_ns, ..TimedBar::default() });
        let column = rules.column(4, &values(times), &bars, 10);
        column.into_iter().map(|value| Some(value).filter(|value| value.is_finite())).collect()
    }

    #[test]
    fn nothing_is_known_before_its_time() {
        // Bars close at 10, 20, 30, 60 and 70; the value of 30 is 30 old at 60.
        let (none, of) = (None, Some);
        assert_eq!(at_closes(&RULES, &[10, 21, 30, 61]), [of(10.0), of(10.0), of(30.0), none, of(61.0)]);
        let late = InputRules { delay_ns: 1, ..RULES };
        assert_eq!(at_closes(&late, &[10, 21, 30, 61]), [none, of(10.0), of(21.0), none, of(61.0)]);
        assert_eq!(at_closes(&RULES, &[u64::MAX]), [none; 5]);
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_is_derived() {
        let derived = Context { funding_bp_8h: Some(1.0), btc_trend: Some(2.0), ..Context::default() };
        let mut columns = <[Vec<f64>; 6]>::default();
        (columns[4], columns[5]) = (vec![3.0, f64::NAN], vec![f64::NAN, 5.0]);
        let first = known(&columns, 0, &derived);
        assert_eq!((first.btc_trend, first.spread_bp, first.funding_bp_8h), (Some(2.0), Some(3.0), None));
        let second = known(&columns, 1, &derived);
        assert_eq!((second.spread_bp, second.funding_bp_8h), (None, Some(5.0)));
        assert_eq!(coverage(&columns).collect::<Vec<_>>(), [("spread_bp", 1), ("funding_bp_8h", 1)]);
    }
}
