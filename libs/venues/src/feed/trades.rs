//! Trades that were told, so that none is told twice, and those that were missed, so that none is lost in silence.
//!
//! Where the venue counts its trades (Binance, Kraken) a number that is left out is a trade that was missed, whatever the
//! reason. Where it does not, trades may have been missed while the connection was away, unless what comes after knows one
//! from before.

use std::collections::{BTreeSet, VecDeque};

use mesh_types::market::{Trade, TradeGap};

/// Trade ids of an instrument that are remembered.
const REMEMBERED: usize = 1_024;

/// What was told of an instrument's trades.
#[derive(Debug, Default)]
pub(super) struct Trades {
    order: VecDeque<u64>,
    known: BTreeSet<u64>,
    /// Id and time of the last.
    last: Option<(u64, u64)>,
    /// The connection was away since.
    away: bool,
    /// Since it is back: the first new one, and whether one of before was told again.
    first: Option<(u64, u64)>,
    met: bool,
}

impl Trades {
    /// Whether a trade was told, as far as that is remembered.
    pub(super) fn knows(&self, id: u64) -> bool {
        self.known.contains(&id)
    }

    /// A trade came: whether it is new, and what was missed before it, where the venue counts them.
    pub(super) fn hear(&mut self, trade: &Trade, numbered: bool) -> (bool, Option<TradeGap>) {
        let (id, venue_ns) = (trade.trade_id.get(), trade.venue_ns.get());
        if !self.remember(id) {
            self.met = true;
            return (false, None);
        }
        self.first = self.first.or(Some((id, venue_ns)));
        let missed = match self.last.filter(|_| numbered) {
            Some((last, after_ns)) if id > last + 1 => Some(TradeGap {
                instrument: trade.instrument,
                first_trade_id: (last + 1).into(),
                last_trade_id: (id - 1).into(),
                after_ns: after_ns.into(),
                before_ns: venue_ns.into(),
            }),
            _ => None,
        };
        if self.last.is_none_or(|(last, at_ns)| if numbered { id > last } else { venue_ns >= at_ns }) {
            self.last = Some((id, venue_ns));
        }
        (true, missed)
    }

    /// A trade of the past came, which was missed: whether it is new.
    pub(super) fn remember(&mut self, id: u64) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        while self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// There is a new connection.
    pub(super) const fn reopened(&mut self) {
        (self.away, self.first, self.met) = (self.last.is_some(), None, false);
    }

    /// After a frame of a venue that does not count its trades: what may have been missed while the connection was away.
    pub(super) fn settle(&mut self, before: Option<(u64, u64)>, trade: &Trade) -> Option<TradeGap> {
        let (first_id, before_ns) = self.first.filter(|_| self.away)?;
        self.away = false;
        let (last, after_ns) = before?;
        (!self.met && first_id != last + 1).then(|| TradeGap {
            instrument: trade.instrument,
            first_trade_id: 0.into(),
            last_trade_id: 0.into(),
            after_ns: after_ns.into(),
            before_ns: before_ns.into(),
        })
    }

    /// Id and time of the last.
    pub(super) const fn last(&self) -> Option<(u64, u64)> {
        self.last
    }

    /// What was told before this connection.
    pub(super) fn inherit(&mut self, old: Self) {
        let own = core::mem::take(&mut self.order);
        self.known.extend(&old.known);
        self.order = old.order.into_iter().chain(own.into_iter().filter(|id| !old.known.contains(id))).collect();
        self.last = self.last.max(old.last);
        self.away = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: u64) -> Trade {
        Trade { trade_id: id.into(), venue_ns: (id * 10).into(), ..Trade::default() }
    }

    fn ids(gap: Option<TradeGap>) -> Option<(u64, u64)> {
        gap.map(|gap| (gap.first_trade_id.get(), gap.last_trade_id.get()))
    }

    #[test]
    fn a_number_that_is_left_out_is_a_trade_that_was_missed() {
        let mut trades = Trades::default();
        let mut hear = |id| {
            let (new, gap) = trades.hear(&trade(id), true);
            (new, ids(gap))
        };
        assert_eq!(hear(7), (true, None), "what was before is not known");
        assert_eq!(hear(8), (true, None));
        assert_eq!(hear(8), (false, None));
        assert_eq!(hear(12), (true, Some((9, 11))));
        assert_eq!(hear(10), (true, None), "a late one");
        assert_eq!(hear(13), (true, None));
    }

    #[test]
    fn where_they_are_not_counted_the_connection_tells() {
        let hear = |trades: &mut Trades, ids: &[u64]| {
            let before = trades.last();
            for id in ids {
                trades.hear(&trade(*id), false);
            }
            trades.settle(before, &trade(0)).map(|gap| (gap.after_ns.get(), gap.before_ns.get()))
        };
        let mut trades = Trades::default();
        trades.reopened();
        assert_eq!(hear(&mut trades, &[100, 500]), None, "the first connection");
        trades.reopened();
        assert_eq!(hear(&mut trades, &[500, 700]), None, "one of before was told again");
        trades.reopened();
        assert_eq!(hear(&mut trades, &[900, 950]), Some((7_000, 9_000)));
        assert_eq!(hear(&mut trades, &[960]), None, "once");
        trades.reopened();
        assert_eq!(hear(&mut trades, &[961]), None, "there is none between");
    }
}
