//! What the venue answers and says, and what follows from it.

use mesh_types::execution::Balance;
use mesh_types::{CancelReason, ClientOrderId, Decimal64, FixedStr, OrderState, RejectReason};
use mesh_venues::action::Action;
use mesh_venues::private::{Ask, OrderTold, Told, TradeTold};

use crate::engine::{Asked, Effect, Executor, FIRST, Report};
use crate::order::NEVER;

/// Added to the time after which a request can't be executed any more: clocks differ.
const MARGIN_NS: u64 = 5_000_000_000;
/// So often the venue must not know an order before it is believed that it never had it.
const BELIEVED_AFTER: u32 = 2;
/// Names of foreign orders that are remembered.
const FOREIGN_KEPT: usize = 1_000;

/// What is told, without what it was borrowed from.
enum Owned {
    Order(OrderTold<'static>),
    Trade(TradeTold<'static>),
    Balance(String, Decimal64, Decimal64),
    Clock(u64),
    Following,
    Ended,
}

fn own(told: Told<'_>) -> Owned {
    match told {
        Told::Order(OrderTold { name, venue_order_id, state, filled, venue_ns }) => {
            Owned::Order(OrderTold { name: name.into_owned().into(), venue_order_id, state, filled, venue_ns })
        }
        Told::Trade(trade) => Owned::Trade(TradeTold {
            name: trade.name.map(|name| name.into_owned().into()),
            venue_order_id: trade.venue_order_id,
            trade_id: trade.trade_id,
            price: trade.price,
            quantity: trade.quantity,
            fee: trade.fee,
            fee_asset: trade.fee_asset.into_owned().into(),
            maker: trade.maker,
            venue_ns: trade.venue_ns,
        }),
        Told::Balance { asset, free, locked } => Owned::Balance(asset.into_owned(), free, locked),
        Told::Clock(clock_ns) => Owned::Clock(clock_ns),
        Told::Following => Owned::Following,
        Told::Ended => Owned::Ended,
    }
}

impl Executor {
    /// The answer to a request: its status, 0 where none came, the seconds that the venue asks to wait, its body.
    pub fn on_answer(&mut self, number: u32, (status, retry_after_s, body): (u16, u64, &[u8]), now_ns: u64) {
        let Some(asked) = self.calls.remove(&number) else { return self.count("late_answers") };
        self.answered(asked);
        if status == 200 {
            let mut told = Vec::new();
            match self.dialect.on_answer(asked.ask, body, &mut |one| told.push(own(one))) {
                Ok(()) => self.on_success(asked, told, now_ns),
                Err(_) => {
                    self.count("bad_payload");
                    self.on_failure(asked, Action::UnknownOutcome, "an answer that can't be read", now_ns);
                }
            }
        } else {
            let (action, text) = self.dialect.on_failure(status, retry_after_s, body);
            self.on_failure(asked, action, &text, now_ns);
        }
        self.tick(now_ns);
    }

    fn answered(&mut self, asked: Asked) {
        if let Some(known) = FIRST.iter().position(|ask| *ask == asked.ask).and_then(|at| self.known.get_mut(at)) {
            known.asking = false;
        }
        if let Some(live) = self.orders.get_mut(&asked.order) {
            match asked.ask {
                Ask::Place | Ask::Check => live.placing = false,
                Ask::Query => live.asking = false,
                Ask::Trades => live.fetching = false,
                Ask::Cancel => live.cancelling = false,
                _ => {}
            }
        }
    }

    fn on_success(&mut self, asked: Asked, told: Vec<Owned>, now_ns: u64) {
        let Asked { ask, order } = asked;
        if ask == Ask::Check {
            return self.reject(
                &order,
                RejectReason::Venue,
                "dry: the venue would take it, and it was not placed",
                now_ns,
            );
        }
        let names_order = told.iter().any(|told| matches!(told, Owned::Order(_)));
        self.hear(told, Some(asked), now_ns);
        if let Some(at) = FIRST.iter().position(|first| *first == ask) {
            let again_ns = if ask == Ask::Clock { now_ns.saturating_add(self.settings.clock_ns) } else { NEVER };
            self.known[at] = crate::engine::Known { known: true, asking: false, ask_ns: again_ns };
        }
        match ask {
            Ask::Place | Ask::Query | Ask::Cancel if !names_order => self.ask_at(&order, now_ns),
            // The venue has told where it is; fills that it claims and nobody has shown are fetched.
            Ask::Query => {
                self.unresolved.remove(&order);
            }
            Ask::Trades => {
                if let Some(live) = self.orders.get_mut(&order)
                    && live.owes_fills()
                {
                    live.fetch_ns = now_ns.saturating_add(self.settings.retry_ns);
                }
                self.settle(&order);
            }
            _ => {}
        }
    }

    /// The one thing that must not be got wrong: only what the venue refused for certain is refused.
    fn on_failure(&mut self, asked: Asked, action: Action, text: &str, now_ns: u64) {
        let Asked { ask, order } = asked;
        let again_ns = now_ns.saturating_add(self.settings.retry_ns);
        if let Action::BackOff { retry_after_s, .. } = action {
            let wait_ns = retry_after_s.saturating_mul(1_000_000_000).max(self.settings.retry_ns);
            self.pause_ns = self.pause_ns.max(now_ns.saturating_add(wait_ns));
            self.count("backed_off");
        }
        if action == Action::ResyncClock {
            self.known[0] = crate::engine::Known::default();
        }
        if action == Action::Fatal && self.halted.is_none() {
            self.halted = Some(format!("the venue does not take our requests: {text}"));
            self.count("halted");
        }
        match ask {
            Ask::Clock | Ask::Balances | Ask::OpenOrders => {
                if let Some(known) = FIRST.iter().position(|first| *first == ask).and_then(|at| self.known.get_mut(at))
                {
                    known.ask_ns = again_ns;
                }
            }
            Ask::Place | Ask::Check => match action {
                Action::Rejected(reason) => self.reject(&order, reason, text, now_ns),
                Action::Fatal => self.reject(&order, RejectReason::Venue, text, now_ns),
                // Not executed, for certain: it waits again.
                Action::Retry | Action::BackOff { .. } | Action::ResyncClock => self.wait_again(&order, again_ns),
                Action::AlreadyPlaced => self.ask_at(&order, now_ns),
                Action::UnknownOutcome | Action::NotFound => {
                    self.count("orders_unresolved");
                    self.ask_at(&order, again_ns);
                }
            },
            Ask::Query if action == Action::NotFound => self.not_found(&order, now_ns),
            Ask::Query => self.ask_at(&order, again_ns),
            Ask::Cancel => {
                // It ended already, or nobody knows: the venue is asked where it is, and again to take it back.
                if let Some(live) = self.orders.get_mut(&order) {
                    live.cancel_ns = now_ns.saturating_add(self.settings.retry_ns.saturating_mul(4));
                }
                self.ask_at(&order, if action == Action::NotFound { now_ns } else { again_ns });
            }
            Ask::Trades => {
                if let Some(live) = self.orders.get_mut(&order) {
                    live.fetch_ns = again_ns;
                }
            }
        }
    }

    fn wait_again(&mut self, id: &ClientOrderId, again_ns: u64) {
        self.pause_ns = self.pause_ns.max(again_ns);
        let Some(live) = self.orders.get_mut(id).filter(|live| !live.is_known()) else { return };
        live.sent_ns = 0;
        self.waiting.insert(live.arrival, *id);
        self.working.remove(id);
    }

    /// The venue does not know an order. It may lag behind itself, and a request may still be on its way: only once that can't
    /// be any more is the order one that it never had.
    fn not_found(&mut self, id: &ClientOrderId, now_ns: u64) {
        let lost_ns = self.dialect.lost_after_ms().saturating_mul(1_000_000).saturating_add(MARGIN_NS);
        let again_ns = now_ns.saturating_add(self.settings.retry_ns);
        let Some(live) = self.orders.get_mut(id) else { return };
        live.not_found += 1;
        live.ask_ns = again_ns;
        if live.is_known() {
            // It spoke of it before. Never is it taken as gone on a word that contradicts another.
            live.ask_ns = now_ns.saturating_add(self.settings.recheck_ns);
            return self.count("orders_forgotten_by_the_venue");
        }
        if live.not_found >= BELIEVED_AFTER && now_ns >= live.sent_ns.saturating_add(lost_ns) {
            self.reject(id, RejectReason::Venue, "it never reached the venue", now_ns);
        }
    }

    /// The private stream is open.
    pub fn on_connected(&mut self, now_ns: u64) {
        let text = self.dialect.follow(self.venue_ms(now_ns));
        self.effects.push(Effect::Send(text));
        self.tick(now_ns);
    }

    /// The private stream is gone: what it did not tell is asked for once it is back.
    pub fn on_disconnected(&mut self, now_ns: u64) {
        self.following = false;
        self.connect_ns = now_ns.saturating_add(self.settings.retry_ns).max(1);
        self.tick(now_ns);
    }

    /// A text of the private stream.
    pub fn on_text(&mut self, text: &[u8], now_ns: u64) {
        let mut told = Vec::new();
        if self.dialect.on_text(text, &mut |one| told.push(own(one))).is_err() {
            self.count("bad_payload");
        }
        self.hear(told, None, now_ns);
        self.tick(now_ns);
    }

    fn hear(&mut self, told: Vec<Owned>, asked: Option<Asked>, now_ns: u64) {
        for told in told {
            match told {
                Owned::Order(order) => self.hear_order(&order, now_ns),
                Owned::Trade(trade) => self.hear_trade(&trade, asked, now_ns),
                Owned::Balance(asset, free, locked) => self.hear_balance(asset, free, locked, now_ns),
                Owned::Clock(clock_ns) => {
                    let ahead = i128::from(clock_ns) - i128::from(now_ns);
                    self.offset_ns = i64::try_from(ahead).unwrap_or_default();
                }
                Owned::Following => {
                    self.following = true;
                    // What happened while it did not follow.
                    let working: Vec<ClientOrderId> = self.working.iter().copied().collect();
                    working.iter().for_each(|id| self.ask_at(id, now_ns));
                    for known in &mut self.known[1..] {
                        known.ask_ns = now_ns;
                    }
                }
                Owned::Ended => {
                    self.count("stream_ended");
                    self.following = false;
                    self.connect_ns = now_ns.saturating_add(self.settings.retry_ns).max(1);
                }
            }
        }
    }

    /// The order of this name, if it is one of ours.
    fn ours(&mut self, name: &str) -> Option<ClientOrderId> {
        let id = name.parse::<ClientOrderId>().ok().filter(|id| self.orders.contains_key(id));
        if id.is_none() && self.foreign.len() < FOREIGN_KEPT && self.foreign.insert(name.to_owned()) {
            self.count("foreign_orders");
        }
        id
    }

    fn hear_order(&mut self, told: &OrderTold<'_>, now_ns: u64) {
        let Some(id) = self.ours(&told.name) else { return };
        let Some(live) = self.orders.get_mut(&id) else { return };
        let venue_ns = if told.venue_ns == 0 { now_ns } else { told.venue_ns };
        let mut reports = Vec::new();
        if told.state != OrderState::Rejected {
            reports.extend(live.accept(&told.venue_order_id, venue_ns).map(Report::Accepted));
        }
        live.claim(told);
        live.not_found = 0;
        live.ask_ns = now_ns.saturating_add(self.settings.recheck_ns);
        match told.state {
            OrderState::Rejected if !live.is_known() => {
                let rejected = live.reject(RejectReason::Venue, "the venue refused it", now_ns);
                reports.push(Report::Rejected(rejected));
            }
            OrderState::Cancelled => {
                let asked_for = live.cancel;
                let reason =
                    if asked_for { CancelReason::Requested } else { self.dialect.ended_because(&live.request) };
                reports.extend(live.end(reason, venue_ns).map(Report::Cancelled));
            }
            _ => {}
        }
        if live.owes_fills() && live.fetch_ns == NEVER && !live.fetching {
            // They are told at the same time, as a rule: a moment later what is missing is fetched.
            live.fetch_ns = now_ns.saturating_add(self.settings.retry_ns);
        }
        let cause = live.cause;
        self.effects.extend(reports.into_iter().map(|report| Effect::Report(cause, report)));
        self.settle(&id);
    }

    fn hear_trade(&mut self, told: &TradeTold<'_>, asked: Option<Asked>, now_ns: u64) {
        let id = match (&told.name, asked) {
            (Some(name), _) => self.ours(name),
            // A list of fills names the venue's orders.
            (None, Some(Asked { order, .. })) => {
                let live = self.orders.get(&order).filter(|live| live.venue_order_id() == told.venue_order_id);
                live.map(|_| order)
            }
            (None, None) => None,
        };
        let Some(live) = id.and_then(|id| self.orders.get_mut(&id)) else { return };
        let (id, cause) = (live.id(), live.cause);
        let accepted = live.accept(&told.venue_order_id, if told.venue_ns == 0 { now_ns } else { told.venue_ns });
        let fill = live.fill(told, now_ns);
        let overfilled = fill.is_some_and(|fill| fill.cumulative_quantity.get() > live.quantity());
        let reports = accepted.map(Report::Accepted).into_iter().chain(fill.map(Report::Fill));
        self.effects.extend(reports.map(|report| Effect::Report(cause, report)));
        self.count(if fill.is_some() { "fills" } else { "fills_repeated" });
        if overfilled {
            self.count("overfills");
        }
        self.settle(&id);
    }

    fn hear_balance(&mut self, asset: String, free: Decimal64, locked: Decimal64, now_ns: u64) {
        let none = free.is_zero() && locked.is_zero();
        let known = self.balances.get(&asset);
        if known == Some(&(free, locked)) || (known.is_none() && none) {
            return;
        }
        let Ok(total) = free.checked_add(locked) else { return self.count("bad_payload") };
        let balance = Balance {
            venue: self.dialect.venue().into(),
            asset: FixedStr::truncated(&asset),
            total: total.into(),
            available: free.into(),
            venue_ns: now_ns.into(),
            updated_ns: now_ns.into(),
            ..Balance::default()
        };
        self.balances.insert(asset, (free, locked));
        self.say(mesh_types::MessageId::NONE, Report::Balance(balance));
    }
}
