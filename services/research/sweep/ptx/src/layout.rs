//! What crosses between host and GPU, in a layout that both compilers must give it.

use core::mem::{offset_of, size_of};

use mesh_kernel::Bar;
use mesh_kernel::account::{Money, Scale};
use mesh_kernel::fills::{Anchor, Costs, FillRules, Gap, Levels, Market};
use mesh_kernel::returns::Returns;
use mesh_kernel::run::{RunRules, Settlement, Summary};
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use mesh_sweep::past::Due;
use mesh_sweep::pyramid::Extremes;

/// One launch: some configurations over a part of a history. Addresses are the GPU's, 0 for nothing. Bars are numbered
/// from the part's first one; it begins at a multiple of 64 bars of the history, and so do words of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(not(target_arch = "nvptx64"), derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable))]
#[repr(C)]
pub struct Job {
    /// `count` bars: open, high, low, close, volume.
    pub bars: u64,
    /// `count` values each, in the order of `Context`'s fields, NaN where a bar has none.
    pub inputs: [u64; 6],
    /// Funding: bar, rate in 1e-8ths, mark price, of 64 bits each.
    pub due: u64,
    /// How often.
    pub due_count: u64,
    /// Last bars of periods, of 32 bits each.
    pub period_ends: u64,
    /// How many.
    pub period_count: u64,
    /// Extremes of stretches of the lower level: high, low, highest close, lowest close.
    pub short: u64,
    /// How many.
    pub short_count: u64,
    /// Of the higher level.
    pub long: u64,
    /// How many.
    pub long_count: u64,
    /// Series, `count` values each, one after the other.
    pub series: u64,
    /// Orders of pairs of series, two words for each 64 bars: where the first stands above, and where below.
    pub orders: u64,
    /// Parameters, `params[parameter * configurations + configuration]`, in the order of the strategy's `SPEC`.
    pub params: u64,
    /// Which series each slot reads, then which order, of 32 bits: `columns[slot * configurations + configuration]`.
    pub columns: u64,
    /// [`Rules`].
    pub rules: u64,
    /// `STATE_BYTES` a configuration, aligned to 16, as the launch before left them. Not read by the first.
    pub states: u64,
    /// An [`Outcome`] a configuration: what came of it so far.
    pub outcomes: u64,
    /// Bars of the part.
    pub count: u64,
    /// The first that is taken; those before it were, and are looked back to.
    pub first: u64,
    /// Bars of the history before the part.
    pub before: u64,
    /// 1 where closes are within what stretches can be marked at.
    pub fits: u64,
    /// Configurations.
    pub configurations: u64,
}

/// What surrounds the strategy, the same for every configuration of a sweep: see `RunRules`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(not(target_arch = "nvptx64"), derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable))]
#[repr(C)]
pub struct Rules {
    /// Codes of the fill rules' fields, in their order.
    pub fills: [u32; 5],
    /// 1 where targets rest.
    pub targets_rest: u32,
    /// Sizing method: 0 fixed fraction, 1 volatility, 2 fractional Kelly.
    pub method: u32,
    /// Decimals of prices.
    pub price_decimals: u32,
    /// Decimals of quantities.
    pub quantity_decimals: u32,
    /// Fills the word.
    pub unused: u32,
    /// Taker's and maker's fee, 1e-8ths.
    pub fee_rates: [i64; 2],
    /// Slippage and impact, bp; depth, in the quote currency.
    pub slippage: [f64; 3],
    /// The method's numbers, in the order of its fields.
    pub sizing: [f64; 4],
    /// Factors of the tiers.
    pub tier_factors: [f64; 3],
    /// Most leverage; most and least notional.
    pub limits: [f64; 3],
    /// Cash at the beginning.
    pub initial_cash: f64,
    /// Leverage and maintenance margin at which positions are closed by force.
    pub margin: [f64; 2],
    /// Fee for that, 1e-8ths.
    pub margin_fee_rate: i64,
}

/// What came of a configuration: see `Summary`. Money is in two words, the lower one first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(not(target_arch = "nvptx64"), derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable))]
#[repr(C)]
pub struct Outcome {
    /// Bars, bars held, trades, wins, refused, overflows, periods, liquidations.
    pub counts: [u32; 8],
    /// Gained, lost, turnover, fees, funding, equity, peak.
    pub money: [[u64; 2]; 7],
    /// Drawdown; sum, squares, squares of losses and last equity of the returns.
    pub numbers: [f64; 5],
    /// Digest of every fill.
    pub digest: u64,
}

const _: () = {
    assert!(size_of::<Job>() == 27 * 8 && offset_of!(Job, due) == 56 && offset_of!(Job, configurations) == 208);
    // Slices of these are laid out by the host as plain numbers.
    assert!(size_of::<Bar>() == 40 && offset_of!(Bar, open) == 0 && offset_of!(Bar, volume) == 32);
    assert!(offset_of!(Bar, high) == 8 && offset_of!(Bar, low) == 16 && offset_of!(Bar, close) == 24);
    assert!(size_of::<Due>() == 24 && offset_of!(Due, bar) == 0 && offset_of!(Due, settlement) == 8);
    assert!(offset_of!(Settlement, rate) == 0 && offset_of!(Settlement, mark_price) == 8);
    assert!(size_of::<Extremes>() == 32 && offset_of!(Extremes, high) == 0 && offset_of!(Extremes, low) == 8);
    assert!(offset_of!(Extremes, top) == 16 && offset_of!(Extremes, bottom) == 24);
    assert!(size_of::<Rules>() == 192 && offset_of!(Rules, fee_rates) == 40 && offset_of!(Rules, sizing) == 80);
    assert!(size_of::<Outcome>() == 192 && offset_of!(Outcome, money) == 32 && offset_of!(Outcome, digest) == 184);
};

impl Rules {
    /// Of the kernel's.
    #[must_use]
    pub fn of(rules: &RunRules) -> Self {
        let (fills, costs) = (&rules.fills, &rules.costs);
        let (method, sizing) = match rules.sizing.method {
            SizingMethod::FixedFraction { fraction } => (0, [fraction, 0.0, 0.0, 0.0]),
            SizingMethod::Volatility { risk_fraction } => (1, [risk_fraction, 0.0, 0.0, 0.0]),
            SizingMethod::FractionalKelly { win_rate, payoff, part, cap } => (2, [win_rate, payoff, part, cap]),
        };
        Self {
            fills: [
                fills.market as u32,
                fills.levels as u32,
                fills.stop_gap as u32,
                fills.target_gap as u32,
                fills.anchor as u32,
            ],
            targets_rest: u32::from(costs.targets_rest),
            method,
            // What one is in ticks and lots is a power of ten.
            price_decimals: rules.scale.ticks(1.0).max(1).ilog10(),
            quantity_decimals: rules.scale.lots(1.0).max(1).ilog10(),
            unused: 0,
            fee_rates: [costs.taker_fee_rate, costs.maker_fee_rate],
            slippage: [costs.slippage_bp, costs.impact_bp, costs.depth_notional],
            sizing,
            tier_factors: rules.sizing.tier_factors,
            limits: [rules.sizing.leverage_max, rules.sizing.notional_max, rules.sizing.notional_min],
            initial_cash: rules.initial_cash,
            margin: [rules.margin.leverage, rules.margin.maintenance_rate],
            margin_fee_rate: rules.margin.fee_rate,
        }
    }

    /// The kernel's; `None` for decimals that no scale has.
    #[must_use]
    #[inline]
    pub fn run_rules(&self) -> Option<RunRules> {
        let [market, levels, stop_gap, target_gap, anchor] = self.fills;
        let gap = |code| if code == Gap::Open as u32 { Gap::Open } else { Gap::Level };
        let fills = FillRules {
            market: if market == Market::NextOpen as u32 { Market::NextOpen } else { Market::Close },
            levels: if levels == Levels::Inside as u32 { Levels::Inside } else { Levels::AtMarket },
            stop_gap: gap(stop_gap),
            target_gap: gap(target_gap),
            anchor: if anchor == Anchor::SignalClose as u32 { Anchor::SignalClose } else { Anchor::Fill },
        };
        let ([taker_fee_rate, maker_fee_rate], [slippage_bp, impact_bp, depth_notional]) =
            (self.fee_rates, self.slippage);
        let targets_rest = self.targets_rest != 0;
        let costs = Costs { taker_fee_rate, maker_fee_rate, targets_rest, slippage_bp, impact_bp, depth_notional };
        let [one, payoff, part, cap] = self.sizing;
        let method = match self.method {
            0 => SizingMethod::FixedFraction { fraction: one },
            1 => SizingMethod::Volatility { risk_fraction: one },
            _ => SizingMethod::FractionalKelly { win_rate: one, payoff, part, cap },
        };
        let ([leverage_max, notional_max, notional_min], tier_factors) = (self.limits, self.tier_factors);
        let sizing = SizingRules { method, tier_factors, leverage_max, notional_max, notional_min };
        let scale = Scale::new(self.price_decimals, self.quantity_decimals)?;
        let [leverage, maintenance_rate] = self.margin;
        let margin = Margin { leverage, maintenance_rate, fee_rate: self.margin_fee_rate };
        Some(RunRules { fills, costs, sizing, margin, scale, initial_cash: self.initial_cash })
    }
}

const fn words(money: Money) -> [u64; 2] {
    [money as u64, (money >> 64) as u64]
}

const fn money([low, high]: [u64; 2]) -> Money {
    (high as i64 as Money) << 64 | low as Money
}

impl Outcome {
    /// Of the kernel's.
    #[must_use]
    #[inline]
    pub const fn of(summary: &Summary) -> Self {
        let (s, returns) = (summary, &summary.returns);
        Self {
            counts: [s.bars, s.bars_held, s.trades, s.wins, s.refused, s.overflows, returns.count, s.liquidations],
            money: [
                words(s.gained),
                words(s.lost),
                words(s.turnover),
                words(s.fees),
                words(s.funding),
                words(s.equity),
                words(s.peak),
            ],
            numbers: [s.drawdown, returns.sum, returns.squares, returns.losses_squared, returns.last_equity],
            digest: s.digest,
        }
    }

    /// The kernel's.
    #[must_use]
    pub const fn summary(&self) -> Summary {
        let [bars, bars_held, trades, wins, refused, overflows, count, liquidations] = self.counts;
        let [gained, lost, turnover, fees, funding, equity, peak] = self.money;
        let [drawdown, sum, squares, losses_squared, last_equity] = self.numbers;
        Summary {
            bars,
            bars_held,
            trades,
            wins,
            gained: money(gained),
            lost: money(lost),
            turnover: money(turnover),
            fees: money(fees),
            funding: money(funding),
            equity: money(equity),
            peak: money(peak),
            drawdown,
            returns: Returns { count, sum, squares, losses_squared, last_equity },
            refused,
            liquidations,
            overflows,
            digest: self.digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_cross_unchanged() {
        let kelly = SizingMethod::FractionalKelly { win_rate: 0.6, payoff: 1.5, part: 0.5, cap: 0.25 };
        let methods =
            [SizingMethod::FixedFraction { fraction: 0.3 }, SizingMethod::Volatility { risk_fraction: 0.01 }, kelly];
        for decimals in 0..=18 {
            for price_decimals in 0..=decimals {
                let turn = decimals + price_decimals;
                let rules = RunRules {
                    fills: FillRules {
                        market: if turn % 2 == 0 { Market::NextOpen } else { Market::Close },
                        levels: if turn % 3 == 0 { Levels::Inside } else { Levels::AtMarket },
                        stop_gap: if turn % 5 == 0 { Gap::Open } else { Gap::Level },
                        target_gap: if turn % 2 == 1 { Gap::Open } else { Gap::Level },
                        anchor: if turn % 4 < 2 { Anchor::SignalClose } else { Anchor::Fill },
                    },
                    costs: Costs {
                        taker_fee_rate: 50_000,
                        maker_fee_rate: -10_000,
                        targets_rest: turn % 2 == 0,
                        slippage_bp: 1.5,
                        impact_bp: 2.5,
                        depth_notional: 1e5,
                    },
                    sizing: SizingRules {
                        method: methods[turn as usize % 3],
                        tier_factors: [0.25, 0.5, 1.0],
                        leverage_max: 3.0,
                        notional_max: 2e4,
                        notional_min: 10.0,
                    },
                    margin: Margin { leverage: 10.0, maintenance_rate: 0.005, fee_rate: 500_000 },
                    scale: Scale::new(price_decimals, decimals - price_decimals).expect("at most 18 together"),
                    initial_cash: 1e4,
                };
                assert_eq!(Rules::of(&rules).run_rules(), Some(rules));
            }
        }
    }

    #[test]
    fn summaries_cross_unchanged() {
        let summary = Summary {
            bars: 1,
            bars_held: 2,
            trades: 3,
            wins: 4,
            gained: Money::MAX,
            lost: Money::MIN,
            turnover: 1 << 64,
            fees: -1,
            funding: -(1 << 70),
            equity: 1 << 63,
            peak: 9,
            drawdown: 0.5,
            returns: Returns { count: 5, sum: 1.0, squares: 2.0, losses_squared: 3.0, last_equity: 4.0 },
            refused: 6,
            liquidations: 8,
            overflows: 7,
            digest: u64::MAX,
        };
        assert_eq!(Outcome::of(&summary).summary(), summary);
    }
}
