//! Bars and configurations, the same in every run: a seeded walk of minutes, and parameters drawn from usual ranges.

use mesh_backtest::TimedBar;
use mesh_kernel::Bar;
use mesh_kernel::account::Scale;
use mesh_kernel::fills::{Costs, FillRules};
use mesh_kernel::run::RunRules;
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_kernel::strategy::momentum::Params;

/// Nanoseconds of a minute.
const MINUTE_NS: u64 = 60_000_000_000;
/// Returns are taken by the day.
pub(crate) const DAY_NS: u64 = 86_400_000_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number of a range, its ends included.
    fn whole(&mut self, low: u32, high: u32) -> u32 {
        low + (self.unit() * f64::from(high - low + 1)) as u32
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn chance(&mut self, of: f64) -> bool {
        self.unit() < of
    }

    /// Nearly normal: mean 0, deviation 1 (Irwin-Hall).
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Minutes of a market near 60,000 whose volatility comes and goes, in ticks of 0.1.
pub(crate) fn bars(count: usize) -> Vec<TimedBar> {
    let mut random = Random(7);
    let (mut price, mut volatility, mut drift) = (60_000.0, 6e-4, 0.0);
    let tick = |x: f64| (x * 10.0).round() / 10.0;
    let mut bar = |i: usize| {
        volatility = (volatility * (1.0 + 0.05 * random.normal())).clamp(2e-4, 2e-3);
        if random.chance(0.002) {
            drift = random.normal() * 5e-5;
        }
        let open = price;
        let (mut high, mut low) = (open, open);
        for _ in 0..4 {
            price *= 1.0 + drift / 4.0 + volatility / 2.0 * random.normal();
            (high, low) = (f64::max(high, price), f64::min(low, price));
        }
        price = tick(price.clamp(5_000.0, 500_000.0));
        let volume = 10.0 * (1.0 + random.normal().abs()) * volatility / 6e-4;
        let bar = Bar { open, high: tick(high).max(price), low: tick(low).min(price), close: price, volume };
        TimedBar { open_ns: i as u64 * MINUTE_NS, bar }
    };
    (0..count).map(&mut bar).collect()
}

/// Ticks of 0.1, lots of 1e-6.
pub(crate) fn scale() -> Option<Scale> {
    Scale::new(1, 6)
}

/// Fees, slippage, a stop's risk: what a serious backtest has.
pub(crate) fn rules(scale: Scale, method: SizingMethod) -> RunRules {
    RunRules {
        fills: FillRules::default(),
        costs: Costs {
            taker_fee_rate: 50_000,
            maker_fee_rate: 20_000,
            targets_rest: true,
            slippage_bp: 1.0,
            impact_bp: 0.0,
            depth_notional: 0.0,
        },
        sizing: SizingRules {
            method,
            tier_factors: [0.5, 0.75, 1.0],
            leverage_max: 3.0,
            notional_max: 0.0,
            notional_min: 10.0,
        },
        margin: Margin::default(),
        scale,
        initial_cash: 100_000.0,
    }
}

/// The full kernel: every indicator, tier and rule of momentum is in play.
pub(crate) fn full(count: usize) -> Vec<Params> {
    let mut random = Random(11);
    let configuration = |_| {
        let r = &mut random;
        let ema_fast = r.whole(5, 60);
        Params {
            ema_fast,
            ema_slow: ema_fast + r.whole(5, 190),
            atr_period: r.whole(7, 30),
            adx_period: r.whole(7, 30),
            rsi_period: r.whole(7, 30),
            bb_period: r.whole(10, 50),
            volume_period: r.whole(10, 50),
            stop_atr: r.within(1.0, 6.0),
            allow_short: r.chance(0.8),
            require_cross: r.chance(0.75),
            min_tier: r.whole(1, 3),
            adx_low: r.within(0.0, 20.0),
            adx_medium: r.within(15.0, 25.0),
            adx_high: r.within(20.0, 35.0),
            rsi_low: r.within(30.0, 50.0),
            rsi_medium: r.within(40.0, 55.0),
            rsi_high: r.within(50.0, 60.0),
            bb_width_low: r.within(0.0, 20.0),
            bb_width_medium: r.within(0.0, 40.0),
            bb_width_high: r.within(20.0, 80.0),
            volume_z_low: r.within(-3.0, 0.0),
            volume_z_medium: r.within(-1.0, 0.5),
            volume_z_high: r.within(-0.5, 1.5),
            target_atr: if r.chance(0.5) { r.within(2.0, 12.0) } else { 0.0 },
            trail_atr: if r.chance(0.5) { r.within(2.0, 8.0) } else { 0.0 },
            trail_start_atr: r.within(0.0, 3.0),
            break_even_atr: if r.chance(0.3) { r.within(1.0, 4.0) } else { 0.0 },
            time_stop_bars: if r.chance(0.3) { r.whole(50, 600) } else { 0 },
            partial_atr: if r.chance(0.4) { r.within(1.0, 5.0) } else { 0.0 },
            reversal: r.chance(0.6),
            cooldown_bars: if r.chance(0.3) { r.whole(1, 30) } else { 0 },
            pyramid_max: if r.chance(0.3) { r.whole(1, 3) } else { 0 },
            pyramid_step_atr: r.within(0.5, 3.0),
            ..Params::default()
        }
    };
    (0..count).map(configuration).collect()
}

/// Task 1: a cross of two averages enters and turns, a stop in ranges ends; long and short, fees.
pub(crate) fn task_1(count: usize) -> Vec<Params> {
    let mut random = Random(13);
    let configuration = |_| {
        let r = &mut random;
        let ema_fast = r.whole(5, 60);
        let (ema_slow, atr_period) = (ema_fast + r.whole(5, 190), r.whole(7, 30));
        Params { ema_fast, ema_slow, atr_period, stop_atr: r.within(1.0, 6.0), adx_period: 2, ..Params::default() }
    };
    (0..count).map(configuration).collect()
}
