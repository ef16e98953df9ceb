//! The actor: signals and reports in, verdicts, intents, orders and positions out.

use std::collections::{BTreeMap, BTreeSet};

use mesh_actor::{Actor, Context, Digest, TimerId};
use mesh_codec::registry::TlvBody;
use mesh_codec::{Message, TailedView, packet};
use mesh_oms::{Oms, PositionKey, Report};
use mesh_risk::kill::{KillSource, parse_level};
use mesh_risk::{Candidate, RiskGate, Selector};
use mesh_types::execution::{
    Fill, Intent, OrderAccepted, OrderCancelled, OrderRejected, OrderStatus, Position, RiskVerdict,
};
use mesh_types::market::{Block, BookDelta, BookSnapshot, InstrumentInfo, Mark};
use mesh_types::risk::RiskAccount;
use mesh_types::signal::Signal;
use mesh_types::system::{Gap, KillSwitch};
use mesh_types::{ClientOrderId, Decimal64, Domain, InstrumentId, SignalAction};
use zerocopy::IntoBytes;

use crate::entries::WINDOW;
use crate::exits::{Exit, ExitKey};
use crate::market::Market;
use crate::reports::CHECK;
use crate::settings::{Settings, ns};
use crate::verdicts::profit;

/// The types that its ledger keeps.
pub const LEDGER_TYPES: [u8; 11] = [
    Signal::NUMBER,
    RiskVerdict::NUMBER,
    Intent::NUMBER,
    OrderAccepted::NUMBER,
    OrderRejected::NUMBER,
    OrderCancelled::NUMBER,
    OrderStatus::NUMBER,
    Fill::NUMBER,
    Position::NUMBER,
    KillSwitch::NUMBER,
    RiskAccount::NUMBER,
];

/// Selector, risk and order management: the only writer of orders.
#[derive(Debug)]
pub struct Portfolio {
    pub(crate) settings: Settings,
    pub(crate) mesh_id: u64,
    started: bool,
    checking: bool,
    pub(crate) oms: Oms,
    pub(crate) risk: RiskGate,
    pub(crate) markets: BTreeMap<InstrumentId, Market>,
    pub(crate) selector: Selector,
    /// The last block of each chain.
    pub(crate) blocks: BTreeMap<u64, Block>,
    /// The last bar of which a proposal was decided: the same again, or an older one, is a repeat.
    pub(crate) decided: BTreeMap<(PositionKey, SignalAction), u64>,
    pub(crate) exits: BTreeMap<ExitKey, Exit>,
    /// Orders of an earlier run whose fate is still asked for; no entries until then.
    pub(crate) unresolved: BTreeSet<ClientOrderId>,
}

impl Portfolio {
    /// A portfolio without positions. `mesh_id` is part of every order's name.
    pub fn new(settings: Settings, mesh_id: u64) -> Self {
        Self {
            risk: RiskGate::new(settings.risk.clone()),
            mesh_id,
            started: false,
            checking: false,
            oms: Oms::default(),
            markets: BTreeMap::new(),
            selector: Selector::new(settings.entries_per_bar),
            blocks: BTreeMap::new(),
            decided: BTreeMap::new(),
            exits: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            settings,
        }
    }

    /// Orders and positions.
    pub const fn oms(&self) -> &Oms {
        &self.oms
    }

    fn on_signal(&mut self, message: &Message<'_>, signal: &Signal, context: &mut Context<'_>) {
        let Some(action) = signal.action.get() else { return context.count("bad_signals", 1) };
        let candidate = Candidate { signal: *signal, action, id: message.id() };
        let (owner, bar_ns) = (candidate.owner(), candidate.bar_ns());
        let waits =
            self.selector.waiting().iter().any(|c| (c.owner(), c.action, c.bar_ns()) == (owner, action, bar_ns));
        if waits || self.decided.get(&(owner, action)).is_some_and(|last| bar_ns <= *last) {
            return context.count("signals_repeated", 1);
        }
        if action.is_entry() && self.adds(&candidate) {
            self.note_decided(&candidate);
            self.decide_entry(&candidate, context);
        } else if action.is_entry() {
            self.collect(candidate, context);
        } else {
            self.note_decided(&candidate);
            self.on_exit(candidate, context);
        }
    }

    /// Its proposal, and older ones of its kind, are repeats from now on.
    pub(crate) fn note_decided(&mut self, candidate: &Candidate) {
        let last = self.decided.entry((candidate.owner(), candidate.action)).or_default();
        *last = candidate.bar_ns().max(*last);
    }

    /// A row of an earlier run.
    fn restore(&mut self, message: &Message<'_>) {
        let at_ns = message.timestamp_ns();
        if let Some(intent) = message.get::<Intent>() {
            if self.oms.intend(intent).is_ok_and(|new| new) {
                self.oms.on_sent(&intent.client_order_id, at_ns);
                self.risk.record(intent);
            }
        } else if let Some(report) = Report::read(message) {
            // What an executor never had is asked about again; a row of a forgotten order tells nothing.
            let never_had =
                matches!(report, Report::Status(status) if status.state == mesh_types::OrderState::Unknown.into());
            if !never_had {
                let _ = self.oms.apply(&report, at_ns);
            }
        } else if let Some(position) = message.get::<Position>() {
            self.oms.restore(position);
            let owner = (position.instrument, position.strategy);
            let flat = self.oms.position(&owner).filter(|held| held.quantity().is_zero());
            if let Some(profit) = flat.and_then(profit) {
                self.risk.accounts_mut().restore_flat(owner, profit);
            }
        } else if let Some(account) = message.get_tailed::<RiskAccount>() {
            self.risk.accounts_mut().restore(account.head, account.items);
        } else if let Some(switch) = message.get::<KillSwitch>() {
            self.risk.on_kill_switch(switch, true);
        } else if let Some(signal) = message.get::<Signal>() {
            self.restore_signal(message, signal);
        } else if let Some(verdict) = message.get::<RiskVerdict>() {
            self.restore_verdict(verdict);
        }
    }

    fn restore_signal(&mut self, message: &Message<'_>, signal: &Signal) {
        let Some(action) = signal.action.get() else { return };
        let candidate = Candidate { signal: *signal, action, id: message.id() };
        let owner = candidate.owner();
        if self.decided.get(&(owner, action)).is_some_and(|last| candidate.bar_ns() <= *last) {
            return;
        }
        if action.is_entry() {
            let newer = |c: &Candidate| c.bar_ns() >= candidate.bar_ns();
            // The first of several repeats is the one that a verdict names.
            if !self.selector.waiting().iter().any(|c| (c.owner(), c.action) == (owner, action) && newer(c)) {
                self.selector.wait(candidate);
            }
        } else {
            self.note_decided(&candidate);
            self.exits.insert((owner, action), Exit { candidate, retry_ns: 0, refused: None });
        }
    }

    fn restore_verdict(&mut self, verdict: &RiskVerdict) {
        let Some(candidate) = self.selector.remove(verdict.signal) else { return };
        let owner = candidate.owner();
        self.note_decided(&candidate);
        // An entry is placed only once nothing is left of the exits before it.
        if verdict.allowed == 1 {
            self.selector.take(candidate.bar());
            let bar_ns = candidate.bar_ns();
            self.exits.retain(|(leaving, _), exit| *leaving != owner || exit.candidate.bar_ns() > bar_ns);
        }
    }

    fn on_start(&mut self, context: &mut Context<'_>) {
        self.started = true;
        self.take_over_accounts();
        let open: Vec<_> = self.oms.unsettled().map(|o| (o.intent().client_order_id, o.intent().instrument)).collect();
        for (client_order_id, instrument) in open {
            self.unresolved.insert(client_order_id);
            self.ask(client_order_id, instrument, context);
        }
        let held: Vec<PositionKey> = self.oms.positions().map(|(owner, _)| *owner).collect();
        for owner in &held {
            self.say_position(owner, context);
        }
        for candidate in self.selector.ranked(|_| false) {
            self.collect(candidate, context);
        }
        let wanted: Vec<ExitKey> = self.exits.keys().copied().collect();
        for key in wanted {
            self.finish_exits(&key.0);
            self.try_exit(key, context);
        }
    }

    fn on_market(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        let taken = if let Some(view) = message.get_tailed::<BookSnapshot>() {
            self.markets.entry(view.head.instrument).or_default().mirror.on_snapshot(view.head, view.items)
        } else if let Some(view) = message.get_tailed::<BookDelta>() {
            self.markets.entry(view.head.instrument).or_default().mirror.on_delta(view.head, view.items)
        } else if let Some(info) = message.get::<InstrumentInfo>() {
            self.markets.entry(info.instrument).or_default().info = Some(*info);
            Ok(())
        } else if let Some(mark) = message.get::<Mark>() {
            self.markets.entry(mark.instrument).or_default().mark = Some(*mark);
            Ok(())
        } else if let Some(block) = message.get::<Block>() {
            self.blocks.insert(block.chain.get(), *block);
            Ok(())
        } else if message.get_tailed::<Gap>().is_some_and(|gap| concerns_market(&gap)) {
            // What is missing is not told by instrument: no book is trusted until its next snapshot.
            context.count("gaps", 1);
            self.markets.values_mut().for_each(|market| market.mirror.on_gap(0, 0));
            Ok(())
        } else {
            Ok(())
        };
        if taken.is_err() {
            context.count("bad_book_messages", 1);
        }
    }

    /// Keeps the check timer running while something is open.
    fn keep_checking(&mut self, context: &mut Context<'_>) {
        let waits = self.oms.unsettled().next().is_some() || !self.exits.is_empty();
        if !self.checking && (waits || self.watches_losses()) {
            let period_ns = ns(self.settings.silence_ms.min(self.settings.exit_retry_ms)) / 2;
            context.set_timer(CHECK, context.now_ns().saturating_add(period_ns.max(1_000_000)));
            self.checking = true;
        }
    }
}

/// True where messages of the market may be among those that were missed.
fn concerns_market(gap: &TailedView<'_, Gap>) -> bool {
    gap.items.is_empty() || gap.items.iter().any(|range| range.domain.get() == Some(Domain::Market))
}

impl Actor for Portfolio {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if !self.started {
            return self.restore(message);
        }
        if let Some(signal) = message.get::<Signal>() {
            self.on_signal(message, signal, context);
        } else if let Some(report) = Report::read(message) {
            self.on_report(&report, context);
        } else if let Some(switch) = message.get::<KillSwitch>() {
            self.risk.on_kill_switch(switch, false);
            self.observe(context);
        } else if let Some((head, bytes)) = packet::join(message) {
            if let Some(source) = KillSource::from_number(head.stream) {
                let level = parse_level(&String::from_utf8_lossy(&bytes));
                self.risk.on_kill_source(source, level);
            }
        } else {
            self.on_market(message, context);
        }
        self.keep_checking(context);
    }

    fn on_timer(&mut self, timer: TimerId, context: &mut Context<'_>) {
        match timer {
            TimerId::START => self.on_start(context),
            WINDOW => self.on_window(context),
            _ => {
                self.checking = false;
                self.on_check(context);
            }
        }
        self.keep_checking(context);
    }

    fn state_digest(&self) -> u64 {
        let digest = Digest::default().u64(u64::from(self.started)).u64(u64::from(self.checking));
        let decimal = |digest: Digest, value: Decimal64| digest.i64(value.mantissa).i64(value.exponent.into());
        let digest = self.oms.orders().fold(digest, |digest, order| {
            order.fingerprint().into_iter().fold(digest.bytes(order.intent().as_bytes()), Digest::u64)
        });
        let owner = |digest: Digest, (instrument, strategy): &PositionKey| {
            digest.bytes(instrument.as_bytes()).bytes(strategy.as_bytes())
        };
        let digest = self.oms.positions().fold(digest, |digest, (key, position)| {
            let digest = owner(digest, key).u64(position.fill_count()).u64(position.updated_ns());
            let sums = [position.realized_pnl(), position.fees()].map(Result::unwrap_or_default);
            let digest = sums.into_iter().fold(digest, decimal);
            position.lots().fold(digest, |digest, (price, quantity)| decimal(decimal(digest, price), quantity))
        });
        let digest = self
            .markets
            .iter()
            .fold(digest, |digest, (instrument, market)| market.digest_into(digest.bytes(instrument.as_bytes())));
        let digest = self.selector.waiting().iter().fold(digest, |digest, c| digest.bytes(c.signal.as_bytes()));
        let digest = self.selector.fingerprint().fold(digest, Digest::u64);
        let digest = self.blocks.values().fold(digest, |digest, block| digest.u64(block.base_fee_wei.get()));
        let digest = self
            .decided
            .iter()
            .fold(digest, |digest, ((key, action), bar_ns)| owner(digest, key).u64(*action as u64).u64(*bar_ns));
        let digest = self.exits.iter().fold(digest, |digest, ((key, action), exit)| {
            let digest = owner(digest, key).u64(*action as u64).bytes(exit.candidate.signal.as_bytes());
            digest.u64(exit.retry_ns).u64(exit.refused.map_or(0, |reason| reason as u64))
        });
        let digest = self.unresolved.iter().fold(digest, |digest, id| digest.bytes(id.as_bytes()));
        self.risk.usage().fold(digest, Digest::u64).value()
    }
}
