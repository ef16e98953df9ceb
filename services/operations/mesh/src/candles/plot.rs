//! Candles in a terminal: a column each, wicks and bodies to half a line, the volume below. Where there are more candles than
//! columns, several that follow each other are drawn as one.

use mesh_capture::time;
use mesh_store::history::KeptCandle;
use mesh_types::Decimal64;
use mesh_types::market::Candle;

use crate::console::{Tone, plain};
use crate::screen::Line;

const PRICE_LINES: usize = 16;
const HALVES: i128 = 2 * PRICE_LINES as i128;
/// Characters right of the columns, for prices.
const LABELS: usize = 16;

/// What is drawn of one column, at a common exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bar {
    open: i128,
    high: i128,
    low: i128,
    close: i128,
    volume: i128,
}

impl Bar {
    fn new(candle: &Candle, exponents: (i8, i8)) -> Option<Self> {
        let at = |value: Decimal64, exponent: i8| value.mantissa_at(exponent).ok().map(i128::from);
        let price = |value: Decimal64| at(value, exponents.0);
        Some(Self {
            open: price(candle.open.get())?,
            high: price(candle.high.get())?,
            low: price(candle.low.get())?,
            close: price(candle.close.get())?,
            volume: at(candle.volume.get(), exponents.1)?,
        })
    }

    /// This and the one after it as one.
    fn and(self, next: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(next.high),
            low: self.low.min(next.low),
            close: next.close,
            volume: self.volume + next.volume,
        }
    }

    const fn tone(&self) -> Tone {
        if self.close < self.open { Tone::Bad } else { Tone::Good }
    }
}

/// The drawing, at most `width` characters wide.
pub(super) fn render(found: &[KeptCandle], interval_ns: u64, width: usize) -> Vec<Line> {
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return Vec::new() };
    let (first, last) = (&first.candle, &last.candle);
    let prices =
        |candle: &Candle| [candle.open, candle.high, candle.low, candle.close].map(|price| finest(price.get()));
    let price = found.iter().flat_map(|kept| prices(&kept.candle)).min().unwrap_or(0);
    let volume = found.iter().map(|kept| finest(kept.candle.volume.get())).min().unwrap_or(0);

    let most = (width.saturating_sub(LABELS).max(1)) as u64;
    let intervals = last.open_ns.get().saturating_sub(first.open_ns.get()) / interval_ns.max(1) + 1;
    let together = intervals.div_ceil(most);
    let mut columns: Vec<Option<Bar>> = vec![None; usize::try_from(intervals.div_ceil(together)).unwrap_or(0)];
    for kept in found {
        let place = kept.candle.open_ns.get().saturating_sub(first.open_ns.get()) / interval_ns.max(1) / together;
        let bar = Bar::new(&kept.candle, (price, volume));
        if let Some(column) = usize::try_from(place).ok().and_then(|place| columns.get_mut(place)) {
            *column = match (*column, bar) {
                (Some(before), Some(bar)) => Some(before.and(bar)),
                (before, bar) => before.or(bar),
            };
        }
    }

    let mut lines = prices_of(&columns, price);
    lines.push(volumes_of(&columns));
    let (begin, end) = (clock(first.open_ns.get()), clock(last.open_ns.get()));
    let gap = columns.len().saturating_sub(begin.len() + end.len()).max(1);
    lines.push(vec![(Tone::Dim, format!("{begin}{}{end}", " ".repeat(gap)))]);
    if together > 1 {
        lines.push(vec![(Tone::Dim, format!("{together} candles in a column"))]);
    }
    lines
}

/// The exponent of the last digit that says something.
fn finest(value: Decimal64) -> i8 {
    value.normalized().exponent.min(0)
}

fn prices_of(columns: &[Option<Bar>], exponent: i8) -> Vec<Line> {
    let bars = || columns.iter().flatten();
    let top = bars().map(|bar| bar.high).max().unwrap_or(0);
    let bottom = bars().map(|bar| bar.low).min().unwrap_or(0);
    let height = (top - bottom).max(1);
    // Halves of lines from the top.
    let half = |price: i128| ((top - price) * (HALVES - 1) / height).clamp(0, HALVES - 1);
    let line = |row: usize| {
        let (upper, lower) = (2 * row as i128, 2 * row as i128 + 1);
        let mut line: Line = columns
            .iter()
            .map(|column| match column {
                None => (Tone::Plain, " ".to_owned()),
                Some(bar) => {
                    let wick = half(bar.high)..=half(bar.low);
                    let body = half(bar.open.max(bar.close))..=half(bar.open.min(bar.close));
                    let part = |at: i128| usize::from(wick.contains(&at)) + usize::from(body.contains(&at));
                    (bar.tone(), glyph(part(upper), part(lower)).to_owned())
                }
            })
            .collect();
        if row.is_multiple_of(5) {
            let price = top - upper * height / (HALVES - 1);
            let label = i64::try_from(price).map_or(String::new(), |price| plain(Decimal64::new(price, exponent)));
            line.push((Tone::Dim, format!(" {label}")));
        }
        line
    };
    (0..PRICE_LINES).map(line).collect()
}

/// Nothing, a wick or a body in the upper and in the lower half of a line.
const fn glyph(upper: usize, lower: usize) -> &'static str {
    match (upper, lower) {
        (0, 0) => " ",
        (0, 1) => "╷",
        (0, _) => "╻",
        (1, 0) => "╵",
        (1, 1) => "│",
        (1, _) => "╽",
        (_, 0) => "╹",
        (_, 1) => "╿",
        _ => "┃",
    }
}

fn volumes_of(columns: &[Option<Bar>]) -> Line {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let most = columns.iter().flatten().map(|bar| bar.volume).max().unwrap_or(0).max(1);
    let glyph = |bar: &Bar| usize::try_from(bar.volume * 8 / most).ok().and_then(|eighths| EIGHTHS.get(eighths));
    let drawn = |column: &Option<Bar>| column.as_ref().and_then(glyph).copied().unwrap_or(" ");
    let text: String = columns.iter().map(drawn).collect();
    vec![(Tone::Dim, format!("{text} volume"))]
}

fn clock(ns: u64) -> String {
    time::readable(ns).get(..16).unwrap_or_default().replace('T', " ")
}
