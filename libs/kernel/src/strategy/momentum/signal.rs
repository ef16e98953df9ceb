//! What momentum makes of one bar's features, whatever is held: every condition is evaluated and has its bit; the
//! first that fails, in the order below, is the gate that answers 'why not?'.

use super::{Features, Params};
use crate::breadth::favour_pct;
use crate::context::{Context, input};
use crate::decision::{Gate, Side, Tier};
use crate::math::{abs, ratio};
use crate::regime::Regime;
use crate::strategy::condition::{Condition, at_least, bits, condition, first_failed};
use crate::trader::Wish;

/// Bits of `Decision::reasons`.
pub mod reason {
    pub use crate::trader::reason::{PARTIAL, PYRAMID, SIGNAL, STOP, TARGET, TIME};
    /// The fast average rose above the slow one in this bar.
    pub const CROSSED_UP: u64 = 1 << 0;
    /// The fast average fell below the slow one in this bar.
    pub const CROSSED_DOWN: u64 = 1 << 1;
    /// The fast average stands above the slow one.
    pub const TREND_UP: u64 = 1 << 2;
    /// The fast average stands below the slow one.
    pub const TREND_DOWN: u64 = 1 << 3;
    /// The side may be traded.
    pub const SIDE: u64 = 1 << 4;
    /// The regime allows an entry.
    pub const REGIME: u64 = 1 << 5;
    /// The average true range is above its floor.
    pub const ATR_FLOOR: u64 = 1 << 6;
    /// RSI is below its limit.
    pub const RSI_LIMIT: u64 = 1 << 7;
    /// The leading market agrees, or is not asked.
    pub const BTC_TREND: u64 = 1 << 8;
    /// Breadth agrees, or is not asked.
    pub const BREADTH: u64 = 1 << 9;
    /// No needed input is missing.
    pub const INPUTS: u64 = 1 << 10;
    /// The signal is faded: the entry goes against the crossing.
    pub const REVERSED: u64 = 1 << 11;

    /// Condition of a tier: `rank` 1 to 3, `condition` 0 ADX, 1 RSI, 2 band width, 3 volume.
    #[must_use]
    pub const fn of_tier(rank: u32, condition: u32) -> u64 {
        1 << (16 + (rank - 1) * 4 + condition)
    }
}

/// The conditions of the three tiers, `rank` from 1.
fn tier_conditions(p: &Params, features: &Features, rsi: f64) -> [[Condition; 4]; 3] {
    let thresholds = [
        [p.adx_low, p.rsi_low, p.bb_width_low, p.volume_z_low],
        [p.adx_medium, p.rsi_medium, p.bb_width_medium, p.volume_z_medium],
        [p.adx_high, p.rsi_high, p.bb_width_high, p.volume_z_high],
    ];
    let mut rank = 0;
    thresholds.map(|[adx_least, rsi_least, width_least, volume_least]| {
        rank += 1;
        [
            at_least(Gate::Adx, reason::of_tier(rank, 0), features.adx, adx_least),
            at_least(Gate::Rsi, reason::of_tier(rank, 1), rsi, rsi_least),
            at_least(Gate::BandWidth, reason::of_tier(rank, 2), features.band_width_bp, width_least),
            at_least(Gate::VolumeZ, reason::of_tier(rank, 3), features.volume_z, volume_least),
        ]
    })
}

/// The highest tier whose conditions all hold, and the bits of those that do.
fn tier(conditions: &[[Condition; 4]; 3]) -> (Tier, u64) {
    let ranks = [Tier::Low, Tier::Medium, Tier::High];
    conditions.iter().zip(ranks).fold((Tier::None, 0), |(best, held), (conditions, rank)| {
        (if conditions.iter().all(|c| c.holds) { rank } else { best }, held | bits(conditions))
    })
}

/// The conditions that stand beside the tiers, in the order in which they are asked.
fn filters(p: &Params, atr_bp: f64, seen: &Seen, context: &Context) -> [Condition; 7] {
    let needed =
        if p.btc_filter { input::BTC_TREND } else { 0 } | if p.breadth_min_pct > 0.0 { input::BREADTH } else { 0 };
    let missing = context.missing(needed);
    let btc = context.btc_trend.unwrap_or(0.0) * seen.side.sign();
    let breadth = favour_pct(seen.side, context.breadth_pct.unwrap_or(0.0));
    let allowed = seen.side == Side::Long || (seen.side == Side::Short && p.allow_short);
    let in_regime = seen.regime != Regime::Volatile && (!p.regime_filter || seen.reversed || seen.regime.is_trend());
    [
        condition(Gate::Trend, reason::SIDE, allowed, seen.side.sign(), if p.allow_short { 0.0 } else { 1.0 }),
        condition(Gate::Regime, reason::REGIME, in_regime, f64::from(seen.regime as u8), 0.0),
        at_least(Gate::AtrFloor, reason::ATR_FLOOR, atr_bp, p.atr_floor_bp),
        condition(Gate::RsiLimit, reason::RSI_LIMIT, seen.rsi <= p.rsi_limit, seen.rsi, p.rsi_limit),
        condition(Gate::MissingInput, reason::INPUTS, missing == 0, f64::from(missing), f64::from(needed)),
        condition(Gate::BtcTrend, reason::BTC_TREND, !p.btc_filter || btc > 0.0, btc, 0.0),
        at_least(
            Gate::Breadth,
            reason::BREADTH,
            if p.breadth_min_pct > 0.0 { breadth } else { 0.0 },
            p.breadth_min_pct,
        ),
    ]
}

/// A direction under judgement.
struct Seen {
    /// Side of the entry.
    side: Side,
    /// RSI towards the side that the averages point to.
    rsi: f64,
    regime: Regime,
    reversed: bool,
}

/// True where signals are faded now.
fn is_reversed(p: &Params, regime: Regime, context: &Context) -> bool {
    match p.reverse_mode {
        0 => false,
        1 => true,
        _ => {
            let undecided = |pct: f64| abs(pct - 50.0) <= p.reverse_breadth_band_pct;
            regime == Regime::Range && context.breadth_pct.is_none_or(undecided)
        }
    }
}

/// The wish for a bar.
pub(super) fn wish(p: &Params, features: &Features, atr_bp: f64, regime: Regime, context: &Context) -> Wish {
    let spread = features.ema_fast - features.ema_slow;
    let mut reasons = 0;
    let mut set = |bit: u64, holds: bool| reasons |= if holds { bit } else { 0 };
    let (up, down) = (features.spread_before <= 0.0 && spread > 0.0, features.spread_before >= 0.0 && spread < 0.0);
    set(reason::CROSSED_UP, up);
    set(reason::CROSSED_DOWN, down);
    set(reason::TREND_UP, spread > 0.0);
    set(reason::TREND_DOWN, spread < 0.0);

    let trend = side_of(spread > 0.0, spread < 0.0);
    let signalled = if p.require_cross { side_of(up, down) } else { trend };
    let reversed = is_reversed(p, regime, context);
    set(reason::REVERSED, reversed);
    let turned = |side: Side| if reversed { side.opposite() } else { side };

    // Conditions are judged for the side of the signal, or, without one, of the trend: the bits say how far off it is.
    let pointed = if signalled == Side::Flat { trend } else { signalled };
    let rsi = if pointed == Side::Short { 100.0 - features.rsi } else { features.rsi };
    let seen = Seen { side: turned(pointed), rsi, regime, reversed };
    let filters = filters(p, atr_bp, &seen, context);
    let tiers = tier_conditions(p, features, rsi);
    let (tier, of_tiers) = tier(&tiers);
    reasons |= bits(&filters) | of_tiers;

    let crossed = condition(
        if p.require_cross { Gate::EmaCross } else { Gate::Trend },
        0,
        signalled != Side::Flat,
        ratio(spread, features.ema_slow, 0.0) * 1e4,
        0.0,
    );
    let least = tiers.get(p.min_tier.saturating_sub(1) as usize).unwrap_or(&tiers[2]);
    // A higher tier whose conditions hold trades though the least one's own would not.
    let tier_holds = u32::from(tier.rank()) >= p.min_tier;
    let of_tier = least.iter().filter(|_| !tier_holds);
    let (gate, gate_value, gate_threshold) = first_failed(core::iter::once(&crossed).chain(&filters).chain(of_tier));
    let side = turned(signalled);
    let filtered = filters.iter().all(|c| c.holds);
    Wish {
        enter: if gate == Gate::Passed { side } else { Side::Flat },
        leave: side.opposite(),
        support: if filtered { turned(trend) } else { Side::Flat },
        tier,
        strength: features.adx,
        reasons,
        gate,
        gate_value,
        gate_threshold,
    }
}

const fn side_of(up: bool, down: bool) -> Side {
    match (up, down) {
        (true, _) => Side::Long,
        (_, true) => Side::Short,
        _ => Side::Flat,
    }
}
