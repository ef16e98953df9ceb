//! Order requests. A client order id has 1 to 32 letters and digits; a spot order at the market names its quantity in the
//! base, since the venue's default for a buy is the quote.

use core::fmt::Write as _;

use mesh_types::{Decimal64, OrderType, Side, TimeInForce};

/// An order to place.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// `BTC-USDT-SWAP`.
    pub instrument: &'a str,
    /// `cash` for spot without margin, `cross` or `isolated` for derivatives.
    pub mode: &'a str,
    /// Side.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// Quantity: of the base for spot, of contracts for derivatives.
    pub quantity: Decimal64,
    /// Price; not of a market order.
    pub price: Decimal64,
    /// Client order id.
    pub client_order_id: &'a str,
    /// It may only close.
    pub reduce_only: bool,
}

/// Whether a client order id can be one.
pub fn is_client_order_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

const fn order_type(order: &Order<'_>) -> &'static str {
    match (order.order_type, order.time_in_force) {
        (OrderType::Market, _) => "market",
        (OrderType::PostOnly, _) => "post_only",
        (OrderType::Limit, TimeInForce::Ioc) => "ioc",
        (OrderType::Limit, TimeInForce::Fok) => "fok",
        (OrderType::Limit, TimeInForce::Gtc) => "limit",
    }
}

/// The body of `POST /api/v5/trade/order`; `None` where the client order id can't be one.
pub fn place(order: &Order<'_>) -> Option<String> {
    is_client_order_id(order.client_order_id).then_some(())?;
    let quoted = serde_json::Value::from;
    let mut body = format!(
        "{{\"instId\":{},\"tdMode\":{},\"side\":\"{}\",\"ordType\":\"{}\",\"sz\":\"{}\",\"clOrdId\":\"{}\"",
        quoted(order.instrument),
        quoted(order.mode),
        order.side,
        order_type(order),
        order.quantity,
        order.client_order_id,
    );
    if order.order_type != OrderType::Market {
        // A text can't fail to be written to.
        let _ = write!(body, ",\"px\":\"{}\"", order.price);
    } else if order.mode == "cash" {
        body.push_str(",\"tgtCcy\":\"base_ccy\"");
    }
    if order.reduce_only {
        body.push_str(",\"reduceOnly\":true");
    }
    body.push('}');
    Some(body)
}

/// The body of `POST /api/v5/trade/cancel-order`; `None` where the client order id can't be one.
pub fn cancel(instrument: &str, client_order_id: &str) -> Option<String> {
    is_client_order_id(client_order_id)
        .then(|| format!("{{\"instId\":{},\"clOrdId\":\"{client_order_id}\"}}", serde_json::Value::from(instrument)))
}

/// An operation on the socket: `args` are bodies whose `instId` is `instIdCode`, which the venue wants there since 2026-02.
pub fn socket_order(order: &Order<'_>, instrument_code: u64, id: u64) -> Option<String> {
    let body = place(order)?;
    let named = format!("{{\"instId\":{}", serde_json::Value::from(order.instrument));
    let args = body.strip_prefix(named.as_str())?;
    Some(format!("{{\"id\":\"{id}\",\"op\":\"order\",\"args\":[{{\"instIdCode\":{instrument_code}{args}]}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order<'static> = Order {
        instrument: "BTC-USDT",
        mode: "cash",
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        quantity: Decimal64::new(2, 0),
        price: Decimal64::new(215, -2),
        client_order_id: "b15",
        reduce_only: false,
    };

    #[test]
    fn requests_are_those_of_the_documentation() {
        assert_eq!(
            place(&ORDER).as_deref(),
            Some(
                r#"{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit","sz":"2","clOrdId":"b15","px":"2.15"}"#
            )
        );
        assert_eq!(
            socket_order(&ORDER, 10_459, 1_512).as_deref(),
            Some(concat!(
                r#"{"id":"1512","op":"order","args":[{"instIdCode":10459,"tdMode":"cash","side":"buy","#,
                r#""ordType":"limit","sz":"2","clOrdId":"b15","px":"2.15"}]}"#
            ))
        );
        let market = Order { order_type: OrderType::Market, reduce_only: true, ..ORDER };
        assert!(
            place(&market).is_some_and(|body| body.contains("base_ccy") && body.ends_with(r#""reduceOnly":true}"#))
        );
        for (order_type, time_in_force, name) in
            [(OrderType::PostOnly, TimeInForce::Gtc, "post_only"), (OrderType::Limit, TimeInForce::Fok, "fok")]
        {
            assert!(place(&Order { order_type, time_in_force, ..ORDER }).is_some_and(|body| body.contains(name)));
        }
        assert_eq!(place(&Order { client_order_id: "with-hyphen", ..ORDER }), None);
        assert_eq!(cancel("BTC-USDT", "b15").as_deref(), Some(r#"{"instId":"BTC-USDT","clOrdId":"b15"}"#));
        assert_eq!(cancel("BTC-USDT", &"a".repeat(33)), None);
    }
}
