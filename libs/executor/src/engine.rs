//! All orders of one account: what the mesh asks for, and the state that everything else works on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mesh_actor::Digest;
use mesh_codec::Message;
use mesh_types::execution::{
    Balance, Fill, OrderAccepted, OrderCancel, OrderCancelled, OrderRejected, OrderReplace, OrderRequest, OrderStatus,
    OrderStatusRequest, OrderTerms,
};
use mesh_types::{ClientOrderId, Decimal64, InstrumentId, MessageId, OrderState, RejectReason};
use mesh_venues::private::{Ask, Call, Dialect, Named};

use crate::order::{End, Live};

/// Finished orders that are remembered, so that a late repeat gets the same answer.
const FINISHED_KEPT: usize = 10_000;

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Orders are looked at by the venue and not taken.
    pub dry: bool,
    /// An order that works is asked about so often, whatever the private stream says, ns.
    pub recheck_ns: u64,
    /// A request that failed is made again after this, ns.
    pub retry_ns: u64,
    /// The venue's clock is asked for so often, ns.
    pub clock_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const SECOND_NS: u64 = 1_000_000_000;
        Self { dry: false, recheck_ns: 10 * SECOND_NS, retry_ns: SECOND_NS / 2, clock_ns: 600 * SECOND_NS }
    }
}

/// A message to the mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    /// The venue took an order.
    Accepted(OrderAccepted),
    /// It was refused, for certain.
    Rejected(OrderRejected),
    /// A part of it was filled.
    Fill(Fill),
    /// It ended.
    Cancelled(OrderCancelled),
    /// Where it is; that it is about to be sent.
    Status(OrderStatus),
    /// What the account holds of an asset.
    Balance(Balance),
}

/// What follows from what was told, in this order, once it is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Say this, because of the message named and the one at hand.
    Report(MessageId, Report),
    /// Ask the venue; the answer comes with this number.
    Call(u32, Call),
    /// Open the private stream anew.
    Connect,
    /// Send a text on the private stream.
    Send(String),
    /// Count this.
    Count(&'static str),
}

/// What a request to the venue was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) order: ClientOrderId,
}

/// What must be known before anything is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) known: bool,
    pub(crate) asking: bool,
    /// When it is asked for next, ns since the Unix epoch.
    pub(crate) ask_ns: u64,
}

/// An executor of one account.
#[derive(Debug)]
pub struct Executor {
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) settings: Settings,
    pub(crate) started: bool,
    pub(crate) orders: BTreeMap<ClientOrderId, Live>,
    /// Not sent yet, by arrival.
    pub(crate) waiting: BTreeMap<u64, ClientOrderId>,
    /// Sent and not final.
    pub(crate) working: BTreeSet<ClientOrderId>,
    /// Of an earlier life, and not known what became of them.
    pub(crate) unresolved: BTreeSet<ClientOrderId>,
    finished: VecDeque<ClientOrderId>,
    pub(crate) calls: BTreeMap<u32, Asked>,
    pub(crate) last_call: u32,
    /// Clock, balances, working orders.
    pub(crate) known: [Known; 3],
    /// The venue's clock less ours, ns.
    pub(crate) offset_ns: i64,
    /// Nothing is asked before, ns since the Unix epoch.
    pub(crate) pause_ns: u64,
    /// Why nothing is sent any more.
    pub(crate) halted: Option<String>,
    /// The private stream follows the account.
    pub(crate) following: bool,
    /// When the private stream is opened next; 0 while it is open or being opened.
    pub(crate) connect_ns: u64,
    pub(crate) foreign: BTreeSet<String>,
    pub(crate) balances: BTreeMap<String, (Decimal64, Decimal64)>,
    arrivals: u64,
    pub(crate) effects: Vec<Effect>,
}

/// What must be known first, in the order of [`Executor::known`].
pub(crate) const FIRST: [Ask; 3] = [Ask::Clock, Ask::Balances, Ask::OpenOrders];

impl Executor {
    /// An executor that knows nothing yet.
    pub fn new(dialect: Box<dyn Dialect>, settings: Settings) -> Self {
        Self {
            dialect,
            settings,
            started: false,
            orders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            working: BTreeSet::new(),
            unresolved: BTreeSet::new(),
            finished: VecDeque::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            known: [Known::default(); 3],
            offset_ns: 0,
            pause_ns: 0,
            halted: None,
            following: false,
            connect_ns: 0,
            foreign: BTreeSet::new(),
            balances: BTreeMap::new(),
            arrivals: 0,
            effects: Vec::new(),
        }
    }

    /// What is to be done now; the caller does it, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        core::mem::take(&mut self.effects)
    }

    /// True once orders can be sent.
    pub fn is_ready(&self) -> bool {
        self.known.iter().all(|known| known.known) && self.unresolved.is_empty() && self.halted.is_none()
    }

    /// An order.
    pub fn order(&self, id: &ClientOrderId) -> Option<&Live> {
        self.orders.get(id)
    }

    /// Names of orders at the account that the mesh does not know.
    pub const fn foreign(&self) -> &BTreeSet<String> {
        &self.foreign
    }

    pub(crate) fn count(&mut self, name: &'static str) {
        self.effects.push(Effect::Count(name));
    }

    pub(crate) fn say(&mut self, cause: MessageId, report: Report) {
        self.effects.push(Effect::Report(cause, report));
    }

    /// A row of an earlier life.
    pub fn restore(&mut self, message: &Message<'_>) {
        if let Some(request) = message.get::<OrderRequest>() {
            // What goes to other venues passes by here too.
            if self.dialect.takes(&request.instrument) && !self.orders.contains_key(&request.client_order_id) {
                self.insert(request, message.id());
            }
        } else if let Some(status) = message.get::<OrderStatus>() {
            let sent = status.state.get() == Some(OrderState::Sent);
            self.restored(&status.client_order_id, |live| {
                if sent {
                    live.sent_ns = message.timestamp_ns().max(1);
                }
            });
        } else if let Some(accepted) = message.get::<OrderAccepted>() {
            self.restored(&accepted.client_order_id, |live| live.accepted = Some(*accepted));
        } else if let Some(fill) = message.get::<Fill>() {
            self.restored(&fill.client_order_id, |live| live.restore_fill(fill));
        } else if let Some(rejected) = message.get::<OrderRejected>() {
            self.restored(&rejected.client_order_id, |live| live.restore_end(End::Rejected(*rejected)));
        } else if let Some(cancelled) = message.get::<OrderCancelled>() {
            self.restored(&cancelled.client_order_id, |live| live.restore_end(End::Cancelled(*cancelled)));
        }
    }

    fn restored(&mut self, id: &ClientOrderId, change: impl FnOnce(&mut Live)) {
        if let Some(live) = self.orders.get_mut(id) {
            change(live);
        }
    }

    fn insert(&mut self, request: &OrderRequest, cause: MessageId) {
        self.arrivals += 1;
        self.orders.insert(request.client_order_id, Live::new(request, cause, self.arrivals));
        self.waiting.insert(self.arrivals, request.client_order_id);
    }

    /// Everything of earlier lives is here.
    pub fn start(&mut self, now_ns: u64) {
        self.started = true;
        self.connect_ns = now_ns.max(1);
        let all: Vec<ClientOrderId> = self.orders.keys().copied().collect();
        for id in all {
            self.settle(&id);
            if let Some(live) = self.orders.get_mut(&id).filter(|_| self.working.contains(&id)) {
                // Also one that was accepted: it may have gone on while nobody listened. What an earlier life sent, it sent
                // before now.
                live.sent_ns = now_ns.max(1);
                live.ask_ns = now_ns;
                self.unresolved.insert(id);
            }
        }
        self.tick(now_ns);
    }

    /// Takes a message of the mesh.
    pub fn on_message(&mut self, message: &Message<'_>, now_ns: u64) {
        if let Some(request) = message.get::<OrderRequest>() {
            if self.dialect.takes(&request.instrument) {
                let more = message.get::<OrderTerms>().is_some() || message.get::<OrderReplace>().is_some();
                self.on_request(request, more, message.id(), now_ns);
            }
        } else if let Some(cancel) = message.get::<OrderCancel>() {
            self.on_cancel(cancel, now_ns);
        } else if let Some(asked) = message.get::<OrderStatusRequest>() {
            self.on_asked(asked, now_ns);
        }
        self.tick(now_ns);
    }

    fn on_request(&mut self, request: &OrderRequest, more: bool, cause: MessageId, now_ns: u64) {
        let id = request.client_order_id;
        if let Some(known) = self.orders.get(&id) {
            let same = known.request == *request;
            self.count(if same { "orders_repeated" } else { "orders_conflicting" });
            return self.answer(&id, now_ns);
        }
        self.insert(request, cause);
        let expires_ns = request.expires_ns.get();
        let refusal = if more {
            // Denied here: to place it without them would be another order.
            Some((RejectReason::Malformed, "conditions and replacements are not taken here".to_owned()))
        } else if expires_ns != 0 && now_ns > expires_ns {
            Some((RejectReason::Stale, "it came after it expired".to_owned()))
        } else {
            self.halted.clone().map(|why| (RejectReason::Venue, why))
        };
        if let Some((reason, text)) = refusal {
            self.reject(&id, reason, &text, now_ns);
        }
    }

    fn on_cancel(&mut self, cancel: &OrderCancel, now_ns: u64) {
        let (one, instrument) = (cancel.client_order_id, cancel.instrument);
        let wanted: Vec<ClientOrderId> = if one == ClientOrderId::default() {
            let of_it = |live: &&Live| instrument == InstrumentId::default() || live.request.instrument == instrument;
            self.orders.values().filter(|live| !live.is_final()).filter(of_it).map(Live::id).collect()
        } else {
            vec![one]
        };
        for id in wanted {
            match self.orders.get_mut(&id) {
                Some(live) if !live.is_final() => (live.cancel, live.cancel_ns) = (true, now_ns),
                Some(_) => self.answer(&id, now_ns),
                None if self.dialect.takes(&instrument) => self.never_had(&id, now_ns),
                None => {}
            }
        }
    }

    fn on_asked(&mut self, asked: &OrderStatusRequest, now_ns: u64) {
        if asked.client_order_id == ClientOrderId::default() {
            let open: Vec<ClientOrderId> = self.orders.values().filter(|live| !live.is_final()).map(Live::id).collect();
            open.iter().for_each(|id| self.answer(id, now_ns));
        } else if self.orders.contains_key(&asked.client_order_id) {
            self.answer(&asked.client_order_id, now_ns);
        } else if self.dialect.takes(&asked.instrument) {
            self.never_had(&asked.client_order_id, now_ns);
        }
    }

    fn never_had(&mut self, id: &ClientOrderId, now_ns: u64) {
        let state = OrderState::Unknown.into();
        let status = OrderStatus { client_order_id: *id, state, venue_ns: now_ns.into(), ..OrderStatus::default() };
        self.say(MessageId::NONE, Report::Status(status));
    }

    /// Says again everything that was said of an order, then where it is. Of one that the venue has not spoken of, it is asked.
    fn answer(&mut self, id: &ClientOrderId, now_ns: u64) {
        let Some(live) = self.orders.get_mut(id) else { return };
        let cause = live.cause;
        let mut reports: Vec<Report> = live.accepted.map(Report::Accepted).into_iter().collect();
        reports.extend(live.fills.iter().copied().map(Report::Fill));
        match live.end {
            Some(End::Rejected(body)) => reports.push(Report::Rejected(body)),
            Some(End::Cancelled(body)) => reports.push(Report::Cancelled(body)),
            None => {}
        }
        reports.extend(live.status().map(Report::Status));
        if !live.is_final() && live.sent_ns > 0 && !live.placing {
            live.ask_ns = live.ask_ns.min(now_ns);
        }
        reports.into_iter().for_each(|report| self.say(cause, report));
    }

    pub(crate) fn reject(&mut self, id: &ClientOrderId, reason: RejectReason, text: &str, now_ns: u64) {
        let Some(live) = self.orders.get_mut(id) else { return };
        let (cause, rejected) = (live.cause, live.reject(reason, text, now_ns));
        self.say(cause, Report::Rejected(rejected));
        self.count("orders_rejected");
        self.settle(id);
    }

    /// Puts an order where it belongs now.
    pub(crate) fn settle(&mut self, id: &ClientOrderId) {
        let Some(live) = self.orders.get_mut(id) else { return };
        let sent = live.sent_ns > 0 || live.is_known();
        if !live.is_final() {
            if sent {
                self.waiting.remove(&live.arrival);
                self.working.insert(*id);
            }
            return;
        }
        self.waiting.remove(&live.arrival);
        self.working.remove(id);
        self.unresolved.remove(id);
        if !live.done {
            live.done = true;
            self.finished.push_back(*id);
            while self.finished.len() > FINISHED_KEPT {
                self.finished.pop_front().map(|oldest| self.orders.remove(&oldest));
            }
        }
    }

    pub(crate) fn ask_at(&mut self, id: &ClientOrderId, at_ns: u64) {
        if let Some(live) = self.orders.get_mut(id) {
            live.ask_ns = live.ask_ns.min(at_ns);
        }
    }

    /// The venue's clock, ms.
    pub(crate) fn venue_ms(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.offset_ns) / 1_000_000
    }

    /// Asks the venue.
    pub(crate) fn call(
        &mut self,
        ask: Ask,
        id: &ClientOrderId,
        now_ns: u64,
    ) -> Result<(), (RejectReason, &'static str)> {
        let name = id.to_string();
        let named = self.orders.get(id).map(|live| Named {
            request: &live.request,
            name: &name,
            venue_order_id: live.venue_order_id(),
        });
        let call = self.dialect.call(ask, named, self.venue_ms(now_ns))?;
        self.last_call = self.last_call.wrapping_add(1);
        self.calls.insert(self.last_call, Asked { ask, order: *id });
        self.effects.push(Effect::Call(self.last_call, call));
        Ok(())
    }

    /// A digest of all that can influence what follows.
    pub fn digest(&self) -> u64 {
        let digest = Digest::default().u64(u64::from(self.started)).u64(self.arrivals).u64(self.last_call.into());
        let digest = self.orders.values().fold(digest, |digest, live| live.digest_into(digest));
        let digest = self.waiting.keys().fold(digest, |digest, arrival| digest.u64(*arrival));
        let ids = self.working.iter().chain(&self.unresolved).chain(&self.finished);
        let digest = ids.fold(digest, |digest, id| digest.bytes(id.as_bytes()));
        let digest = self.calls.iter().fold(digest, |digest, (number, asked)| {
            digest.u64((*number).into()).u64(asked.ask as u64).bytes(asked.order.as_bytes())
        });
        let digest = self.known.iter().fold(digest, |digest, known| {
            digest.u64(u64::from(known.known)).u64(u64::from(known.asking)).u64(known.ask_ns)
        });
        let digest = digest.i64(self.offset_ns).u64(self.pause_ns).u64(u64::from(self.following)).u64(self.connect_ns);
        let digest = self.halted.iter().chain(&self.foreign).fold(digest, |digest, text| digest.bytes(text.as_bytes()));
        let digest = self.balances.iter().fold(digest, |digest, (asset, (free, locked))| {
            let digest = digest.bytes(asset.as_bytes()).i64(free.mantissa).i64(free.exponent.into());
            digest.i64(locked.mantissa).i64(locked.exponent.into())
        });
        digest.value()
    }
}
