//! What becomes of a market message: nothing is read or written here but memory.

use std::collections::{BTreeMap, BTreeSet};

use mesh_candles::backfill::Reach;
use mesh_candles::{Builder, Refusal};
use mesh_codec::{Message, TlvBody};
use mesh_store::history::{Batch, KeptCandle, Origin};
use mesh_types::market::{Candle, InstrumentInfo, Mark, OpenInterest, Quote, Trade, TradeGap, VenueStatus};
use mesh_types::{InstrumentId, Venue, VenueState};

use crate::settings::Settings;

/// Rows that may wait while nothing can be written.
const MOST_ROWS: usize = 200_000;
/// Times beyond are no times.
const LAST_NS: u64 = i64::MAX as u64;

/// Collects what is to be written next.
pub(crate) struct Collector {
    builder: Builder,
    batch: Batch,
    /// The venue's candles since the last write: only the last state of each counts.
    venue_candles: BTreeMap<(InstrumentId, u64, u64), Candle>,
    /// When a quote of an instrument was kept last.
    quoted_ns: BTreeMap<InstrumentId, u64>,
    quotes_interval_ns: u64,
    grace_ns: u64,
    instruments_max: usize,
    /// Instruments that were told since they were asked for.
    listed: BTreeSet<InstrumentId>,
    dropped: u64,
}

impl Collector {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            builder: Builder::new(&settings.intervals_ns(), settings.instruments_max),
            batch: Batch::default(),
            venue_candles: BTreeMap::new(),
            quoted_ns: BTreeMap::new(),
            quotes_interval_ns: settings.quotes_interval_ms.saturating_mul(1_000_000),
            grace_ns: settings.grace_ms.saturating_mul(1_000_000),
            instruments_max: settings.instruments_max,
            listed: BTreeSet::new(),
            dropped: 0,
        }
    }

    /// Where candles are built on after a restart.
    pub(crate) const fn builder(&mut self) -> &mut Builder {
        &mut self.builder
    }

    /// The types that it takes.
    pub(crate) fn types(&self) -> Vec<u8> {
        let mut types = vec![
            Trade::NUMBER,
            Candle::NUMBER,
            Mark::NUMBER,
            OpenInterest::NUMBER,
            InstrumentInfo::NUMBER,
            TradeGap::NUMBER,
            VenueStatus::NUMBER,
        ];
        types.extend((self.quotes_interval_ns > 0).then_some(Quote::NUMBER));
        types
    }

    /// Takes a message; answers with what is wrong with it.
    pub(crate) fn take(&mut self, message: &Message<'_>) -> Result<(), &'static str> {
        for tlv in message.tlvs().map_while(Result::ok) {
            if let Some(trade) = tlv.body::<Trade>() {
                self.trade(trade)?;
            } else if let Some(candle) = tlv.body::<Candle>() {
                self.venue_candle(candle)?;
            } else if let Some(quote) = tlv.body::<Quote>() {
                self.quote(quote)?;
            } else if let Some(mark) = tlv.body::<Mark>() {
                usable(mark.instrument, &[mark.next_funding_ns.get(), mark.received_ns.get()])?;
                // Without the time of a payment it is a price, not a funding rate.
                if mark.next_funding_ns.get() > 0 {
                    self.batch.marks.push(*mark);
                }
            } else if let Some(interest) = tlv.body::<OpenInterest>() {
                usable(interest.instrument, &[interest.venue_ns.get(), interest.received_ns.get()])?;
                self.batch.open_interest.push(*interest);
            } else if let Some(info) = tlv.body::<InstrumentInfo>() {
                usable(info.instrument, &[info.venue_ns.get(), info.received_ns.get()])?;
                self.batch.instruments.push(*info);
                if self.listed.len() < self.instruments_max {
                    self.listed.insert(info.instrument);
                }
            } else if let Some(gap) = tlv.body::<TradeGap>() {
                self.builder.lost_of(gap.instrument);
            } else if let Some(status) = tlv.body::<VenueStatus>()
                && status.state.get() != Some(VenueState::Up)
            {
                self.builder.lost(status.venue.get());
            }
        }
        self.bound();
        Ok(())
    }

    fn trade(&mut self, trade: &Trade) -> Result<(), &'static str> {
        match self.builder.trade(trade) {
            Ok(hole) => self.batch.holes.extend(hole),
            Err(Refusal::Nonsense) => return Err("bad_trade"),
            Err(Refusal::TooManyInstruments) => return Err("too_many_instruments"),
        }
        Ok(())
    }

    fn venue_candle(&mut self, candle: &Candle) -> Result<(), &'static str> {
        let (interval_ns, open_ns) = (candle.interval_ns.get(), candle.open_ns.get());
        usable(candle.instrument, &[interval_ns, open_ns, candle.received_ns.get()])?;
        let (open, close) = (candle.open.get(), candle.close.get());
        let within = |price| (candle.low.get()..=candle.high.get()).contains(&price);
        if interval_ns == 0 || !open.is_positive() || !within(open) || !within(close) {
            return Err("bad_candle");
        }
        let key = (candle.instrument, interval_ns, open_ns);
        let last = self.venue_candles.entry(key).or_insert(*candle);
        if candle.closed >= last.closed {
            *last = *candle;
        }
        Ok(())
    }

    fn quote(&mut self, quote: &Quote) -> Result<(), &'static str> {
        let now_ns = quote.received_ns.get();
        usable(quote.instrument, &[quote.venue_ns.get(), now_ns])?;
        let room = self.quoted_ns.len() < self.instruments_max || self.quoted_ns.contains_key(&quote.instrument);
        if self.quotes_interval_ns == 0 || !room {
            return Ok(());
        }
        let last_ns = self.quoted_ns.entry(quote.instrument).or_insert(0);
        if now_ns.saturating_sub(*last_ns) >= self.quotes_interval_ns {
            *last_ns = now_ns;
            self.batch.quotes.push(*quote);
        }
        Ok(())
    }

    /// Instruments that were told since they were asked for last.
    pub(crate) fn listed(&mut self) -> impl Iterator<Item = InstrumentId> + use<> {
        core::mem::take(&mut self.listed).into_iter()
    }

    /// Takes candles of the past, which the venue told when it was asked.
    pub(crate) fn past(&mut self, candles: Vec<Candle>, reach: Reach) {
        let kept = |candle: Candle| KeptCandle { candle, origin: Origin::Venue, whole: true };
        self.batch.candles.extend(candles.into_iter().map(kept));
        self.batch.fetched.push(reach);
        self.bound();
    }

    /// Trades may have been lost between the relay and here.
    pub(crate) fn lost(&mut self) {
        self.builder.lost(None::<Venue>);
    }

    /// All that is to be written now; stays until [`Collector::written`].
    pub(crate) fn batch(&mut self, now_ns: u64) -> &Batch {
        self.builder.on_time(now_ns.saturating_sub(self.grace_ns));
        let candles = &mut self.batch.candles;
        let before = candles.len();
        let venue = core::mem::take(&mut self.venue_candles).into_values();
        candles.extend(venue.map(|candle| KeptCandle { candle, origin: Origin::Venue, whole: true }));
        self.builder.drain(|built| {
            candles.push(KeptCandle { candle: built.candle, origin: Origin::Trades, whole: built.whole });
        });
        if candles.len() > before {
            self.batch.positions = self.builder.positions().collect();
        }
        self.bound();
        &self.batch
    }

    /// The batch is in the database.
    pub(crate) fn written(&mut self) {
        self.batch = Batch::default();
    }

    /// Rows that were dropped because they could not be written.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Gives up what waits where it is too much: that candles are not whole then, the next start sees by the last trades.
    fn bound(&mut self) {
        let rows = self.batch.len() + self.venue_candles.len();
        if rows > MOST_ROWS {
            self.dropped += rows as u64;
            self.batch = Batch::default();
            self.venue_candles.clear();
        }
    }
}

fn usable(instrument: InstrumentId, times_ns: &[u64]) -> Result<(), &'static str> {
    if !instrument.is_valid() {
        return Err("bad_instrument");
    }
    if times_ns.iter().any(|ns| *ns > LAST_NS) { Err("bad_time") } else { Ok(()) }
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
