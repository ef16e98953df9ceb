//! The nodes, and the market and strategies around them.

use executor_paper::PaperExchange;
use fastrand::Rng;
use mesh_actor::sim::{NodeSpec, Simulator};
use mesh_actor::{Actor, Ledger, MemoryLedger};
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Frames, Stamp};
use mesh_types::execution::{
    Fill, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderRequest, OrderStatus, OrderStatusRequest,
    Position, RiskVerdict,
};
use mesh_types::market::{BookLevel, BookSnapshot, Candle, InstrumentInfo};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::KillSwitch;
use mesh_types::{
    BookHealth, Confidence, Decimal64, Domain, FixedStr, InstrumentId, InstrumentStatus, SignalAction, SourceId,
};
use portfolio::Portfolio;
use strategy_momentum::Momentum;

use crate::planted::Planted;
use crate::safety::{Broken, Safety};
use crate::witness::{FullDisk, Watched, Witness};
use crate::{Violation, rest};

/// A second in ns.
pub const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;
/// The furthest that a clock jumps.
const CLOCK_JUMP_NS: i64 = 10_000_000_000;
const BAR_NS: u64 = 10 * SECOND;
const MARKET: SourceId = SourceId::new(10);
const STRATEGY: SourceId = SourceId::new(20);
/// Momentum, where it runs.
pub const MOMENTUM: SourceId = SourceId::new(21);
/// The portfolio.
pub const PORTFOLIO: SourceId = SourceId::new(30);
/// The paper exchange.
pub const PAPER: SourceId = SourceId::new(40);

fn d(text: &str) -> Decimal64 {
    text.parse().expect("a decimal")
}

fn instrument() -> InstrumentId {
    "binance:perpetual:BTCUSDT".parse().expect("an id")
}

fn portfolio_settings() -> portfolio::Settings {
    let mut settings = portfolio::Settings { entry_notional: d("500"), ..portfolio::Settings::default() };
    settings.risk.mesh.position_notional = Some(d("1200"));
    settings.risk.mesh.price_band_bps = Some(100);
    // Long enough to be met again after a crash, short enough to end within the storm.
    settings.risk.mesh.loss_streak = Some(1);
    settings.risk.mesh.loss_streak_pause_ms = Some(30_000);
    settings.entry_slippage_bps = 50;
    settings
}

fn takes(types: &[(Domain, u8)]) -> Vec<(Domain, Option<u8>)> {
    types.iter().map(|(domain, number)| (*domain, Some(*number))).collect()
}

/// Where portfolio and exchange keep what must survive.
pub type Ledgers = (Box<dyn Ledger>, Box<dyn Ledger>);

/// Ledgers that survive in memory.
pub fn in_memory() -> Ledgers {
    let paper = MemoryLedger::new(&executor_paper::LEDGER_TYPES);
    (Box::new(MemoryLedger::new(&portfolio::LEDGER_TYPES)), Box::new(paper))
}

/// The mesh of one seed, checked at every step.
pub struct World {
    /// The nodes.
    pub sim: Simulator,
    /// How often a commit finds the disk full.
    pub disk: FullDisk,
    rng: Rng,
    sequence: u64,
    safety: Safety,
    witnesses: [Witness; 2],
    said_bytes: usize,
    violation: Option<Violation>,
}

impl World {
    /// Portfolio and exchange on these disks, and the fault that was planted in them.
    pub fn new(seed: u64, (portfolio_ledger, paper_ledger): Ledgers, planted: Option<Planted>) -> Self {
        let mut sim = Simulator::new(seed, START);
        let disk = FullDisk::default();
        let (portfolio_disk, portfolio_witness) = Watched::new(portfolio_ledger, disk.clone(), seed ^ 0xd15c);
        let (paper_disk, paper_witness) = Watched::new(paper_ledger, disk.clone(), seed ^ 0xd15d);
        sim.add(NodeSpec {
            source: PORTFOLIO,
            takes: takes(&[
                (Domain::Market, BookSnapshot::NUMBER),
                (Domain::Market, InstrumentInfo::NUMBER),
                (Domain::Signal, Signal::NUMBER),
                (Domain::Execution, OrderAccepted::NUMBER),
                (Domain::Execution, OrderRejected::NUMBER),
                (Domain::Execution, Fill::NUMBER),
                (Domain::Execution, OrderCancelled::NUMBER),
                (Domain::Execution, OrderStatus::NUMBER),
                (Domain::Execution, KillSwitch::NUMBER),
            ]),
            make: Box::new(move || {
                let portfolio: Box<dyn Actor> = Box::new(Portfolio::new(portfolio_settings(), 7));
                Planted::in_portfolio(planted, portfolio)
            }),
            ledger: Some(Planted::in_ledger(planted, Box::new(portfolio_disk))),
        });
        sim.add(NodeSpec {
            source: PAPER,
            takes: takes(&[
                (Domain::Market, BookSnapshot::NUMBER),
                (Domain::Market, InstrumentInfo::NUMBER),
                (Domain::Execution, OrderRequest::NUMBER),
                (Domain::Execution, OrderCancel::NUMBER),
                (Domain::Execution, OrderStatusRequest::NUMBER),
            ]),
            make: Box::new(|| Box::new(PaperExchange::new(executor_paper::Settings::default()))),
            ledger: Some(Box::new(paper_disk)),
        });
        Self {
            sim,
            disk,
            rng: Rng::with_seed(seed ^ 0x5eed),
            sequence: 0,
            // Prices go from 97 to 103 between the check and the fill.
            safety: Safety::new(d("1300"), d("103")),
            witnesses: [portfolio_witness, paper_witness],
            said_bytes: 0,
            violation: None,
        }
    }

    /// The strategy as a node too.
    #[must_use]
    pub fn with_momentum(mut self) -> Self {
        let short = [("ema_fast", 2.0), ("ema_slow", 4.0), ("atr_period", 3.0), ("adx_period", 2.0)];
        let shorter = [("rsi_period", 2.0), ("bb_period", 2.0), ("volume_period", 2.0), ("stop_atr", 0.0)];
        let params = short.iter().chain(&shorter).map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let settings = strategy_momentum::Settings { interval_ms: BAR_NS / 1_000_000, params, ..Default::default() };
        self.sim.add(NodeSpec {
            source: MOMENTUM,
            takes: takes(&[
                (Domain::Market, Candle::NUMBER),
                (Domain::Execution, Position::NUMBER),
                (Domain::Execution, RiskVerdict::NUMBER),
            ]),
            make: Box::new(move || Box::new(Momentum::new(settings.clone()).expect("settings"))),
            ledger: None,
        });
        self
    }

    /// What was broken first.
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The exchange's fills.
    pub fn fills(&self) -> usize {
        self.safety.fills().len()
    }

    /// A closed candle.
    pub fn candle(&mut self, bar: u64, close: i64) {
        let price = |offset: i64| Decimal64::new(close + offset, 0).into();
        self.say(
            MARKET,
            &Candle {
                instrument: instrument(),
                interval_ns: BAR_NS.into(),
                open_ns: (bar * BAR_NS).into(),
                open: price(0),
                high: price(1),
                low: price(-1),
                close: price(0),
                volume: Decimal64::ONE.into(),
                closed: 1,
                ..Candle::default()
            },
        );
    }

    fn stamp<T: TlvBody>(&mut self, source: SourceId) -> Stamp {
        self.sequence += 1;
        Stamp { domain: T::DOMAIN, source, sequence: self.sequence, timestamp_ns: self.sim.now_ns() }
    }

    fn say<T: TlvBody>(&mut self, source: SourceId, body: &T) {
        let mut frame = Vec::new();
        FrameBuilder::new(&mut frame, &self.stamp::<T>(source)).body(body).finish().expect("fits");
        self.sim.publish(&frame);
    }

    /// What relays tell a newcomer, and a fresh book around 100.
    pub fn market(&mut self) {
        self.say(
            MARKET,
            &InstrumentInfo {
                instrument: instrument(),
                tick: d("0.1").into(),
                lot: d("0.1").into(),
                min_quantity: d("0.1").into(),
                quote: FixedStr::truncated("USDT"),
                status: InstrumentStatus::Trading.into(),
                ..InstrumentInfo::default()
            },
        );
        let mid = self.rng.i64(970..1030);
        let mut level = |price: i64| BookLevel { price: price.into(), quantity: self.rng.i64(1..60).into() };
        let levels: Vec<BookLevel> = [mid - 1, mid - 2, mid - 3, mid + 1, mid + 2, mid + 3].map(&mut level).to_vec();
        let head = BookSnapshot {
            instrument: instrument(),
            last_sequence: self.sequence.into(),
            received_ns: self.sim.now_ns().into(),
            price_exponent: -1,
            quantity_exponent: -1,
            health: BookHealth::Live.into(),
            depth: 5,
            bid_count: 3.into(),
            ask_count: 3.into(),
            ..BookSnapshot::default()
        };
        let mut frame = Vec::new();
        let stamp = self.stamp::<BookSnapshot>(MARKET);
        FrameBuilder::new(&mut frame, &stamp).tailed(&head, &levels).finish().expect("fits");
        self.sim.publish(&frame);
    }

    /// A strategy's conclusion of a bar, said again now and then, as after a restart.
    fn signal(&mut self, strategy: &str, action: SignalAction, bar: u64) {
        let signal = Signal {
            instrument: instrument(),
            strategy: StrategyName::truncated(strategy),
            action: action.into(),
            confidence: Confidence::Low.into(),
            score: 100.0.into(),
            bar_ns: (bar * BAR_NS).into(),
            interval_ns: BAR_NS.into(),
            ..Signal::default()
        };
        for _ in 0..self.rng.u32(1..3) {
            self.say(STRATEGY, &signal);
        }
    }

    /// Steps until then, and looks at everything after each.
    pub fn run_for(&mut self, ns: u64) {
        let until_ns = self.sim.now_ns() + ns;
        while self.violation.is_none() && self.sim.step_until(until_ns) {
            if let Err((invariant, found)) = self.look() {
                self.violation = Some(Violation { invariant, step: self.sim.steps(), found });
            }
        }
    }

    fn look(&mut self) -> Result<(), Broken> {
        let [portfolio, paper] = self.witnesses.each_ref().map(Witness::take);
        let said = self.sim.published_bytes();
        let newly = said.get(self.said_bytes..).unwrap_or_default();
        self.said_bytes = said.len();
        self.safety.heard(Frames::new(newly));
        self.safety.portfolio_wrote(Frames::new(&portfolio))?;
        self.safety.exchange_wrote(Frames::new(&paper))?;
        self.safety.asked(Frames::new(newly))
    }

    /// One bar: ten seconds of market, a signal of each strategy in the middle.
    pub fn bar(&mut self, bar: u64, partitions: bool, clocks: bool) {
        for second in 0..10 {
            self.market();
            if second == 4 {
                for strategy in ["a", "b"] {
                    let actions = SignalAction::ALL;
                    let action = actions[self.rng.usize(0..actions.len())];
                    self.signal(strategy, action, bar);
                }
            }
            for node in [PORTFOLIO, PAPER] {
                let cut = self.rng.u16(0..1000) < 30;
                self.sim.set_cut(node, partitions && cut);
            }
            self.turn_clocks(clocks);
            self.run_for(SECOND);
        }
    }

    /// Everybody wants out, until nothing moves any more. A node may still be down from before, and what is said to it is
    /// lost; the relay would say it again.
    pub fn close(&mut self, strategies: &[&str], bar: u64) {
        for second in 0..60 {
            for strategy in strategies.iter().filter(|_| second % 10 == 0) {
                self.signal(strategy, SignalAction::ExitLong, bar);
                self.signal(strategy, SignalAction::ExitShort, bar);
            }
            self.market();
            self.run_for(SECOND);
        }
    }

    /// One clock in fifty jumps: somewhere, or right again.
    fn turn_clocks(&mut self, clocks: bool) {
        for node in [PORTFOLIO, PAPER] {
            let jumps = self.rng.u16(0..1000) < 20;
            let ahead_ns = if self.rng.bool() { self.rng.i64(-CLOCK_JUMP_NS..=CLOCK_JUMP_NS) } else { 0 };
            if clocks && jumps {
                self.sim.set_clock(node, ahead_ns);
            }
        }
    }

    /// Every clock shows the time.
    pub fn set_clocks_right(&mut self) {
        for node in [PORTFOLIO, PAPER] {
            self.sim.set_clock(node, 0);
        }
    }

    /// Everybody is connected again.
    pub fn clear_cuts(&mut self) {
        for node in [PORTFOLIO, PAPER] {
            self.sim.set_cut(node, false);
        }
    }

    /// The last look: everything has ended, and ours is theirs.
    pub fn check_rest(&mut self) {
        if self.violation.is_some() {
            return;
        }
        let mut written = Vec::new();
        if let Some(ledger) = self.sim.ledger_mut(PORTFOLIO) {
            ledger.recover(&mut |frame| written.extend_from_slice(frame)).expect("recovers");
        }
        if let Err((invariant, found)) = rest::check(&self.safety, Frames::new(&written), self.sim.published()) {
            self.violation = Some(Violation { invariant, step: self.sim.steps(), found });
        }
    }
}
