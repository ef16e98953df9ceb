//! A second connection takes over before the venue cuts the first off.

use mesh_actor::{Context, Digest};
use mesh_venues::feed::overlap::Successor;
use mesh_venues::reader::Said;

use super::publish::{publish, tell};
use super::{MILLISECOND_NS, Market, Next};
use crate::wire;

/// A connection that is to take over has at least so long to come as far as the one before.
pub(super) const OVERLAP_NS: u64 = 20_000 * MILLISECOND_NS;
/// After a connection that was to take over failed.
const RENEW_AGAIN_NS: u64 = 5_000 * MILLISECOND_NS;

impl Market {
    /// Makes a second connection, which takes over once it has come as far.
    pub(super) fn renew(&mut self, index: usize, within_ns: u64, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let Some(link) = self.links.get_mut(index) else { return };
        context.count("renewals", 1);
        link.used += 1;
        let mut connection = link.connection;
        connection.open(link.used, now_ns);
        let successor = Successor::of(&link.feed);
        link.next = Some(Next { connection, successor, until_ns: now_ns.saturating_add(within_ns) });
        let (used, path) = (link.used, link.path);
        self.ask(index, used, wire::CONNECT, path, context);
    }

    /// The second connection failed: another one is made a little later.
    pub(super) fn lost_next(&mut self, index: usize, context: &mut Context<'_>) {
        context.count("failed_renewals", 1);
        if let Some(link) = self.links.get_mut(index) {
            link.next = None;
            link.renew_ns = context.now_ns().saturating_add(RENEW_AGAIN_NS);
        }
    }

    /// The second connection becomes the one; the old one ends.
    pub(super) fn take_over(&mut self, index: usize, reason: &str, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let Some(link) = self.links.get_mut(index) else { return };
        let Some(next) = link.next.take() else { return };
        if let Some(used) = link.connection.stream() {
            self.ask(index, used, wire::CLOSE, "", context);
        }
        let renew_ns = self.renew_at(index, now_ns);
        let Self { links, published, .. } = self;
        let Some(link) = links.get_mut(index) else { return };
        link.connection = next.connection;
        link.renew_ns = if link.connection.is_open() { renew_ns } else { u64::MAX };
        // What the new one was told of the past, and the old one had not told, was missed.
        for message in &next.successor.take_over(&mut link.feed, now_ns) {
            tell(published, Said::Message(message), true, now_ns, context);
        }
        for view in link.feed.reader().books() {
            if let Some(published) = published.get_mut(&view.instrument) {
                published.view.start_again();
            }
            publish(published, &view, now_ns, context);
        }
        self.set_state(reason, context);
        self.after(index, context);
    }

    /// When a connection that is opened now should be renewed: not all at the same time.
    pub(super) fn renew_at(&self, index: usize, now_ns: u64) -> u64 {
        let chance = Digest::default().u64(self.salt).u64(index as u64).u64(now_ns).value();
        now_ns.saturating_add(self.life_ns - chance % (self.life_ns / 24).max(1))
    }

    /// Renews what is due, and takes over where the second connection is ready or can't be waited for.
    pub(super) fn renew_or_take_over(&mut self, index: usize, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let Some(link) = self.links.get(index) else { return };
        match &link.next {
            None if now_ns >= link.renew_ns && link.connection.is_open() => {
                self.renew(index, (self.life_ns / 48).max(OVERLAP_NS), context);
            }
            Some(next) if next.successor.is_ready(&link.feed, now_ns) || now_ns >= next.until_ns => {
                self.take_over(index, "", context);
            }
            _ => {}
        }
    }
}
