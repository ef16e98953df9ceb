//! Events to the mesh's bodies: the same numbers with the mesh's ids and words.

use mesh_types::market::{Candle, InstrumentInfo, Liquidation, Mark, Quote, Trade};
use mesh_types::{Decimal64, FixedStr, InstrumentError, InstrumentStatus};

use super::instruments::{SymbolInfo, SymbolStatus};
use super::subscribe::interval_ns;
use super::{Market, event};

const HOUR_NS: u64 = 3_600_000_000_000;

/// A trade. Futures print fills of the insurance fund as well ([`event::Trade::on_market`] is false): those are no trades of
/// the market, and left out by the caller.
///
/// # Errors
/// When the symbol can't be one.
pub fn trade(market: Market, trade: &event::Trade<'_>, received_ns: u64) -> Result<Trade, InstrumentError> {
    Ok(Trade {
        instrument: market.instrument(trade.symbol)?,
        price: trade.price.into(),
        quantity: trade.quantity.into(),
        side: trade.side().into(),
        trade_id: trade.id.into(),
        venue_ns: trade.trade_ns.into(),
        received_ns: received_ns.into(),
        ..Trade::default()
    })
}

/// Best bid and ask. Spot tells no time.
///
/// # Errors
/// When the symbol can't be one.
pub fn quote(market: Market, ticker: &event::BookTicker<'_>, received_ns: u64) -> Result<Quote, InstrumentError> {
    Ok(Quote {
        instrument: market.instrument(ticker.symbol)?,
        bid_price: ticker.bid.0.into(),
        bid_quantity: ticker.bid.1.into(),
        ask_price: ticker.ask.0.into(),
        ask_quantity: ticker.ask.1.into(),
        sequence: ticker.update_id.into(),
        venue_ns: ticker.transaction_ns.into(),
        received_ns: received_ns.into(),
    })
}

/// A candle. One of a month has interval 0: months differ.
///
/// # Errors
/// When the symbol can't be one.
pub fn candle(market: Market, kline: &event::Kline<'_>, received_ns: u64) -> Result<Candle, InstrumentError> {
    Ok(Candle {
        instrument: market.instrument(kline.symbol)?,
        interval_ns: interval_ns(kline.interval).unwrap_or(0).into(),
        open_ns: kline.open_ns.into(),
        open: kline.open.into(),
        high: kline.high.into(),
        low: kline.low.into(),
        close: kline.close.into(),
        volume: kline.volume.into(),
        trade_count: u32::try_from(kline.trade_count).unwrap_or(u32::MAX).into(),
        closed: u8::from(kline.closed),
        venue_ns: kline.event_ns.into(),
        received_ns: received_ns.into(),
        ..Candle::default()
    })
}

/// Mark price and funding. The stream does not tell the funding interval: it is 8 hours unless `funding_hours` (from
/// `GET /fapi/v1/fundingInfo`) says otherwise, and 0 for futures with expiry.
///
/// # Errors
/// When the symbol can't be one.
pub fn mark(
    market: Market,
    mark: &event::MarkPrice<'_>,
    funding_hours: Option<u64>,
    received_ns: u64,
) -> Result<Mark, InstrumentError> {
    let interval_ns = mark.funding_rate.map_or(0, |_| funding_hours.unwrap_or(8).saturating_mul(HOUR_NS));
    Ok(Mark {
        instrument: market.instrument(mark.symbol)?,
        mark_price: mark.mark.into(),
        index_price: mark.index.into(),
        funding_rate: mark.funding_rate.unwrap_or_default().into(),
        funding_interval_ns: interval_ns.into(),
        next_funding_ns: mark.next_funding_ns.into(),
        venue_ns: mark.event_ns.into(),
        received_ns: received_ns.into(),
    })
}

/// A liquidation, at its average fill where there is one.
///
/// # Errors
/// When the symbol can't be one.
pub fn liquidation(
    market: Market,
    order: &event::Liquidation<'_>,
    received_ns: u64,
) -> Result<Liquidation, InstrumentError> {
    let price = if order.average_price.is_zero() { order.price } else { order.average_price };
    Ok(Liquidation {
        instrument: market.instrument(order.symbol)?,
        price: price.into(),
        quantity: order.quantity.into(),
        side: order.side.into(),
        venue_ns: order.trade_ns.into(),
        received_ns: received_ns.into(),
        ..Liquidation::default()
    })
}

/// What may be ordered of an instrument. Steps keep the digits that Binance prints, so that books and orders do too.
///
/// # Errors
/// When the symbol can't be one.
pub fn instrument_info(
    market: Market,
    info: &SymbolInfo<'_>,
    venue_ns: u64,
    received_ns: u64,
) -> Result<InstrumentInfo, InstrumentError> {
    let status = match info.status {
        SymbolStatus::Trading => InstrumentStatus::Trading,
        SymbolStatus::CancelOnly => InstrumentStatus::CancelOnly,
        SymbolStatus::PreTrading => InstrumentStatus::PreTrading,
        SymbolStatus::Halted => InstrumentStatus::Halted,
        SymbolStatus::Gone => InstrumentStatus::Delisted,
    };
    Ok(InstrumentInfo {
        instrument: market.instrument(&info.symbol)?,
        tick: info.tick.into(),
        lot: info.lot.into(),
        min_quantity: info.min_quantity.into(),
        max_quantity: info.max_quantity.into(),
        min_notional: info.min_notional.into(),
        base: FixedStr::truncated(&info.base),
        quote: FixedStr::truncated(&info.quote),
        status: status.into(),
        contract_size: info.contract_size.unwrap_or(Decimal64::ONE).into(),
        venue_ns: venue_ns.into(),
        received_ns: received_ns.into(),
        ..InstrumentInfo::default()
    })
}
