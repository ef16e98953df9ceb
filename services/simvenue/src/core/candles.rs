//! Candles from trades, for every interval that the venue has.
//!
//! A candle closes when a trade of a later interval comes, or when the clock has passed its end by a grace (recorded
//! trades come a little after their time). An interval without trades has a flat candle at the price before.

use std::collections::VecDeque;

use crate::core::Trade;

/// Closed candles that are kept of each interval; the venue answers with as many at most.
const KEPT: usize = 1000;

/// Length and alignment of candles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Its name at the venue.
    pub name: &'static str,
    /// Its length, ns.
    pub length_ns: u64,
    /// Start of some candle, ns since the Unix epoch: weeks start on Mondays.
    offset_ns: u64,
}

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn interval(name: &'static str, length_ns: u64) -> Interval {
    Interval { name, length_ns, offset_ns: 0 }
}

/// All intervals but the month, whose lengths differ.
pub const INTERVALS: [Interval; 15] = [
    interval("1s", SECOND),
    interval("1m", MINUTE),
    interval("3m", 3 * MINUTE),
    interval("5m", 5 * MINUTE),
    interval("15m", 15 * MINUTE),
    interval("30m", 30 * MINUTE),
    interval("1h", HOUR),
    interval("2h", 2 * HOUR),
    interval("4h", 4 * HOUR),
    interval("6h", 6 * HOUR),
    interval("8h", 8 * HOUR),
    interval("12h", 12 * HOUR),
    interval("1d", DAY),
    interval("3d", 3 * DAY),
    Interval { name: "1w", length_ns: 7 * DAY, offset_ns: 4 * DAY },
];

impl Interval {
    /// Start of the candle that holds a time.
    pub const fn start_of(&self, time_ns: u64) -> u64 {
        let phase = self.offset_ns % self.length_ns;
        time_ns.saturating_sub((time_ns + self.length_ns - phase) % self.length_ns)
    }
}

/// One candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Start, ns since the Unix epoch.
    pub open_ns: u64,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Quantity.
    pub volume: i64,
    /// Trades.
    pub trade_count: u64,
}

impl Candle {
    const fn flat(open_ns: u64, price: i64) -> Self {
        Self { open_ns, open: price, high: price, low: price, close: price, volume: 0, trade_count: 0 }
    }

    fn add(&mut self, trade: &Trade) {
        if self.trade_count == 0 {
            *self = Self::flat(self.open_ns, trade.price);
        }
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume = self.volume.saturating_add(trade.quantity);
        self.trade_count += 1;
    }
}

/// The candles of one interval.
#[derive(Clone, Debug)]
struct Series {
    interval: Interval,
    open: Option<Candle>,
    closed: VecDeque<Candle>,
}

impl Series {
    /// Closes candles until the open one starts at `start_ns` or later.
    fn close_until(&mut self, start_ns: u64, on_closed: &mut impl FnMut(Interval, &Candle)) {
        while let Some(open) = self.open.filter(|open| open.open_ns < start_ns) {
            if self.closed.len() >= KEPT {
                self.closed.pop_front();
            }
            self.closed.push_back(open);
            on_closed(self.interval, &open);
            let behind = start_ns.saturating_sub(open.open_ns) / self.interval.length_ns;
            // After a long sleep only the candles that are kept are made.
            let skipped = behind.saturating_sub(KEPT as u64);
            let next_ns = open.open_ns + (1 + skipped) * self.interval.length_ns;
            self.open = Some(Candle::flat(next_ns, open.close));
        }
    }

    fn on_trade(&mut self, trade: &Trade, on_closed: &mut impl FnMut(Interval, &Candle)) {
        let start_ns = self.interval.start_of(trade.time_ns);
        self.close_until(start_ns, on_closed);
        self.open.get_or_insert(Candle::flat(start_ns, trade.price)).add(trade);
    }
}

/// The candles of one symbol.
#[derive(Clone, Debug)]
pub struct Candles {
    series: Vec<Series>,
    grace_ns: u64,
}

impl Candles {
    /// None yet. A candle closes when the clock has passed its end by `grace_ns`.
    pub fn new(grace_ns: u64) -> Self {
        let series = INTERVALS.map(|interval| Series { interval, open: None, closed: VecDeque::new() });
        Self { series: series.into(), grace_ns }
    }

    /// Takes a trade; `on_closed` is told the candles that it closes.
    pub fn on_trade(&mut self, trade: &Trade, mut on_closed: impl FnMut(Interval, &Candle)) {
        self.series.iter_mut().for_each(|series| series.on_trade(trade, &mut on_closed));
    }

    /// The venue's clock has come to `now_ns`; `on_closed` is told the candles that this closes.
    pub fn on_time(&mut self, now_ns: u64, mut on_closed: impl FnMut(Interval, &Candle)) {
        for series in &mut self.series {
            let start_ns = series.interval.start_of(now_ns.saturating_sub(self.grace_ns));
            series.close_until(start_ns, &mut on_closed);
        }
    }

    /// The open candle of each interval.
    pub fn open(&self) -> impl Iterator<Item = (Interval, &Candle)> {
        self.series.iter().filter_map(|series| Some((series.interval, series.open.as_ref()?)))
    }

    /// The candles of an interval, oldest first, the open one last; `None` for an interval that the venue does not have.
    pub fn of(&self, interval: &str) -> Option<(Interval, impl DoubleEndedIterator<Item = &Candle>)> {
        let series = self.series.iter().find(|series| series.interval.name == interval)?;
        Some((series.interval, series.closed.iter().chain(series.open.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The dumb way: sort trades into intervals, then look at each.
    fn naive(interval: Interval, trades: &[Trade]) -> BTreeMap<u64, Candle> {
        let mut by_start: BTreeMap<u64, Vec<Trade>> = BTreeMap::new();
        for trade in trades {
            by_start.entry(interval.start_of(trade.time_ns)).or_default().push(*trade);
        }
        let candle = |(open_ns, trades): (u64, Vec<Trade>)| {
            let prices = || trades.iter().map(|trade| trade.price);
            let candle = Candle {
                open_ns,
                open: prices().next().expect("a trade"),
                high: prices().max().expect("a trade"),
                low: prices().min().expect("a trade"),
                close: prices().next_back().expect("a trade"),
                volume: trades.iter().map(|trade| trade.quantity).sum(),
                trade_count: trades.len() as u64,
            };
            (open_ns, candle)
        };
        by_start.into_iter().map(candle).collect()
    }

    #[test]
    fn weeks_start_on_mondays_and_days_at_midnight() {
        // 2024-08-08 was a Thursday.
        let thursday = 1_723_161_253 * SECOND;
        let week = INTERVALS[14].start_of(thursday);
        assert_eq!(week, 1_722_816_000 * SECOND, "Monday 2024-08-05");
        assert_eq!(INTERVALS[14].start_of(week), week);
        assert_eq!(INTERVALS[12].start_of(thursday) % DAY, 0);
    }

    #[test]
    fn a_silent_interval_is_flat_and_a_long_sleep_is_bounded() {
        let mut candles = Candles::new(0);
        let trade = Trade { id: 1, price: 7, quantity: 2, buyer_is_maker: false, time_ns: SECOND };
        candles.on_trade(&trade, |_, _| panic!("nothing to close"));
        let mut closed = vec![];
        candles.on_time(3 * SECOND, |interval, candle| closed.push((interval.name, *candle)));
        assert_eq!(closed.len(), 2);
        assert_eq!(closed[1], ("1s", Candle::flat(2 * SECOND, 7)));
        let mut count = 0;
        candles.on_time(100 * DAY, |_, _| count += 1);
        assert!(count < INTERVALS.len() * (KEPT + 2), "{count}");
        let (_, all) = candles.of("1s").expect("an interval");
        assert_eq!(all.last().map(|candle| candle.open_ns), Some(100 * DAY));
    }

    proptest! {
        #[test]
        fn candles_are_those_of_the_naive_way(
            steps in proptest::collection::vec((0u64..40 * SECOND, 1i64..1000, 1i64..100), 1..200),
            grace_ms in 0u64..300,
        ) {
            let mut time_ns = 0;
            let trades: Vec<Trade> = steps.into_iter().enumerate().map(|(id, (step, price, quantity))| {
                time_ns += step;
                Trade { id: id as u64, price, quantity, buyer_is_maker: false, time_ns }
            }).collect();
            let mut candles = Candles::new(grace_ms * 1_000_000);
            let mut closed: BTreeMap<(&str, u64), Candle> = BTreeMap::new();
            for trade in &trades {
                let mut keep = |interval: Interval, candle: &Candle| {
                    assert_eq!(closed.insert((interval.name, candle.open_ns), *candle), None, "closed twice");
                };
                candles.on_time(trade.time_ns, &mut keep);
                candles.on_trade(trade, &mut keep);
            }
            for interval in INTERVALS {
                for (open_ns, expected) in naive(interval, &trades) {
                    let (_, mut all) = candles.of(interval.name).expect("an interval");
                    let open = all.next_back().filter(|open| open.open_ns == open_ns);
                    prop_assert_eq!(closed.get(&(interval.name, open_ns)).or(open), Some(&expected));
                }
            }
        }
    }
}
