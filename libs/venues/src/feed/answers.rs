//! Answers over HTTP: what a feed does with what it asked for.

use mesh_types::market::{InstrumentInfo, TradeGap};
use mesh_types::{InstrumentId, InstrumentStatus};

use super::Feed;
use super::http::{self, Purpose, Request};
use crate::message::Message;
use crate::reader::{Language, Said};

impl Feed {
    /// The next request over HTTP, where one is due. It gets exactly one answer: [`Feed::on_answer`] or [`Feed::on_failure`].
    pub fn poll_request(&mut self, now_ns: u64) -> Option<Request> {
        let request = self.asking.poll(now_ns)?;
        if let Purpose::Book(instrument) = request.purpose {
            self.reader.snapshot_requested(instrument);
        }
        Some(request)
    }

    /// The answer to a request.
    pub fn on_answer(&mut self, now_ns: u64, request: &Request, body: &[u8], on: &mut dyn FnMut(Said<'_>)) {
        let good = match request.purpose {
            Purpose::Instruments(index) => self.on_instruments(index, now_ns, request, body, on),
            Purpose::Book(instrument) => self.on_snapshot(instrument, now_ns, request, body, on),
            Purpose::Trades(instrument, first) => self.on_trades(instrument, first, now_ns, body, on),
        };
        if !good {
            self.malformed += 1;
            self.on_failure(now_ns, request, 200, 0);
        }
    }

    /// A request was refused with this status, or not answered at all (0). It is asked again later; where the venue says that
    /// it is asked too much, nothing is asked before it allows, and the answer says until when, ns since the Unix epoch.
    pub fn on_failure(&mut self, now_ns: u64, request: &Request, status: u16, retry_after_s: u64) -> Option<u64> {
        if let Purpose::Book(instrument) = request.purpose {
            self.reader.snapshot_failed(instrument);
        }
        self.asking.failed(request.purpose, now_ns);
        if let (Purpose::Instruments(index), 400..=417) = (request.purpose, status) {
            self.asking.widen_list(index);
        }
        http::paused_until_ns(status, retry_after_s, now_ns)
    }

    /// Nothing is asked over HTTP before this time: the venue refuses what comes from this address.
    pub fn pause_requests(&mut self, until_ns: u64) {
        self.asking.pause(until_ns);
    }

    fn on_instruments(
        &mut self,
        index: usize,
        now_ns: u64,
        request: &Request,
        body: &[u8],
        on: &mut dyn FnMut(Said<'_>),
    ) -> bool {
        let mut infos: Vec<InstrumentInfo> = Vec::new();
        let read = self.reader.instruments(body, now_ns, &mut |info| {
            if self.instruments.contains(&info.instrument) {
                infos.push(InstrumentInfo { received_ns: now_ns.into(), ..*info });
            }
        });
        if read.is_err() {
            return false;
        }
        self.asking.has_list(index, now_ns);
        for info in &infos {
            self.reader.set_instrument(info);
            on(Said::Message(&Message::Instrument(*info)));
        }
        if matches!(self.language, Language::Binance(_)) {
            // What a whole list does not name any more is not traded any more.
            let is_whole = !request.path.contains("symbols=");
            let named = |instrument: &InstrumentId| infos.iter().any(|info| info.instrument == *instrument);
            for (_, info) in self.listed.iter_mut().filter(|(instrument, _)| is_whole && !named(instrument)) {
                info.status = InstrumentStatus::Delisted.into();
                info.received_ns = now_ns.into();
                on(Said::Message(&Message::Instrument(*info)));
            }
            self.listed.extend(infos.iter().map(|info| (info.instrument, *info)));
        }
        true
    }

    /// Trades that were missed: those that came are told, for those that did not the venue is asked again, or they are told to
    /// be lost.
    fn on_trades(
        &mut self,
        instrument: InstrumentId,
        first: u64,
        now_ns: u64,
        body: &[u8],
        on: &mut dyn FnMut(Said<'_>),
    ) -> bool {
        let Some(missed) = self.asking.missed_trades(instrument, first) else { return true };
        let told = self.trades.entry(instrument).or_default();
        let mut next = first;
        let read = self.reader.trades(instrument, body, now_ns, &mut |trade| {
            let id = trade.trade_id.get();
            if !(first..=missed.last_trade_id.get()).contains(&id) {
                return;
            }
            next = next.max(id + 1);
            if told.remember(id) {
                on(Said::Message(&Message::Trade { trade: *trade, past: true }));
            }
        });
        if read.is_err() {
            return false;
        }
        self.asking.has_trades(instrument, first);
        if next <= missed.last_trade_id.get() {
            let rest = TradeGap { first_trade_id: next.into(), ..missed };
            // Where some came, the others may come too.
            let lost = if next > first { self.asking.want_trades(rest, now_ns) } else { Some(rest) };
            if let Some(lost) = lost {
                on(Said::Message(&Message::TradeGap(lost)));
            }
        }
        true
    }

    fn on_snapshot(
        &mut self,
        instrument: InstrumentId,
        now_ns: u64,
        request: &Request,
        body: &[u8],
        on: &mut dyn FnMut(Said<'_>),
    ) -> bool {
        if !self.open {
            // Of the connection before: there is nothing to join it to.
            return true;
        }
        let read = self.reader.on_answer(&request.path, body, now_ns, on);
        if self.reader.wants_snapshot(instrument) {
            // Older than the changes that were kept: another one, a little later.
            self.asking.failed(request.purpose, now_ns);
        } else {
            self.asking.has_book(instrument);
        }
        read.is_ok()
    }
}
