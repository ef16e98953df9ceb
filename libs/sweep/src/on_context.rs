//! E3 and funding fade, 64 bars at a time: conditions that need nothing beside a series or one input. Both wish the
//! same whatever is held, but for funding fade's end of an extreme.

use mesh_kernel::Side;
use mesh_kernel::math::abs;
use mesh_kernel::strategy::e3::{self, E3};
use mesh_kernel::strategy::funding_fade::{self, FundingFade};

use crate::swept::{Swept, View, where_bar, where_value};

impl Swept for E3 {
    fn enter(view: &View<'_>, p: &e3::Params, word: usize) -> u64 {
        let (atr, volume, volatility) = (0, 1, 2);
        let quiet = view.where_slot(volatility, word, |x| x >= p.realised_vol_min_bp && x <= p.realised_vol_max_bp);
        let bits = quiet & view.where_slot(volume, word, |x| x >= p.volume_z_min);
        // A little less than asked for: a product here, a quotient there.
        let least = p.body_over_atr_min * (1.0 - 1e-9);
        where_bar(bits, word, |at| {
            let body = view.past.bars.get(at).map_or(0.0, |bar| bar.close - bar.open);
            abs(body) >= view.value(atr, at) * least
        })
    }

    fn leave(view: &View<'_>, p: &e3::Params, _side: Side, word: usize) -> u64 {
        Self::enter(view, p, word)
    }
}

impl Swept for FundingFade {
    fn enter(view: &View<'_>, p: &funding_fade::Params, word: usize) -> u64 {
        const VOLUME: usize = 1;
        let funding = view.past.funding_bp_8h();
        let bits = where_value(funding, word, |rate| abs(rate) >= p.funding_min_bp);
        if bits == 0 {
            return 0;
        }
        bits & view.where_slot(VOLUME, word, |x| x >= p.volume_z_min && x <= p.volume_z_max)
    }

    fn leave(view: &View<'_>, p: &funding_fade::Params, side: Side, word: usize) -> u64 {
        let funding = view.past.funding_bp_8h();
        let is_over = where_value(funding, word, |rate| -rate * side.sign() <= p.funding_exit_bp);
        is_over | Self::enter(view, p, word)
    }
}
