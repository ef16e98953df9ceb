//! Order requests on the private socket. Numbers are JSON numbers with every digit that is given.
//!
//! A client order id is a UUID or at most 18 characters of ASCII; longer ones are refused by the venue, so here too.

use core::fmt::Write as _;

use mesh_types::{Decimal64, OrderType, Side, TimeInForce};

/// Most characters of a client order id that is no UUID.
const MAX_FREE_ID: usize = 18;

/// An order to place.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// `BTC/USD`.
    pub symbol: &'a str,
    /// Side.
    pub side: Side,
    /// How it is priced.
    pub order_type: OrderType,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// Base quantity, at the pair's precision.
    pub quantity: Decimal64,
    /// Price; not of a market order.
    pub price: Decimal64,
    /// Client order id.
    pub client_order_id: &'a str,
    /// The engine refuses it where it arrives later, RFC 3339: the one sure way to know that it was not placed.
    pub deadline: Option<&'a str>,
}

/// Whether a client order id can be one.
pub fn is_client_order_id(id: &str) -> bool {
    let free =
        (1..=MAX_FREE_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    let hex = id.bytes().filter(|b| *b != b'-').all(|b| b.is_ascii_hexdigit());
    free || hex && (id.len() == 32 || id.len() == 36 && id.bytes().filter(|b| *b == b'-').count() == 4)
}

/// `add_order`; `None` where the client order id can't be one.
pub fn add_order(order: &Order<'_>, token: &str, id: u64) -> Option<String> {
    is_client_order_id(order.client_order_id).then_some(())?;
    let kind = if order.order_type == OrderType::Market { "market" } else { "limit" };
    let mut text = format!(
        "{{\"method\":\"add_order\",\"params\":{{\"order_type\":\"{kind}\",\"side\":\"{}\",\"order_qty\":{},\"symbol\":{}",
        order.side,
        order.quantity,
        serde_json::Value::from(order.symbol),
    );
    if order.order_type != OrderType::Market {
        let _ = write!(text, ",\"limit_price\":{},\"time_in_force\":\"{}\"", order.price, order.time_in_force);
    }
    let _ = write!(text, ",\"cl_ord_id\":\"{}\"", order.client_order_id);
    if order.order_type == OrderType::PostOnly {
        text.push_str(",\"post_only\":true");
    }
    if let Some(deadline) = order.deadline {
        let _ = write!(text, ",\"deadline\":{}", serde_json::Value::from(deadline));
    }
    let _ = write!(text, ",\"token\":{}}},\"req_id\":{id}}}", serde_json::Value::from(token));
    Some(text)
}

/// `cancel_order` of a client order id; `None` where it can't be one.
pub fn cancel_order(client_order_id: &str, token: &str, id: u64) -> Option<String> {
    is_client_order_id(client_order_id).then(|| {
        let token = serde_json::Value::from(token);
        format!("{{\"method\":\"cancel_order\",\"params\":{{\"cl_ord_id\":[\"{client_order_id}\"],\"token\":{token}}},\"req_id\":{id}}}")
    })
}

/// `cancel_all_orders_after`: all orders of the account are cancelled unless it is sent again in time; 0 ends it.
pub fn cancel_all_after(timeout_s: u64, token: &str, id: u64) -> String {
    let token = serde_json::Value::from(token);
    format!(
        "{{\"method\":\"cancel_all_orders_after\",\"params\":{{\"timeout\":{timeout_s},\"token\":{token}}},\"req_id\":{id}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_documentation() {
        let order = Order {
            symbol: "BTC/USD",
            side: Side::Buy,
            order_type: OrderType::PostOnly,
            time_in_force: TimeInForce::Gtc,
            quantity: Decimal64::new(1, -2),
            price: Decimal64::new(300_000, -1),
            client_order_id: "6d1b345e-2821-40e2-ad83-4ecb18a06876",
            deadline: None,
        };
        assert_eq!(
            add_order(&order, "TESTTOKEN", 42).as_deref(),
            Some(concat!(
                r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","order_qty":0.01,"symbol":"BTC/USD","#,
                r#""limit_price":30000.0,"time_in_force":"gtc","cl_ord_id":"6d1b345e-2821-40e2-ad83-4ecb18a06876","#,
                r#""post_only":true,"token":"TESTTOKEN"},"req_id":42}"#
            ))
        );
        let market = Order { order_type: OrderType::Market, client_order_id: "a", ..order };
        assert!(add_order(&market, "T", 1).is_some_and(|text| !text.contains("limit_price")));
        assert_eq!(add_order(&Order { client_order_id: "longer than 18 characters", ..order }, "T", 1), None);
        assert_eq!(
            cancel_order("O-1", "T", 44).as_deref(),
            Some(r#"{"method":"cancel_order","params":{"cl_ord_id":["O-1"],"token":"T"},"req_id":44}"#)
        );
        assert!(cancel_order("\"", "T", 1).is_none() && !is_client_order_id(""));
        assert!(cancel_all_after(60, "T", 1).contains("\"timeout\":60"));
    }
}
