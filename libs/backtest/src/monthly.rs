//! Returns of calendar months, UTC.

use crate::metrics::equity;
use crate::outcome::Outcome;

const DAY_NS: u64 = 86_400_000_000_000;

/// The return of one month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Month {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Growth of equity in it, a fraction; 0 from where the capital is gone.
    pub growth: f64,
}

/// Year, month and day of a time, UTC, in the proleptic Gregorian calendar.
///
/// Reference: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
#[must_use]
pub fn date(time_ns: u64) -> (i64, u32, u32) {
    let days = (time_ns / DAY_NS) as i64 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

/// Returns by month, from each month's last equity to the next one's.
#[must_use]
pub fn months(outcome: &Outcome) -> Vec<Month> {
    let values = equity(outcome);
    let mut months: Vec<Month> = Vec::new();
    let mut start = values.first().copied().unwrap_or(0.0);
    let mut last = start;
    for (point, value) in outcome.equity.iter().zip(&values).skip(1) {
        // A bar that closes at midnight belongs to the day that ends there.
        let (year, month, _) = date(point.time_ns.saturating_sub(1));
        let is_new = months.last().is_none_or(|m| (m.year, m.month) != (year, month));
        if is_new {
            start = last;
            months.push(Month { year, month, growth: 0.0 });
        }
        if let Some(current) = months.last_mut().filter(|_| start > 0.0) {
            current.growth = value / start - 1.0;
        }
        last = *value;
    }
    months
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimals::Decimals;
    use crate::outcome::EquityPoint;

    #[test]
    fn dates() {
        let at = |days: u64| date(days * DAY_NS + 5);
        assert_eq!(at(0), (1970, 1, 1));
        assert_eq!(at(59), (1970, 3, 1));
        assert_eq!(at(19_782), (2024, 2, 29));
        assert_eq!(at(20_454), (2026, 1, 1));
    }

    #[test]
    fn months_follow_each_other() {
        let decimals = Decimals::new(0, 0).unwrap();
        let mut outcome = Outcome::new(decimals, DAY_NS);
        let money = |x: f64| decimals.scale().money_of(x);
        outcome.equity = [(0, 100.0), (10, 110.0), (31, 120.0), (40, 60.0), (59, 90.0)]
            .map(|(day, x)| EquityPoint { time_ns: day * DAY_NS, equity: money(x), gross: 0 })
            .to_vec();
        let found: Vec<_> = months(&outcome).iter().map(|m| (m.month, (m.growth * 100.0).round())).collect();
        assert_eq!(found, [(1, 20.0), (2, -25.0)]);
    }
}
