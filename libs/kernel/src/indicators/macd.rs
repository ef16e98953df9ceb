//! Moving average convergence and divergence.

use crate::digest::Digest;
use crate::indicators::Ema;

/// The three lines, in the quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdLines {
    /// Fast less slow average.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
    /// `macd - signal`.
    pub histogram: f64,
}

/// MACD. As in TA-Lib the fast average begins late, so that both averages' seeds end with value `slow`; the lines
/// come together with value `slow + signal - 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Values that the fast average still leaves out.
    skip: u32,
}

impl Macd {
    /// With the periods of the fast, the slow and the signal average; the shorter of the first two is the fast one.
    #[must_use]
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        let (fast, slow) = (fast.min(slow).max(1), fast.max(slow).max(1));
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), skip: slow - fast }
    }

    /// Takes the next value; the lines where they are.
    #[inline]
    pub fn update(&mut self, x: f64) -> Option<MacdLines> {
        let slow = self.slow.update(x);
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        let macd = self.fast.update(x)? - slow?;
        let signal = self.signal.update(macd)?;
        Some(MacdLines { macd, signal, histogram: macd - signal })
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let digest = digest.u64(u64::from(self.skip));
        self.signal.digest_into(self.slow.digest_into(self.fast.digest_into(digest)))
    }
}
