//! Pages that the library can be given. It takes a page's lengths and counts at their word and panics where they lie; here they
//! are compared with the bytes first. Values that are wrong, but whole, pass.

use bytes::Bytes;
use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Bytes of a length in front of what it counts.
const LENGTH_BYTES: usize = 4;

/// The pages of a column of a row group.
pub(crate) struct CheckedPages {
    inner: Box<dyn PageReader>,
    physical: Physical,
    optional: bool,
    has_dictionary: bool,
}

/// Whether pages of this encoding are read: what today's writers use unless they are told otherwise.
pub(crate) fn is_read(encoding: Encoding) -> bool {
    use Encoding::{PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY};
    // Some writers list the levels of required columns, which have none, as bit-packed.
    #[expect(deprecated, reason = "it is refused where it would be read")]
    let levels = encoding == Encoding::BIT_PACKED;
    levels || matches!(encoding, PLAIN | PLAIN_DICTIONARY | RLE | RLE_DICTIONARY)
}

impl CheckedPages {
    pub(crate) fn new(inner: Box<dyn PageReader>, physical: Physical, optional: bool) -> Self {
        Self { inner, physical, optional, has_dictionary: false }
    }

    /// The page, where it can be decoded.
    fn checked(&mut self, page: Page) -> Option<Page> {
        match &page {
            Page::DictionaryPage { buf, num_values, encoding, .. } => {
                let is_first = !std::mem::replace(&mut self.has_dictionary, true);
                let is_plain = matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY);
                (is_first && is_plain && self.physical != Physical::BOOLEAN).then_some(())?;
                self.check_values(buf, Encoding::PLAIN, *num_values, *num_values)?;
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } if self.optional => {
                (*def_level_encoding == Encoding::RLE).then_some(())?;
                let levels = counted(buf)?;
                check_runs(buf.get(LENGTH_BYTES..levels)?, 1, *num_values)?;
                let values = buf.slice(levels..);
                if self.physical == Physical::BYTE_ARRAY && *encoding == Encoding::PLAIN {
                    return in_second_form(page);
                }
                // How many of them there are, only the levels say; the library counts those.
                self.check_values(&values, *encoding, 0, *num_values)?;
            }
            Page::DataPage { buf, num_values, encoding, .. } => {
                self.check_values(buf, *encoding, *num_values, *num_values)?;
            }
            Page::DataPageV2 {
                buf, num_values, encoding, num_nulls, def_levels_byte_len, rep_levels_byte_len, ..
            } => {
                (*rep_levels_byte_len == 0).then_some(())?;
                let levels = usize::try_from(*def_levels_byte_len).ok()?;
                check_runs(buf.get(..levels)?, 1, *num_values)?;
                let count = num_values.checked_sub(*num_nulls)?;
                self.check_values(&buf.slice(levels..), *encoding, count, count)?;
            }
        }
        Some(page)
    }

    /// Whether at least so many values can be decoded, and nothing goes wrong until so many are.
    fn check_values(&self, values: &Bytes, encoding: Encoding, least: u32, most: u32) -> Option<()> {
        let count = usize::try_from(least).ok()?;
        match encoding {
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                self.has_dictionary.then_some(())?;
                match values.split_first() {
                    Some((width, runs)) => check_runs(runs, (*width).into(), most),
                    None => (count == 0).then_some(()),
                }
            }
            Encoding::RLE if self.physical == Physical::BOOLEAN => {
                check_runs(values.get(LENGTH_BYTES..counted(values)?)?, 1, most)
            }
            Encoding::PLAIN => match self.physical {
                Physical::BOOLEAN => Some(()),
                Physical::INT32 | Physical::FLOAT => (count <= values.len() / 4).then_some(()),
                Physical::INT64 | Physical::DOUBLE => (count <= values.len() / 8).then_some(()),
                Physical::INT96 => (count <= values.len() / 12).then_some(()),
                Physical::BYTE_ARRAY => (texts(values).take(count).count() == count).then_some(()),
                Physical::FIXED_LEN_BYTE_ARRAY => None,
            },
            _ => None,
        }
    }
}

/// A page of plain texts, some of them missing, in the second form of data pages: that says how many there are, where the first
/// leaves it to the levels, and the library then reads on beyond the last.
fn in_second_form(page: Page) -> Option<Page> {
    let Page::DataPage { buf, num_values, encoding, statistics, .. } = page else { return None };
    let levels = counted(&buf)?;
    let present = texts(&buf.slice(levels..)).take(usize::try_from(num_values).ok()?).count();
    Some(Page::DataPageV2 {
        buf: buf.slice(LENGTH_BYTES..),
        num_values,
        encoding,
        num_nulls: num_values - u32::try_from(present).ok()?,
        num_rows: num_values,
        def_levels_byte_len: u32::try_from(levels - LENGTH_BYTES).ok()?,
        rep_levels_byte_len: 0,
        is_compressed: false,
        statistics,
    })
}

/// Whether runs of numbers of so many bits can be decoded until there are `most` of them, or the bytes end: a run is a count in 7
/// bits a byte, and one number or, where the count's lowest bit is set, that many times eight of them.
fn check_runs(mut bytes: &[u8], bits: u32, most: u32) -> Option<()> {
    const MOST_BITS: u32 = 32;
    const COUNT_BYTES: usize = 5;
    (bits <= MOST_BITS).then_some(())?;
    let mut decoded = 0u64;
    while decoded < u64::from(most) && !bytes.is_empty() {
        let length = 1 + bytes.iter().take(COUNT_BYTES).position(|byte| byte & 0x80 == 0)?;
        let (count, rest) = bytes.split_at(length);
        let count = count.iter().rev().fold(0, |count, byte| count << 7 | u64::from(byte & 0x7f));
        // Padding, as some writers leave it.
        if count == 0 {
            return Some(());
        }
        let is_packed = count & 1 == 1;
        decoded += if is_packed { (count >> 1) * 8 } else { count >> 1 };
        let of_run = if is_packed { (count >> 1) * u64::from(bits) } else { bits.div_ceil(8).into() };
        // What is packed may end with the bytes.
        let taken = usize::try_from(of_run).ok().filter(|taken| *taken <= rest.len());
        bytes = match taken {
            Some(taken) => &rest[taken..],
            None if is_packed => &[],
            None => return None,
        };
    }
    Some(())
}

/// The ends of texts that stand one after another, each with its length in front.
fn texts(bytes: &Bytes) -> impl Iterator<Item = usize> {
    let mut left = bytes.clone();
    std::iter::from_fn(move || {
        let end = counted(&left)?;
        left = left.slice(end..);
        Some(end)
    })
}

/// Where what a length counts ends; none where that is beyond the bytes.
fn counted(bytes: &Bytes) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk::<LENGTH_BYTES>()?);
    let end = usize::try_from(length).ok()?.checked_add(LENGTH_BYTES)?;
    (end <= bytes.len()).then_some(end)
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let lies = || ParquetError::General("a page's lengths and counts are not those of its bytes".to_owned());
        match self.inner.get_next_page()? {
            Some(page) => self.checked(page).ok_or_else(lies).map(Some),
            None => Ok(None),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
