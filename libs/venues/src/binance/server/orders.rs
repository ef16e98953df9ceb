//! What the simulated venue says about orders: answers over HTTP, and the events of the account.

use mesh_types::{Decimal64, Side};

use super::{Writer, quoted};
use crate::binance::Market;
use crate::binance::format::side_name;

/// An order as the venue keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// The venue's id.
    pub order_id: u64,
    /// The order's client id.
    pub client_order_id: &'a str,
    /// Side.
    pub side: Side,
    /// `LIMIT`, `MARKET`, `LIMIT_MAKER`.
    pub order_type: &'a str,
    /// `GTC`, `IOC`, `FOK`, `GTX`.
    pub time_in_force: &'a str,
    /// Price; 0 for a market order.
    pub price: Decimal64,
    /// Quantity ordered.
    pub quantity: Decimal64,
    /// Quantity filled.
    pub executed: Decimal64,
    /// Quote quantity filled.
    pub executed_quote: Decimal64,
    /// `NEW`, `PARTIALLY_FILLED`, `FILLED`, `CANCELED`, `REJECTED`, `EXPIRED`.
    pub status: &'a str,
    /// When it was placed, ns since the Unix epoch.
    pub placed_ns: u64,
    /// When it last changed, ns since the Unix epoch.
    pub updated_ns: u64,
}

/// One fill of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill<'a> {
    /// Trade id.
    pub trade_id: u64,
    /// Price.
    pub price: Decimal64,
    /// Quantity.
    pub quantity: Decimal64,
    /// Fee.
    pub fee: Decimal64,
    /// What it is paid in.
    pub fee_asset: &'a str,
    /// The order was resting.
    pub maker: bool,
    /// When, ns since the Unix epoch.
    pub time_ns: u64,
}

impl Writer {
    /// The fields that every answer about an order has, without braces.
    fn order_fields(self, order: &Order<'_>) -> String {
        let Order { order_id, price, quantity, executed, executed_quote, status, .. } = order;
        let quote_key = match self.market {
            Market::Spot => "cummulativeQuoteQty",
            Market::UsdM => "cumQuote",
            Market::CoinM => "cumBase",
        };
        format!(
            "\"symbol\":{},\"orderId\":{order_id},\"orderListId\":-1,\"price\":\"{price}\",\"origQty\":\"{quantity}\",\
             \"executedQty\":\"{executed}\",\"{quote_key}\":\"{executed_quote}\",\"status\":\"{status}\",\
             \"timeInForce\":\"{}\",\"type\":\"{}\",\"side\":\"{}\"",
            quoted(order.symbol),
            order.time_in_force,
            order.order_type,
            side_name(order.side),
        )
    }

    /// The answer to placing an order: spot's `FULL` form with its fills, the futures' `RESULT` form.
    pub fn order_placed(self, order: &Order<'_>, fills: &[Fill<'_>]) -> String {
        let (fields, client, at) = (self.order_fields(order), quoted(order.client_order_id), self.t(order.updated_ns));
        if self.futures() {
            return format!("{{\"clientOrderId\":{client},{fields},\"updateTime\":{at}}}");
        }
        let fills: Vec<String> = fills.iter().map(order_fill).collect();
        format!("{{\"clientOrderId\":{client},\"transactTime\":{at},{fields},\"fills\":[{}]}}", fills.join(","))
    }

    /// The answer to cancelling an order. On spot a cancel has an id of its own, which stands where the order's stood.
    pub fn order_cancelled(self, order: &Order<'_>, cancel_id: &str) -> String {
        let (fields, client, at) = (self.order_fields(order), quoted(order.client_order_id), self.t(order.updated_ns));
        if self.futures() {
            return format!("{{\"clientOrderId\":{client},{fields},\"updateTime\":{at}}}");
        }
        let cancel = quoted(cancel_id);
        format!("{{\"origClientOrderId\":{client},\"clientOrderId\":{cancel},\"transactTime\":{at},{fields}}}")
    }

    /// The answer to asking for an order.
    pub fn order(self, order: &Order<'_>) -> String {
        let (fields, client) = (self.order_fields(order), quoted(order.client_order_id));
        let (placed, updated) = (self.t(order.placed_ns), self.t(order.updated_ns));
        format!("{{\"clientOrderId\":{client},{fields},\"time\":{placed},\"updateTime\":{updated},\"isWorking\":true}}")
    }

    /// A list of orders.
    pub fn orders<'k, 'a: 'k>(self, orders: impl IntoIterator<Item = &'k Order<'a>>) -> String {
        format!("[{}]", orders.into_iter().map(|order| self.order(order)).collect::<Vec<_>>().join(","))
    }

    /// One fill in the list of the account's trades; join several with commas between brackets.
    pub fn account_trade(self, order: &Order<'_>, fill: &Fill<'_>) -> String {
        let Fill { trade_id, price, quantity, fee, maker, .. } = fill;
        let buyer = order.side == Side::Buy;
        let (buyer_key, maker_key) = if self.futures() { ("buyer", "maker") } else { ("isBuyer", "isMaker") };
        format!(
            "{{\"symbol\":{},\"id\":{trade_id},\"orderId\":{},\"price\":\"{price}\",\"qty\":\"{quantity}\",\
             \"commission\":\"{fee}\",\"commissionAsset\":{},\"time\":{},\"{buyer_key}\":{buyer},\"{maker_key}\":{maker}}}",
            quoted(order.symbol),
            order.order_id,
            quoted(fill.fee_asset),
            self.t(fill.time_ns),
        )
    }

    /// The account's event of a change of an order: `executionReport` in its envelope on spot, `ORDER_TRADE_UPDATE` on
    /// futures. `execution` is what happened: `NEW`, `TRADE` with its fill, `CANCELED` with the cancel's id, `EXPIRED`,
    /// `REJECTED`.
    pub fn execution(
        self,
        order: &Order<'_>,
        execution: &str,
        fill: Option<&Fill<'_>>,
        cancel_id: Option<&str>,
    ) -> String {
        let Order { order_id, price, quantity, executed, executed_quote, status, .. } = order;
        let (symbol, client) = (quoted(order.symbol), quoted(order.client_order_id));
        let (side, kind, tif) = (side_name(order.side), order.order_type, order.time_in_force);
        let at = self.t(fill.map_or(order.updated_ns, |fill| fill.time_ns));
        let no_trade: i64 = if self.futures() { 0 } else { -1 };
        let trade = fill.map_or(no_trade, |fill| i64::try_from(fill.trade_id).unwrap_or(i64::MAX));
        let zero = Decimal64::ZERO;
        let (last, last_price) = fill.map_or((zero, zero), |fill| (fill.quantity, fill.price));
        let fee = fill.map_or(zero, |fill| fill.fee);
        let fee_asset = fill.map_or_else(|| "null".to_owned(), |fill| quoted(fill.fee_asset));
        let maker = fill.is_some_and(|fill| fill.maker);
        // A cancel of spot takes the order's place in `c`; the order's own id moves to `C`.
        let (own, original) = match cancel_id {
            Some(cancel) if !self.futures() => (quoted(cancel), client),
            _ => (client, "\"\"".to_owned()),
        };
        let report = format!(
            "\"s\":{symbol},\"c\":{own},\"S\":\"{side}\",\"o\":\"{kind}\",\"f\":\"{tif}\",\"q\":\"{quantity}\",\
             \"p\":\"{price}\",\"C\":{original},\"x\":\"{execution}\",\"X\":\"{status}\",\"r\":\"NONE\",\"i\":{order_id},\
             \"l\":\"{last}\",\"z\":\"{executed}\",\"L\":\"{last_price}\",\"n\":\"{fee}\",\"N\":{fee_asset},\"T\":{at},\
             \"t\":{trade},\"m\":{maker},\"Z\":\"{executed_quote}\""
        );
        if self.futures() {
            format!("{{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":{at},\"T\":{at},\"o\":{{{report}}}}}")
        } else {
            format!("{{\"subscriptionId\":0,\"event\":{{\"e\":\"executionReport\",\"E\":{at},{report}}}}}")
        }
    }
}

fn order_fill(fill: &Fill<'_>) -> String {
    let Fill { trade_id, price, quantity, fee, .. } = fill;
    format!(
        "{{\"price\":\"{price}\",\"qty\":\"{quantity}\",\"commission\":\"{fee}\",\"commissionAsset\":{},\"tradeId\":\
         {trade_id}}}",
        quoted(fill.fee_asset)
    )
}
