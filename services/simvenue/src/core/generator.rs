//! A seeded market of one symbol: a fair price that wanders, a book around it, trades between the two.
//!
//! The fair price is a random walk that is pulled back to its anchor, with regimes of calm, haste and trends that last
//! some seconds: an EMA(5) and an EMA(20) of one-second candles cross about every 10 to 30 s
//! (`tests::averages_cross_every_10_to_30_seconds`). Where it moves through levels of the book, takers lift them; where it
//! moves away, new levels follow. Integers only: the same seed gives the same market on every machine.

use core::cmp::Ordering;

use fastrand::Rng;
use mesh_book::{Book, Exponents, Level};
use mesh_types::Side;

use crate::core::instrument::Instrument;
use crate::core::units::{EXPONENT, ONE};
use crate::core::{Top, Trade};

/// Time between two steps.
pub const STEP_NS: u64 = 100_000_000;

/// The fair price is counted in this fraction of a tick.
const FINE: i64 = 1024;
/// Levels a side.
const LEAST_LEVELS: usize = 80;
const MOST_LEVELS: usize = 160;
/// Levels that one step trades through at most; the others beyond the price are taken back by their makers.
const MOST_SWEPT: usize = 8;
/// Notional of the unit that quantities are multiples of, in the quote asset.
const UNIT_NOTIONAL: i64 = 200;
/// How far the price may go from its anchor before trends lead back only: 1 in this many.
const FAR: i64 = 100;
/// Steps in which the pull to the anchor halves the way, about.
const PULL_STEPS: i64 = 3_000;

/// What the market says of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A trade.
    Trade(Trade),
    /// Best bid and ask are new.
    Top(Top),
    /// A level of the book was set.
    Level {
        /// Update id.
        id: u64,
        /// Side.
        side: Side,
        /// The level; quantity 0 removes it.
        level: Level,
    },
}

/// How the price behaves for a while.
#[derive(Clone, Copy, Debug)]
struct Regime {
    /// Standard deviation of a step, millionths of the price.
    sigma_ppm: i64,
    /// Mean of a step, millionths of the price.
    drift_ppm: i64,
    /// Takers in a step at most.
    takers: u32,
}

const CALM: Regime = Regime { sigma_ppm: 30, drift_ppm: 0, takers: 2 };
const BUSY: Regime = Regime { sigma_ppm: 80, drift_ppm: 0, takers: 5 };
const UP: Regime = Regime { sigma_ppm: 45, drift_ppm: 15, takers: 4 };
const DOWN: Regime = Regime { sigma_ppm: 45, drift_ppm: -15, takers: 4 };

/// One symbol's market.
#[derive(Clone, Debug)]
pub struct Generator {
    tick: i64,
    lot: i64,
    /// Lots of one unit.
    unit: i64,
    /// Ticks between two levels near the price, at most.
    span: i64,
    anchor: i64,
    fair: i64,
    regime: Regime,
    regime_steps: u32,
    book: Book,
    sequence: u64,
    trade_id: u64,
    top: Option<Top>,
    rng: Rng,
}

impl Generator {
    /// A market that starts at `price` (of 10^-8). Each symbol has its own randomness, whatever other symbols there are.
    pub fn new(instrument: &Instrument, price: i64, seed: u64) -> Self {
        let ticks = (price / instrument.tick).max(1_000);
        let lots = i128::from(UNIT_NOTIONAL) * i128::from(ONE) * i128::from(ONE)
            / (i128::from(price.max(1)) * i128::from(instrument.lot));
        Self {
            tick: instrument.tick,
            lot: instrument.lot,
            unit: i64::try_from(lots).unwrap_or(i64::MAX / 1_000_000).clamp(1, i64::MAX / 1_000_000),
            span: (ticks / 50_000).max(1),
            anchor: ticks * FINE,
            fair: ticks * FINE,
            regime: CALM,
            regime_steps: 0,
            book: Book::new(Exponents::new(EXPONENT, EXPONENT)),
            sequence: 1_000_000,
            trade_id: 500_000,
            top: None,
            rng: Rng::with_seed(seed ^ fnv(&instrument.symbol)),
        }
    }

    /// The book.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Last update id of the book.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The next 100 ms, which end at `now_ns`.
    pub fn step(&mut self, now_ns: u64, say: &mut impl FnMut(Said)) {
        self.move_fair();
        let bid = self.fair / FINE;
        let ask = bid + 1 + if self.regime.takers > 3 { self.rng.i64(0..=self.span / 4 + 1) } else { 0 };
        self.sweep(Side::Sell, bid, now_ns, say);
        self.sweep(Side::Buy, ask, now_ns, say);
        self.refill(Side::Buy, bid, say);
        self.refill(Side::Sell, ask, say);
        self.say_top(say);
        for _ in 0..self.rng.u32(0..=self.regime.takers) {
            self.take_some(now_ns, say);
        }
        self.stir(say);
        self.say_top(say);
    }

    fn move_fair(&mut self) {
        if self.regime_steps == 0 {
            self.regime = self.choose_regime();
            self.regime_steps = self.rng.u32(30..=150);
        }
        self.regime_steps -= 1;
        // Four uniform numbers of variance 1/3 each: near enough to normal, and whole numbers.
        let sum: i64 = (0..4).map(|_| self.rng.i64(-1_000..=1_000)).sum();
        let million = self.fair / 1_000_000;
        let noise = million * self.regime.sigma_ppm * sum / 1_155;
        let pull = (self.anchor - self.fair) / PULL_STEPS;
        self.fair = (self.fair + noise + million * self.regime.drift_ppm + pull).max(self.anchor / 2);
    }

    fn choose_regime(&mut self) -> Regime {
        let far = self.anchor / FAR;
        match (self.fair - self.anchor).cmp(&0) {
            Ordering::Greater if self.fair - self.anchor > far => DOWN,
            Ordering::Less if self.anchor - self.fair > far => UP,
            _ => [CALM, BUSY, UP, DOWN].get(self.rng.usize(0..4)).copied().unwrap_or(CALM),
        }
    }

    fn set(&mut self, side: Side, ticks: i64, lots: i64, say: &mut impl FnMut(Said)) {
        let level = Level::new(ticks * self.tick, lots * self.lot);
        self.book.set(side, level);
        self.sequence += 1;
        say(Said::Level { id: self.sequence, side, level });
    }

    fn best(&self, side: Side) -> Option<Level> {
        match side {
            Side::Buy => self.book.best_bid(),
            Side::Sell => self.book.best_ask(),
        }
    }

    /// Removes the levels of `side` at `touch` and beyond it, because the price went through them.
    fn sweep(&mut self, side: Side, touch: i64, now_ns: u64, say: &mut impl FnMut(Said)) {
        let mut swept = 0;
        while let Some(level) = self.best(side) {
            let ticks = level.price / self.tick;
            let reached = if side == Side::Sell { ticks <= touch } else { ticks >= touch };
            if !reached {
                return;
            }
            if swept < MOST_SWEPT {
                self.trade(side, level.price, level.quantity, now_ns, say);
            }
            swept += 1;
            self.set(side, ticks, 0, say);
        }
    }

    /// A trade against a maker of `side`.
    fn trade(&mut self, side: Side, price: i64, quantity: i64, time_ns: u64, say: &mut impl FnMut(Said)) {
        self.trade_id += 1;
        say(Said::Trade(Trade { id: self.trade_id, price, quantity, buyer_is_maker: side == Side::Buy, time_ns }));
    }

    /// Quantity of a new level, in lots: more is further away.
    fn level_lots(&mut self, distance: i64) -> i64 {
        let weight = 1 + distance.abs().min(50 * self.span) / self.span;
        self.unit * self.rng.i64(1..=40 + weight)
    }

    /// Sets the level at the touch, some near it, and enough far away.
    fn refill(&mut self, side: Side, touch: i64, say: &mut impl FnMut(Said)) {
        let outward = if side == Side::Buy { -1 } else { 1 };
        let best = self.best(side).map_or(0, |level| level.price / self.tick);
        if best != touch {
            let lots = self.level_lots(0);
            self.set(side, touch, lots, say);
        }
        for _ in 0..3 {
            let reach = self.span * self.rng.i64(1..=40);
            let distance = self.rng.i64(1..=reach);
            let ticks = (touch + outward * distance).max(1);
            let lots = self.level_lots(distance);
            self.set(side, ticks, lots, say);
        }
        while self.count(side) < LEAST_LEVELS {
            let worst = self.worst(side).unwrap_or(touch);
            let gap = self.rng.i64(1..=self.span * 3);
            // Near zero there is no room for more bids.
            if worst + outward * gap < 1 {
                break;
            }
            let lots = self.level_lots(worst - touch);
            self.set(side, worst + outward * gap, lots, say);
        }
        while self.count(side) > MOST_LEVELS {
            let Some(worst) = self.worst(side) else { break };
            self.set(side, worst, 0, say);
        }
    }

    fn count(&self, side: Side) -> usize {
        if side == Side::Buy { self.book.bid_count() } else { self.book.ask_count() }
    }

    fn worst(&self, side: Side) -> Option<i64> {
        let level = if side == Side::Buy { self.book.bids().last() } else { self.book.asks().last() };
        level.map(|level| level.price / self.tick)
    }

    /// A taker comes and takes a part of the best level.
    fn take_some(&mut self, now_ns: u64, say: &mut impl FnMut(Said)) {
        let bias = 50 + self.regime.drift_ppm;
        // Buyers take asks.
        let side = if self.rng.i64(0..100) < bias { Side::Sell } else { Side::Buy };
        let Some(level) = self.best(side) else { return };
        let wanted = (self.unit * self.rng.i64(1..=20) / 10).max(1) * self.lot;
        let quantity = wanted.min(level.quantity);
        self.trade(side, level.price, quantity, now_ns, say);
        let left = (level.quantity - quantity) / self.lot;
        self.set(side, level.price / self.tick, left, say);
        self.say_top(say);
    }

    /// Makers change their minds behind the touch.
    fn stir(&mut self, say: &mut impl FnMut(Said)) {
        for side in [Side::Buy, Side::Sell] {
            for _ in 0..self.rng.u32(0..=4) {
                let index = self.rng.usize(1..=30);
                let level = match side {
                    Side::Buy => self.book.bids().nth(index),
                    Side::Sell => self.book.asks().nth(index),
                };
                let Some(level) = level else { continue };
                let lots = if self.rng.u8(0..4) == 0 { 0 } else { self.level_lots(self.span * 5) };
                self.set(side, level.price / self.tick, lots, say);
            }
        }
    }

    fn say_top(&mut self, say: &mut impl FnMut(Said)) {
        let (Some(bid), Some(ask)) = (self.book.best_bid(), self.book.best_ask()) else { return };
        if self.top.is_some_and(|top| (top.bid, top.ask) == (bid, ask)) {
            return;
        }
        let top = Top { update_id: self.sequence, bid, ask };
        self.top = Some(top);
        say(Said::Top(top));
    }
}

/// FNV-1a of a symbol.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::candles::Candles;
    use crate::core::instrument::tests::btcusdt;

    const START_NS: u64 = 1_700_000_000_000_000_000;

    fn run(seed: u64, steps: u64, mut say: impl FnMut(&Generator, u64, Said)) {
        let mut generator = Generator::new(&btcusdt(), 60_000 * ONE, seed);
        for step in 0..steps {
            let now_ns = START_NS + step * STEP_NS;
            let mut said = vec![];
            generator.step(now_ns, &mut |what| said.push(what));
            said.into_iter().for_each(|what| say(&generator, now_ns, what));
        }
    }

    #[test]
    fn the_same_seed_is_the_same_market() {
        let tape = |seed| {
            let mut said = vec![];
            run(seed, 300, |_, _, what| said.push(what));
            said
        };
        assert_eq!(tape(7), tape(7));
        assert_ne!(tape(7), tape(8));
    }

    #[test]
    fn the_book_is_whole_and_changes_lead_from_one_to_the_next() {
        for seed in 0..5 {
            let mut copy = Book::new(Exponents::new(EXPONENT, EXPONENT));
            let (mut last_id, mut last_trade) = (1_000_000, 500_000);
            run(seed, 2_000, |generator, _, what| {
                match what {
                    Said::Level { id, side, level } => {
                        assert_eq!(id, last_id + 1);
                        assert!(level.price > 0 && level.price % 1_000_000 == 0 && level.quantity % 1_000 == 0);
                        last_id = id;
                        copy.set(side, level);
                    }
                    Said::Trade(trade) => {
                        assert_eq!(trade.id, last_trade + 1);
                        last_trade = trade.id;
                        assert!(trade.quantity > 0);
                    }
                    Said::Top(top) => {
                        assert_eq!((copy.best_bid(), copy.best_ask()), (Some(top.bid), Some(top.ask)));
                        assert!(top.bid.price < top.ask.price, "never crossed");
                    }
                }
                if generator.sequence() == last_id {
                    assert!(copy.is_coherent());
                    assert_eq!(copy.bids().collect::<Vec<_>>(), generator.book().bids().collect::<Vec<_>>());
                    assert!((LEAST_LEVELS / 2..=MOST_LEVELS).contains(&copy.ask_count()));
                }
            });
        }
    }

    #[test]
    fn averages_cross_every_10_to_30_seconds() {
        for seed in [1, 2, 3, 4, 5] {
            let mut candles = Candles::new(0);
            let mut closes = vec![];
            run(seed, 20_000, |_, now_ns, what| {
                let mut keep = |interval: crate::core::candles::Interval, candle: &crate::core::candles::Candle| {
                    if interval.name == "1s" {
                        closes.push(candle.close as f64);
                    }
                };
                candles.on_time(now_ns, &mut keep);
                if let Said::Trade(trade) = what {
                    candles.on_trade(&trade, &mut keep);
                }
            });
            let (mut fast, mut slow, mut crossings, mut above) = (closes[0], closes[0], 0, None);
            for close in &closes {
                fast += (close - fast) * 2.0 / 6.0;
                slow += (close - slow) * 2.0 / 21.0;
                let now = fast > slow;
                crossings += usize::from(above.is_some_and(|before| before != now));
                above = Some(now);
            }
            let seconds = closes.len() as f64 / crossings as f64;
            assert!((10.0..=30.0).contains(&seconds), "seed {seed}: a crossing every {seconds} s");
            let moves: Vec<f64> = closes.windows(60).step_by(60).map(|w| (w[59] / w[0] - 1.0).abs() * 1e4).collect();
            let mean_bps = moves.iter().sum::<f64>() / moves.len() as f64;
            assert!((2.0..=40.0).contains(&mean_bps), "seed {seed}: {mean_bps} bps a minute");
        }
    }
}
