//! A book fed by depth events: levels to the book's exponents, and the book started again where they don't fit.

use mesh_book::{BinanceBook, Exponents, Level, LevelError, Snapshot, Step};

use super::Market;
use super::event::{Depth, DepthUpdate, PriceLevel};

/// One instrument's book, from events.
///
/// Exponents are those of the instrument's information where it is known, else of the first event's digits. A level with
/// finer digits starts the book again at exponents that hold it: it wants a new snapshot then, and nothing is rounded.
#[derive(Clone, Debug)]
pub struct DepthBook {
    market: Market,
    capacity: usize,
    inner: Option<BinanceBook>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    restarts: u64,
    venue_ns: u64,
}

impl DepthBook {
    /// A book without levels. `capacity` is the most events that are kept while a snapshot is on its way.
    pub fn new(market: Market, exponents: Option<Exponents>, capacity: usize) -> Self {
        let inner = exponents.map(|exponents| BinanceBook::new(market.rule(), exponents, capacity));
        Self { market, capacity, inner, bids: Vec::new(), asks: Vec::new(), restarts: 0, venue_ns: 0 }
    }

    /// The book and its health; `None` before the first event of a book whose exponents were not given.
    pub const fn get(&self) -> Option<&BinanceBook> {
        self.inner.as_ref()
    }

    /// The same, to tell it what happened to its requests and its connection.
    pub const fn get_mut(&mut self) -> Option<&mut BinanceBook> {
        self.inner.as_mut()
    }

    /// The venue's time of the last change, ns since the Unix epoch; a snapshot is brought forward to it.
    pub const fn venue_ns(&self) -> u64 {
        self.venue_ns
    }

    /// How often finer digits have started it again.
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Takes a change.
    ///
    /// # Errors
    /// [`LevelError::Range`] for a level that can't be one. Nothing of the event is applied, so the next one shows the gap.
    pub fn on_update(&mut self, update: &DepthUpdate<'_>) -> Result<Step, LevelError> {
        let step = self.convert(update.bids, update.asks)?;
        self.venue_ns = update.venue_ns();
        let (bids, asks) = (self.bids.as_slice(), self.asks.as_slice());
        let diff = mesh_book::Diff { first: update.first, last: update.last, previous: update.previous, bids, asks };
        let after = self.inner.as_mut().map_or(Step::Ignored, |book| book.on_diff(&diff));
        Ok(step.unwrap_or(after))
    }

    /// Takes a snapshot; `limit` is what was asked for.
    ///
    /// # Errors
    /// [`LevelError::Range`] for a level that can't be one; ask again.
    pub fn on_snapshot(&mut self, depth: &Depth<'_>, limit: usize) -> Result<Step, LevelError> {
        let step = match self.convert(depth.bids, depth.asks) {
            Ok(step) => step,
            Err(error) => {
                if let Some(book) = self.inner.as_mut() {
                    book.snapshot_failed();
                }
                return Err(error);
            }
        };
        let snapshot = Snapshot { last: depth.last, bids: &self.bids, asks: &self.asks, limit };
        let after = self.inner.as_mut().map_or(Step::Ignored, |book| book.on_snapshot(&snapshot));
        Ok(step.unwrap_or(after))
    }

    /// Fills the level buffers. `Some(Broken)` where a live book had to be started again for it.
    fn convert(&mut self, bids: &[PriceLevel], asks: &[PriceLevel]) -> Result<Option<Step>, LevelError> {
        let book = self.inner.get_or_insert_with(|| {
            let exponents = Exponents::of_levels(bids.iter().chain(asks).copied());
            BinanceBook::new(self.market.rule(), exponents, self.capacity)
        });
        let was_live = book.health() == mesh_types::BookHealth::Live;
        let mut exponents = book.book().exponents();
        let mut restarted = false;
        while let Err(error) =
            fill(&mut self.bids, bids, exponents).and_then(|()| fill(&mut self.asks, asks, exponents))
        {
            match error {
                // Each turn is finer than the one before, and exponents are bounded.
                LevelError::Finer { needed, .. } => exponents = needed,
                _ => return Err(error),
            }
            restarted = true;
        }
        if restarted {
            book.restart(exponents);
            self.restarts += 1;
        }
        Ok((restarted && was_live).then_some(Step::Broken))
    }
}

fn fill(levels: &mut Vec<Level>, from: &[PriceLevel], exponents: Exponents) -> Result<(), LevelError> {
    levels.clear();
    levels.reserve(from.len());
    for (price, quantity) in from {
        levels.push(exponents.level(*price, *quantity)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::event::Event;
    use crate::binance::parse::Decoder;
    use mesh_book::Reason;
    use mesh_types::BookHealth;

    fn feed(book: &mut DepthBook, frame: &str) -> Result<Step, LevelError> {
        let mut step = Ok(Step::Ignored);
        let decoded = Decoder::new().decode(frame.as_bytes(), |_, event| {
            step = match event {
                Event::DepthUpdate(update) => book.on_update(update),
                Event::Depth(depth) => book.on_snapshot(depth, 1000),
                other => panic!("expected depth, found {other:?}"),
            }
        });
        decoded.expect("a frame");
        step
    }

    fn update(first: u64, last: u64, level: &str) -> String {
        format!(r#"{{"e":"depthUpdate","E":1,"s":"X","U":{first},"u":{last},"b":[{level}],"a":[]}}"#)
    }

    #[test]
    fn finer_digits_start_the_book_again_and_are_kept() {
        let mut book = DepthBook::new(Market::Spot, Some(Exponents::new(-2, -1)), 10);
        assert_eq!(feed(&mut book, &update(1, 2, r#"["1.10000000","1"]"#)), Ok(Step::Held));
        let snapshot = r#"{"lastUpdateId":1,"bids":[["1.00","5"]],"asks":[["2.00","5"]]}"#;
        assert_eq!(feed(&mut book, snapshot), Ok(Step::Applied));
        assert_eq!(feed(&mut book, &update(3, 3, r#"["1.205","1"]"#)), Ok(Step::Broken), "a finer tick");
        let inner = book.get().expect("a book");
        assert_eq!((inner.health(), inner.reason()), (BookHealth::Suspect, Some(Reason::Precision)));
        assert!(inner.wants_snapshot());
        let snapshot = r#"{"lastUpdateId":2,"bids":[["1.10","1"],["1.00","5"]],"asks":[["2.00","5"]]}"#;
        assert_eq!(feed(&mut book, snapshot), Ok(Step::Applied));
        let inner = book.get().expect("a book");
        assert_eq!(inner.book().best_bid(), Some(Level::new(1205, 10)));
        assert_eq!((inner.book().exponents(), book.restarts()), (Exponents::new(-3, -1), 1));
    }

    #[test]
    fn an_impossible_level_is_refused_and_shows_as_a_gap() {
        let mut book = DepthBook::new(Market::Spot, None, 10);
        assert_eq!(feed(&mut book, &update(1, 2, r#"["1.1","1"]"#)), Ok(Step::Held));
        assert_eq!(feed(&mut book, r#"{"lastUpdateId":1,"bids":[],"asks":[["2","5"]]}"#), Ok(Step::Applied));
        assert!(matches!(feed(&mut book, &update(3, 3, r#"["-1","1"]"#)), Err(LevelError::Range { .. })));
        assert_eq!(feed(&mut book, &update(4, 4, "")), Ok(Step::Broken));
        assert!(matches!(
            feed(&mut book, r#"{"lastUpdateId":4,"bids":[["0","5"]],"asks":[]}"#),
            Err(LevelError::Range { .. })
        ));
        assert!(book.get().is_some_and(BinanceBook::wants_snapshot));
    }
}
