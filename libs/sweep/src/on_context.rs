//! E3 and funding fade, 64 bars at a time: conditions that need nothing beside a series or one input. Both wish the
//! same whatever is held, but for funding fade's end of an extreme.

use mesh_kernel::Side;
use mesh_kernel::math::abs;
use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::funding_fade::{self, FundingFade};

use crate::swept::{HAS_VECTORS, Swept, View, first_bar, where_value};

impl Swept for E3 {
    fn enter(view: &View<'_>, p: &e3::Params, word: usize, asked: u64) -> u64 {
        const ATR: usize = 0;
        const VOLUME: usize = 1;
        const VOLATILITY: usize = 2;
        let is_calm = |x: f64| x >= p.realised_vol_min_bp && x <= p.realised_vol_max_bp;
        let is_busy = |x: f64| x >= p.volume_z_min;
        let mut bits = asked;
        if HAS_VECTORS {
            bits &= view.where_slot(VOLATILITY, word, is_calm) & view.where_slot(VOLUME, word, is_busy);
        }
        // A little less than asked for: a product here, a quotient there.
        let least = p.body_over_atr_min * (1.0 - 1e-9);
        first_bar(bits, word, |at| {
            let body = view.past.bars.get(at).map_or(0.0, |bar| bar.close - bar.open);
            let holds = HAS_VECTORS || (is_calm(view.value(VOLATILITY, at)) && is_busy(view.value(VOLUME, at)));
            holds && abs(body) >= view.value(ATR, at) * least
        })
    }

    fn leave(view: &View<'_>, p: &e3::Params, _side: Side, word: usize, asked: u64) -> u64 {
        Self::enter(view, p, word, asked)
    }
}

impl Swept for FundingFade {
    fn enter(view: &View<'_>, p: &funding_fade::Params, word: usize, asked: u64) -> u64 {
        const VOLUME: usize = 1;
        let is_extreme = |rate: f64| abs(rate) >= p.funding_min_bp;
        let is_usual = |x: f64| x >= p.volume_z_min && x <= p.volume_z_max;
        let funding = view.past.funding_bp_8h();
        if !HAS_VECTORS {
            return first_bar(asked, word, |at| {
                funding.get(at).is_some_and(|rate| is_extreme(*rate)) && is_usual(view.value(VOLUME, at))
            });
        }
        let bits = asked & where_value(funding, word, is_extreme);
        if bits == 0 {
            return 0;
        }
        bits & view.where_slot(VOLUME, word, is_usual)
    }

    fn leave(view: &View<'_>, p: &funding_fade::Params, side: Side, word: usize, asked: u64) -> u64 {
        let funding = view.past.funding_bp_8h();
        let is_over = |rate: f64| -rate * side.sign() <= p.funding_exit_bp;
        let over = if HAS_VECTORS {
            asked & where_value(funding, word, is_over)
        } else {
            first_bar(asked, word, |at| funding.get(at).is_some_and(|rate| is_over(*rate)))
        };
        over | Self::enter(view, p, word, asked)
    }
}
