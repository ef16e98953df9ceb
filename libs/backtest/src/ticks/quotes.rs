//! A small market maker: one order to buy and one to sell, around the middle of the book, shifted against what it holds.
//!
//! It is an example that lives from its places in the queues, and what replay is measured with. It is no advice.

use mesh_kernel::ExitReason;
use mesh_kernel::params::{ParamKind, ParamSpec};
use mesh_ticks::{Head, OrderKind, Report};
use mesh_types::Side as OrderSide;

use super::desk::{Desk, Market, TickStrategy};
use crate::data::TimedBar;

const fn real(
    name: &'static str,
    unit: &'static str,
    (min, max): (f64, f64),
    default: f64,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec { name, unit, min, max, default, doc, kind: ParamKind::Real }
}

/// What it is set by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuotesParams {
    /// Distance of each quote from the middle, bp; never better than the best of its side.
    pub half_spread_bp: f64,
    /// Shift of both quotes against the position, bp at the largest position.
    pub skew_bp: f64,
    /// Base quantity of a quote.
    pub quantity: f64,
    /// Largest position, in quotes.
    pub position_max: f64,
    /// Time between two looks at the quotes, ms.
    pub requote_ms: f64,
}

impl QuotesParams {
    /// The parameters, in the order of the fields.
    pub const SPEC: &'static [ParamSpec] = &[
        real("half_spread_bp", "bp", (0.0, 1_000.0), 1.0, "distance of each quote from the middle"),
        real("skew_bp", "bp", (0.0, 1_000.0), 1.0, "shift of both quotes at the largest position"),
        real("quantity", "base", (1e-9, 1e9), 0.01, "quantity of a quote"),
        real("position_max", "quotes", (1.0, 1_000.0), 5.0, "largest position"),
        real("requote_ms", "ms", (0.0, 86_400_000.0), 100.0, "time between two looks at the quotes"),
    ];

    /// From values in the order of [`Self::SPEC`]; the first that is out of its range where one is.
    ///
    /// # Errors
    /// The parameter and its value.
    pub fn from_values(values: &[f64]) -> Result<Self, (&'static ParamSpec, f64)> {
        let mut all = [0.0; 5];
        for (index, (slot, spec)) in all.iter_mut().zip(Self::SPEC).enumerate() {
            let value = values.get(index).copied().unwrap_or(spec.default);
            if !(spec.min..=spec.max).contains(&value) {
                return Err((spec, value));
            }
            *slot = value;
        }
        let [half_spread_bp, skew_bp, quantity, position_max, requote_ms] = all;
        Ok(Self { half_spread_bp, skew_bp, quantity, position_max, requote_ms })
    }
}

/// The maker.
#[derive(Clone, Debug)]
pub struct Quotes {
    params: QuotesParams,
    /// Lots of a quote.
    lots: i64,
    next_ns: u64,
    /// Id and price of what is quoted: to buy, to sell.
    quoted: [Option<(u64, i64)>; 2],
}

impl Quotes {
    /// Nothing quoted yet; `lots` is what the quantity comes to.
    #[must_use]
    pub const fn new(params: QuotesParams, lots: i64) -> Self {
        Self { params, lots, next_ns: 0, quoted: [None; 2] }
    }

    /// Prices to quote: to buy, to sell; none where the position is at its largest.
    fn wanted(&self, market: &Market<'_>, position: i64) -> [Option<i64>; 2] {
        let Some((bid, ask)) = market.book.touch() else { return [None; 2] };
        let largest = self.lots as f64 * self.params.position_max;
        let middle = (bid.price + ask.price) as f64 / 2.0;
        let held = if largest > 0.0 { position as f64 / largest } else { 0.0 };
        let fair = middle * (1.0 - held * self.params.skew_bp / 1e4);
        let half = middle * self.params.half_spread_bp / 1e4;
        let buy = ((fair - half).floor() as i64).min(bid.price);
        let sell = ((fair + half).ceil() as i64).max(ask.price);
        [
            Some(buy).filter(|price| *price > 0 && (position.saturating_add(self.lots)) as f64 <= largest),
            Some(sell).filter(|_| (position.saturating_sub(self.lots)) as f64 >= -largest),
        ]
    }
}

impl TickStrategy for Quotes {
    #[inline]
    fn on_message(&mut self, _message: &Head, market: &Market<'_>, desk: &mut Desk) {
        if market.now_ns < self.next_ns {
            return;
        }
        self.next_ns = market.now_ns.saturating_add((self.params.requote_ms * 1e6) as u64);
        let wanted = self.wanted(market, desk.account.position);
        for ((quoted, price), side) in self.quoted.iter_mut().zip(wanted).zip([OrderSide::Buy, OrderSide::Sell]) {
            if quoted.map(|(_, price)| price) == price {
                continue;
            }
            if let Some((id, _)) = quoted.take() {
                desk.cancel(id);
            }
            *quoted =
                price.map(|price| (desk.submit(side, OrderKind::PostOnly, price, self.lots, ExitReason::None), price));
        }
    }

    fn on_bar(&mut self, _bar: &TimedBar, _market: &Market<'_>, desk: &mut Desk) -> u64 {
        desk.digest()
    }

    fn on_report(&mut self, report: &Report, _desk: &mut Desk) {
        if report.is_final() {
            for quoted in &mut self.quoted {
                quoted.take_if(|(id, _)| *id == report.id);
            }
        }
    }
}
