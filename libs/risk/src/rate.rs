//! How many orders within a sliding window.

use std::collections::VecDeque;

/// The times of the last orders.
#[derive(Clone, Debug, Default)]
pub struct RateWindow {
    times: VecDeque<u64>,
}

impl RateWindow {
    /// Orders in the last `window_ns`.
    pub fn count(&self, now_ns: u64, window_ns: u64) -> u64 {
        let since = now_ns.saturating_sub(window_ns);
        self.times.iter().filter(|at| **at > since || **at > now_ns).count() as u64
    }

    /// One more, at `now_ns`; forgets those that no window reaches.
    pub fn record(&mut self, now_ns: u64, window_ns: u64) {
        let since = now_ns.saturating_sub(window_ns);
        self.times.retain(|at| *at > since);
        self.times.push_back(now_ns);
    }

    /// The times, oldest first.
    pub fn times(&self) -> impl Iterator<Item = u64> + '_ {
        self.times.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut window = RateWindow::default();
        for at in [100, 110, 119] {
            window.record(at, 20);
        }
        assert_eq!((window.count(119, 20), window.count(120, 20), window.count(131, 20)), (3, 2, 1));
        window.record(200, 20);
        assert_eq!(window.times().collect::<Vec<_>>(), [200]);
    }
}
