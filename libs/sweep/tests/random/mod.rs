//! Random histories, parameters and rules, all of one seed.

use mesh_backtest::{Funding, TimedBar};
use mesh_kernel::Bar;
use mesh_kernel::account::Scale;
use mesh_kernel::fills::{Anchor, Costs, FillRules, Gap, Levels, Market};
use mesh_kernel::params::{ParamKind, ParamSpec};
use mesh_kernel::run::RunRules;
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_kernel::strategy::StrategyParams;
use mesh_sweep::{History, Inputs};

const HOUR_NS: u64 = 3_600_000_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Uniform in a range.
    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// Decimals, and a price that suits them.
    pub(crate) fn scale(&mut self) -> (Scale, f64) {
        let (prices, quantities, price) =
            self.pick(&[(2, 3, 100.0), (4, 3, 1.5), (1, 6, 60_000.0), (8, 0, 1e-4), (0, 0, 5_000.0), (9, 9, 3e4)]);
        (Scale::new(prices, quantities).unwrap(), price)
    }

    pub(crate) fn history(&mut self, scale: Scale, price: f64) -> History {
        let count = if self.one_in(12) { 1_500 } else { 60 + self.below(340) };
        let period = self.pick(&[1, 5, 24, 1_000]) * HOUR_NS;
        let bars = self.bars(count, price);
        let mut funding = Vec::new();
        if !self.one_in(3) {
            let (every, strength) = (1 + self.below(30), self.pick(&[1e-4, 3e-3]));
            let due = |i| (i * every * HOUR_NS / 3 + 1, self.within(-strength, strength));
            funding = (0..count * 3 / every).map(due).map(|(time_ns, rate)| Funding { time_ns, rate }).collect();
        }
        let inputs = self.inputs(count as usize);
        History::new(&bars, &funding, inputs, scale, period).unwrap()
    }

    fn bars(&mut self, count: u64, start: f64) -> Vec<TimedBar> {
        let (calm, mut price) = (self.pick(&[0.001, 0.01, 0.05]), start);
        let (gaps, flats, bad) = (self.pick(&[2, 20, 1_000]), self.pick(&[3, 30, 1_000]), self.pick(&[10, 100, 1_000]));
        let mut drift = 0.0;
        let mut bars = Vec::new();
        for i in 0..count {
            if self.one_in(25) {
                drift = self.within(-calm, calm);
            }
            let open = if self.one_in(gaps) { price * (1.0 + self.within(-calm, calm) * 2.0) } else { price };
            let mut step = drift + self.within(-calm, calm);
            if self.one_in(60) {
                step = self.within(-0.4, 0.5);
            }
            if self.one_in(flats) {
                step = 0.0;
            }
            let close = (open * (1.0 + step)).clamp(start / 50.0, start * 50.0);
            let wick = if self.one_in(flats) { 0.0 } else { calm };
            let high = open.max(close) * (1.0 + self.within(0.0, wick));
            let low = open.min(close) * (1.0 - self.within(0.0, wick));
            price = close;
            // Prices on a coarse grid make levels meet them exactly.
            let grid = |x: f64| if calm > 0.005 { (x * 64.0 / start).round().max(1.0) * start / 64.0 } else { x };
            let mut bar = Bar {
                open: grid(open),
                high: grid(high),
                low: grid(low),
                close: grid(close),
                volume: self.within(0.0, 1e4),
            };
            if self.one_in(bad) {
                bar.close = f64::NAN;
            }
            bars.push(TimedBar { open_ns: i * HOUR_NS, bar });
        }
        if !bars.iter().any(|timed| timed.bar.is_valid()) {
            bars[0].bar = Bar { open: start, high: start, low: start, close: start, volume: 1.0 };
        }
        bars
    }

    fn inputs(&mut self, count: usize) -> Inputs {
        let mut column = |low: f64, high: f64, odds: u64| -> Vec<f64> {
            if self.one_in(odds) {
                return Vec::new();
            }
            let mut value = self.within(low, high);
            let mut next = || {
                if self.one_in(6) {
                    value = self.within(low, high);
                }
                if self.one_in(30) { f64::NAN } else { value }
            };
            (0..count).map(|_| next()).collect()
        };
        Inputs {
            btc_trend: column(-1.0, 1.0, 2),
            breadth_pct: column(0.0, 100.0, 2),
            book_imbalance: column(-1.0, 1.0, 5),
            premium_pct: column(-0.2, 0.2, 5),
            spread_bp: column(0.0, 6.0, 5),
            funding_bp_8h: column(-12.0, 12.0, 2),
        }
    }

    pub(crate) fn rules(&mut self, scale: Scale, price: f64) -> RunRules {
        let fills = FillRules {
            market: self.pick(&[Market::NextOpen, Market::NextOpen, Market::Close]),
            levels: self.pick(&[Levels::Inside, Levels::Inside, Levels::AtMarket]),
            stop_gap: self.pick(&[Gap::Open, Gap::Level]),
            target_gap: self.pick(&[Gap::Open, Gap::Level]),
            anchor: self.pick(&[Anchor::SignalClose, Anchor::Fill]),
        };
        let method = match self.below(3) {
            0 => SizingMethod::FixedFraction { fraction: self.within(0.01, 2.0) },
            1 => SizingMethod::Volatility { risk_fraction: self.within(0.001, 0.05) },
            _ => SizingMethod::FractionalKelly { win_rate: 0.55, payoff: 1.5, part: 0.5, cap: 0.5 },
        };
        RunRules {
            fills,
            costs: Costs {
                taker_fee_rate: self.below(200_000) as i64,
                maker_fee_rate: self.below(100_000) as i64 - 20_000,
                targets_rest: self.one_in(2),
                slippage_bp: self.within(0.0, 10.0),
                impact_bp: self.pick(&[0.0, 1.0]),
                depth_notional: self.pick(&[0.0, 1e5]),
            },
            sizing: SizingRules {
                method,
                tier_factors: [0.5, 0.75, 1.0],
                leverage_max: self.pick(&[1.0, 3.0, 20.0]),
                notional_max: self.pick(&[0.0, 1e4]),
                notional_min: self.pick(&[0.0, 10.0]),
            },
            margin: Margin {
                leverage: self.pick(&[0.0, 0.0, 3.0, 20.0, 100.0]),
                maintenance_rate: self.within(0.0, 0.02),
                fee_rate: self.below(1_000_000) as i64,
            },
            scale,
            // Now and then so little that a lot is dear, or so much that numbers leave their range.
            initial_cash: self.pick(&[1e4, 1e4, 1e6, price * 2.0, 5e10]),
        }
    }

    /// Most parameters as in `base`, the others anywhere; windows mostly short enough for the bars.
    pub(crate) fn params<P: StrategyParams>(&mut self, base: &[f64]) -> P {
        loop {
            let odds = self.pick(&[2, 5, 12, 30]);
            let values: Vec<f64> = P::SPEC.iter().zip(base).map(|(spec, base)| self.value(spec, *base, odds)).collect();
            if let Ok(params) = P::from_values(&values) {
                return params;
            }
        }
    }

    fn value(&mut self, spec: &ParamSpec, base: f64, odds: u64) -> f64 {
        let wide = self.one_in(20);
        let narrow = |most: f64| if wide { spec.max } else { most.min(spec.max) };
        let (low, high) = match (spec.name, spec.unit) {
            ("time_stop_bars" | "cooldown_bars", _) => (spec.min, narrow(30.0)),
            ("pyramid_max", _) => (spec.min, spec.max),
            (_, "bars") => (spec.min, narrow(25.0)),
            (_, "ATR") => (spec.min, narrow(6.0)),
            ("trail_bp", _) => (spec.min, narrow(500.0)),
            _ => (spec.min, spec.max),
        };
        let is_window = spec.unit == "bars" && !matches!(spec.name, "time_stop_bars" | "cooldown_bars");
        if !is_window && !self.one_in(odds) {
            return base;
        }
        match spec.kind {
            // Thresholds near their defaults leave trades to look at.
            ParamKind::Real if !self.one_in(3) => (base + self.within(-1.0, 1.0)).clamp(spec.min, spec.max),
            ParamKind::Real => self.within(low, high),
            ParamKind::Integer | ParamKind::Switch => self.within(low, high + 1.0).floor().min(high),
        }
    }
}
