//! Bars from trades, as a venue makes candles of them: by the venue's time, from the start of each interval.
//!
//! A bar closes when the first trade of a later interval is received, or another message that is a moment later still. An interval without trades is flat at the price
//! before. A trade that is received after its bar closed is counted and left out: the strategy decided without it.

use mesh_kernel::Bar;
use mesh_kernel::account::Scale;

use crate::data::TimedBar;

#[derive(Clone, Copy, Debug)]
struct Open {
    start_ns: u64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
}

impl Open {
    const fn flat(start_ns: u64, price: i64) -> Self {
        Self { start_ns, open: price, high: price, low: price, close: price, volume: 0 }
    }
}

/// Makes bars of one interval.
#[derive(Clone, Copy, Debug)]
pub struct BarBuilder {
    interval_ns: u64,
    scale: Scale,
    open: Option<Open>,
    /// Trades that came after their bar had closed.
    pub late: u64,
}

impl BarBuilder {
    /// Before the first trade. The interval is at least 1 ns.
    #[must_use]
    pub fn new(interval_ns: u64, scale: Scale) -> Self {
        Self { interval_ns: interval_ns.max(1), scale, open: None, late: 0 }
    }

    /// When the open bar ends, ns; `u64::MAX` before the first trade.
    #[must_use]
    #[inline]
    pub const fn end_ns(&self) -> u64 {
        match self.open {
            Some(open) => open.start_ns.saturating_add(self.interval_ns),
            None => u64::MAX,
        }
    }

    /// The next bar that ends at or before a time of the venue, if any.
    pub fn close(&mut self, venue_ns: u64) -> Option<TimedBar> {
        let open = self.open.filter(|_| self.end_ns() <= venue_ns)?;
        self.open = Some(Open::flat(self.end_ns(), open.close));
        let price = |ticks| self.scale.price(ticks);
        let bar = Bar {
            open: price(open.open),
            high: price(open.high),
            low: price(open.low),
            close: price(open.close),
            volume: self.scale.quantity(open.volume),
        };
        Some(TimedBar { open_ns: open.start_ns, bar })
    }

    /// Takes a trade; bars that end before it must have been closed.
    #[inline]
    pub fn trade(&mut self, venue_ns: u64, price: i64, quantity: i64) {
        let start_ns = venue_ns - venue_ns % self.interval_ns;
        let open = self.open.get_or_insert(Open::flat(start_ns, price));
        if venue_ns < open.start_ns {
            self.late += 1;
            return;
        }
        if open.volume == 0 {
            *open = Open::flat(open.start_ns, price);
        }
        open.high = open.high.max(price);
        open.low = open.low.min(price);
        open.close = price;
        open.volume = open.volume.saturating_add(quantity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_those_of_the_venue_s_intervals() {
        let mut bars = BarBuilder::new(100, Scale::new(0, 0).unwrap());
        assert_eq!(bars.close(u64::MAX - 1), None);
        for (at, price, quantity) in [(130, 10, 1), (150, 12, 2), (199, 9, 1)] {
            bars.trade(at, price, quantity);
        }
        assert_eq!(bars.close(199), None);
        let first = bars.close(420).unwrap();
        let expected = Bar { open: 10.0, high: 12.0, low: 9.0, close: 9.0, volume: 4.0 };
        assert_eq!(first, TimedBar { open_ns: 100, bar: expected });
        let flat = Bar { open: 9.0, high: 9.0, low: 9.0, close: 9.0, volume: 0.0 };
        assert_eq!(bars.close(420), Some(TimedBar { open_ns: 200, bar: flat }));
        assert_eq!(bars.close(420), Some(TimedBar { open_ns: 300, bar: flat }));
        assert_eq!(bars.close(420), None);
        bars.trade(350, 99, 1);
        assert_eq!(bars.late, 1);
        bars.trade(430, 20, 1);
        assert_eq!(bars.close(500).unwrap().bar.open, 20.0, "its own first trade");
    }
}
