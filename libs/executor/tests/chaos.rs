//! A venue that loses, delays, doubles and lags, and an executor that is killed at any moment: whatever happens, an intent is
//! at most one order there, every order comes to its end, and its fills are the venue's.

#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use mesh_codec::Message;
use mesh_types::execution::{Fill, OrderCancel};

use support::{Desk, SECOND, order, settings};

const QUANTITY: u64 = 10;

#[derive(Debug, Default)]
struct Order {
    state: &'static str,
    trades: Vec<(String, u64)>,
    placed_ns: u64,
}

impl Order {
    fn filled(&self) -> u64 {
        self.trades.iter().map(|(_, quantity)| quantity).sum()
    }

    fn is_open(&self) -> bool {
        matches!(self.state, "accepted" | "partially_filled")
    }
}

/// The venue's own books.
#[derive(Debug, Default)]
struct Venue {
    orders: BTreeMap<u8, Order>,
    /// Orders whose client has gone, and when they arrive.
    late: Vec<(u64, u8)>,
    events: Vec<String>,
    trades: u64,
}

impl Venue {
    fn line(&self, id: u8) -> String {
        let order = &self.orders[&id];
        format!("order {id} {} {} {}", 1_000 + u64::from(id), order.state, order.filled())
    }

    fn place(&mut self, id: u8, now_ns: u64, rng: &mut Rng) -> (u16, String) {
        if let Some(known) = self.orders.get(&id) {
            assert!(known.is_open(), "order {id} is placed a second time");
            return (409, "placed".to_owned());
        }
        if rng.u8(..) < 20 {
            return (400, "refused".to_owned());
        }
        self.orders.insert(id, Order { state: "accepted", placed_ns: now_ns, ..Order::default() });
        self.events.push(self.line(id));
        let mut lines = Vec::new();
        if rng.bool() {
            lines.push(self.fill(id, rng));
        }
        lines.push(self.line(id));
        (200, lines.join("\n"))
    }

    fn fill(&mut self, id: u8, rng: &mut Rng) -> String {
        self.trades += 1;
        let trade = format!("t{}", self.trades);
        let order = self.orders.get_mut(&id).expect("an order");
        let quantity = rng.u64(1..=QUANTITY - order.filled());
        order.trades.push((trade.clone(), quantity));
        order.state = if order.filled() == QUANTITY { "filled" } else { "partially_filled" };
        let line = format!("trade {id} {} {trade} {quantity} 10", 1_000 + u64::from(id));
        self.events.push(format!("{line}\n{}", self.line(id)));
        line
    }

    fn end(&mut self, id: u8) {
        self.orders.get_mut(&id).expect("an order").state = "cancelled";
        self.events.push(self.line(id));
    }

    fn open(&self, rng: &mut Rng) -> Option<u8> {
        let open: Vec<u8> = self.orders.iter().filter(|(_, order)| order.is_open()).map(|(id, _)| *id).collect();
        (!open.is_empty()).then(|| open[rng.usize(..open.len())])
    }

    /// Carries a request out and answers it.
    fn carry_out(&mut self, call: &str, now_ns: u64, lags: bool, rng: &mut Rng) -> (u16, String) {
        let (word, id) = call.split_once(' ').map_or((call, 0), |(word, id)| (word, id.parse().expect("a number")));
        let known = self.orders.get(&id);
        match (word, known) {
            ("clock", _) => (200, format!("clock {now_ns}")),
            ("balances", _) => (200, "balance USDT 100 0".to_owned()),
            ("open_orders", _) => {
                let open = self.orders.iter().filter(|(_, order)| order.is_open());
                (200, open.map(|(id, _)| self.line(*id)).collect::<Vec<_>>().join("\n"))
            }
            ("place", _) => self.place(id, now_ns, rng),
            (_, Some(order)) if lags && now_ns < order.placed_ns + SECOND => (404, String::new()),
            (_, None) => (404, String::new()),
            ("query", Some(_)) => (200, self.line(id)),
            ("trades", Some(order)) => {
                let venue = 1_000 + u64::from(id);
                let lines =
                    order.trades.iter().map(|(trade, quantity)| format!("trade - {venue} {trade} {quantity} 10"));
                (200, lines.collect::<Vec<_>>().join("\n"))
            }
            ("cancel", Some(order)) if order.is_open() => {
                self.end(id);
                (200, self.line(id))
            }
            _ => (404, String::new()),
        }
    }

    fn let_late_ones_in(&mut self, now_ns: u64, rng: &mut Rng) {
        let (due, later) = core::mem::take(&mut self.late).into_iter().partition(|(at_ns, _)| *at_ns <= now_ns);
        self.late = later;
        for (_, id) in due {
            let _ = self.place(id, now_ns, rng);
        }
    }
}

struct World {
    desk: Desk,
    venue: Venue,
    rng: Rng,
    placed: BTreeSet<u8>,
}

impl World {
    fn answer_one(&mut self, faults: bool) {
        if self.desk.calls.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.desk.calls.len());
        let call = self.desk.calls[at].1.clone();
        let now_ns = self.desk.now_ns;
        match self.rng.u8(..) {
            // Not carried out, and not answered; or later, where it may still be.
            0..30 if faults => {
                self.lose(&call);
                self.desk.answer(&call, 0, "no answer");
            }
            // Carried out, and not answered.
            30..60 if faults => {
                self.venue.carry_out(&call, now_ns, true, &mut self.rng);
                let status = if self.rng.bool() { 0 } else { 504 };
                self.desk.answer(&call, status, "");
            }
            60..75 if faults => self.desk.answer(&call, 429, ""),
            _ => {
                let (status, body) = self.venue.carry_out(&call, now_ns, faults, &mut self.rng);
                self.desk.answer(&call, status, &body);
            }
        }
    }

    /// A request is on its way, and nobody waits for it any more. The venue takes it for five seconds.
    fn lose(&mut self, call: &str) {
        if let (Some(id), true) = (call.strip_prefix("place "), self.rng.bool()) {
            let at_ns = self.desk.now_ns + self.rng.u64(..5 * SECOND);
            self.venue.late.push((at_ns, id.parse().expect("a number")));
        }
    }

    fn kill(&mut self) {
        for (_, call) in core::mem::take(&mut self.desk.calls) {
            if self.rng.bool() {
                self.venue.carry_out(&call, self.desk.now_ns, true, &mut self.rng);
            } else {
                self.lose(&call);
            }
        }
        self.desk = self.desk.killed();
        self.desk.start();
    }

    fn deliver(&mut self) {
        if self.venue.events.is_empty() {
            return;
        }
        let at = self.rng.usize(..self.venue.events.len());
        let event = self.venue.events[at].clone();
        match self.rng.u8(..) {
            0..60 => drop(self.venue.events.remove(at)),
            60..120 => self.desk.hears(&event),
            _ => {
                self.venue.events.remove(at);
                self.desk.hears(&event);
            }
        }
    }

    fn step(&mut self) {
        match self.rng.u8(0..100) {
            0..8 if self.placed.len() < 12 => {
                let id = u8::try_from(self.placed.len() + 1).expect("few");
                self.placed.insert(id);
                self.desk.place(&order(id));
            }
            8..30 => {
                let ns = self.rng.u64(1..15) * SECOND / 10;
                self.desk.pass(ns);
                self.venue.let_late_ones_in(self.desk.now_ns, &mut self.rng);
            }
            30..40 => {
                if let Some(id) = self.venue.open(&mut self.rng) {
                    self.venue.fill(id, &mut self.rng);
                }
            }
            40..43 => {
                if let Some(id) = self.venue.open(&mut self.rng) {
                    self.venue.end(id);
                }
            }
            43..46 => {
                let id = self.rng.u8(1..12);
                let cancel = OrderCancel { client_order_id: order(id).client_order_id, ..OrderCancel::default() };
                if self.placed.contains(&id) {
                    self.desk.told(&cancel);
                }
            }
            46..48 => self.kill(),
            48..60 => self.deliver(),
            _ => self.answer_one(true),
        }
    }

    fn calm(&mut self) {
        for _ in 0..60 {
            self.desk.pass(SECOND);
            self.venue.let_late_ones_in(self.desk.now_ns, &mut self.rng);
            for _ in 0..100 {
                self.answer_one(false);
            }
            while let Some(id) = self.venue.open(&mut self.rng) {
                self.venue.end(id);
            }
        }
    }

    fn check(&self) {
        let mut fills: BTreeMap<u8, BTreeMap<String, u64>> = BTreeMap::new();
        for frame in &self.desk.durable {
            if let Some(fill) = Message::parse(frame).expect("a frame").get::<Fill>() {
                let quantity = fill.quantity.get().to_string().parse().expect("a whole number");
                let of = fills.entry(fill.client_order_id.as_bytes()[0]).or_default();
                // Said again where somebody asks, it is the same.
                let before = of.insert(fill.trade_id.to_string(), quantity);
                assert!(before.is_none_or(|before| before == quantity), "trade {} is two", fill.trade_id);
            }
        }
        for id in &self.placed {
            let live = self.desk.executor.order(&order(*id).client_order_id).expect("it is known");
            assert!(live.is_final(), "order {id} has come to its end: {live:?}, {:?}", self.venue.orders.get(id));
            let theirs: BTreeMap<String, u64> =
                self.venue.orders.get(id).map(|order| order.trades.iter().cloned().collect()).unwrap_or_default();
            assert_eq!(fills.remove(id).unwrap_or_default(), theirs, "fills of order {id}");
        }
        assert!(fills.is_empty());
    }
}

#[test]
fn whatever_happens_an_intent_is_one_order_and_its_fills_are_ours() {
    let (mut trades, mut orders) = (0, 0);
    for seed in 0..400 {
        let outcome = std::panic::catch_unwind(|| {
            let desk = Desk::new(settings());
            let mut world = World { desk, venue: Venue::default(), rng: Rng::with_seed(seed), placed: BTreeSet::new() };
            world.desk.start();
            for _ in 0..300 {
                world.step();
            }
            world.calm();
            world.check();
            (world.venue.trades, world.venue.orders.len())
        });
        let (traded, placed) = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        (trades, orders) = (trades + traded, orders + placed);
    }
    assert!(trades > 1_000 && orders > 1_000, "{trades} trades of {orders} orders");
}
