//! From signal to fill under faults: messages are lost, doubled and overtaken, the portfolio and the exchange crash at any
//! moment, and in the end nothing is lost, nothing doubled, and every position is what an independent count of the
//! exchange's fills says. A failing seed is repeated with `ALPHAMESH_SIM_SEED=seed`; `ALPHAMESH_SIM_SEEDS=n` runs n.

#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use executor_paper::PaperExchange;
use fastrand::Rng;
use mesh_actor::faults::Faults;
use mesh_actor::sim::{NodeSpec, Simulator};
use mesh_actor::{Ledger, LedgerError, MemoryLedger};
use mesh_codec::registry::TlvBody;
use mesh_codec::{FrameBuilder, Frames, Message, Stamp};
use mesh_store::SqliteLedger;
use mesh_types::execution::{
    Fill, Intent, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderRequest, OrderStatus,
    OrderStatusRequest, Position, RiskVerdict,
};
use mesh_types::market::{BookLevel, BookSnapshot, Candle, InstrumentInfo};
use mesh_types::signal::{Signal, StrategyName};
use mesh_types::system::KillSwitch;
use mesh_types::{
    BookHealth, ClientOrderId, Confidence, Decimal64, Domain, FixedStr, InstrumentId, InstrumentStatus, OrderState,
    Side, SignalAction, SourceId,
};
use portfolio::Portfolio;
use strategy_momentum::Momentum;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;
const MARKET: SourceId = SourceId::new(10);
const STRATEGY: SourceId = SourceId::new(20);
const PORTFOLIO: SourceId = SourceId::new(30);
const PAPER: SourceId = SourceId::new(40);
const MOMENTUM: SourceId = SourceId::new(21);
const BAR_NS: u64 = 10 * SECOND;

fn d(text: &str) -> Decimal64 {
    text.parse().expect(text)
}

fn instrument() -> InstrumentId {
    "binance:perpetual:BTCUSDT".parse().expect("an id")
}

fn portfolio_settings() -> portfolio::Settings {
    let mut settings = portfolio::Settings { entry_notional: d("500"), ..portfolio::Settings::default() };
    settings.risk.position_notional = d("1200");
    settings.risk.price_band_bps = 100;
    settings.entry_slippage_bps = 50;
    settings
}

fn takes(types: &[(Domain, u8)]) -> Vec<(Domain, Option<u8>)> {
    types.iter().map(|(domain, number)| (*domain, Some(*number))).collect()
}

/// Where the nodes keep what must survive.
type Ledgers = (Box<dyn Ledger>, Box<dyn Ledger>);

fn in_memory() -> Ledgers {
    let paper = MemoryLedger::new(&executor_paper::LEDGER_TYPES);
    (Box::new(MemoryLedger::new(&portfolio::LEDGER_TYPES)), Box::new(paper))
}

/// A ledger that a crash closes: each life opens the file again.
struct Reopened {
    path: PathBuf,
    net_positions: bool,
    ledger: Option<SqliteLedger>,
}

impl Reopened {
    fn new(path: PathBuf, net_positions: bool) -> Box<Self> {
        Box::new(Self { path, net_positions, ledger: None })
    }

    fn open(&mut self) -> Result<&mut SqliteLedger, LedgerError> {
        let ledger = SqliteLedger::open(&self.path)?;
        Ok(self.ledger.insert(if self.net_positions { ledger.with_net_positions() } else { ledger }))
    }
}

impl Ledger for Reopened {
    fn commit(&mut self, inbox: Frames<'_>, outbox: Frames<'_>) -> Result<(), LedgerError> {
        match self.ledger.as_mut() {
            Some(ledger) => ledger.commit(inbox, outbox),
            None => self.open()?.commit(inbox, outbox),
        }
    }

    fn recover(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), LedgerError> {
        self.ledger = None;
        self.open()?.recover(each)
    }
}

/// A mesh of the portfolio and the paper exchange; market and strategy are the test's.
struct Mesh {
    sim: Simulator,
    rng: Rng,
    sequence: u64,
}

impl Mesh {
    fn new(seed: u64, (portfolio_ledger, paper_ledger): Ledgers) -> Self {
        let mut sim = Simulator::new(seed, START);
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
            make: Box::new(|| Box::new(Portfolio::new(portfolio_settings(), 7))),
            ledger: Some(portfolio_ledger),
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
            ledger: Some(paper_ledger),
        });
        Self { sim, rng: Rng::with_seed(seed ^ 0x5eed), sequence: 0 }
    }

    /// The strategy as a node too.
    fn with_momentum(mut self) -> Self {
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

    /// A closed candle.
    fn candle(&mut self, bar: u64, close: i64) {
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
    fn market(&mut self) {
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

    fn rows<T: TlvBody>(&mut self, node: SourceId) -> Vec<T> {
        let mut rows = Vec::new();
        let ledger = self.sim.ledger_mut(node).expect("a ledger");
        let each = &mut |frame: &[u8]| {
            rows.extend(Message::parse(frame).ok().and_then(|message| message.get::<T>().copied()));
        };
        ledger.recover(each).expect("recovers");
        rows
    }

    fn run_for(&mut self, ns: u64) {
        let until = self.sim.now_ns() + ns;
        self.sim.run_until(until);
    }

    /// One bar: ten seconds of market, a signal in the middle.
    fn bar(&mut self, bar: u64) {
        for second in 0..10 {
            self.market();
            if second == 4 {
                for strategy in ["a", "b"] {
                    let actions = SignalAction::ALL;
                    let action = actions[self.rng.usize(0..actions.len())];
                    self.signal(strategy, action, bar);
                }
            }
            self.run_for(SECOND);
        }
    }

    /// Everybody wants out, until nothing moves any more. A node may still be down from before, and what is said to it is
    /// lost; the relay would say it again.
    fn close(&mut self, strategies: &[&str], bar: u64) {
        for second in 0..60 {
            for strategy in strategies.iter().filter(|_| second % 10 == 0) {
                self.signal(strategy, SignalAction::ExitLong, bar);
                self.signal(strategy, SignalAction::ExitShort, bar);
            }
            self.market();
            self.run_for(SECOND);
        }
    }
}

/// Fills as the exchange wrote them down, by trade id.
fn exchange_fills(mesh: &mut Mesh) -> BTreeMap<String, Fill> {
    mesh.rows::<Fill>(PAPER).iter().map(|fill| (fill.trade_id.to_string(), *fill)).collect()
}

/// What must hold after every run.
fn audit(mesh: &mut Mesh, seed: u64) {
    let intents: BTreeMap<ClientOrderId, Intent> =
        mesh.rows::<Intent>(PORTFOLIO).iter().map(|intent| (intent.client_order_id, *intent)).collect();
    let fills = exchange_fills(mesh);
    // Every order at the exchange was written down before, as it is.
    for request in mesh.rows::<OrderRequest>(PAPER) {
        let intent = intents.get(&request.client_order_id);
        let same = |i: &Intent| i.quantity == request.quantity && i.side == request.side;
        assert!(intent.is_some_and(same), "seed {seed}: an order without an intent");
    }
    // One proposal leads to one entry; more was never filled than ordered.
    let mut bars = BTreeSet::new();
    let mut filled: BTreeMap<ClientOrderId, Decimal64> = BTreeMap::new();
    let mut positions: BTreeMap<StrategyName, Decimal64> = BTreeMap::new();
    let mut net = Decimal64::ZERO;
    for fill in fills.values() {
        let sum = filled.entry(fill.client_order_id).or_default();
        *sum = sum.checked_add(fill.quantity.get()).expect("fits");
        assert!(*sum <= intents[&fill.client_order_id].quantity.get(), "seed {seed}: filled more than ordered");
    }
    for intent in intents.values().filter(|intent| intent.action.get().is_some_and(SignalAction::is_entry)) {
        let proposal = (intent.strategy, intent.action.raw(), intent.instrument);
        let bar = mesh_bar(intent);
        assert!(bars.insert((proposal, bar)), "seed {seed}: two entries of one proposal");
    }
    // In the order of time the exchange's fills never left the limit.
    let mut in_time: Vec<&Fill> = fills.values().collect();
    in_time.sort_by_key(|fill| fill.venue_ns.get());
    for fill in in_time {
        let quantity = fill.quantity.get();
        let signed = if fill.side.get() == Some(Side::Buy) { Ok(quantity) } else { quantity.negated() }.expect("fits");
        let strategy = intents[&fill.client_order_id].strategy;
        let position = positions.entry(strategy).or_default();
        *position = position.checked_add(signed).expect("fits");
        net = net.checked_add(signed).expect("fits");
        // The price moves by six percent at most after the check.
        let notional = net.magnitude().and_then(|n| n.checked_mul(fill.price.get())).expect("fits");
        assert!(notional <= d("1300"), "seed {seed}: {notional} at risk");
    }
    // The portfolio's last word on each position is the exchange's truth.
    let mut said: BTreeMap<StrategyName, Decimal64> = BTreeMap::new();
    for (_, message) in mesh.sim.published() {
        if let Some(position) = message.expect("a frame").get::<Position>() {
            said.insert(position.strategy, position.quantity.get());
        }
    }
    for (strategy, position) in &positions {
        assert_eq!(said.get(strategy), Some(position), "seed {seed}: {strategy}'s position");
        assert!(position.is_zero(), "seed {seed}: {strategy} is not closed");
    }
    // Every order has come to its end, in both ledgers.
    let told = mesh.rows::<OrderStatus>(PORTFOLIO);
    let is_final = |body: &OrderStatus| body.state.get().is_some_and(OrderState::is_final);
    let ended: BTreeSet<ClientOrderId> = mesh
        .rows::<OrderCancelled>(PORTFOLIO)
        .iter()
        .map(|body| body.client_order_id)
        .chain(mesh.rows::<OrderRejected>(PORTFOLIO).iter().map(|body| body.client_order_id))
        .chain(told.iter().filter(|body| is_final(body)).map(|body| body.client_order_id))
        .chain(filled.iter().filter(|(id, sum)| intents[id].quantity.get() == **sum).map(|(id, _)| *id))
        .collect();
    for id in intents.keys() {
        assert!(ended.contains(id), "seed {seed}: order {id} never ended");
    }
}

/// The bar of an intent's signal is not in the intent: its name is. Find the bar that gives the name.
fn mesh_bar(intent: &Intent) -> u64 {
    let name = |bar: u64| {
        mesh_oms::OrderKey {
            mesh_id: 7,
            strategy: intent.strategy,
            instrument: intent.instrument,
            action: intent.action.get().expect("an action"),
            bar_ns: bar * BAR_NS,
            interval_ns: BAR_NS,
            attempt: 0,
        }
        .client_order_id()
    };
    (0..1_000).find(|bar| name(*bar) == intent.client_order_id).expect("the name of a bar")
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("ALPHAMESH_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("ALPHAMESH_SIM_SEEDS").unwrap_or(60)).collect(),
    }
}

/// Twenty bars of storm, then calm, then the audit; answers with the number of fills.
fn run(seed: u64, ledgers: Ledgers) -> usize {
    let mut mesh = Mesh::new(seed, ledgers);
    mesh.sim.set_faults(Faults {
        drop_permille: 100,
        duplicate_permille: 150,
        reorder_permille: 150,
        ..Faults::delays(100_000, 400_000_000)
    });
    mesh.sim.set_crashes(15);
    for bar in 1..=20 {
        mesh.bar(bar);
    }
    // Then the weather clears, and everything must come to its end.
    mesh.sim.set_faults(Faults::delays(100_000, 1_000_000));
    mesh.sim.set_crashes(0);
    mesh.close(&["a", "b"], 21);
    audit(&mut mesh, seed);
    exchange_fills(&mut mesh).len()
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails() {
    let seeds = seeds();
    let fills: usize = seeds.iter().map(|seed| run(*seed, in_memory())).sum();
    assert!(fills > 20 * seeds.len() || seeds.len() == 1, "the scenario trades: {fills} fills");
}

#[test]
fn the_same_holds_on_real_files() {
    for seed in seeds().into_iter().take(3) {
        let folder = tempfile::tempdir().expect("a folder");
        let (portfolio, paper) = (folder.path().join("portfolio.db"), folder.path().join("paper.db"));
        let fills = run(seed, (Reopened::new(portfolio, false), Reopened::new(paper, true)));
        assert!(fills > 0, "seed {seed} trades");
    }
}

/// Waves of candles through momentum, portfolio and exchange; `crash` names a node and the step before which it dies.
fn candles_to_fills(crash: Option<(SourceId, usize)>) -> (usize, usize) {
    let mut mesh = Mesh::new(1, in_memory()).with_momentum();
    let mut step = 0;
    for (bar, close) in (1..).zip([112, 110, 108, 106, 104, 102, 106, 110, 114, 110, 104, 98, 94, 90, 96, 102, 108]) {
        mesh.market();
        mesh.candle(bar, close);
        // Small steps, so that a crash meets every stage of an order.
        for ns in [SECOND / 4; 8].iter().chain(&[5_000_000; 12]) {
            if crash.is_some_and(|(_, at)| at == step) {
                let (node, _) = crash.expect("checked");
                mesh.sim.crash(node, 300_000_000);
            }
            mesh.run_for(*ns);
            step += 1;
        }
    }
    mesh.close(&["momentum"], 900);
    audit(&mut mesh, step as u64);
    (exchange_fills(&mut mesh).len(), step)
}

#[test]
fn candles_become_fills_and_a_crash_at_any_step_changes_no_truth() {
    let (fills, steps) = candles_to_fills(None);
    assert!(fills >= 4, "entries and exits are filled: {fills}");
    for node in [MOMENTUM, PORTFOLIO, PAPER] {
        for step in 0..steps {
            candles_to_fills(Some((node, step)));
        }
    }
}
