//! What momentum makes of one bar's features, whatever is held: every condition is evaluated and has its bit; the
//! first that fails, in the order below, is the gate that answers 'why not?'.

use super::{Features, Params};
use crate::breadth::favour_pct;
use crate::context::{Context, input};
use crate::decision::{Gate, Side, Tier};
use crate::math::{abs, ratio};
use crate::regime::Regime;
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

/// Gates of the filters with their bits, in the order in which they are asked.
const FILTERS: [(Gate, u64); 7] = [
    (Gate::Trend, reason::SIDE),
    (Gate::Regime, reason::REGIME),
    (Gate::AtrFloor, reason::ATR_FLOOR),
    (Gate::RsiLimit, reason::RSI_LIMIT),
    (Gate::MissingInput, reason::INPUTS),
    (Gate::BtcTrend, reason::BTC_TREND),
    (Gate::Breadth, reason::BREADTH),
];
/// Gates of a tier's conditions, in the order of their bits.
const TIER: [Gate; 4] = [Gate::Adx, Gate::Rsi, Gate::BandWidth, Gate::VolumeZ];
/// Everything that conditions compare, for the side under judgement. Most bars judge and do nothing, so the bits are
/// plain comparisons, and value and threshold are looked up for the one gate that failed.
struct Judged<'a> {
    p: &'a Params,
    features: &'a Features,
    context: &'a Context,
    atr_bp: f64,
    regime: Regime,
    reversed: bool,
    /// Side of the entry.
    side: Side,
    /// RSI towards the side that the averages point to.
    rsi: f64,
    spread: f64,
    needed: u32,
    missing: u32,
}

#[inline]
const fn bit(bit: u64, holds: bool) -> u64 {
    if holds { bit } else { 0 }
}

impl Judged<'_> {
    #[inline]
    fn btc(&self) -> f64 {
        self.context.btc_trend.unwrap_or(0.0) * self.side.sign()
    }

    #[inline]
    fn breadth_pct(&self) -> f64 {
        favour_pct(self.side, self.context.breadth_pct.unwrap_or(0.0))
    }

    /// Whether the filters let an entry pass, in the order of `FILTERS`.
    #[inline]
    fn filters(&self) -> [bool; 7] {
        let p = self.p;
        [
            self.side == Side::Long || (self.side == Side::Short && p.allow_short),
            self.regime != Regime::Volatile && (!p.regime_filter || self.reversed || self.regime.is_trend()),
            self.atr_bp >= p.atr_floor_bp,
            self.rsi <= p.rsi_limit,
            self.missing == 0,
            !p.btc_filter || self.btc() > 0.0,
            p.breadth_min_pct <= 0.0 || self.breadth_pct() >= p.breadth_min_pct,
        ]
    }

    /// Least values of a tier's conditions; `rank` 1 to 3.
    #[inline]
    const fn least(&self, rank: u32) -> [f64; 4] {
        let p = self.p;
        match rank {
            1 => [p.adx_low, p.rsi_low, p.bb_width_low, p.volume_z_low],
            2 => [p.adx_medium, p.rsi_medium, p.bb_width_medium, p.volume_z_medium],
            _ => [p.adx_high, p.rsi_high, p.bb_width_high, p.volume_z_high],
        }
    }

    /// Whether a tier's conditions hold.
    #[inline]
    fn tier(&self, rank: u32) -> [bool; 4] {
        let ([adx, rsi, width, volume], seen) = (self.least(rank), self.features);
        [seen.adx >= adx, self.rsi >= rsi, seen.band_width_bp >= width, seen.volume_z >= volume]
    }

    /// The highest tier whose conditions all hold.
    #[inline]
    fn highest(&self) -> Tier {
        let holds = |rank| all(self.tier(rank));
        if holds(3) {
            Tier::High
        } else if holds(2) {
            Tier::Medium
        } else if holds(1) {
            Tier::Low
        } else {
            Tier::None
        }
    }

    /// A bit for each condition that holds.
    fn conditions(&self) -> u64 {
        let filters = self.filters().into_iter().zip(FILTERS).map(|(holds, (_, of))| bit(of, holds));
        let of_tier = |rank| (0..4).zip(self.tier(rank)).map(move |(at, holds)| bit(reason::of_tier(rank, at), holds));
        filters.chain((1..=3).flat_map(of_tier)).fold(0, |bits, bit| bits | bit)
    }

    /// What a gate saw, and what it asks for.
    fn measure(&self, gate: Gate) -> (f64, f64) {
        let p = self.p;
        let of_tier = self.least(p.min_tier);
        match gate {
            Gate::EmaCross => (ratio(self.spread, self.features.ema_slow, 0.0) * 1e4, 0.0),
            Gate::Trend => (self.side.sign(), bit(1, !p.allow_short) as f64),
            Gate::Regime => (f64::from(self.regime as u8), 0.0),
            Gate::AtrFloor => (self.atr_bp, p.atr_floor_bp),
            Gate::RsiLimit => (self.rsi, p.rsi_limit),
            Gate::MissingInput => (f64::from(self.missing), f64::from(self.needed)),
            Gate::BtcTrend => (self.btc(), 0.0),
            Gate::Breadth => (self.breadth_pct(), p.breadth_min_pct),
            Gate::Adx => (self.features.adx, of_tier[0]),
            Gate::Rsi => (self.rsi, of_tier[1]),
            Gate::BandWidth => (self.features.band_width_bp, of_tier[2]),
            Gate::VolumeZ => (self.features.volume_z, of_tier[3]),
            _ => (0.0, 0.0),
        }
    }
}

/// True where all are; without a branch for each.
#[inline]
fn all<const N: usize>(conditions: [bool; N]) -> bool {
    conditions.into_iter().fold(true, |all, one| all & one)
}

/// The first gate that fails for a signal. A higher tier that holds trades though `min_tier`'s own would not.
fn first_failed(reasons: u64, tier: Tier, min_tier: u32) -> Gate {
    if let Some((gate, _)) = FILTERS.iter().find(|(_, bit)| reasons & bit == 0) {
        return *gate;
    }
    if u32::from(tier.rank()) >= min_tier {
        return Gate::Passed;
    }
    let failed = TIER.iter().zip(0..).find(|(_, at)| reasons & reason::of_tier(min_tier, *at) == 0);
    failed.map_or(Gate::Passed, |(gate, _)| *gate)
}

/// True where signals are faded now.
#[inline]
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

/// Whether the fast average rose above the slow one in a bar, or fell below it; from their distances in it and before.
#[inline]
fn crossed(spread: f64, before: f64) -> (bool, bool) {
    (before <= 0.0 && spread > 0.0, before >= 0.0 && spread < 0.0)
}

/// The side that the averages point to, before it is faded; flat for none.
#[inline]
pub(super) fn signalled(p: &Params, spread: f64, before: f64) -> Side {
    let (up, down) = if p.require_cross { crossed(spread, before) } else { (spread > 0.0, spread < 0.0) };
    side_of(up, down)
}

/// The wish for a bar.
#[inline]
pub(super) fn wish<const WHY: bool>(
    p: &Params,
    features: &Features,
    atr_bp: f64,
    regime: Regime,
    context: &Context,
    held: Side,
) -> Wish {
    let spread = features.ema_fast - features.ema_slow;
    let (up, down) = crossed(spread, features.spread_before);
    let trend = side_of(spread > 0.0, spread < 0.0);
    let signalled = signalled(p, spread, features.spread_before);
    if !WHY && signalled == Side::Flat && (held == Side::Flat || p.pyramid_max == 0) {
        return Wish { strength: features.adx, ..Wish::default() };
    }
    let reversed = is_reversed(p, regime, context);
    let turned = |side: Side| if reversed { side.opposite() } else { side };

    // Conditions are judged for the side of the signal, or, without one, of the trend: the bits say how far off it is.
    let pointed = if signalled == Side::Flat { trend } else { signalled };
    let rsi = if pointed == Side::Short { 100.0 - features.rsi } else { features.rsi };
    let needed =
        if p.btc_filter { input::BTC_TREND } else { 0 } | if p.breadth_min_pct > 0.0 { input::BREADTH } else { 0 };
    let missing = if needed == 0 { 0 } else { context.missing(needed) };
    let side = turned(pointed);
    let judged = Judged { p, features, context, atr_bp, regime, reversed, side, rsi, spread, needed, missing };
    let (tier, filtered) = (judged.highest(), all(judged.filters()));
    let faded = turned(signalled);
    let acts = Wish {
        enter: if filtered && u32::from(tier.rank()) >= p.min_tier { faded } else { Side::Flat },
        leave: faded.opposite(),
        support: if filtered { turned(trend) } else { Side::Flat },
        tier,
        strength: features.adx,
        ..Wish::default()
    };
    if !WHY {
        return acts;
    }
    let reasons = judged.conditions()
        | bit(reason::CROSSED_UP, up)
        | bit(reason::CROSSED_DOWN, down)
        | bit(reason::TREND_UP, spread > 0.0)
        | bit(reason::TREND_DOWN, spread < 0.0)
        | bit(reason::REVERSED, reversed);
    let gate = match signalled {
        Side::Flat if p.require_cross => Gate::EmaCross,
        Side::Flat => Gate::Trend,
        _ => first_failed(reasons, tier, p.min_tier),
    };
    let (gate_value, gate_threshold) = judged.measure(gate);
    Wish { reasons, gate, gate_value, gate_threshold, ..acts }
}

#[inline]
const fn side_of(up: bool, down: bool) -> Side {
    match (up, down) {
        (true, _) => Side::Long,
        (_, true) => Side::Short,
        _ => Side::Flat,
    }
}
