//! What the ledger gives back becomes orders, fills and positions again.

use mesh_codec::Message;
use mesh_types::ClientOrderId;
use mesh_types::execution::{Fill, OrderAccepted, OrderCancelled, OrderRejected, OrderTrigger, Position};

use crate::exchange::PaperExchange;
use crate::matching::moved;
use crate::order::{Asked, End, PaperOrder};

impl PaperExchange {
    /// A row of an earlier run.
    pub(crate) fn restore(&mut self, message: &Message<'_>) {
        if let Some(asked) = Asked::of(message) {
            let id = asked.request.client_order_id;
            if !self.orders.contains_key(&id) {
                self.arrivals += 1;
                self.orders.insert(id, PaperOrder::new(&asked, message.id(), self.arrivals));
                self.working.insert(self.arrivals, id);
            }
        } else if let Some(accepted) = message.get::<OrderAccepted>() {
            self.restored(&accepted.client_order_id, |order| order.accepted = Some(*accepted));
        } else if let Some(rejected) = message.get::<OrderRejected>() {
            self.restored(&rejected.client_order_id, |order| order.end = Some(End::Rejected(*rejected)));
        } else if let Some(cancelled) = message.get::<OrderCancelled>() {
            self.restored(&cancelled.client_order_id, |order| order.end = Some(End::Cancelled(*cancelled)));
        } else if let Some(trigger) = message.get::<OrderTrigger>() {
            self.restored(&trigger.client_order_id, |order| {
                // That it was triggered is never taken back.
                if !order.is_triggered() {
                    order.trigger = Some(*trigger);
                }
            });
        } else if let Some(fill) = message.get::<Fill>() {
            let mut new = false;
            self.restored(&fill.client_order_id, |order| new = order.restore_fill(fill));
            if let (true, Some(side)) = (new, fill.side.get()) {
                let market = self.markets.entry(fill.instrument).or_default();
                market.restore_taken(side, fill.price.get(), fill.quantity.get());
                // Where a ledger gives back only some of the fills, the net position follows them.
                market.position = moved(market.position, side, fill.quantity.get()).unwrap_or(market.position);
            }
        } else if let Some(net) = message.get::<Position>() {
            self.markets.entry(net.instrument).or_default().position = net.quantity.get();
        }
    }

    fn restored(&mut self, id: &ClientOrderId, change: impl FnOnce(&mut PaperOrder)) {
        let Some(order) = self.orders.get_mut(id) else { return };
        let before = order.is_final();
        change(order);
        if order.is_final() && !before {
            self.finish(*id);
        }
    }
}
