//! What a feed asks for over HTTP, and when: lists of instruments, now and then; snapshots of Binance's books, when one is
//! wanted. A request that fails is asked again after a pause that grows; one that was refused for its number stops all.

use std::collections::BTreeMap;

use mesh_types::market::TradeGap;
use mesh_types::{InstrumentId, InstrumentKind};

use super::{Channel, SECOND_NS, Subscription};
use crate::binance::format;
use crate::hyperliquid;
use crate::reader::Language;

/// After how long instruments are asked for again.
const REFRESH_NS: u64 = 3_600 * SECOND_NS;
/// First and longest pause after a request that failed, or whose answer was no use.
const PAUSES_NS: (u64, u64) = (SECOND_NS, 60 * SECOND_NS);
/// How long nothing is asked after a refusal that does not say for how long: of one that asks too much, and of one banned.
const BACK_OFF_S: (u64, u64) = (60, 120);
/// Stretches of missed trades that are asked for at the same time, and how often each.
const MAX_MISSED: usize = 64;
const MAX_TRIES: u32 = 5;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A list of instruments; one of several.
    Instruments(usize),
    /// The snapshot of a book.
    Book(InstrumentId),
    /// Trades that were missed, from this id on.
    Trades(InstrumentId, u64),
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// JSON, to be posted; without one it is a `GET`.
    pub body: Option<&'static str>,
    /// What it weighs against the venue's limit.
    pub weight: u64,
    /// What it is for.
    pub purpose: Purpose,
}

/// When something is asked for, ns.
#[derive(Clone, Copy, Debug)]
struct Due {
    at_ns: u64,
    pause_ns: u64,
    /// The answer has not come.
    asked: bool,
}

impl Due {
    const fn at(at_ns: u64) -> Self {
        Self { at_ns, pause_ns: PAUSES_NS.0, asked: false }
    }

    /// It failed: again after a pause, the next one being longer.
    fn failed(&mut self, now_ns: u64) {
        *self = Self {
            at_ns: now_ns.saturating_add(self.pause_ns),
            pause_ns: (2 * self.pause_ns).min(PAUSES_NS.1),
            asked: false,
        };
    }

    const fn is_due(&self, now_ns: u64) -> bool {
        !self.asked && self.at_ns <= now_ns
    }
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asking {
    language: Language,
    /// Levels a side of snapshots.
    depth: usize,
    lists: Vec<(Request, Due)>,
    books: BTreeMap<InstrumentId, Due>,
    /// Stretches of trades that were missed, and how often each was asked for.
    trades: Vec<(TradeGap, Due, u32)>,
    lost: Vec<TradeGap>,
    paused_until_ns: u64,
}

impl Asking {
    /// For what is followed.
    pub(super) fn new(language: Language, subscriptions: &[Subscription], depth: usize) -> Self {
        let followed = subscriptions.iter().filter(|(channel, _)| *channel == Channel::Instruments);
        let instruments: Vec<InstrumentId> = followed.map(|(_, instrument)| *instrument).collect();
        let lists = lists(language, &instruments).into_iter().map(|request| (request, Due::at(0))).collect();
        Self {
            language,
            depth,
            lists,
            books: BTreeMap::new(),
            trades: Vec::new(),
            lost: Vec::new(),
            paused_until_ns: 0,
        }
    }

    /// The lists are asked for when another connection would have asked for them.
    pub(super) fn take_lists(&mut self, other: &Self) {
        self.lists.clone_from(&other.lists);
        // An answer that is on its way is the other's.
        self.lists.iter_mut().for_each(|(_, due)| due.asked = false);
        self.paused_until_ns = other.paused_until_ns;
    }

    /// A snapshot of this book is wanted, and changes that it will have to meet are kept.
    pub(super) fn want_book(&mut self, instrument: InstrumentId, now_ns: u64) {
        self.books.entry(instrument).or_insert(Due::at(now_ns));
    }

    /// The book is live: no snapshot is wanted.
    pub(super) fn has_book(&mut self, instrument: InstrumentId) {
        self.books.remove(&instrument);
    }

    /// Trades were missed: they are asked for where the venue can be asked; else the answer is that they are lost.
    pub(super) fn want_trades(&mut self, missed: TradeGap, now_ns: u64) -> Option<TradeGap> {
        if !matches!(self.language, Language::Binance(_)) || self.trades.len() >= MAX_MISSED {
            return Some(missed);
        }
        self.trades.push((missed, Due::at(now_ns), 0));
        None
    }

    /// The stretch that begins with this trade, where it is asked for.
    pub(super) fn missed_trades(&self, instrument: InstrumentId, first: u64) -> Option<TradeGap> {
        self.trades.iter().map(|(missed, ..)| *missed).find(|missed| is_at(missed, instrument, first))
    }

    /// That stretch is asked for no more.
    pub(super) fn has_trades(&mut self, instrument: InstrumentId, first: u64) {
        self.trades.retain(|(missed, ..)| !is_at(missed, instrument, first));
    }

    /// Trades that were asked for in vain.
    pub(super) fn poll_lost(&mut self) -> Option<TradeGap> {
        self.lost.pop()
    }

    /// What is asked for goes on with another connection.
    pub(super) fn inherit_trades(&mut self, old: &mut Self) {
        self.lost.append(&mut old.lost);
        for (missed, _, tries) in old.trades.drain(..) {
            self.trades.push((missed, Due::at(0), tries));
        }
    }

    /// The connection ended: books start anew, and what is on its way is of no use.
    pub(super) fn closed(&mut self) {
        self.books.clear();
    }

    /// The next request that is due.
    pub(super) fn poll(&mut self, now_ns: u64) -> Option<Request> {
        if now_ns < self.paused_until_ns {
            return None;
        }
        if let Some((request, due)) = self.lists.iter_mut().find(|(_, due)| due.is_due(now_ns)) {
            due.asked = true;
            return Some(request.clone());
        }
        let Language::Binance(market) = self.language else { return None };
        // Books come first.
        let (request, purpose) = match self.books.iter_mut().find(|(_, due)| due.is_due(now_ns)) {
            Some((instrument, due)) => {
                due.asked = true;
                (format::depth(market, instrument.symbol()?.as_str(), self.depth), Purpose::Book(*instrument))
            }
            None => {
                let (missed, due, _) = self.trades.iter_mut().find(|(_, due, _)| due.is_due(now_ns))?;
                due.asked = true;
                let (instrument, first) = (missed.instrument, missed.first_trade_id.get());
                let request = format::trades_from(market, instrument.symbol()?.as_str(), first);
                (request, Purpose::Trades(instrument, first))
            }
        };
        Some(Request { path: request.public_target(), body: None, weight: request.weight, purpose })
    }

    /// When the next one is due, ns since the Unix epoch.
    pub(super) fn due_ns(&self) -> u64 {
        let trades = self.trades.iter().map(|(_, due, _)| due);
        let all = self.lists.iter().map(|(_, due)| due).chain(self.books.values()).chain(trades);
        let next = all.filter(|due| !due.asked).map(|due| due.at_ns).min();
        next.unwrap_or(u64::MAX).max(self.paused_until_ns)
    }

    /// A list came, and was good.
    pub(super) fn has_list(&mut self, index: usize, now_ns: u64) {
        if let Some((_, due)) = self.lists.get_mut(index) {
            *due = Due::at(now_ns.saturating_add(REFRESH_NS));
        }
    }

    /// The venue refuses a list as it was asked for: of Binance's spot a symbol that is gone spoils it, so all are asked for.
    pub(super) fn widen_list(&mut self, index: usize) {
        if let Some((request, _)) = self.lists.get_mut(index)
            && self.language == Language::Binance(crate::binance::Market::Spot)
        {
            let mut whole = format::exchange_info(crate::binance::Market::Spot);
            // Most of its bytes.
            whole.query.push("showPermissionSets", false);
            request.path = whole.public_target();
        }
    }

    /// A request was not answered, or its answer was no use.
    pub(super) fn failed(&mut self, purpose: Purpose, now_ns: u64) {
        let due = match purpose {
            Purpose::Instruments(index) => self.lists.get_mut(index).map(|(_, due)| due),
            Purpose::Book(instrument) => self.books.get_mut(&instrument),
            Purpose::Trades(instrument, first) => return self.failed_trades(instrument, first, now_ns),
        };
        if let Some(due) = due {
            due.failed(now_ns);
        }
    }

    fn failed_trades(&mut self, instrument: InstrumentId, first: u64, now_ns: u64) {
        let Some(at) = self.trades.iter().position(|(missed, ..)| is_at(missed, instrument, first)) else { return };
        let Some((missed, due, tries)) = self.trades.get_mut(at) else { return };
        due.failed(now_ns);
        *tries += 1;
        if *tries >= MAX_TRIES {
            self.lost.push(*missed);
            self.trades.remove(at);
        }
    }

    /// Nothing is asked before this time.
    pub(super) fn pause(&mut self, until_ns: u64) {
        self.paused_until_ns = self.paused_until_ns.max(until_ns);
    }
}

fn is_at(missed: &TradeGap, instrument: InstrumentId, first: u64) -> bool {
    missed.instrument == instrument && missed.first_trade_id.get() == first
}

/// Until when nothing may be asked after an answer of this status; `None` where it does not say so.
pub(super) fn paused_until_ns(status: u16, retry_after_s: u64, now_ns: u64) -> Option<u64> {
    let seconds = match (status, retry_after_s) {
        (429, 0) => BACK_OFF_S.0,
        (418, 0) => BACK_OFF_S.1,
        (429 | 418, seconds) => seconds,
        _ => return None,
    };
    Some(now_ns.saturating_add(seconds.saturating_mul(SECOND_NS)))
}

/// What is asked for to know these instruments; Kraken and OKX tell them on the socket.
fn lists(language: Language, instruments: &[InstrumentId]) -> Vec<Request> {
    if instruments.is_empty() {
        return Vec::new();
    }
    match language {
        Language::Kraken | Language::Okx => Vec::new(),
        Language::Binance(market) => {
            let mut request = format::exchange_info(market);
            if market == crate::binance::Market::Spot {
                // The futures' lists are whole always.
                let symbols = instruments.iter().filter_map(InstrumentId::symbol);
                let names: Vec<serde_json::Value> = symbols.map(|symbol| symbol.as_str().into()).collect();
                request.query.push("symbols", serde_json::Value::from(names));
            }
            let (path, weight) = (request.public_target(), request.weight);
            vec![Request { path, body: None, weight, purpose: Purpose::Instruments(0) }]
        }
        Language::Hyperliquid => {
            let is_spot = |id: &InstrumentId| id.kind() == Some(InstrumentKind::Spot);
            let bodies = [
                (hyperliquid::instruments::SPOT_META, instruments.iter().any(is_spot)),
                (hyperliquid::instruments::META, !instruments.iter().all(is_spot)),
            ];
            let wanted = bodies.into_iter().filter(|(_, wanted)| *wanted).enumerate();
            let request = |(index, (body, _))| Request {
                path: hyperliquid::instruments::PATH.to_owned(),
                body: Some(body),
                weight: 20,
                purpose: Purpose::Instruments(index),
            };
            wanted.map(request).collect()
        }
    }
}
