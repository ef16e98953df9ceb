//! What time brings: what must be known is asked for, orders that wait go out, orders that are silent are asked about.

use mesh_types::{CancelReason, ClientOrderId, RejectReason};
use mesh_venues::private::Ask;

use crate::engine::{Effect, Executor, FIRST, Report};
use crate::order::{Live, NEVER};

impl Executor {
    /// Does what is due.
    pub fn tick(&mut self, now_ns: u64) {
        if !self.started || now_ns < self.pause_ns {
            return;
        }
        if self.connect_ns != 0 && self.connect_ns <= now_ns {
            self.connect_ns = 0;
            self.effects.push(Effect::Connect);
        }
        self.ask_first(now_ns);
        if self.known[0].known {
            self.ask_about_orders(now_ns);
        }
        self.end_what_was_not_sent(now_ns);
        if self.is_ready() {
            self.send_what_waits(now_ns);
        }
    }

    /// When something is due next, ns since the Unix epoch.
    pub fn due_ns(&self) -> u64 {
        if !self.started {
            return NEVER;
        }
        let connect_ns = if self.connect_ns == 0 { NEVER } else { self.connect_ns };
        // Without the venue's clock nothing else can be asked.
        let asked = if self.known[0].known { self.known.as_slice() } else { &self.known[..1] };
        let first = asked.iter().filter(|known| !known.asking).map(|known| known.ask_ns);
        let orders = self.working.iter().filter(|_| self.known[0].known).filter_map(|id| self.orders.get(id));
        let orders = orders.map(Live::due_ns);
        let expiring = self.waiting.values().filter_map(|id| self.orders.get(id)).map(expires_ns);
        let pausing = (self.is_ready() && !self.waiting.is_empty()).then_some(self.pause_ns);
        let soonest = first.chain(orders).chain(expiring).chain(pausing).fold(connect_ns, u64::min);
        soonest.max(self.pause_ns)
    }

    fn ask_first(&mut self, now_ns: u64) {
        for (index, ask) in FIRST.into_iter().enumerate() {
            // The rest is signed with the venue's time.
            let timed = index == 0 || self.known[0].known;
            let due = self.known.get(index).is_some_and(|known| !known.asking && known.ask_ns <= now_ns);
            if timed && due && self.call(ask, &ClientOrderId::default(), now_ns).is_ok() {
                self.known[index].asking = true;
            }
        }
    }

    fn ask_about_orders(&mut self, now_ns: u64) {
        let due = self.working.iter().filter_map(|id| self.orders.get(id)).filter(|live| live.due_ns() <= now_ns);
        let due: Vec<ClientOrderId> = due.map(Live::id).collect();
        for id in due {
            let Some(live) = self.orders.get_mut(&id) else { continue };
            let ask = if live.cancel_ns <= now_ns && !live.cancelling && !live.placing && live.end.is_none() {
                (live.cancelling, live.cancel_ns) = (true, NEVER);
                Ask::Cancel
            } else if live.ask_ns <= now_ns && !live.asking && !live.placing {
                (live.asking, live.ask_ns) = (true, now_ns.saturating_add(self.settings.recheck_ns));
                Ask::Query
            } else {
                (live.fetching, live.fetch_ns) = (true, NEVER);
                Ask::Trades
            };
            if self.call(ask, &id, now_ns).is_err() {
                self.count("orders_that_cannot_be_asked_about");
            }
        }
    }

    /// What waits and expires, or is wanted back, ends without the venue.
    fn end_what_was_not_sent(&mut self, now_ns: u64) {
        let waiting: Vec<ClientOrderId> = self.waiting.values().copied().collect();
        for id in waiting {
            let Some(live) = self.orders.get_mut(&id) else { continue };
            if live.cancel {
                let cause = live.cause;
                if let Some(cancelled) = live.end(CancelReason::Requested, now_ns) {
                    self.say(cause, Report::Cancelled(cancelled));
                }
                self.settle(&id);
            } else if expires_ns(live) <= now_ns {
                self.reject(&id, RejectReason::Stale, "it expired before it could be sent", now_ns);
            }
        }
    }

    fn send_what_waits(&mut self, now_ns: u64) {
        let waiting: Vec<ClientOrderId> = self.waiting.values().copied().collect();
        let ask = if self.settings.dry { Ask::Check } else { Ask::Place };
        for id in waiting {
            let Some(live) = self.orders.get_mut(&id) else { continue };
            let (before, cause) = (live.sent_ns, live.cause);
            let status = live.about_to_send(now_ns);
            self.say(cause, Report::Status(status));
            match self.call(ask, &id, now_ns) {
                Ok(()) => {
                    self.count("orders_sent");
                    self.settle(&id);
                }
                Err((reason, text)) => {
                    // Denied here: nothing was about to be sent after all.
                    self.effects.pop();
                    if let Some(live) = self.orders.get_mut(&id) {
                        (live.sent_ns, live.placing) = (before, false);
                    }
                    self.reject(&id, reason, text, now_ns);
                }
            }
        }
    }
}

/// After this it is not sent any more.
fn expires_ns(live: &Live) -> u64 {
    match live.request.expires_ns.get() {
        0 => NEVER,
        expires_ns => expires_ns.saturating_add(1),
    }
}
