//! Names of intervals: `1m`, `3m`, `5m`, `15m`, `30m`, `1h`, and others of whole seconds.

/// One minute, ns.
pub const MINUTE_NS: u64 = 60 * SECOND_NS;
/// Intervals that are built where nothing else is asked for, ns.
pub const DEFAULT_NS: [u64; 6] =
    [MINUTE_NS, 3 * MINUTE_NS, 5 * MINUTE_NS, 15 * MINUTE_NS, 30 * MINUTE_NS, 60 * MINUTE_NS];

const SECOND_NS: u64 = 1_000_000_000;
const UNITS: [(char, u64); 4] = [('d', 24 * 60 * MINUTE_NS), ('h', 60 * MINUTE_NS), ('m', MINUTE_NS), ('s', SECOND_NS)];
/// No interval is longer, ns: a week.
const LONGEST_NS: u64 = 7 * 24 * 60 * MINUTE_NS;

/// The interval that `15m`, `1h` or the like names, ns; `None` where it is none, or longer than a week.
pub fn parse(name: &str) -> Option<u64> {
    let (count, unit_ns) = UNITS.iter().find_map(|(unit, ns)| Some((name.strip_suffix(*unit)?, *ns)))?;
    let plain = !count.starts_with(['0', '+']);
    let interval_ns = count.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit_ns)?;
    (1..=LONGEST_NS).contains(&interval_ns).then_some(interval_ns)
}

/// The shortest name of an interval.
pub fn name(interval_ns: u64) -> String {
    match UNITS.iter().find(|(_, ns)| interval_ns > 0 && interval_ns.is_multiple_of(*ns)) {
        Some((unit, ns)) => format!("{}{unit}", interval_ns / ns),
        None => format!("{interval_ns}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let names = DEFAULT_NS.map(name);
        assert_eq!(names, ["1m", "3m", "5m", "15m", "30m", "1h"]);
        assert_eq!(names.map(|name| parse(&name)), DEFAULT_NS.map(Some));
        assert_eq!((parse("60m").map(name), name(1)), (Some("1h".to_owned()), "1ns".to_owned()));
        for wrong in ["", "m", "0m", "+1m", "1", "1w", "-1m", "8d", "99999999999999999999d", "1 m"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
