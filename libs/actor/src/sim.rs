//! A whole mesh in one thread: seeded, with faults, crashes and restarts.
//!
//! Each node is an actor with a filter and, where it has one, a ledger that survives its crashes. What a node says
//! reaches every other node whose filter takes it, after what [`Faults`] do to it. Messages between two nodes keep their
//! order unless the faults say otherwise. A crash loses the actor, its timers, and what was on the way to it; it happens
//! between batches, or between the ledger's commit and the sending: the two moments that differ for those outside. Each node
//! has a clock of its own, which can be set wrong; within a life an actor's time never goes back all the same.
//!
//! The simulator knows nothing of trading: checks are the caller's, over [`Simulator::published`] and in `on_publish`.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use mesh_codec::{Frames, Message};
use mesh_types::{Domain, SourceId};

use crate::faults::Faults;
use crate::{Actor, ActorCell, Ledger, TimerId};

/// What a node is.
pub struct NodeSpec {
    /// Its source id; one for each node.
    pub source: SourceId,
    /// Domain and type of the messages that it takes; `None` takes every type of the domain.
    pub takes: Vec<(Domain, Option<u8>)>,
    /// Makes the actor, at the start and after each crash.
    pub make: Box<dyn Fn() -> Box<dyn Actor>>,
    /// What survives a crash.
    pub ledger: Option<Box<dyn Ledger>>,
}

struct Node {
    spec: NodeSpec,
    cell: Option<ActorCell<Box<dyn Actor>>>,
    /// Counts its lives; what was sent to an earlier one is lost.
    life: u64,
    restart_ns: Option<u64>,
    /// How far its clock is ahead of the time.
    ahead_ns: i64,
}

impl Node {
    /// What its clock shows at `now_ns`.
    const fn clock_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.ahead_ns)
    }

    /// The time when its clock shows `clock_ns`.
    const fn time_ns(&self, clock_ns: u64) -> u64 {
        clock_ns.saturating_add_signed(self.ahead_ns.saturating_neg())
    }
}

struct Flight {
    to: SourceId,
    life: u64,
    frame: Vec<u8>,
}

/// A mesh in one thread.
pub struct Simulator {
    rng: Rng,
    now_ns: u64,
    nodes: BTreeMap<SourceId, Node>,
    flights: BTreeMap<(u64, u64), Flight>,
    next_flight: u64,
    /// Arrival of the last message in order, for each pair.
    last_arrival: BTreeMap<(SourceId, SourceId), u64>,
    cut: BTreeSet<SourceId>,
    faults: Faults,
    crash_permille: u16,
    published: Vec<u8>,
    steps: u64,
}

impl Simulator {
    /// An empty mesh at `start_ns`; everything that chance decides comes from `seed`.
    pub fn new(seed: u64, start_ns: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            now_ns: start_ns,
            nodes: BTreeMap::new(),
            flights: BTreeMap::new(),
            next_flight: 0,
            last_arrival: BTreeMap::new(),
            cut: BTreeSet::new(),
            faults: Faults::delays(1_000, 100_000),
            crash_permille: 0,
            published: Vec::new(),
            steps: 0,
        }
    }

    /// Adds a node and starts it.
    pub fn add(&mut self, spec: NodeSpec) {
        let source = spec.source;
        self.nodes.insert(source, Node { spec, cell: None, life: 0, restart_ns: None, ahead_ns: 0 });
        self.start(source);
    }

    /// From now on messages fare like this.
    pub const fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// From now on, after each batch, a node crashes with this chance in a thousand and is restarted some time later.
    pub const fn set_crashes(&mut self, crash_permille: u16) {
        self.crash_permille = crash_permille;
    }

    /// Cuts a node off, or connects it again: it runs on, and nothing reaches it or comes from it.
    pub fn set_cut(&mut self, source: SourceId, cut: bool) {
        if cut {
            self.cut.insert(source);
        } else {
            self.cut.remove(&source);
        }
    }

    /// Sets a node's clock so far ahead of the time, or behind it where negative.
    pub fn set_clock(&mut self, source: SourceId, ahead_ns: i64) {
        if let Some(node) = self.nodes.get_mut(&source) {
            node.ahead_ns = ahead_ns;
        }
    }

    /// Says a message on behalf of somebody outside, now.
    pub fn publish(&mut self, frame: &[u8]) {
        let outside = Message::parse(frame).map_or(SourceId::new(0), |message| message.source());
        self.send(outside, frame);
    }

    /// Kills a node; it starts again after `down_ns`.
    pub fn crash(&mut self, source: SourceId, down_ns: u64) {
        if let Some(node) = self.nodes.get_mut(&source) {
            node.cell = None;
            node.life += 1;
            node.restart_ns = Some(self.now_ns + down_ns);
        }
    }

    /// The time, ns since the Unix epoch.
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Batches handled.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Everything that was said, in order.
    pub fn published(&self) -> Frames<'_> {
        Frames::new(&self.published)
    }

    /// The same as bytes: what comes later is behind what was there.
    pub fn published_bytes(&self) -> &[u8] {
        &self.published
    }

    /// A node's ledger.
    pub fn ledger_mut(&mut self, source: SourceId) -> Option<&mut (dyn Ledger + 'static)> {
        self.nodes.get_mut(&source)?.spec.ledger.as_deref_mut()
    }

    /// State digest of a node that is up.
    pub fn state_digest(&self, source: SourceId) -> Option<u64> {
        self.nodes.get(&source)?.cell.as_ref().map(ActorCell::state_digest)
    }

    /// Runs until `until_ns`.
    pub fn run_until(&mut self, until_ns: u64) {
        while self.step_until(until_ns) {}
    }

    /// Does what comes next, if it comes by `until_ns`; else lets the time pass until then and answers false.
    pub fn step_until(&mut self, until_ns: u64) -> bool {
        let Some(next_ns) = self.next_event_ns().filter(|next| *next <= until_ns) else {
            self.now_ns = self.now_ns.max(until_ns);
            return false;
        };
        self.now_ns = self.now_ns.max(next_ns);
        self.step();
        true
    }

    fn next_event_ns(&self) -> Option<u64> {
        let flight = self.flights.keys().next().map(|(at, _)| *at);
        let nodes = self.nodes.values().filter_map(|node| match &node.cell {
            Some(cell) => cell.next_timer_ns().map(|at| node.time_ns(at)),
            None => node.restart_ns,
        });
        nodes.chain(flight).min()
    }

    fn step(&mut self) {
        let sources: Vec<SourceId> = self.nodes.keys().copied().collect();
        for source in &sources {
            if self.nodes.get(source).is_some_and(|node| node.restart_ns.is_some_and(|at| at <= self.now_ns)) {
                self.start(*source);
            }
        }
        let later = self.flights.split_off(&(self.now_ns + 1, 0));
        let mut inboxes: BTreeMap<SourceId, Vec<u8>> = BTreeMap::new();
        for (_, flight) in core::mem::replace(&mut self.flights, later) {
            let alive = self.nodes.get(&flight.to).is_some_and(|node| node.life == flight.life);
            if alive && !self.cut.contains(&flight.to) {
                inboxes.entry(flight.to).or_default().extend_from_slice(&flight.frame);
            }
        }
        for source in sources {
            let inbox = inboxes.remove(&source).unwrap_or_default();
            self.handle(source, &inbox);
        }
    }

    /// One batch of one node: due timers, messages, commit, send.
    fn handle(&mut self, source: SourceId, inbox: &[u8]) {
        let Some(node) = self.nodes.get_mut(&source) else { return };
        let now_ns = node.clock_ns(self.now_ns);
        let Some(cell) = node.cell.as_mut() else { return };
        if inbox.is_empty() && cell.next_timer_ns().is_none_or(|at| at > now_ns) {
            return;
        }
        self.steps += 1;
        cell.begin(now_ns);
        while cell.fire_due().is_some() {}
        for (_, message) in Frames::new(inbox) {
            message.iter().for_each(|message| cell.deliver(message));
        }
        let outputs = cell.outbox().bytes().to_vec();
        cell.outbox_mut().clear();
        let crash = self.rng.u16(0..1000) < self.crash_permille;
        // One crash in two comes before the commit, the other between commit and sending.
        if crash && self.rng.bool() {
            return self.crash_for_a_while(source);
        }
        if let Some(ledger) = node.spec.ledger.as_mut()
            && ledger.commit(Frames::new(inbox), Frames::new(&outputs)).is_err()
        {
            return self.crash_for_a_while(source);
        }
        if crash {
            return self.crash_for_a_while(source);
        }
        for (_, message) in Frames::new(&outputs) {
            message.iter().for_each(|message| self.send(source, message.frame()));
        }
    }

    fn crash_for_a_while(&mut self, source: SourceId) {
        let down_ns = self.rng.u64(1_000_000..2_000_000_000);
        self.crash(source, down_ns);
    }

    fn send(&mut self, from: SourceId, frame: &[u8]) {
        self.published.extend_from_slice(frame);
        let Ok(message) = Message::parse(frame) else { return };
        if self.cut.contains(&from) {
            return;
        }
        let (domain, number) = (message.domain(), message.first().map(|tlv| tlv.number));
        let takers: Vec<(SourceId, u64)> = self
            .nodes
            .iter()
            .filter(|(source, _)| **source != from)
            .filter(|(_, node)| node.spec.takes.iter().any(|(d, n)| *d == domain && (n.is_none() || *n == number)))
            .map(|(source, node)| (*source, node.life))
            .collect();
        for (to, life) in takers {
            for arrival in self.faults.fate(&mut self.rng) {
                let mut at_ns = self.now_ns + arrival.delay_ns.max(1);
                if arrival.in_order {
                    let last = self.last_arrival.entry((from, to)).or_default();
                    at_ns = at_ns.max(*last);
                    *last = at_ns;
                }
                self.flights.insert((at_ns, self.next_flight), Flight { to, life, frame: frame.to_vec() });
                self.next_flight += 1;
            }
        }
    }

    /// Makes the actor, gives it its ledger's rows, and lets its start timer fire in the next step.
    fn start(&mut self, source: SourceId) {
        let Some(node) = self.nodes.get_mut(&source) else { return };
        let now_ns = node.clock_ns(self.now_ns);
        node.restart_ns = None;
        let mut cell = ActorCell::new((node.spec.make)(), source);
        cell.begin(now_ns);
        if let Some(ledger) = node.spec.ledger.as_mut() {
            // A row that can't be read is the ledger's to report; in memory there is none.
            let _ = ledger.recover(&mut |frame| {
                Message::parse(frame).iter().for_each(|message| cell.deliver(message));
            });
        }
        debug_assert_eq!(cell.outbox().count(), 0, "an actor says nothing before its start timer");
        debug_assert_eq!(cell.next_timer_ns(), Some(0), "only {:?} is set", TimerId::START);
        node.cell = Some(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Digest, MemoryLedger};
    use mesh_codec::registry::TlvBody;
    use mesh_types::MessageId;
    use mesh_types::execution::{OrderStatus, OrderStatusRequest};
    use mesh_types::{ClientOrderId, InstrumentId};

    /// Asks for the numbers 0..N, one after the other, again and again until each is answered.
    #[derive(Default)]
    struct Asker {
        answered: u8,
        started: bool,
    }

    const COUNT: u8 = 20;

    impl Actor for Asker {
        fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
            let Some(status) = message.get::<OrderStatus>() else { return };
            if status.client_order_id == ClientOrderId::new([self.answered; 16]) {
                self.answered += 1;
                if self.started {
                    self.ask(context);
                }
            }
        }
        fn on_timer(&mut self, _: TimerId, context: &mut Context<'_>) {
            self.started = true;
            self.ask(context);
            context.set_timer(TimerId(1), context.now_ns() + 1_000_000);
        }
        fn state_digest(&self) -> u64 {
            Digest::default().u64(self.answered.into()).value()
        }
    }

    impl Asker {
        fn ask(&self, context: &mut Context<'_>) {
            if self.answered < COUNT {
                let client_order_id = ClientOrderId::new([self.answered; 16]);
                context.emit(&OrderStatusRequest { client_order_id, instrument: InstrumentId::default() });
            }
        }
    }

    struct Answerer;

    impl Actor for Answerer {
        fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
            if let Some(request) = message.get::<OrderStatusRequest>() {
                context.emit(&OrderStatus { client_order_id: request.client_order_id, ..OrderStatus::default() });
            }
        }
        fn on_timer(&mut self, _: TimerId, _: &mut Context<'_>) {}
        fn state_digest(&self) -> u64 {
            0
        }
    }

    fn mesh(seed: u64) -> Simulator {
        let mut sim = Simulator::new(seed, 1_000);
        sim.add(NodeSpec {
            source: SourceId::new(1),
            takes: vec![(Domain::Execution, Some(OrderStatus::NUMBER))],
            make: Box::new(|| Box::new(Asker::default())),
            ledger: Some(Box::new(MemoryLedger::new(&[OrderStatus::NUMBER]))),
        });
        sim.add(NodeSpec {
            source: SourceId::new(2),
            takes: vec![(Domain::Execution, Some(OrderStatusRequest::NUMBER))],
            make: Box::new(|| Box::new(Answerer)),
            ledger: None,
        });
        sim
    }

    fn stormy(seed: u64) -> Simulator {
        let mut sim = mesh(seed);
        sim.set_faults(Faults {
            drop_permille: 200,
            duplicate_permille: 200,
            reorder_permille: 200,
            ..Faults::delays(1_000, 5_000_000)
        });
        sim.set_crashes(20);
        sim.run_until(200_000_000);
        // Then the weather clears, and the work must come to an end.
        sim.set_faults(Faults::delays(1_000, 100_000));
        sim.set_crashes(0);
        sim.run_until(20_000_000_000);
        sim
    }

    #[test]
    fn work_ends_in_spite_of_faults_and_crashes() {
        for seed in 0..50 {
            let sim = stormy(seed);
            let done = Digest::default().u64(COUNT.into()).value();
            assert_eq!(sim.state_digest(SourceId::new(1)), Some(done), "seed {seed}");
        }
    }

    #[test]
    fn a_seed_repeats_the_run_bit_for_bit() {
        let bytes = |seed: u64| -> Vec<u8> { stormy(seed).published };
        assert_eq!(bytes(3), bytes(3));
        assert_ne!(bytes(3), bytes(4));
    }

    #[test]
    fn a_node_that_is_cut_off_hears_and_says_nothing() {
        let mut sim = mesh(1);
        sim.set_cut(SourceId::new(2), true);
        sim.run_until(1_000_000_000);
        let answers = sim.published().filter_map(|(_, m)| m.ok()).filter(|m| m.source() == SourceId::new(2)).count();
        assert_eq!(answers, 0);
        sim.set_cut(SourceId::new(2), false);
        sim.run_until(2_000_000_000);
        assert!(sim.published().filter_map(|(_, m)| m.ok()).any(|m| m.source() == SourceId::new(2)));
    }

    #[test]
    fn a_clock_that_jumps_moves_its_nodes_timers_and_never_its_time_back() {
        let asked = |ahead_ns: i64| {
            let mut sim = mesh(1);
            sim.set_cut(SourceId::new(2), true);
            sim.run_until(10_000_000);
            sim.set_clock(SourceId::new(1), ahead_ns);
            sim.run_until(20_000_000);
            let questions = sim.published().filter_map(|(_, m)| m.ok()).filter(|m| m.source() == SourceId::new(1));
            let times: Vec<u64> = questions.map(|m| m.timestamp_ns()).collect();
            assert!(times.is_sorted(), "{times:?}");
            (times.len(), times.last().copied().unwrap_or_default())
        };
        let (right, last_ns) = asked(0);
        let (ahead, last_ahead_ns) = asked(5_000_000);
        let (behind, last_behind_ns) = asked(-5_000_000);
        assert!(ahead >= right && last_ahead_ns > last_ns + 3_000_000, "{ahead} {last_ahead_ns}");
        assert!(behind < right && last_behind_ns < last_ns, "{behind} {last_behind_ns}");
    }

    #[test]
    fn answers_name_their_cause() {
        let mut sim = mesh(1);
        sim.run_until(1_000_000_000);
        let messages: Vec<_> = sim.published().filter_map(|(_, m)| m.ok()).collect();
        let asked: Vec<MessageId> =
            messages.iter().filter(|m| m.source() == SourceId::new(1)).map(Message::id).collect();
        for answer in messages.iter().filter(|m| m.source() == SourceId::new(2)) {
            let cause = answer.get::<mesh_types::system::Cause>().expect("a cause");
            assert!(asked.contains(&cause.message));
        }
    }
}
