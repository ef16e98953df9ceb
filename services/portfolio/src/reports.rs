//! What executors say of orders, and what is asked where they say nothing.

use mesh_actor::{Context, TimerId};
use mesh_oms::{Alarm, Effect, Order, PositionKey, Report};
use mesh_types::execution::{OrderRejected, OrderStatus, OrderStatusRequest};
use mesh_types::{ClientOrderId, FixedStr, OrderState, RejectReason};

use crate::exits::ExitKey;
use crate::portfolio::Portfolio;
use crate::settings::ns;

pub(crate) const CHECK: TimerId = TimerId(2);

impl Portfolio {
    /// Counts a report and draws its consequences.
    pub(crate) fn on_report(&mut self, report: &Report<'_>, context: &mut Context<'_>) {
        let id = report.client_order_id();
        let was_settled = self.oms.order(&id).is_some_and(Order::is_settled);
        let Ok(effect) = self.oms.apply(report, context.now_ns()) else {
            context.count("reports_of_unknown_orders", 1);
            if matches!(report, Report::Fill(_)) {
                self.risk.halt_entries("a fill of an unknown order");
            }
            return;
        };
        if let Some(alarm) = effect.alarm {
            self.on_alarm(alarm, context);
        }
        let Some(order) = self.oms.order(&id) else { return };
        let (intent, ended) = (*order.intent(), order.is_settled() && !was_settled);
        let owner = (intent.instrument, intent.strategy);
        // The strategy was told that its entry is allowed: it must hear as well that nothing, or no more, came of it.
        let entry_ended = ended && order.action().is_entry();
        if effect.filled || entry_ended {
            self.say_position(&owner, context);
        }
        if effect.filled {
            self.observe(context);
        }
        if let (true, Report::Status(status)) = (effect.never_had, report) {
            self.on_never_had(&id, status.venue_ns.get(), context);
        }
        self.resolve(&id, report, &effect);
        self.finish_exits(&owner);
    }

    fn on_alarm(&mut self, alarm: Alarm, context: &mut Context<'_>) {
        context.count(alarm.name(), 1);
        match alarm {
            Alarm::Overfill => self.risk.halt_entries("more was filled than ordered"),
            Alarm::FilledAfterReject | Alarm::RejectedAfterFill => {
                self.risk.halt_entries("an order was rejected and filled");
            }
            // Late or damaged reports change nothing; the order is asked about again.
            Alarm::Forgotten | Alarm::Malformed | Alarm::ForeignFee => {}
        }
    }

    /// Says where a position stands.
    pub(crate) fn say_position(&self, owner: &PositionKey, context: &mut Context<'_>) {
        match self.oms.position_body(owner) {
            Ok(body) => {
                context.emit(&body);
            }
            Err(_) => context.count("positions_that_do_not_fit", 1),
        }
    }

    /// The executor never had the order: it gets it again under the same id, or the order is over where it expired. That it
    /// expired is the executor's clock to say, at `told_ns`: by that clock it refuses the order should it still come. Ours may
    /// have jumped while the order is on its way.
    fn on_never_had(&mut self, id: &ClientOrderId, told_ns: u64, context: &mut Context<'_>) {
        let Some(order) = self.oms.order(id) else { return };
        let (now_ns, expires_ns) = (context.now_ns(), order.intent().expires_ns.get());
        if expires_ns == 0 || now_ns <= expires_ns {
            context.emit(&order.request());
            context.count("orders_sent_again", 1);
        } else if told_ns > expires_ns {
            let rejected = OrderRejected {
                client_order_id: *id,
                instrument: order.intent().instrument,
                reason: RejectReason::Stale.into(),
                text: FixedStr::truncated("it expired before its executor had it"),
                venue_ns: now_ns.into(),
                ..OrderRejected::default()
            };
            context.emit(&rejected);
            context.count("orders_expired", 1);
            self.on_report(&Report::Rejected(&rejected), context);
        }
    }

    /// An order of an earlier run is resolved once its executor has told where it is and every fill of it is here.
    fn resolve(&mut self, id: &ClientOrderId, report: &Report<'_>, effect: &Effect) {
        let Some(order) = self.oms.order(id) else { return };
        // That it is about to be sent says nothing of what became of it.
        let told = |status: &OrderStatus| status.state.get().is_some_and(|state| state > OrderState::Sent);
        let answered = matches!(report, Report::Status(status) if told(status))
            && order.state() != OrderState::Unknown
            && !effect.never_had;
        if order.is_settled() || (answered && order.is_told()) {
            self.unresolved.remove(id);
        }
    }

    /// Asks about every order that is silent, and tries exits again.
    pub(crate) fn on_check(&mut self, context: &mut Context<'_>) {
        let (now_ns, silence_ns) = (context.now_ns(), ns(self.settings.silence_ms));
        let silent: Vec<_> = self
            .oms
            .unsettled()
            .filter(|order| now_ns.saturating_sub(order.heard_ns()) >= silence_ns)
            .map(|order| (order.intent().client_order_id, order.intent().instrument))
            .collect();
        for (client_order_id, instrument) in silent {
            self.ask(client_order_id, instrument, context);
        }
        let due: Vec<ExitKey> =
            self.exits.iter().filter(|(_, exit)| exit.retry_ns <= now_ns).map(|(key, _)| *key).collect();
        for key in due {
            self.finish_exits(&key.0);
            self.try_exit(key, context);
        }
        if self.watches_losses() {
            self.observe(context);
        }
    }

    pub(crate) fn ask(
        &mut self,
        client_order_id: ClientOrderId,
        instrument: mesh_types::InstrumentId,
        context: &mut Context<'_>,
    ) {
        context.emit(&OrderStatusRequest { client_order_id, instrument });
        context.count("orders_asked_about", 1);
        self.oms.on_asked(&client_order_id, context.now_ns());
    }
}
