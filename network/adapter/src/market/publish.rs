//! What the mesh is told of what feeds say.

use std::collections::BTreeMap;

use mesh_actor::Context;
use mesh_book::PublicationHead;
use mesh_types::InstrumentId;
use mesh_types::market::InstrumentInfo;
use mesh_venues::message::Message as Told;
use mesh_venues::reader::{BookView, Said};

use super::Published;

/// Publishes what has changed in a book's view, if anything.
pub(super) fn publish(
    published: &mut BTreeMap<InstrumentId, Published>,
    view: &BookView<'_>,
    received_ns: u64,
    context: &mut Context<'_>,
) {
    let Some(published) = published.get_mut(&view.instrument) else { return };
    let Some(publication) = published.view.publish(view.book, view.sequence, view.health) else { return };
    match publication.head.stamped(view.instrument, view.venue_ns, received_ns) {
        PublicationHead::Snapshot(head) => context.emit_tailed(&head, publication.levels),
        PublicationHead::Delta(head) => context.emit_tailed(&head, publication.levels),
    };
}

/// Tells the mesh what a feed said. `resumed`: what is of the past was missed while the connection was away.
pub(super) fn tell(
    published: &mut BTreeMap<InstrumentId, Published>,
    said: Said<'_>,
    resumed: bool,
    received_ns: u64,
    context: &mut Context<'_>,
) {
    let message = match said {
        Said::Book(view) => {
            if view.checksum_ok == Some(false) {
                context.count("checksum_failures", 1);
            }
            return publish(published, &view, received_ns, context);
        }
        Said::Message(message) => message,
    };
    match message {
        Told::Trade { past: true, .. } if !resumed => {}
        Told::Trade { trade, .. } if published.contains_key(&trade.instrument) => drop(context.emit(trade)),
        Told::TradeGap(gap) if published.contains_key(&gap.instrument) => {
            context.count("trade_gaps", 1);
            context.emit(gap);
        }
        Told::Quote(quote) if published.contains_key(&quote.instrument) => drop(context.emit(quote)),
        Told::Candle { candle, past } => {
            let Some(published) = published.get_mut(&candle.instrument) else { return };
            let last = published.closed_ns.get(&candle.interval_ns.get()).copied();
            // The past is told where it closes a hole, and nothing is closed twice.
            let is_new = last.is_none_or(|last| candle.open_ns.get() > last);
            if is_new && (!past || resumed && last.is_some()) {
                if candle.closed == 1 {
                    published.closed_ns.insert(candle.interval_ns.get(), candle.open_ns.get());
                }
                context.emit(candle);
            }
        }
        Told::Mark(update) => {
            let Some(published) = published.get_mut(&update.instrument) else { return };
            let mark = published.mark.get_or_insert_default();
            update.merge_into(mark);
            context.emit(mark);
        }
        Told::OpenInterest(interest) if published.contains_key(&interest.instrument) => drop(context.emit(interest)),
        Told::Liquidation(one) if published.contains_key(&one.instrument) => drop(context.emit(one)),
        Told::Instrument(info) => {
            let Some(published) = published.get_mut(&info.instrument) else { return };
            let rules = |info: &InstrumentInfo| InstrumentInfo { venue_ns: 0.into(), received_ns: 0.into(), ..*info };
            if published.info.as_ref().map(rules) != Some(rules(info)) {
                context.emit(info);
            }
            published.info = Some(*info);
        }
        Told::Reply(reply) if reply.error.is_some() => context.count("refused_requests", 1),
        _ => {}
    }
}
