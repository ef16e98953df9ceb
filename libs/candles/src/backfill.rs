//! Which candles of the past are asked of a venue next: window after window from the past to the present, then what has ended
//! since, from time to time.
//!
//! Of each instrument and interval it knows from when on candles were asked for and up to where they have come: kept beside the
//! candles, that is where it goes on after a restart, and how what a stopped mesh missed is made up for. Windows of one series
//! follow each other without a gap and do not overlap; a candle is asked for once it has ended.

use std::collections::BTreeMap;

use mesh_types::InstrumentId;

const SECOND_NS: u64 = 1_000_000_000;
/// A candle is final at its venue so long after its end.
const SETTLED_NS: u64 = 5 * SECOND_NS;
/// What has ended since is not asked for more often.
const AGAIN_NS: u64 = 600 * SECOND_NS;
/// First and longest pause after an answer that was none.
const PAUSES_NS: (u64, u64) = (2 * SECOND_NS, 600 * SECOND_NS);

/// Up to where the candles of an instrument and interval have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Of what.
    pub instrument: InstrumentId,
    /// Their length, ns.
    pub interval_ns: u64,
    /// From when on they were asked for, ns since the Unix epoch.
    pub from_ns: u64,
    /// Those that begin before have come, ns since the Unix epoch.
    pub upto_ns: u64,
}

/// Candles to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Of what.
    pub instrument: InstrumentId,
    /// Their length, ns.
    pub interval_ns: u64,
    /// The first begins here or later, ns since the Unix epoch.
    pub from_ns: u64,
    /// The last begins before, ns since the Unix epoch.
    pub to_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Series {
    from_ns: u64,
    upto_ns: u64,
    due_ns: u64,
    pause_ns: u64,
}

/// The series of one venue.
#[derive(Clone, Debug)]
pub struct Backfill {
    most: u64,
    series: BTreeMap<(InstrumentId, u64), Series>,
}

impl Backfill {
    /// None yet; an answer of the venue holds at most `most` candles.
    pub const fn new(most: u64) -> Self {
        Self { most, series: BTreeMap::new() }
    }

    /// Follows a series from `from_ns` on, or from where it was before. One that is followed already stays as it is.
    pub fn follow(&mut self, instrument: InstrumentId, interval_ns: u64, from_ns: u64, before: Option<Reach>) {
        let interval_ns = interval_ns.max(1);
        let from_ns = from_ns - from_ns % interval_ns;
        // More of the past than before is asked for from its beginning: what is there already comes again and changes nothing.
        let reach = before.filter(|reach| reach.from_ns <= from_ns);
        let (from_ns, upto_ns) = reach.map_or((from_ns, from_ns), |reach| (reach.from_ns, reach.upto_ns));
        let series = Series { from_ns, upto_ns, due_ns: 0, pause_ns: PAUSES_NS.0 };
        self.series.entry((instrument, interval_ns)).or_insert(series);
    }

    /// Whether a series is followed.
    pub fn follows(&self, instrument: InstrumentId, interval_ns: u64) -> bool {
        self.series.contains_key(&(instrument, interval_ns))
    }

    /// What to ask for now; else when to ask again. Longer intervals come first: their past takes the fewest answers.
    ///
    /// # Errors
    /// The time at which something is due, ns since the Unix epoch.
    pub fn next(&self, now_ns: u64) -> Result<Window, u64> {
        let mut again_ns = u64::MAX;
        let mut best: Option<(u64, Window)> = None;
        for ((instrument, interval_ns), series) in &self.series {
            let to_ns = self.end(*interval_ns, series, now_ns);
            // Where nothing has ended yet, the next end.
            let ends_ns = series.upto_ns.saturating_add(*interval_ns).saturating_add(SETTLED_NS);
            let due_ns = series.due_ns.max(if to_ns > series.upto_ns { 0 } else { ends_ns });
            if due_ns > now_ns {
                again_ns = again_ns.min(due_ns);
            } else if best.is_none_or(|(longest_ns, _)| *interval_ns > longest_ns) {
                let (instrument, interval_ns) = (*instrument, *interval_ns);
                best = Some((interval_ns, Window { instrument, interval_ns, from_ns: series.upto_ns, to_ns }));
            }
        }
        best.map(|(_, window)| window).ok_or(again_ns)
    }

    /// The end of the next window.
    fn end(&self, interval_ns: u64, series: &Series, now_ns: u64) -> u64 {
        let settled_ns = now_ns.saturating_sub(SETTLED_NS);
        let ended_ns = settled_ns - settled_ns % interval_ns;
        series.upto_ns.saturating_add(interval_ns.saturating_mul(self.most)).min(ended_ns)
    }

    /// A window's candles have come; answers with what is to be kept beside them.
    pub fn fetched(&mut self, window: &Window, now_ns: u64) -> Option<Reach> {
        let Window { instrument, interval_ns, to_ns, .. } = *window;
        let series = self.series.get_mut(&(instrument, interval_ns))?;
        series.upto_ns = series.upto_ns.max(to_ns);
        series.pause_ns = PAUSES_NS.0;
        // Another window of the past is due at once; the present waits.
        let is_present = now_ns.saturating_sub(series.upto_ns) < interval_ns.saturating_add(SETTLED_NS);
        series.due_ns = if is_present { now_ns.saturating_add(AGAIN_NS) } else { now_ns };
        Some(Reach { instrument, interval_ns, from_ns: series.from_ns, upto_ns: series.upto_ns })
    }

    /// A window's candles did not come: they are asked for later, each time after a longer pause.
    pub fn failed(&mut self, window: &Window, now_ns: u64) {
        if let Some(series) = self.series.get_mut(&(window.instrument, window.interval_ns)) {
            series.due_ns = now_ns.saturating_add(series.pause_ns);
            series.pause_ns = series.pause_ns.saturating_mul(2).min(PAUSES_NS.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: u64 = 60 * SECOND_NS;
    const NOW: u64 = 1_000_000 * MINUTE + 30 * SECOND_NS;

    fn id() -> InstrumentId {
        "okx:spot:BTC-USDT".parse().expect("an id")
    }

    #[test]
    fn the_past_comes_in_windows_and_then_what_has_ended() {
        let mut backfill = Backfill::new(100);
        backfill.follow(id(), MINUTE, NOW - 250 * MINUTE, None);
        let (mut windows, mut reach) = (Vec::new(), None);
        while let Ok(window) = backfill.next(NOW) {
            windows.push((window.to_ns - window.from_ns) / MINUTE);
            reach = backfill.fetched(&window, NOW);
        }
        assert_eq!(windows, [100, 100, 50]);
        let ended_ns = 1_000_000 * MINUTE;
        let expected =
            Reach { instrument: id(), interval_ns: MINUTE, from_ns: ended_ns - 250 * MINUTE, upto_ns: ended_ns };
        assert_eq!(reach, Some(expected));
        assert_eq!(backfill.next(NOW), Err(NOW + AGAIN_NS));
        let window = backfill.next(NOW + AGAIN_NS).expect("due");
        assert_eq!((window.from_ns, window.to_ns), (ended_ns, ended_ns + AGAIN_NS));
        // Another life, after a day without one, and one that wants more of the past.
        let mut later = Backfill::new(100);
        let (day, from_ns) = (NOW + 1_440 * MINUTE, NOW + 1_190 * MINUTE);
        later.follow(id(), MINUTE, from_ns, reach);
        assert_eq!(later.next(day).map(|window| window.from_ns), Ok(ended_ns), "the day is made up for");
        let mut more = Backfill::new(100);
        more.follow(id(), MINUTE, NOW - 300 * MINUTE, reach);
        assert_eq!(more.next(NOW).map(|window| window.from_ns), Ok(ended_ns - 300 * MINUTE));
    }

    #[test]
    fn longer_intervals_come_first_and_a_failure_holds_up_nobody_else() {
        let mut backfill = Backfill::new(100);
        for minutes in [1, 60, 5] {
            backfill.follow(id(), minutes * MINUTE, NOW - 6_000 * MINUTE, None);
        }
        let hours = backfill.next(NOW).expect("due");
        assert_eq!(hours.interval_ns, 60 * MINUTE);
        backfill.failed(&hours, NOW);
        assert_eq!(backfill.next(NOW).map(|window| window.interval_ns), Ok(5 * MINUTE));
        assert_eq!(backfill.next(NOW + PAUSES_NS.0), Ok(hours));
        backfill.failed(&hours, NOW);
        assert_ne!(backfill.next(NOW + PAUSES_NS.0), Ok(hours), "the pause is longer now");
    }

    proptest! {
        #[test]
        fn windows_follow_each_other_and_end_before_now(
            most in 1u64..50, back in 0u64..500, steps in proptest::collection::vec((0u64..2_000, any::<bool>()), 1..60),
        ) {
            let mut backfill = Backfill::new(most);
            let mut now = NOW;
            backfill.follow(id(), MINUTE, now.saturating_sub(back * MINUTE), None);
            let mut upto = None;
            for (seconds, comes) in steps {
                now += seconds * SECOND_NS;
                let Ok(window) = backfill.next(now) else { continue };
                prop_assert!(upto.is_none_or(|upto| upto == window.from_ns));
                prop_assert!(window.from_ns < window.to_ns && window.to_ns <= now);
                prop_assert!((window.to_ns - window.from_ns) / MINUTE <= most);
                upto = Some(window.from_ns);
                if comes {
                    upto = Some(window.to_ns);
                    backfill.fetched(&window, now);
                } else {
                    backfill.failed(&window, now);
                }
            }
        }
    }
}
