//! Highest and lowest of the last bars.

use crate::bar::Bar;
use crate::digest::Digest;

/// The largest of the last `period` values, by a queue that holds only those that can still become it: their values
/// fall from front to back. Each value goes in and out once, so the cost is constant on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Highest<const N: usize> {
    values: [f64; N],
    /// Number of the value in the series, from 0, modulo 2^32: it says when an entry is too old.
    numbers: [u32; N],
    front: u32,
    length: u32,
    period: u32,
    count: u32,
    seen: u32,
}

impl<const N: usize> Highest<N> {
    /// Over `period` values, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        let capacity = u32::try_from(N).unwrap_or(u32::MAX).max(1);
        let period = period.clamp(1, capacity);
        Self { values: [0.0; N], numbers: [0; N], front: 0, length: 0, period, count: 0, seen: 0 }
    }

    #[inline]
    fn slot(&self, i: u32) -> usize {
        let at = self.front as usize + i as usize;
        if at >= N { at - N } else { at }
    }

    /// Takes the next value; the largest once `period` came.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<f64> {
        let number = self.count;
        self.count = self.count.wrapping_add(1);
        self.seen = (self.seen + 1).min(self.period);
        let front_number = self.numbers.get(self.front as usize).copied()?;
        if self.length > 0 && number.wrapping_sub(front_number) >= self.period {
            self.front = if self.front as usize + 1 >= N { 0 } else { self.front + 1 };
            self.length -= 1;
        }
        while self.length > 0 && self.values.get(self.slot(self.length - 1)).is_some_and(|back| *back <= x) {
            self.length -= 1;
        }
        let back = self.slot(self.length);
        *self.values.get_mut(back)? = x;
        *self.numbers.get_mut(back)? = number;
        self.length += 1;
        (self.seen == self.period).then(|| self.values.get(self.front as usize).copied()).flatten()
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.u64(u64::from(self.period) << 32 | u64::from(self.count)).u64(u64::from(self.seen));
        (0..self.length).map(|i| self.slot(i)).fold(digest, |digest, at| {
            let (value, number) = (self.values.get(at).copied(), self.numbers.get(at).copied());
            digest.f64(value.unwrap_or(0.0)).u64(u64::from(number.unwrap_or(0)))
        })
    }
}

/// Donchian channel: highest high and lowest low of the last `period` bars, the newest included. For a breakout,
/// compare a bar with the channel before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Donchian<const N: usize> {
    high: Highest<N>,
    /// Of the negated lows.
    low: Highest<N>,
}

/// A Donchian channel's two bounds, in the quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// Highest high.
    pub upper: f64,
    /// Lowest low.
    pub lower: f64,
}

impl<const N: usize> Donchian<N> {
    /// Over `period` bars, held within 1 and `N`.
    #[must_use]
    pub fn new(period: u32) -> Self {
        Self { high: Highest::new(period), low: Highest::new(period) }
    }

    /// Takes the next bar; the channel once `period` came.
    #[inline]
    pub fn update(&mut self, bar: &Bar) -> Option<Channel> {
        let (upper, lower) = (self.high.update(bar.high), self.low.update(-bar.low));
        Some(Channel { upper: upper?, lower: -lower? })
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.low.digest_into(self.high.digest_into(digest))
    }
}
