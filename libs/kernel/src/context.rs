//! What a strategy may know beside its own bars. Each input can be missing; a condition that needs a missing one
//! fails (gate `missing_input`): closed, never open.

use crate::digest::Digest;

/// Inputs beside the bar, as of its close.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Trend of the leading market (BTC): positive up, negative down, its size at the driver's choice.
    pub btc_trend: Option<f64>,
    /// Share of the watch-list whose fast average stands above the slow one, per cent; see [`crate::breadth`].
    pub breadth_pct: Option<f64>,
    /// Imbalance of the book, -1 to 1.
    pub book_imbalance: Option<f64>,
    /// Premium of mark over index, per cent.
    pub premium_pct: Option<f64>,
    /// Spread between best bid and ask, bp.
    pub spread_bp: Option<f64>,
    /// Funding rate for 8 hours, bp; positive where longs pay.
    pub funding_bp_8h: Option<f64>,
}

/// Bits that name the inputs, in the order of the fields: the threshold of gate `missing_input`.
pub mod input {
    /// Trend of the leading market.
    pub const BTC_TREND: u32 = 1 << 0;
    /// Market breadth.
    pub const BREADTH: u32 = 1 << 1;
    /// Imbalance of the book.
    pub const BOOK_IMBALANCE: u32 = 1 << 2;
    /// Premium.
    pub const PREMIUM: u32 = 1 << 3;
    /// Spread.
    pub const SPREAD: u32 = 1 << 4;
    /// Funding.
    pub const FUNDING: u32 = 1 << 5;
}

impl Context {
    /// The fields, in order.
    const fn fields(&self) -> [Option<f64>; 6] {
        [self.btc_trend, self.breadth_pct, self.book_imbalance, self.premium_pct, self.spread_bp, self.funding_bp_8h]
    }

    /// Those of the `needed` inputs that are missing or not finite.
    #[must_use]
    pub fn missing(&self, needed: u32) -> u32 {
        let fields = self.fields();
        let known = fields.iter().enumerate().filter(|(_, x)| x.is_some_and(f64::is_finite));
        needed & !known.fold(0, |bits, (i, _)| bits | 1 << i)
    }

    /// Adds every input to a digest; a missing one differs from a zero.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        let fields = self.fields();
        let known = fields.iter().enumerate().fold(0, |bits, (i, x)| bits | u64::from(x.is_some()) << i);
        fields.iter().fold(digest.u64(known), |digest, x| digest.f64(x.unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_names_what_is_not_there() {
        let context = Context { btc_trend: Some(1.0), spread_bp: Some(f64::NAN), ..Context::default() };
        assert_eq!(context.missing(input::BTC_TREND), 0);
        assert_eq!(context.missing(input::BTC_TREND | input::SPREAD | input::FUNDING), input::SPREAD | input::FUNDING);
    }
}
