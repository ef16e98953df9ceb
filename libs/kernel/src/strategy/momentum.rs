//! Momentum: enters with the crossing of two exponential averages, gives up at a multiple of the average true range.

use crate::bar::Bar;
use crate::decision::{Action, Decision, Gate, Side, Tier, score};
use crate::digest::Digest;
use crate::indicators::{Atr, Ema};
use crate::params::{ParamError, params};

params! {
    /// Parameters of momentum.
    pub struct Params {
        /// Period of the fast average of closes.
        ema_fast: u32, "bars", 12, 2, 400;
        /// Period of the slow average of closes; longer than the fast one.
        ema_slow: u32, "bars", 26, 3, 800;
        /// Period of the average true range.
        atr_period: u32, "bars", 14, 1, 200;
        /// Distance of the stop from the close of the entry's bar; 0 for no stop.
        stop_atr: f64, "ATR", 2.0, 0.0, 20.0;
        /// Short positions may be opened.
        allow_short: bool, "1", 1, 0, 1;
    }
}

impl Params {
    /// Checks every range, and that the fast average is the faster one.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn validate(&self) -> Result<(), ParamError> {
        self.check_ranges()?;
        if self.ema_fast >= self.ema_slow {
            let (left, right) = (f64::from(self.ema_fast), f64::from(self.ema_slow));
            return Err(ParamError::Relation { rule: "ema_fast < ema_slow", left, right });
        }
        Ok(())
    }

    /// Bars until the first decision that is not blocked by warm-up.
    #[must_use]
    pub fn warm_up(&self) -> u32 {
        // A crossing compares two bars with both averages.
        (self.ema_slow + 1).max(self.atr_period + 1)
    }
}

/// Bits of `Decision::reasons`.
pub mod reason {
    /// The fast average rose above the slow one in this bar.
    pub const CROSSED_UP: u64 = 1 << 0;
    /// The fast average fell below the slow one in this bar.
    pub const CROSSED_DOWN: u64 = 1 << 1;
    /// The bar touched the stop.
    pub const STOP: u64 = 1 << 2;
}

/// All that momentum remembers between bars: plain data, so a copy is a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    fast: Ema,
    slow: Ema,
    atr: Atr,
    /// Fast minus slow average at the bar before; 0 while warming up.
    spread: f64,
    bars: u32,
    side: Side,
    entry_price: f64,
    stop_price: f64,
}

impl State {
    /// Before the first bar.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            fast: Ema::new(params.ema_fast),
            slow: Ema::new(params.ema_slow),
            atr: Atr::new(params.atr_period),
            spread: 0.0,
            bars: 0,
            side: Side::Flat,
            entry_price: 0.0,
            stop_price: 0.0,
        }
    }

    /// Takes one closed bar, in the order of time, and answers with a digest. The state then assumes that the
    /// decision is carried out at the close; [`State::set_position`] tells it otherwise.
    pub fn on_bar(&mut self, params: &Params, bar: &Bar) -> Decision {
        let before = self.digest();
        let mut decision = self.step(params, bar);
        let digest = bar.digest_into(Digest::new().u64(before)).u64(params.digest()).u64(self.digest());
        decision.digest = decision.digest_into(digest).finish();
        decision
    }

    /// The same without the digest, for sweeps.
    pub fn step(&mut self, params: &Params, bar: &Bar) -> Decision {
        if !bar.is_valid() {
            return Decision::blocked(Gate::BadBar, bar_number(bar.close), 0.0);
        }
        self.bars = self.bars.saturating_add(1);
        let (fast, slow, atr) = (self.fast.update(bar.close), self.slow.update(bar.close), self.atr.update(bar));
        let (Some(fast), Some(slow), Some(atr)) = (fast, slow, atr) else {
            if let (Some(fast), Some(slow)) = (fast, slow) {
                self.spread = fast - slow;
            }
            return Decision::blocked(Gate::WarmUp, f64::from(self.bars), f64::from(params.warm_up()));
        };
        let before = core::mem::replace(&mut self.spread, fast - slow);
        if self.bars < params.warm_up() {
            return Decision::blocked(Gate::WarmUp, f64::from(self.bars), f64::from(params.warm_up()));
        }
        let mut reasons = 0;
        if before <= 0.0 && self.spread > 0.0 {
            reasons |= reason::CROSSED_UP;
        }
        if before >= 0.0 && self.spread < 0.0 {
            reasons |= reason::CROSSED_DOWN;
        }
        let mut decision = self.decide(params, bar, atr, reasons);
        if decision.gate == Gate::EmaCross {
            decision.gate_value = self.spread / slow * 1e4;
        }
        decision
    }

    /// What is held in truth, after a fill, a refusal or a restart. `entry_price` and `stop_price` 0 where flat.
    pub fn set_position(&mut self, side: Side, entry_price: f64, stop_price: f64) {
        self.side = side;
        self.entry_price = entry_price;
        self.stop_price = stop_price;
    }

    /// The side that the strategy believes to hold.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Digest of everything remembered.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let digest = self.atr.digest_into(self.slow.digest_into(self.fast.digest_into(Digest::new())));
        let digest = digest.f64(self.spread).u64(u64::from(self.bars) << 8 | self.side as u64);
        digest.f64(self.entry_price).f64(self.stop_price).finish()
    }

    fn decide(&mut self, params: &Params, bar: &Bar, atr: f64, mut reasons: u64) -> Decision {
        let wanted = match reasons {
            reason::CROSSED_UP => Side::Long,
            reason::CROSSED_DOWN if params.allow_short => Side::Short,
            _ => Side::Flat,
        };
        let held = self.side;
        let stopped = match held {
            Side::Flat => false,
            Side::Long => self.stop_price > 0.0 && bar.low <= self.stop_price,
            Side::Short => self.stop_price > 0.0 && bar.high >= self.stop_price,
        };
        let crossed_against = match held {
            Side::Flat => false,
            Side::Long => reasons & reason::CROSSED_DOWN != 0,
            Side::Short => reasons & reason::CROSSED_UP != 0,
        };
        if stopped {
            reasons |= reason::STOP;
        }
        let exits = stopped || crossed_against;
        if held != Side::Flat && !exits {
            let mut decision = Decision::blocked(Gate::InPosition, held.sign(), 0.0);
            decision.stop_price = self.stop_price;
            decision.reasons = reasons;
            return decision;
        }
        if exits {
            self.set_position(Side::Flat, 0.0, 0.0);
        }
        // A position that is stopped out may be turned, never reopened towards the same side in that bar.
        let entry = if wanted == held { Action::None } else { Action::enter(wanted) };
        let mut decision = Decision { reasons, ..Decision::default() };
        if entry.is_entry() {
            let distance = params.stop_atr * atr;
            let stop = if distance > 0.0 { bar.close - wanted.sign() * distance } else { 0.0 };
            // A stop at or below zero can't be touched.
            let stop = if stop > 0.0 { stop } else { 0.0 };
            self.set_position(wanted, bar.close, stop);
            decision.stop_price = stop;
            decision.confidence = Tier::Low;
            decision.score = score(Tier::Low, 0.0);
        }
        (decision.action, decision.then) = if exits { (Action::exit(held), entry) } else { (entry, Action::None) };
        if decision.action == Action::None {
            decision.gate = Gate::EmaCross;
        }
        decision
    }
}

/// A number that may be told: not finite becomes 0.
fn bar_number(x: f64) -> f64 {
    crate::math::ratio(x, 1.0, 0.0)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn flat_bar(close: f64) -> Bar {
        Bar { open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
    }

    fn params() -> Params {
        Params { ema_fast: 2, ema_slow: 4, atr_period: 3, ..Params::default() }
    }

    /// Falls, rises, falls: one crossing up, one down.
    fn wave() -> Vec<Bar> {
        let closes = [110., 108., 106., 104., 102., 100., 104., 108., 112., 116., 120., 114., 108., 102., 96.];
        closes.iter().map(|c| flat_bar(*c)).collect()
    }

    #[test]
    fn crossing_enters_and_turns() {
        let p = Params { stop_atr: 0.0, ..params() };
        let mut state = State::new(&p);
        let decisions: Vec<_> = wave().iter().map(|b| state.on_bar(&p, b)).collect();
        let acted: Vec<_> = decisions.iter().filter(|d| d.action != Action::None).collect();
        assert_eq!(acted[0].action, Action::EnterLong);
        assert_eq!((acted[1].action, acted[1].then), (Action::ExitLong, Action::EnterShort));
        assert_eq!(acted.len(), 2);
        assert_eq!(decisions[0].gate, Gate::WarmUp);
        assert!(decisions.iter().all(|d| (d.gate == Gate::Passed) == (d.action != Action::None)));
    }

    #[test]
    fn stop_ends_the_position() {
        let p = params();
        let mut state = State::new(&p);
        let entry = wave().iter().map(|b| state.on_bar(&p, b)).find(|d| d.action.is_entry()).unwrap();
        let mut state = State::new(&p);
        for bar in &wave() {
            if state.on_bar(&p, bar).action.is_entry() {
                break;
            }
        }
        assert!(entry.stop_price > 0.0);
        let low = Bar { low: entry.stop_price, ..flat_bar(110.0) };
        let exit = state.on_bar(&p, &low);
        assert_eq!(exit.action, Action::ExitLong);
        assert_ne!(exit.reasons & reason::STOP, 0);
        assert_eq!(state.side(), Side::Flat);
    }

    #[test]
    fn bad_bar_changes_nothing() {
        let p = params();
        let mut state = State::new(&p);
        let before = state;
        let decision = state.on_bar(&p, &Bar { close: f64::NAN, ..flat_bar(1.0) });
        assert_eq!(decision.gate, Gate::BadBar);
        assert_eq!(state, before);
    }

    #[test]
    fn copy_is_a_checkpoint() {
        let p = params();
        let mut a = State::new(&p);
        let bars = wave();
        bars[..7].iter().for_each(|bar| {
            a.on_bar(&p, bar);
        });
        let mut b = a;
        for bar in &bars[7..] {
            assert_eq!(a.on_bar(&p, bar), b.on_bar(&p, bar));
        }
        assert_eq!(a.digest(), b.digest());
    }

    #[test]
    fn params_are_checked() {
        assert_eq!(Params::from_values(&[]).unwrap(), Params::default());
        assert_eq!(Params::from_values(&Params::default().values()).unwrap(), Params::default());
        assert!(matches!(Params::from_values(&[30.0, 20.0]), Err(ParamError::Relation { .. })));
        assert!(matches!(Params::from_values(&[2.5]), Err(ParamError::NotWhole { .. })));
        assert!(matches!(Params::from_values(&[f64::NAN]), Err(ParamError::OutOfRange { .. })));
        assert!(matches!(Params::from_values(&[0.0; 99]), Err(ParamError::TooMany { .. })));
        assert!(matches!(Params::default().set("nope", 1.0), Err(ParamError::UnknownName)));
    }
}
