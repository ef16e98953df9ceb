//! Times for people: ns since the Unix epoch as UTC, and back.

use crate::error::CaptureError;

const SECOND_NS: u64 = 1_000_000_000;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// `20261101T140307.000000000Z`: sorts as text in order of time, and can be a file's name.
pub fn compact(at_ns: u64) -> String {
    let (year, month, day) = civil(at_ns / DAY_NS);
    let (hour, minute, second, ns) = clock(at_ns);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{ns:09}Z")
}

/// `2026-11-01T14:03:07.000000000Z`.
pub fn readable(at_ns: u64) -> String {
    let (year, month, day) = civil(at_ns / DAY_NS);
    let (hour, minute, second, ns) = clock(at_ns);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// Reads `14:03`, `14:03:07.5` (of the day of `reference_ns`), `2026-11-01`, `2026-11-01T14:03:07Z` or ns since the Unix
/// epoch. All times are UTC.
///
/// # Errors
/// When the text is none of these.
pub fn parse(text: &str, reference_ns: u64) -> Result<u64, CaptureError> {
    let wrong = || CaptureError::Time { found: text.to_owned() };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| wrong());
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day_ns, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) => (parse_day(day), Some(time)),
        None if text.contains(':') => (Some(reference_ns / DAY_NS * DAY_NS), Some(text)),
        None => (parse_day(text), None),
    };
    let of_day_ns = time.map_or(Some(0), parse_clock);
    day_ns.zip(of_day_ns).and_then(|(day, time)| day.checked_add(time)).ok_or_else(wrong)
}

fn parse_day(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(|part| digits(part, 1..=4));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let day_number = (1970..=2262).contains(&year).then(|| days_from_civil(year, month, day))?;
    (civil(day_number) == (year, month, day)).then(|| day_number.checked_mul(DAY_NS))?
}

fn parse_clock(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 1..=2)?, digits(parts.next()?, 2..=2)?);
    let (second, fraction) = match parts.next() {
        Some(rest) => rest.split_once('.').unwrap_or((rest, "0")),
        None => ("00", "0"),
    };
    let second = digits(second, 2..=2)?;
    let ns = digits(fraction, 1..=9)? * 10u64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some((hour * 3600 + minute * 60 + second) * SECOND_NS + ns)
}

fn digits(text: &str, lengths: core::ops::RangeInclusive<usize>) -> Option<u64> {
    let plain = lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn clock(at_ns: u64) -> (u64, u64, u64, u64) {
    let seconds = at_ns % DAY_NS / SECOND_NS;
    (seconds / 3600, seconds / 60 % 60, seconds % 60, at_ns % SECOND_NS)
}

/// Year, month and day of a day since the epoch. From Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(day_number: u64) -> (u64, u64, u64) {
    let shifted = day_number + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The day since the epoch of a date in 1970 or later; the inverse of [`civil`] for dates that exist.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let march_month = (month + 9) % 12;
    let of_year = (153 * march_month + 2) / 5 + day.saturating_sub(1);
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: u64 = 1_793_534_400 * SECOND_NS;

    #[test]
    fn known_times() {
        assert_eq!(readable(NOON), "2026-11-01T12:00:00.000000000Z");
        assert_eq!(compact(NOON + 1), "20261101T120000.000000001Z");
        assert_eq!(parse("14:03", NOON).expect("a time"), NOON + 7380 * SECOND_NS);
        assert_eq!(parse("14:03:07.5", NOON).expect("a time"), NOON + 7387 * SECOND_NS + SECOND_NS / 2);
        assert_eq!(parse("2026-11-01", 0).expect("a day"), NOON - 43_200 * SECOND_NS);
        assert_eq!(parse("2026-11-01 12:00", 0).expect("a time"), NOON);
        assert_eq!(parse("1793534400000000000", 0).expect("ns"), NOON);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "noon", "24:00", "12:60", "12:00:61", "2026-02-29", "2026-13-01", "1:2", "12:00:00.", "-1"] {
            assert!(parse(text, NOON).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn printed_times_are_read_back(at_ns in 0..u64::MAX / 2) {
            prop_assert_eq!(parse(&readable(at_ns), 0).expect("printed"), at_ns);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse(&text, NOON);
        }
    }
}
