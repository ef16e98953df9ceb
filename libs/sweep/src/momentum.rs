//! Momentum, 64 bars at a time: crossings of the averages, shared by all configurations with the same two, then the
//! conditions of a tier. The regime alone has a memory; what depends on it is left to the bars taken one by one.

use mesh_kernel::math::ratio;
use mesh_kernel::regime::Regime;
use mesh_kernel::strategy::momentum::{Features, Momentum, Params};
use mesh_kernel::strategy::series::FromSeries;
use mesh_kernel::{Bar, Side};

use crate::swept::{HAS_VECTORS, Order, Swept, View, first_bar};

const ATR: usize = 2;
const ADX: usize = 3;
const RSI: usize = 4;
const WIDTH: usize = 5;
const VOLUME: usize = 6;
/// Up to so many bars of a word are tested one by one.
const FEW: u32 = 8;

impl Swept for Momentum {
    const ORDER: Option<(usize, usize)> = Some((0, 1));

    fn enter(view: &View<'_>, p: &Params, word: usize, asked: u64) -> u64 {
        let [up, down] = signals(view, p, word);
        let (mut up, mut down) = (up & asked, down & asked);
        if !p.allow_short {
            match p.reverse_mode {
                0 => down = 0,
                1 => up = 0,
                _ => {}
            }
        }
        if up | down == 0 {
            return 0;
        }
        if HAS_VECTORS && (up | down).count_ones() > FEW {
            let reached = reached(view, p, word);
            (up, down) = (up & reached.0, down & reached.1);
            if !has_filters(p) {
                return up | down;
            }
        }
        first_bar(up, word, |at| passes(view, p, at, Side::Long))
            | first_bar(down, word, |at| passes(view, p, at, Side::Short))
    }

    fn leave(view: &View<'_>, p: &Params, side: Side, word: usize, asked: u64) -> u64 {
        let [up, down] = signals(view, p, word);
        let against = match (p.reverse_mode, side) {
            (0, Side::Long) | (1, Side::Short) => down,
            (0, Side::Short) | (1, Side::Long) => up,
            _ => up | down,
        };
        against & asked
    }

    #[inline]
    fn features_to_act_on(view: &View<'_>, bar: &Bar, at: usize) -> Features {
        // Of the averages only the order counts, and that is in the bits: two series less to fetch.
        let order = |at: usize| {
            let [above, below] = view.order(at / 64);
            f64::from((above >> (at % 64) & 1) as i8 - (below >> (at % 64) & 1) as i8)
        };
        let (ema_fast, spread_before) = (order(at), at.checked_sub(1).map_or(0.0, order));
        let features = Self::features(bar, at, |slot, at| view.value(slot, at));
        Features { ema_fast, ema_slow: 0.0, spread_before, ..features }
    }

    #[inline]
    fn passes(&mut self, view: &View<'_>, p: &Params, bar: usize, held: Side, adds: bool) -> bool {
        let [up, down] = signals(view, p, bar / 64);
        let signal = match (up >> (bar % 64) & 1, down >> (bar % 64) & 1) {
            (0, 0) => Side::Flat,
            (0, _) => Side::Short,
            _ => Side::Long,
        };
        if adds || !p.comes_to_nothing(signal, held) {
            return false;
        }
        if Self::remembers(p) {
            self.remember(view, p, bar, bar + 1);
        }
        true
    }

    fn remembers(p: &Params) -> bool {
        // Nothing else asks for the regime.
        p.regime_filter || p.reverse_mode > 1 || p.volatile_atr_bp > 0.0
    }

    fn remember(&mut self, view: &View<'_>, p: &Params, since: usize, at: usize) {
        let first = since.max(view.past.warm(p));
        if first >= at {
            return;
        }
        let rules = p.regime_rules();
        let next = |before: Regime, bar: usize| {
            let direction = view.value(0, bar) - view.value(1, bar);
            before.next(&rules, view.value(ADX, bar), direction, atr_bp(view, bar))
        };
        // Back to a bar that decides without the one before it.
        let decides = |bar: &usize| next(Regime::Range, *bar).is_trend() == next(Regime::TrendUp, *bar).is_trend();
        let decided = (first..at).rev().find(decides);
        let known = decided.map_or(self.regime, |bar| next(Regime::Range, bar));
        // Bars between repeat it; the last one has its direction.
        self.regime = if decided == Some(at - 1) { known } else { next(known, at - 1) };
    }
}

/// Bars whose signal points up, and down, before it is faded.
#[inline]
fn signals(view: &View<'_>, p: &Params, word: usize) -> Order {
    if p.require_cross { view.crossings(word) } else { view.order(word) }
}

#[inline]
fn tiers(p: &Params) -> impl Iterator<Item = [f64; 4]> {
    let tiers = [
        [p.adx_low, p.rsi_low, p.bb_width_low, p.volume_z_low],
        [p.adx_medium, p.rsi_medium, p.bb_width_medium, p.volume_z_medium],
        [p.adx_high, p.rsi_high, p.bb_width_high, p.volume_z_high],
    ];
    tiers.into_iter().skip(p.min_tier.saturating_sub(1) as usize)
}

/// Bars of a word in which a tier is reached, for signals that point up, and down.
fn reached(view: &View<'_>, p: &Params, word: usize) -> (u64, u64) {
    let (mut up, mut down) = (0, 0);
    for (at, tier) in tiers(p).enumerate() {
        // Where a lower tier asks for no more, this one adds nothing.
        if tiers(p).take(at).any(|lower| lower.iter().zip(&tier).all(|(lower, this)| lower <= this)) {
            continue;
        }
        let [adx, rsi, width, volume] = tier;
        let both = view.where_slot(ADX, word, |x| x >= adx)
            & view.where_slot(WIDTH, word, |x| x >= width)
            & view.where_slot(VOLUME, word, |x| x >= volume);
        if both == 0 {
            continue;
        }
        up |= both & view.where_slot(RSI, word, |x| x >= rsi);
        down |= both & view.where_slot(RSI, word, |x| 100.0 - x >= rsi);
    }
    up &= view.where_slot(RSI, word, |x| x <= p.rsi_limit);
    down &= view.where_slot(RSI, word, |x| 100.0 - x <= p.rsi_limit);
    (up, down)
}

fn has_filters(p: &Params) -> bool {
    p.atr_floor_bp > 0.0 || p.volatile_atr_bp > 0.0
}

fn atr_bp(view: &View<'_>, bar: usize) -> f64 {
    let close = view.past.bars.get(bar).map_or(0.0, |bar| bar.close);
    ratio(view.value(ATR, bar), close, 0.0) * 1e4
}

/// The conditions of an entry, those left out that ask for the regime's memory or for inputs beside the bars.
fn passes(view: &View<'_>, p: &Params, bar: usize, signal: Side) -> bool {
    let rsi = view.value(RSI, bar);
    let rsi = if signal == Side::Short { 100.0 - rsi } else { rsi };
    let (adx, width, volume) = (view.value(ADX, bar), view.value(WIDTH, bar), view.value(VOLUME, bar));
    let reached = |[a, r, w, v]: [f64; 4]| adx >= a && rsi >= r && width >= w && volume >= v;
    if rsi > p.rsi_limit || !tiers(p).any(reached) {
        return false;
    }
    if !has_filters(p) {
        return true;
    }
    let atr_bp = atr_bp(view, bar);
    atr_bp >= p.atr_floor_bp && !(p.volatile_atr_bp > 0.0 && atr_bp >= p.volatile_atr_bp)
}
