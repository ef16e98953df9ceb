//! Candles of many instruments.

use core::fmt;
use std::collections::BTreeMap;

use mesh_types::market::{Candle, Trade};
use mesh_types::{Decimal64, InstrumentId, Venue};

use crate::series::{Built, Hole, Position, Series, Taken, time_ns};

/// Times beyond are no times: SQLite and many others hold ns in 63 bits.
const LAST_NS: u64 = i64::MAX as u64;

/// Why a trade was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It names no instrument, has no time, no price, or no quantity that could be one.
    Nonsense,
    /// There are as many instruments as are allowed.
    TooManyInstruments,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nonsense => "expected a trade with an instrument, a time, a positive price and a quantity",
            Self::TooManyInstruments => "as many instruments have candles as are allowed: raise instruments_max",
        })
    }
}

impl core::error::Error for Refusal {}

/// Makes candles from trades.
#[derive(Clone, Debug)]
pub struct Builder {
    intervals_ns: Vec<u64>,
    instruments_max: usize,
    series: BTreeMap<InstrumentId, Series>,
}

impl Builder {
    /// Makes candles of these intervals (ns, above 0; see [`crate::interval::parse`]) for at most so many instruments.
    pub fn new(intervals_ns: &[u64], instruments_max: usize) -> Self {
        let intervals_ns = intervals_ns.iter().copied().filter(|ns| *ns > 0).collect();
        Self { intervals_ns, instruments_max, series: BTreeMap::new() }
    }

    fn series(&mut self, instrument: InstrumentId) -> Result<&mut Series, Refusal> {
        let room = self.series.len() < self.instruments_max;
        if !self.series.contains_key(&instrument) && !room {
            return Err(Refusal::TooManyInstruments);
        }
        Ok(self.series.entry(instrument).or_insert_with(|| Series::new(instrument, &self.intervals_ns)))
    }

    /// Takes one trade; answers with what is missing before it. A repeat changes nothing.
    ///
    /// # Errors
    /// When it can't be a trade, or is of one instrument too many; nothing has changed then.
    pub fn trade(&mut self, trade: &Trade) -> Result<Option<Hole>, Refusal> {
        let usable = |number: Decimal64| number.mantissa >= 0 && (-38..=38).contains(&number.exponent);
        let (price, quantity) = (trade.price.get(), trade.quantity.get());
        let time = (1..=LAST_NS).contains(&time_ns(trade)) && trade.received_ns.get() <= LAST_NS;
        if !time || price.mantissa == 0 || !usable(price) || !usable(quantity) || !trade.instrument.is_valid() {
            return Err(Refusal::Nonsense);
        }
        match self.series(trade.instrument)?.trade(trade) {
            Taken::New(hole) => Ok(hole),
            Taken::Repeat => Ok(None),
            Taken::Late(hole) => Ok(Some(hole)),
        }
    }

    /// Trades of a venue, or of all, may have been lost since the last.
    pub fn lost(&mut self, venue: Option<Venue>) {
        let concerned = |series: &&mut Series| venue.is_none_or(|venue| series.is_of(venue));
        self.series.values_mut().filter(concerned).for_each(Series::doubt);
    }

    /// Trades of an instrument were lost since the last.
    pub fn lost_of(&mut self, instrument: InstrumentId) {
        if let Some(series) = self.series.get_mut(&instrument) {
            series.doubt();
        }
    }

    /// Closes candles that ended at `now_ns` or before.
    pub fn on_time(&mut self, now_ns: u64) {
        self.series.values_mut().for_each(|series| series.on_time(now_ns));
    }

    /// Tells each candle that has changed since it was told last, open ones too.
    pub fn drain(&mut self, mut on: impl FnMut(Built)) {
        self.series.values_mut().for_each(|series| series.drain(&mut on));
    }

    /// The last trade of each instrument: what [`Builder::resume_position`] takes up after a restart.
    pub fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.series.values().filter_map(Series::position)
    }

    /// Takes up a candle that was told before, after a restart.
    ///
    /// # Errors
    /// When it is of one instrument too many.
    pub fn resume(&mut self, candle: &Candle, whole: bool) -> Result<(), Refusal> {
        self.series(candle.instrument).map(|series| series.resume(candle, whole))
    }

    /// Takes up a last trade after a restart. Trades since may have been lost.
    ///
    /// # Errors
    /// When it is of one instrument too many.
    pub fn resume_position(&mut self, position: Position) -> Result<(), Refusal> {
        self.series(position.instrument).map(|series| series.resume_position(position))
    }
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
