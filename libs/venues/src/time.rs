//! Times as venues print them: RFC 3339 in UTC, to and from ns since the Unix epoch.

use core::fmt::Write as _;

/// Reads `2026-08-01T02:53:53.398143Z`, with up to nine digits after the point or none. `None` where it is something else,
/// is not UTC, or lies before 1970.
pub fn parse_rfc3339(text: &[u8]) -> Option<u64> {
    let (date, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        date.get(from..to)?.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date.get(*at) != Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid = (1970..=2500).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction_ns = match rest {
        b"Z" | b"+00:00" => 0,
        [b'.', digits @ ..] => {
            let len = digits.iter().position(|b| !b.is_ascii_digit())?;
            let (digits, zone) = digits.split_at_checked(len)?;
            if !(1..=9).contains(&len) || !matches!(zone, b"Z" | b"+00:00") {
                return None;
            }
            let value = digits.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
            value * 10u64.pow(9 - u32::try_from(len).ok()?)
        }
        _ => return None,
    };
    let seconds = days_since_epoch(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(fraction_ns)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Year, month and day of a number of days since 1970-01-01.
const fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + if month <= 2 { 1 } else { 0 }, month, day)
}

/// The time as `2020-12-08T09:08:57.715Z`, milliseconds cut.
pub fn rfc3339_ms(ns: u64) -> String {
    let (seconds, ms) = (ns / 1_000_000_000, ns / 1_000_000 % 1_000);
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let mut text = String::with_capacity(24);
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (text, ns) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2020-12-08T09:08:57.715Z", 1_607_418_537_715_000_000),
            ("2026-08-01T02:53:53.398143Z", 1_785_552_833_398_143_000),
            ("2023-10-04T16:25:00.000000000Z", 1_696_436_700_000_000_000),
            ("2024-02-29T23:59:59.000000001+00:00", 1_709_251_199_000_000_001),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(ns), "{text}");
        }
        for bad in [
            "",
            "2020-12-08",
            "2020-12-08T09:08:57",
            "2020-12-08 09:08:57Z",
            "2020-13-08T09:08:57Z",
            "2020-12-08T09:08:57+01:00",
            "1969-12-31T23:59:59Z",
            "2020-12-08T09:08:57.Z",
            "2020-12-08T09:08:57.0000000001Z",
        ] {
            assert_eq!(parse_rfc3339(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in 0u64..16_000_000_000_000) {
            let ns = ms * 1_000_000;
            prop_assert_eq!(parse_rfc3339(rfc3339_ms(ns).as_bytes()), Some(ns));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_rfc3339(&bytes);
        }
    }
}
