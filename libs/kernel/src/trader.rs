//! From what a strategy wishes to what it does: holds the position, ends it, turns it, adds to it, pauses after it.
//! Every strategy of this crate shares it, so that they differ in their signals alone.

use crate::bar::Bar;
use crate::decision::{Action, Decision, Gate, Side, Tier, score};
use crate::digest::Digest;
use crate::exits::{Exit, ExitReason, ExitRules, Position};

/// Rules of holding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TradeRules {
    /// When a position ends.
    pub exits: ExitRules,
    /// A signal against the position also enters the other side.
    pub reversal: bool,
    /// Bars without an entry after an exit.
    pub cooldown_bars: u32,
    /// Most additions to a position.
    pub pyramid_max: u32,
    /// Gain since the last entry that an addition asks for, ATR.
    pub pyramid_step_atr: f64,
}

/// What a strategy makes of a bar, whatever is held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Side to enter, all gates passed; flat for none.
    pub enter: Side,
    /// Side whose holders leave at the close, gates or not; flat for none.
    pub leave: Side,
    /// Side that the market still speaks for: additions need it.
    pub support: Side,
    /// Tier of the entry.
    pub tier: Tier,
    /// ADX, or another strength from 0 to 100, for the score.
    pub strength: f64,
    /// Conditions that held.
    pub reasons: u64,
    /// The first gate that failed; passed where `enter` names a side.
    pub gate: Gate,
    /// What it saw.
    pub gate_value: f64,
    /// What it asks for.
    pub gate_threshold: f64,
}

/// A position and the pause after one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trader {
    /// What is held.
    pub position: Position,
    /// Bars of the pause that remain.
    pub cooldown: u32,
}

/// Bits of `Decision::reasons` that every strategy shares: the upper end. Strategies count theirs from bit 0.
pub mod reason {
    /// The stop was touched.
    pub const STOP: u64 = 1 << 63;
    /// The target was touched.
    pub const TARGET: u64 = 1 << 62;
    /// The partial take-profit was touched.
    pub const PARTIAL: u64 = 1 << 61;
    /// The position was held as long as allowed.
    pub const TIME: u64 = 1 << 60;
    /// The signal turned against the position.
    pub const SIGNAL: u64 = 1 << 59;
    /// An addition to the position.
    pub const PYRAMID: u64 = 1 << 58;
}

const fn reason_of(exit: ExitReason) -> u64 {
    match exit {
        ExitReason::None | ExitReason::Liquidation => 0,
        ExitReason::Stop => reason::STOP,
        ExitReason::Target => reason::TARGET,
        ExitReason::Partial => reason::PARTIAL,
        ExitReason::Time => reason::TIME,
        ExitReason::Signal => reason::SIGNAL,
    }
}

/// Gain since the last entry, and what an addition asks for.
#[inline]
fn addition(rules: &TradeRules, position: &Position, bar: &Bar) -> (f64, f64) {
    let gain = (bar.close - position.last_entry_price) * position.side.sign();
    (gain, rules.pyramid_step_atr * position.atr)
}

impl Trader {
    /// Takes a closed bar with the wish for it; `atr` measures the levels of an entry.
    #[inline]
    pub fn on_bar(&mut self, rules: &TradeRules, bar: &Bar, atr: f64, wish: &Wish) -> Decision {
        self.position.adopt(&rules.exits, atr);
        let exit = self.position.on_bar(&rules.exits, bar);
        self.decide(rules, bar, atr, wish, exit)
    }

    /// True where the price asks for an addition to the position.
    #[inline]
    pub(crate) fn may_add(&self, rules: &TradeRules, bar: &Bar) -> bool {
        let position = &self.position;
        let (gain, step) = addition(rules, position, bar);
        position.side != Side::Flat && position.adds < rules.pyramid_max && gain >= step
    }

    /// `on_bar` with a wish that comes to nothing and a position that has its levels: what is done is the same, why may
    /// be left out.
    #[inline]
    pub fn pass(&mut self, rules: &TradeRules, bar: &Bar) -> Decision {
        let held = self.position.side;
        if held == Side::Flat {
            self.rest(1);
            return Decision::default();
        }
        match self.position.on_bar(&rules.exits, bar) {
            exit if exit.reason == ExitReason::None => Decision::default(),
            exit => self.decide(rules, bar, 0.0, &Wish::default(), exit),
        }
    }

    #[inline]
    fn decide(&mut self, rules: &TradeRules, bar: &Bar, atr: f64, wish: &Wish, exit: Exit) -> Decision {
        let held = self.position.side;
        let mut decision = if held == Side::Flat {
            self.enter(rules, bar, atr, wish)
        } else {
            match exit {
                exit if exit.fraction >= 1.0 => self.leave(rules, bar, atr, wish, exit),
                // A partial end on the bar that turns: all of it ends.
                _ if wish.leave == held => {
                    let exit = Exit { reason: ExitReason::Signal, price: 0.0, fraction: 1.0 };
                    self.leave(rules, bar, atr, wish, exit)
                }
                exit if exit.reason == ExitReason::Partial => {
                    let action = Action::exit(held);
                    let (exit_price, fraction) = (exit.price, exit.fraction);
                    let reasons = reason::PARTIAL;
                    Decision { action, exit: exit.reason, exit_price, fraction, reasons, ..Decision::default() }
                }
                _ => self.add(rules, bar, wish),
            }
        };
        decision.reasons |= wish.reasons;
        decision.stop_price = self.position.stop_price;
        decision.target_price = self.position.target_price;
        decision
    }

    #[inline]
    fn enter(&mut self, rules: &TradeRules, bar: &Bar, atr: f64, wish: &Wish) -> Decision {
        if self.cooldown > 0 {
            self.cooldown -= 1;
            if wish.enter != Side::Flat {
                return Decision::blocked(Gate::Cooldown, f64::from(self.cooldown + 1), 0.0);
            }
        }
        if wish.enter == Side::Flat {
            return Decision::blocked(wish.gate, wish.gate_value, wish.gate_threshold);
        }
        self.position = Position::open(&rules.exits, wish.enter, bar.close, atr);
        Decision {
            action: Action::enter(wish.enter),
            confidence: wish.tier,
            score: score(wish.tier, wish.strength),
            ..Decision::default()
        }
    }

    #[inline]
    fn leave(&mut self, rules: &TradeRules, bar: &Bar, atr: f64, wish: &Wish, exit: Exit) -> Decision {
        let held = self.position.side;
        self.position = Position::default();
        self.cooldown = 0;
        // Turned in the same bar, never reopened towards the same side.
        let turns = rules.reversal && wish.enter == held.opposite();
        let mut decision = if turns { self.enter(rules, bar, atr, wish) } else { Decision::default() };
        if !turns {
            self.cooldown = rules.cooldown_bars;
        }
        decision.then = decision.action;
        decision.action = Action::exit(held);
        decision.exit = exit.reason;
        decision.exit_price = exit.price;
        decision.fraction = exit.fraction;
        decision.reasons |= reason_of(exit.reason);
        decision
    }

    #[inline]
    fn add(&mut self, rules: &TradeRules, bar: &Bar, wish: &Wish) -> Decision {
        let position = &mut self.position;
        let (gain, step) = addition(rules, position, bar);
        if position.adds >= rules.pyramid_max || wish.support != position.side {
            return Decision::blocked(Gate::InPosition, position.side.sign(), 0.0);
        }
        if gain < step {
            return Decision::blocked(Gate::PyramidStep, gain, step);
        }
        // An addition needs no fresh signal, so it may have no tier of its own.
        let tier = wish.tier.max(Tier::Low);
        position.adds += 1;
        position.last_entry_price = bar.close;
        Decision {
            action: Action::enter(position.side),
            confidence: tier,
            score: score(tier, wish.strength),
            reasons: reason::PYRAMID,
            ..Decision::default()
        }
    }

    /// What is held in truth, after a fill, a refusal or a restart.
    pub fn set_position(&mut self, side: Side, entry_price: f64, stop_price: f64) {
        if side == Side::Flat {
            self.position = Position::default();
            return;
        }
        if self.position.side != side {
            self.position = Position { side, ..Position::default() };
        }
        self.position.entry_price = entry_price;
        self.position.last_entry_price = entry_price;
        self.position.best_price = entry_price;
        self.position.stop_price = stop_price;
    }

    /// Adds the state to a digest.
    #[must_use]
    pub fn digest_into(&self, digest: Digest) -> Digest {
        self.position.digest_into(digest.u64(u64::from(self.cooldown)))
    }
}
