//! What Binance says about orders: answers over HTTP, and the events of the account.
//!
//! A cancel has a client id of its own. Its answer and its event name that one first and the order's own second
//! (`origClientOrderId`, `C`): [`OrderReport::client_order_id`] and [`Execution::client_order_id`] are always the order's.
//! An order that ends without a fill because it was immediate is `EXPIRED`, which is no rejection.

use std::borrow::Cow;

use mesh_types::{Decimal64, OrderState, Side};
use serde::{Deserialize, Deserializer};

use super::time_ns;

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Resting; in an order list it may wait still.
    #[serde(alias = "PENDING_NEW", alias = "NEW_INSURANCE", alias = "NEW_ADL")]
    New,
    /// Part of it is filled.
    PartiallyFilled,
    /// All of it is filled.
    Filled,
    /// Taken back.
    #[serde(alias = "PENDING_CANCEL")]
    Canceled,
    /// Refused.
    Rejected,
    /// Ended by its own terms: immediate and not filled, or by the venue.
    Expired,
    /// Ended because it would have traded with an order of the same account.
    ExpiredInMatch,
    /// A state that is not known here.
    #[serde(other)]
    Unknown,
}

impl OrderStatus {
    /// The mesh's word for it. What the venue ends is cancelled; it may have been filled in part before.
    pub const fn state(self) -> OrderState {
        match self {
            Self::New => OrderState::Accepted,
            Self::PartiallyFilled => OrderState::PartiallyFilled,
            Self::Filled => OrderState::Filled,
            Self::Canceled | Self::Expired | Self::ExpiredInMatch => OrderState::Cancelled,
            Self::Rejected => OrderState::Rejected,
            Self::Unknown => OrderState::Unknown,
        }
    }
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Side, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Name {
        Buy,
        Sell,
    }
    Ok(match Name::deserialize(deserializer)? {
        Name::Buy => Side::Buy,
        Name::Sell => Side::Sell,
    })
}

/// The answer to placing, cancelling or asking for an order; one element of a list of orders.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderReport<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's id of the order.
    pub order_id: u64,
    #[serde(borrow, rename = "clientOrderId")]
    own_client_order_id: Cow<'a, str>,
    #[serde(borrow)]
    orig_client_order_id: Option<Cow<'a, str>>,
    /// Where it is; an `ACK` answer has none and means resting or better.
    pub status: Option<OrderStatus>,
    /// Quantity ordered.
    pub orig_qty: Option<Decimal64>,
    /// Quantity filled.
    pub executed_qty: Option<Decimal64>,
    /// Quote quantity filled; futures call it otherwise and leave it out of some answers.
    #[serde(rename = "cummulativeQuoteQty", alias = "cumQuote", alias = "cumBase")]
    pub quote_qty: Option<Decimal64>,
    /// When the order last changed, in the venue's unit; see [`OrderReport::venue_ns`].
    #[serde(alias = "transactTime")]
    update_time: Option<u64>,
    /// Fills, where the answer has them.
    #[serde(default, borrow)]
    pub fills: Vec<OrderFill<'a>>,
}

impl OrderReport<'_> {
    /// The order's own client id, also in the answer to a cancel.
    pub fn client_order_id(&self) -> &str {
        match &self.orig_client_order_id {
            Some(original) if !original.is_empty() => original,
            _ => &self.own_client_order_id,
        }
    }

    /// When the order last changed, ns since the Unix epoch; 0 where the answer does not say.
    pub fn venue_ns(&self) -> u64 {
        self.update_time.map_or(0, time_ns)
    }
}

/// A fill in the answer to a spot order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFill<'a> {
    /// Price.
    pub price: Decimal64,
    /// Quantity.
    pub qty: Decimal64,
    /// Fee.
    pub commission: Decimal64,
    /// What it is paid in.
    #[serde(borrow)]
    pub commission_asset: Cow<'a, str>,
    /// Trade id: the same one is the same fill.
    pub trade_id: u64,
}

/// One fill of the account, from the list of its trades.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountTrade<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Trade id.
    pub id: u64,
    /// The venue's id of the order.
    pub order_id: u64,
    /// Price.
    pub price: Decimal64,
    /// Quantity.
    pub qty: Decimal64,
    /// Fee.
    pub commission: Decimal64,
    /// What it is paid in.
    #[serde(borrow)]
    pub commission_asset: Cow<'a, str>,
    /// When, in the venue's unit.
    pub time: u64,
    /// The account bought.
    #[serde(alias = "buyer")]
    pub is_buyer: bool,
    /// The account's order was resting.
    #[serde(alias = "maker")]
    pub is_maker: bool,
}

/// Reads the answer to placing, cancelling or asking for one order.
///
/// # Errors
/// When it is not what the venue sends; the text says where.
pub fn order_report(body: &[u8]) -> Result<OrderReport<'_>, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads a list of orders.
///
/// # Errors
/// When it is not what the venue sends; the text says where.
pub fn order_reports(body: &[u8]) -> Result<Vec<OrderReport<'_>>, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads a list of the account's fills.
///
/// # Errors
/// When it is not what the venue sends; the text says where.
pub fn account_trades(body: &[u8]) -> Result<Vec<AccountTrade<'_>>, serde_json::Error> {
    serde_json::from_slice(body)
}

/// What happened to an order: spot's `executionReport` and the `o` of the futures' `ORDER_TRADE_UPDATE`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Execution<'a> {
    /// Symbol.
    #[serde(borrow, rename = "s")]
    pub symbol: Cow<'a, str>,
    #[serde(borrow, rename = "c")]
    own_client_order_id: Cow<'a, str>,
    #[serde(borrow, rename = "C")]
    orig_client_order_id: Option<Cow<'a, str>>,
    /// Side of the order.
    #[serde(rename = "S", deserialize_with = "side")]
    pub side: Side,
    /// What happened: `NEW`, `TRADE`, `CANCELED`, `EXPIRED`, `REJECTED`, `REPLACED`, `TRADE_PREVENTION`, `CALCULATED`.
    #[serde(borrow, rename = "x")]
    pub execution_type: Cow<'a, str>,
    /// Where the order is now.
    #[serde(rename = "X")]
    pub status: OrderStatus,
    /// Why it was refused; `NONE`, or absent on futures.
    #[serde(borrow, rename = "r")]
    pub reject_reason: Option<Cow<'a, str>>,
    /// The venue's id of the order.
    #[serde(rename = "i")]
    pub order_id: u64,
    /// Quantity of this fill.
    #[serde(rename = "l")]
    pub last_quantity: Decimal64,
    /// Price of this fill.
    #[serde(rename = "L")]
    pub last_price: Decimal64,
    /// Quantity filled so far.
    #[serde(rename = "z")]
    pub cumulative_quantity: Decimal64,
    /// Fee of this fill.
    #[serde(rename = "n")]
    pub fee: Option<Decimal64>,
    /// What it is paid in; `None` where there was no fill.
    #[serde(borrow, rename = "N")]
    pub fee_asset: Option<Cow<'a, str>>,
    /// Trade id; -1 on spot and 0 on futures where there was no fill.
    #[serde(rename = "t")]
    trade: i64,
    /// The order was resting.
    #[serde(rename = "m")]
    pub maker: bool,
    /// When, in the venue's unit.
    #[serde(rename = "T")]
    time: u64,
}

impl Execution<'_> {
    /// The order's own client id, also where a cancel caused the event.
    pub fn client_order_id(&self) -> &str {
        match &self.orig_client_order_id {
            Some(original) if !original.is_empty() => original,
            _ => &self.own_client_order_id,
        }
    }

    /// The trade's id where this is a fill: the same one is the same fill.
    pub fn trade_id(&self) -> Option<u64> {
        u64::try_from(self.trade).ok().filter(|id| *id > 0 && self.last_quantity.is_positive())
    }

    /// When it happened, ns since the Unix epoch.
    pub const fn venue_ns(&self) -> u64 {
        time_ns(self.time)
    }
}

/// A balance of the account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AccountBalance<'a> {
    /// Asset.
    #[serde(borrow, rename = "a")]
    pub asset: Cow<'a, str>,
    /// Free; the wallet balance on futures.
    #[serde(rename = "f", alias = "wb")]
    pub free: Decimal64,
    /// Locked in orders; absent on futures.
    #[serde(rename = "l")]
    pub locked: Option<Decimal64>,
}

/// An event of the account.
#[derive(Clone, Debug, PartialEq)]
pub enum UserEvent<'a> {
    /// An order changed.
    Execution(Box<Execution<'a>>),
    /// Balances changed; those that did not are not named.
    Balances(Vec<AccountBalance<'a>>),
    /// The stream ends: subscribe again, then reconcile. `eventStreamTerminated`, `listenKeyExpired`.
    Ended,
    /// Not used; `TRADE_LITE` repeats what `ORDER_TRADE_UPDATE` says.
    Ignored,
}

impl<'a> UserEvent<'a> {
    /// Reads the JSON of [`super::event::Event::User`].
    ///
    /// # Errors
    /// When it is not what the venue sends; the text says where.
    pub fn parse(kind: &str, json: &'a [u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Nested<'a> {
            #[serde(borrow)]
            o: Execution<'a>,
        }
        #[derive(Deserialize)]
        struct Balances<'a> {
            #[serde(borrow, rename = "B")]
            balances: Vec<AccountBalance<'a>>,
        }
        #[derive(Deserialize)]
        struct Account<'a> {
            #[serde(borrow)]
            a: Balances<'a>,
        }
        Ok(match kind {
            "executionReport" => Self::Execution(Box::new(serde_json::from_slice(json)?)),
            "ORDER_TRADE_UPDATE" => Self::Execution(Box::new(serde_json::from_slice::<Nested<'_>>(json)?.o)),
            "outboundAccountPosition" => Self::Balances(serde_json::from_slice::<Balances<'_>>(json)?.balances),
            "ACCOUNT_UPDATE" => Self::Balances(serde_json::from_slice::<Account<'_>>(json)?.a.balances),
            "eventStreamTerminated" | "listenKeyExpired" => Self::Ended,
            _ => Self::Ignored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cancel_s_answer_names_the_order_and_not_the_cancel() {
        let body = br#"{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,
            "clientOrderId":"cancelMyOrder1","transactTime":1684804350068,"price":"2.0","origQty":"1.0",
            "executedQty":"0.0","cummulativeQuoteQty":"0.0","status":"CANCELED","side":"BUY"}"#;
        let report = order_report(body).expect("an order");
        assert_eq!((report.client_order_id(), report.order_id), ("myOrder1", 4));
        assert_eq!(report.status.map(OrderStatus::state), Some(OrderState::Cancelled));
        assert_eq!(report.venue_ns(), 1_684_804_350_068_000_000);
        let unknown = String::from_utf8_lossy(body).replace("CANCELED", "SOMETHING");
        assert_eq!(order_report(unknown.as_bytes()).expect("an order").status, Some(OrderStatus::Unknown));
    }

    #[test]
    fn a_fill_has_its_trade_id_fee_and_maker() {
        let json =
            br#"{"e":"executionReport","E":1709654401000,"s":"ETHUSDT","c":"x-1","S":"BUY","o":"LIMIT","f":"GTC",
            "q":"1.0","p":"2500.0","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":12345678,"l":"0.4","z":"0.9",
            "L":"2500.0","n":"0.001","N":"ETH","T":1709654401000,"t":98765432,"w":false,"m":true,"C":""}"#;
        let UserEvent::Execution(execution) = UserEvent::parse("executionReport", json).expect("an event") else {
            panic!("expected an execution");
        };
        assert_eq!(
            (execution.client_order_id(), execution.trade_id(), execution.maker),
            ("x-1", Some(98_765_432), true)
        );
        assert_eq!(execution.status.state(), OrderState::PartiallyFilled);
        assert_eq!(execution.fee_asset.as_deref(), Some("ETH"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (order_report(&bytes), order_reports(&bytes), account_trades(&bytes));
            for kind in ["executionReport", "ORDER_TRADE_UPDATE", "outboundAccountPosition", "ACCOUNT_UPDATE"] {
                let _ = UserEvent::parse(kind, &bytes);
            }
        }
    }
}
