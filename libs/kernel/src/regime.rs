//! What kind of market it is: trending, ranging or wild.

/// Kind of market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Regime {
    /// Not known yet.
    #[default]
    Unknown = 0,
    /// Trending upwards.
    TrendUp = 1,
    /// Trending downwards.
    TrendDown = 2,
    /// Without direction: choppy, range-bound.
    Range = 3,
    /// Moves are larger than a strategy should bear, whatever their direction.
    Volatile = 4,
}

impl Regime {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::TrendUp => "trend_up",
            Self::TrendDown => "trend_down",
            Self::Range => "range",
            Self::Volatile => "volatile",
        }
    }

    /// True where it has a direction.
    #[must_use]
    pub const fn is_trend(self) -> bool {
        matches!(self, Self::TrendUp | Self::TrendDown)
    }
}

/// Where one regime ends and another begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegimeRules {
    /// ADX from which on a market trends.
    pub adx_trend: f64,
    /// ADX up to which it ranges. Between the two the last regime stays, so that it does not flicker.
    pub adx_range: f64,
    /// Average true range from which on it is wild, bp of the price; 0 for never.
    pub volatile_atr_bp: f64,
}

impl Regime {
    /// The regime after this one. `direction` is positive upwards, such as fast less slow average.
    #[must_use]
    pub fn next(self, rules: &RegimeRules, adx: f64, direction: f64, atr_bp: f64) -> Self {
        let trend = if direction > 0.0 { Self::TrendUp } else { Self::TrendDown };
        if rules.volatile_atr_bp > 0.0 && atr_bp >= rules.volatile_atr_bp {
            Self::Volatile
        } else if adx >= rules.adx_trend || (adx > rules.adx_range && self.is_trend()) {
            trend
        } else {
            Self::Range
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RegimeRules = RegimeRules { adx_trend: 25.0, adx_range: 20.0, volatile_atr_bp: 500.0 };

    #[test]
    fn stays_between_the_thresholds() {
        let mut regime = Regime::Unknown;
        let mut after = |adx, direction, atr_bp| {
            regime = regime.next(&RULES, adx, direction, atr_bp);
            regime
        };
        assert_eq!(after(22.0, 1.0, 10.0), Regime::Range);
        assert_eq!(after(26.0, 1.0, 10.0), Regime::TrendUp);
        assert_eq!(after(22.0, 1.0, 10.0), Regime::TrendUp);
        assert_eq!(after(22.0, -1.0, 10.0), Regime::TrendDown);
        assert_eq!(after(19.0, -1.0, 10.0), Regime::Range);
        assert_eq!(after(22.0, -1.0, 10.0), Regime::Range);
        assert_eq!(after(60.0, 1.0, 600.0), Regime::Volatile);
    }
}
