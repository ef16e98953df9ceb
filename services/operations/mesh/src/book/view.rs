//! From a ladder to lines, for a terminal of any size. No terminal here.

use mesh_book::Level;
use mesh_types::{BookHealth, Decimal64, Rounding, Side};

use super::ladder::Ladder;
use crate::console::{Tone, nanoseconds, plain};
use crate::screen::{self, Line};

/// Lines beside the levels: the title, the figures, the heading, the spread, and how to leave.
pub(super) const EXTRA_LINES: usize = 5;
/// Levels that the imbalance is of.
const IMBALANCE_LEVELS: usize = 5;
/// Characters of the columns of numbers.
const NUMBERS: usize = 50;
const LONGEST_BAR: usize = 60;

/// The screen: at most `height` lines of at most `width` characters.
pub(super) fn render(ladder: &Ladder, now_ns: u64, width: usize, height: usize) -> Vec<Line> {
    let levels = height.saturating_sub(EXTRA_LINES) / 2;
    let book = ladder.book.book();
    let bids: Vec<Level> = book.bids().take(levels).collect();
    let asks: Vec<Level> = book.asks().take(levels).collect();
    let most = bids.iter().chain(&asks).map(|level| level.quantity).max().unwrap_or(0);
    let digits = Digits::of(ladder, &bids, &asks);
    let bar = Bar { most, length: width.saturating_sub(NUMBERS).min(LONGEST_BAR) };
    let mut lines = vec![title(ladder, now_ns), figures(ladder)];
    let heading = format!("{:>16} {:>16} {:>16}", "price", "quantity", "in all");
    lines.push(vec![(Tone::Dim, heading)]);
    lines.extend(side(ladder, &asks, Tone::Bad, &bar, &digits).into_iter().rev());
    lines.push(spread(ladder, &digits));
    lines.extend(side(ladder, &bids, Tone::Good, &bar, &digits));
    lines.truncate(height.saturating_sub(1));
    lines.push(vec![(Tone::Dim, "q quits".to_owned())]);
    lines.truncate(height);
    lines.into_iter().map(|line| screen::cut(line, width)).collect()
}

/// How long a quantity is drawn.
struct Bar {
    most: i64,
    length: usize,
}

impl Bar {
    fn of(&self, quantity: i64) -> String {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let parts = i128::from(quantity) * 8 * self.length as i128 / i128::from(self.most.max(1));
        let parts = usize::try_from(parts).unwrap_or(0);
        "█".repeat(parts / 8) + EIGHTHS.get(parts % 8).copied().unwrap_or_default()
    }
}

/// Decimals that say something in what is shown.
struct Digits {
    price: i8,
    quantity: i8,
}

impl Digits {
    fn of(ladder: &Ladder, bids: &[Level], asks: &[Level]) -> Self {
        let exponents = ladder.exponents();
        let levels = || bids.iter().chain(asks);
        let finest = |values: &mut dyn Iterator<Item = Decimal64>| {
            values.map(|value| value.normalized().exponent).min().unwrap_or(0).min(0)
        };
        Self {
            price: finest(&mut levels().map(|level| exponents.price(*level))),
            quantity: finest(&mut levels().map(|level| exponents.quantity(*level))),
        }
    }
}

fn with_digits(value: Decimal64, exponent: i8) -> String {
    value.rescale(exponent, Rounding::Floor).unwrap_or(value).to_string()
}

/// Levels with what is offered up to each, best first.
fn side(ladder: &Ladder, levels: &[Level], tone: Tone, bar: &Bar, digits: &Digits) -> Vec<Line> {
    let exponents = ladder.exponents();
    let mut sum = 0i64;
    let mut lines = Vec::new();
    for level in levels {
        sum = sum.saturating_add(level.quantity);
        let in_all = Decimal64::new(sum, exponents.quantity);
        let quantity = with_digits(exponents.quantity(*level), digits.quantity);
        let numbers = format!(" {quantity:>16} {:>16} ", with_digits(in_all, digits.quantity));
        lines.push(vec![
            (tone, format!("{:>16}", with_digits(exponents.price(*level), digits.price))),
            (Tone::Plain, numbers),
            (tone, bar.of(level.quantity)),
        ]);
    }
    lines
}

fn title(ladder: &Ladder, now_ns: u64) -> Line {
    let book = &ladder.book;
    let tone = if book.health() == BookHealth::Live { Tone::Good } else { Tone::Warn };
    let why = book.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
    let age = now_ns.saturating_sub(book.received_ns());
    let age = if book.received_ns() > 0 { format!("  {} old", nanoseconds(age)) } else { String::new() };
    vec![
        (Tone::Bold, ladder.instrument.to_string()),
        (tone, format!("  {}{why}", book.health().name())),
        (Tone::Dim, format!("{age}  {} updates", ladder.updates)),
    ]
}

fn figures(ladder: &Ladder) -> Line {
    let imbalance = ladder.book.book().imbalance_ppm(IMBALANCE_LEVELS).map_or_else(
        || "-".to_owned(),
        |ppm| format!("{}{} %", if ppm > 0 { "+" } else { "" }, plain(Decimal64::new(ppm / 1000, -1))),
    );
    let trade = ladder.trade.as_ref().map_or_else(
        || "-".to_owned(),
        |trade| {
            let side = trade.side.get().map_or("?", Side::name);
            format!("{side} {} at {}", plain(trade.quantity.get()), plain(trade.price.get()))
        },
    );
    let text = format!("imbalance of {IMBALANCE_LEVELS}: {imbalance}  last trade: {trade}");
    vec![(Tone::Plain, text)]
}

fn spread(ladder: &Ladder, digits: &Digits) -> Line {
    let book = ladder.book.book();
    let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else {
        return vec![(Tone::Dim, format!("{:>16}", "one side is empty"))];
    };
    let spread = ask.price.saturating_sub(bid.price);
    // Hundredths of a basis point of the middle.
    let middle = (i128::from(bid.price) + i128::from(ask.price)) / 2;
    let points = i64::try_from(i128::from(spread) * 1_000_000 / middle.max(1)).unwrap_or(i64::MAX);
    let spread = Decimal64::new(spread, ladder.exponents().price);
    vec![(Tone::Dim, format!("{:>16} spread, {} bp", with_digits(spread, digits.price), Decimal64::new(points, -2)))]
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
