//! What is watched on every symbol, whatever the strategy: its regime for the breakdown, and the averages from which
//! breadth and the leading market's trend come.

use mesh_kernel::Bar;
use mesh_kernel::indicators::{Adx, Atr, Ema};
use mesh_kernel::math::ratio;
use mesh_kernel::regime::{Regime, RegimeRules};

/// Where regimes end; those of momentum's defaults. A mean range of 3 % of the price counts as wild.
const RULES: RegimeRules = RegimeRules { adx_trend: 25.0, adx_range: 20.0, volatile_atr_bp: 300.0 };
const FAST: u32 = 12;
const SLOW: u32 = 26;
const PERIOD: u32 = 14;

/// Indicators of one symbol.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    fast: Ema,
    slow: Ema,
    adx: Adx,
    atr: Atr,
    /// Kind of market after the last bar.
    pub regime: Regime,
    /// Fast and slow average of closes, once both are there.
    pub averages: Option<(f64, f64)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            fast: Ema::new(FAST),
            slow: Ema::new(SLOW),
            adx: Adx::new(PERIOD),
            atr: Atr::new(PERIOD),
            regime: Regime::Unknown,
            averages: None,
        }
    }
}

impl Watch {
    /// Takes a closed bar that is valid.
    pub fn update(&mut self, bar: &Bar) {
        let (fast, slow) = (self.fast.update(bar.close), self.slow.update(bar.close));
        self.averages = fast.zip(slow);
        let adx = self.adx.update(bar).and_then(|directional| directional.adx);
        let atr = self.atr.update(bar);
        if let (Some((fast, slow)), Some(adx), Some(atr)) = (self.averages, adx, atr) {
            let atr_bp = ratio(atr, bar.close, 0.0) * 1e4;
            self.regime = self.regime.next(&RULES, adx, fast - slow, atr_bp);
        }
    }

    /// Distance of the averages in bp of the slow one: positive upwards.
    #[must_use]
    pub fn trend_bp(&self) -> Option<f64> {
        self.averages.map(|(fast, slow)| ratio(fast - slow, slow, 0.0) * 1e4)
    }
}
