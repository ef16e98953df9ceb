//! The texts of a book's best levels as checksums take them, kept from one checksum to the next: few levels change between two
//! messages, and a text costs more than its checksum.

use mesh_types::Side;

use crate::book::Book;
use crate::checksum::{KRAKEN_LEVELS, OKX_LEVELS};
use crate::level::{Exponents, Level};

/// Bytes of the longest text that is kept: two numbers of 18 digits with what may stand between.
const LONGEST: usize = 40;

/// A level, its rank in place of its price, and its text.
#[derive(Clone, Copy, Debug)]
struct Entry {
    level: Level,
    bytes: u8,
    text: [u8; LONGEST],
}

/// Texts of the best levels of one book.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    exponents: Exponents,
    /// Best last, as the book has them.
    bids: Vec<Entry>,
    asks: Vec<Entry>,
    /// What the last checksum was over.
    whole: Vec<u8>,
}

/// How a venue writes a level; `None` where the text is longer than is kept.
type Write = fn(Exponents, Level, &mut Text) -> Option<()>;

impl Texts {
    /// The same as [`crate::checksum::kraken`]. One `Texts` serves one book and one of the two.
    pub fn kraken(&mut self, book: &Book) -> u32 {
        if self.refresh(book, KRAKEN_LEVELS, kraken_level).is_none() {
            return crate::checksum::kraken(book);
        }
        let mut whole = Whole::new(&mut self.whole);
        for entry in self.asks.iter().rev().chain(self.bids.iter().rev()) {
            whole.push(entry);
        }
        crc32fast::hash(whole.text())
    }

    /// The same as [`crate::checksum::okx`] of a book whose levels were all printed in the shortest form.
    pub fn okx(&mut self, book: &Book) -> i32 {
        if self.refresh(book, OKX_LEVELS, okx_level).is_none() {
            return crate::checksum::okx(book, |_, _| None);
        }
        let mut whole = Whole::new(&mut self.whole);
        let (mut bids, mut asks) = (self.bids.iter().rev(), self.asks.iter().rev());
        for _ in 0..OKX_LEVELS {
            for entry in [bids.next(), asks.next()].into_iter().flatten() {
                whole.push(entry);
            }
        }
        // Each ends with a colon; the last one's does not count.
        crc32fast::hash(whole.text().split_last().map_or(&[], |(_, text)| text)).cast_signed()
    }

    /// Brings the texts to what the book is now.
    fn refresh(&mut self, book: &Book, most: usize, write: Write) -> Option<()> {
        if self.exponents != book.exponents() {
            self.bids.clear();
            self.asks.clear();
            self.exponents = book.exponents();
        }
        let refreshed = refresh(&mut self.bids, book.top(Side::Buy, most), self.exponents, write)
            .and_then(|()| refresh(&mut self.asks, book.top(Side::Sell, most), self.exponents, write));
        if refreshed.is_none() {
            self.bids.clear();
            self.asks.clear();
        }
        refreshed
    }
}

/// Makes the entries those of `levels`, both best last; what is there already stays as it is.
fn refresh(entries: &mut Vec<Entry>, levels: &[Level], exponents: Exponents, write: Write) -> Option<()> {
    let mut place = 0;
    for level in levels {
        // Entries that rank below the level are in the book no more, or not among the best.
        let rest = entries.get(place..)?;
        let gone = rest.iter().take_while(|entry| entry.level.price < level.price).count();
        if gone > 0 {
            entries.drain(place..place + gone);
        }
        match entries.get_mut(place).filter(|entry| entry.level.price == level.price) {
            Some(entry) if entry.level == *level => {}
            Some(entry) => *entry = entry_of(exponents, *level, write)?,
            None => entries.insert(place, entry_of(exponents, *level, write)?),
        }
        place += 1;
    }
    entries.truncate(place);
    Some(())
}

fn entry_of(exponents: Exponents, level: Level, write: Write) -> Option<Entry> {
    let mut text = Text { bytes: 0, text: [0; LONGEST] };
    // An ask's rank is its negated price.
    let price = level.price.checked_abs()?;
    write(exponents, Level::new(price, level.quantity), &mut text)?;
    Some(Entry { level, bytes: u8::try_from(text.bytes).ok()?, text: text.text })
}

/// Texts one after another, in memory that is used again. Each is copied at its full length, which is quicker than its own, and
/// the next one is written over what is too much.
struct Whole<'w> {
    room: &'w mut [u8],
    bytes: usize,
}

impl<'w> Whole<'w> {
    fn new(memory: &'w mut Vec<u8>) -> Self {
        memory.resize(2 * OKX_LEVELS * LONGEST, 0);
        Self { room: memory, bytes: 0 }
    }

    fn push(&mut self, entry: &Entry) {
        if let Some(room) = self.room.get_mut(self.bytes..).and_then(|rest| rest.first_chunk_mut::<LONGEST>()) {
            *room = entry.text;
        }
        self.bytes += usize::from(entry.bytes);
    }

    fn text(&self) -> &[u8] {
        self.room.get(..self.bytes).unwrap_or_default()
    }
}

/// A text that is being written.
struct Text {
    bytes: usize,
    text: [u8; LONGEST],
}

impl Text {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.bytes.checked_add(bytes.len())?;
        self.text.get_mut(self.bytes..end)?.copy_from_slice(bytes);
        self.bytes = end;
        Some(())
    }

    /// A decimal in its shortest plain form.
    fn push_shortest(&mut self, mantissa: i64, exponent: i8) -> Option<()> {
        let mut mantissa = u64::try_from(mantissa).ok()?;
        let mut decimals = usize::from(exponent.checked_neg().filter(|decimals| *decimals >= 0)?.unsigned_abs());
        if mantissa == 0 {
            return self.push(b"0");
        }
        while decimals > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            decimals -= 1;
        }
        let mut buffer = [0; DIGITS];
        let digits = digits(mantissa, &mut buffer);
        if decimals == 0 {
            return self.push(digits);
        }
        if let Some(whole) = digits.len().checked_sub(decimals).filter(|whole| *whole > 0) {
            let (whole, rest) = digits.split_at_checked(whole)?;
            self.push(whole)?;
            self.push(b".")?;
            return self.push(rest);
        }
        self.push(b"0.")?;
        for _ in digits.len()..decimals {
            self.push(b"0")?;
        }
        self.push(digits)
    }
}

fn kraken_level(_: Exponents, level: Level, text: &mut Text) -> Option<()> {
    let mut buffer = [0; DIGITS];
    text.push(digits(u64::try_from(level.price).ok()?, &mut buffer))?;
    text.push(digits(u64::try_from(level.quantity).ok()?, &mut buffer))
}

fn okx_level(exponents: Exponents, level: Level, text: &mut Text) -> Option<()> {
    text.push_shortest(level.price, exponents.price)?;
    text.push(b":")?;
    text.push_shortest(level.quantity, exponents.quantity)?;
    text.push(b":")
}

/// Digits of the greatest number.
const DIGITS: usize = 20;

/// The digits of a number, at the end of the buffer.
fn digits(mut value: u64, buffer: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        if let Some(place) = buffer.get_mut(at) {
            // Below 10.
            *place = b'0' + (value % 10) as u8;
        }
        value /= 10;
        if value == 0 {
            return buffer.get(at..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_changes_the_checksum_is_that_of_the_book(
            changes in proptest::collection::vec((any::<bool>(), 1i64..60, 0i64..4, 0u32..7), 1..120),
            price in -19i8..3, quantity in -12i8..3,
        ) {
            let mut book = Book::new(Exponents::new(price, quantity));
            let (mut kraken, mut okx) = (Texts::default(), Texts::default());
            for (buy, place, amount, power) in changes {
                let side = if buy { Side::Buy } else { Side::Sell };
                book.set(side, Level::new(place * 7, amount * 10i64.pow(power)));
                prop_assert_eq!(kraken.kraken(&book), checksum::kraken(&book));
                prop_assert_eq!(okx.okx(&book), checksum::okx(&book, |_, _| None));
            }
            book.clear();
            prop_assert_eq!(okx.okx(&book), checksum::okx(&book, |_, _| None));
        }

        #[test]
        fn any_number_is_written(value: i64, exponent: i8) {
            let value = value.unsigned_abs().min(i64::MAX as u64).cast_signed();
            let mut text = Text { bytes: 0, text: [0; LONGEST] };
            let shortest = checksum::shortest(mesh_types::Decimal64::new(value, exponent)).to_string();
            if text.push_shortest(value, exponent).is_some() {
                prop_assert_eq!(core::str::from_utf8(&text.text[..text.bytes]), Ok(shortest.as_str()));
            }
        }
    }
}
