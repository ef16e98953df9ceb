//! Messages and books as JSON lines: the stable form that people and other programs read.

use std::fmt::Display;
use std::io::{self, Write};

use mesh_types::market::{Candle, InstrumentInfo, Liquidation, OpenInterest, Quote, Trade, VenueStatus};
use mesh_types::{Decimal64, Side};
use mesh_venues::message::{MarkUpdate, Message};
use mesh_venues::reader::BookView;

/// One object on one line.
struct Object<'o, W> {
    out: &'o mut W,
}

impl<'o, W: Write> Object<'o, W> {
    fn new(out: &'o mut W, kind: &str) -> io::Result<Self> {
        write!(out, r#"{{"kind":"{kind}""#)?;
        Ok(Self { out })
    }

    /// A value that is JSON as it prints.
    fn plain(&mut self, name: &str, value: impl Display) -> io::Result<&mut Self> {
        write!(self.out, r#","{name}":{value}"#)?;
        Ok(self)
    }

    fn decimal(&mut self, name: &str, value: impl Into<Decimal64>) -> io::Result<&mut Self> {
        write!(self.out, r#","{name}":"{}""#, value.into())?;
        Ok(self)
    }

    /// A decimal; null where it is zero, which stands for what the venue does not say.
    fn known(&mut self, name: &str, value: impl Into<Decimal64>) -> io::Result<&mut Self> {
        let value = value.into();
        if value.is_zero() { self.plain(name, "null") } else { self.decimal(name, value) }
    }

    /// A text, which may hold anything.
    fn text(&mut self, name: &str, value: impl Display) -> io::Result<&mut Self> {
        write!(self.out, r#","{name}":"#)?;
        serde_json::to_writer(&mut *self.out, &value.to_string())?;
        Ok(self)
    }

    /// A time; null where it is 0.
    fn time(&mut self, name: &str, ns: u64) -> io::Result<&mut Self> {
        if ns == 0 { self.plain(name, "null") } else { self.plain(name, ns) }
    }

    fn times(&mut self, venue_ns: impl Into<u64>, received_ns: impl Into<u64>) -> io::Result<()> {
        self.time("venue_ns", venue_ns.into())?.time("recv_ns", received_ns.into())?;
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"}\n")
    }
}

/// Writes a message; calls `counted` with the kind of each line. Books are written by [`book`], and what has no line of its
/// own is left out: then nothing is counted.
pub(crate) fn message(out: &mut impl Write, message: &Message<'_>, counted: &mut dyn FnMut(&str)) -> io::Result<()> {
    match message {
        Message::Mark(update) => {
            if update.mark.is_some() || update.index.is_some() {
                counted("mark");
                mark(out, update)?;
            }
            if update.funding.is_some() {
                counted("funding");
                funding(out, update)?;
            }
            return Ok(());
        }
        Message::TradeGap(_) | Message::Book(_) | Message::Reply(_) | Message::Ignored { .. } => return Ok(()),
        _ => counted(message.kind()),
    }
    match message {
        Message::Trade { trade: body, past } => trade(out, body, *past),
        Message::Quote(body) => quote(out, body),
        Message::Candle { candle: body, past } => candle(out, body, *past),
        Message::OpenInterest(body) => open_interest(out, body),
        Message::Liquidation(body) => liquidation(out, body),
        Message::Instrument(body) => instrument(out, body),
        Message::Status(body) => status(out, body),
        // A recording is read frame by frame: nothing of it is missed here.
        Message::TradeGap(_) | Message::Mark(_) | Message::Book(_) | Message::Reply(_) | Message::Ignored { .. } => {
            Ok(())
        }
    }
}

fn side(side: Option<Side>) -> &'static str {
    match side {
        Some(Side::Buy) => r#""buy""#,
        Some(Side::Sell) => r#""sell""#,
        None => "null",
    }
}

fn trade(out: &mut impl Write, trade: &Trade, past: bool) -> io::Result<()> {
    let mut object = Object::new(out, "trade")?;
    object.text("instrument", trade.instrument)?;
    object.decimal("price", trade.price.get())?.decimal("quantity", trade.quantity.get())?;
    object.plain("side", side(trade.side.get()))?.plain("trade_id", trade.trade_id.get())?;
    if past {
        object.plain("past", true)?;
    }
    object.times(trade.venue_ns, trade.received_ns)
}

fn quote(out: &mut impl Write, quote: &Quote) -> io::Result<()> {
    let mut object = Object::new(out, "quote")?;
    object.text("instrument", quote.instrument)?;
    object.known("bid_price", quote.bid_price.get())?.known("bid_quantity", quote.bid_quantity.get())?;
    object.known("ask_price", quote.ask_price.get())?.known("ask_quantity", quote.ask_quantity.get())?;
    object.time("sequence", quote.sequence.get())?.times(quote.venue_ns, quote.received_ns)
}

fn candle(out: &mut impl Write, candle: &Candle, past: bool) -> io::Result<()> {
    let mut object = Object::new(out, "candle")?;
    object.text("instrument", candle.instrument)?;
    match interval(candle.interval_ns.get()) {
        Some(interval) => object.text("interval", interval)?,
        None => object.plain("interval", "null")?,
    };
    object.plain("open_ns", candle.open_ns.get())?;
    let prices = [("open", candle.open), ("high", candle.high), ("low", candle.low), ("close", candle.close)];
    for (name, price) in prices {
        object.decimal(name, price.get())?;
    }
    object.decimal("volume", candle.volume.get())?.plain("closed", candle.closed == 1)?;
    object.plain("trade_count", candle.trade_count.get())?;
    if past {
        object.plain("past", true)?;
    }
    object.times(candle.venue_ns, candle.received_ns)
}

/// A length as `1m`, `4h`, `1d`, `1w`; `None` for 0: a month, since months differ.
fn interval(ns: u64) -> Option<String> {
    const SECOND_NS: u64 = 1_000_000_000;
    let seconds = ns / SECOND_NS;
    let units = [(604_800, 'w'), (86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length))?;
    Some(format!("{}{unit}", seconds / length))
}

fn mark(out: &mut impl Write, update: &MarkUpdate) -> io::Result<()> {
    let mut object = Object::new(out, "mark")?;
    object.text("instrument", update.instrument)?;
    object.known("mark_price", update.mark.unwrap_or_default())?;
    object.known("index_price", update.index.unwrap_or_default())?;
    object.times(update.venue_ns, update.received_ns)
}

fn funding(out: &mut impl Write, update: &MarkUpdate) -> io::Result<()> {
    let Some(funding) = update.funding else { return Ok(()) };
    let mut object = Object::new(out, "funding")?;
    object.text("instrument", update.instrument)?.decimal("funding_rate", funding.rate)?;
    object.time("funding_interval_ns", funding.interval_ns)?.time("next_funding_ns", funding.next_ns)?;
    object.times(update.venue_ns, update.received_ns)
}

fn open_interest(out: &mut impl Write, interest: &OpenInterest) -> io::Result<()> {
    let mut object = Object::new(out, "open_interest")?;
    object.text("instrument", interest.instrument)?.decimal("quantity", interest.quantity.get())?;
    object.known("notional", interest.notional.get())?.times(interest.venue_ns, interest.received_ns)
}

fn liquidation(out: &mut impl Write, order: &Liquidation) -> io::Result<()> {
    let mut object = Object::new(out, "liquidation")?;
    object.text("instrument", order.instrument)?;
    object.decimal("price", order.price.get())?.decimal("quantity", order.quantity.get())?;
    object.plain("side", side(order.side.get()))?.times(order.venue_ns, order.received_ns)
}

fn instrument(out: &mut impl Write, info: &InstrumentInfo) -> io::Result<()> {
    let mut object = Object::new(out, "instrument")?;
    object.text("instrument", info.instrument)?;
    object.decimal("tick", info.tick.get())?.decimal("lot", info.lot.get())?;
    object.known("min_quantity", info.min_quantity.get())?.known("max_quantity", info.max_quantity.get())?;
    object.known("min_notional", info.min_notional.get())?.decimal("contract_size", info.contract_size.get())?;
    object.text("base", info.base.as_str().unwrap_or_default())?;
    object.text("quote", info.quote.as_str().unwrap_or_default())?;
    match info.status.get() {
        Some(status) => object.text("status", status)?,
        None => object.plain("status", "null")?,
    };
    object.times(info.venue_ns, info.received_ns)
}

fn status(out: &mut impl Write, status: &VenueStatus) -> io::Result<()> {
    let mut object = Object::new(out, "status")?;
    match (status.venue.get(), status.state.get()) {
        (Some(venue), Some(state)) => object.text("venue", venue)?.text("state", state)?,
        _ => object.plain("venue", "null")?.plain("state", "null")?,
    };
    object.text("reason", status.reason.as_str().unwrap_or_default())?.time("recv_ns", status.since_ns.get())?.end()
}

/// Writes a book, the best `depth` levels of each side.
pub(crate) fn book(
    out: &mut impl Write,
    view: &BookView<'_>,
    depth: usize,
    connection: &str,
    received_ns: u64,
) -> io::Result<()> {
    let mut object = Object::new(out, "book")?;
    object.text("instrument", view.instrument)?.text("channel", view.channel)?;
    if !connection.is_empty() {
        object.text("conn", connection)?;
    }
    object.text("health", view.health)?;
    match view.reason {
        Some(reason) => object.text("reason", reason)?,
        None => object.plain("reason", "null")?,
    };
    object.plain("sequence", view.sequence)?;
    for (name, side) in [("bids", Side::Buy), ("asks", Side::Sell)] {
        write!(object.out, r#","{name}":["#)?;
        for (index, (price, quantity)) in view.levels(side).take(depth).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(object.out, r#"{comma}["{price}","{quantity}"]"#)?;
        }
        object.out.write_all(b"]")?;
    }
    match view.checksum_ok {
        Some(ok) => object.plain("checksum_ok", ok)?,
        None => object.plain("checksum_ok", "null")?,
    };
    object.times(view.venue_ns, received_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_printed_in_their_largest_unit() {
        let minute = 60_000_000_000;
        let printed = [minute, 5 * minute, 60 * minute, 240 * minute, 1_440 * minute, 10_080 * minute].map(interval);
        assert_eq!(printed.map(Option::unwrap_or_default), ["1m", "5m", "1h", "4h", "1d", "1w"]);
        assert_eq!((interval(0), interval(90_000_000_000)), (None, Some("90s".into())));
    }
}
