//! Binance spot's private side for an executor: orders over REST, the account's events over the WebSocket API, which since
//! February 2026 is the only place that has them.
//!
//! A market order with a worst price goes out as an immediate limit order at that price: the venue's own market order has no
//! bound. Names of orders are their 32 hex digits. The venue refuses a request that is older than its receive window, so one
//! that was not answered can't be executed after that: what it does not know then, it never had.
//!
//! Sources: binance-spot-api-docs `rest-api.md`, `web-socket-api.md`, `user-data-stream.md`.

use std::borrow::Cow;

use mesh_types::{Decimal64, InstrumentId, InstrumentKind, OrderState, OrderType, RejectReason, TimeInForce, Venue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Market;
use super::errors::ApiError;
use super::format::{self, NewOrder, Request, Security};
use super::order::{self, OrderReport, UserEvent};
use super::sign::{API_KEY_HEADER, Credentials};
use crate::action::Action;
use crate::private::{Ask, Call, Dialect, Hear, Named, OrderTold, Signer, Told, TradeTold};

/// How old a request may be when it arrives, ms.
const RECEIVE_WINDOW_MS: u64 = 5_000;
/// Path of the WebSocket API.
const STREAM_PATH: &str = "/ws-api/v3";
/// Names the subscription among the answers on its connection.
const FOLLOW_ID: &str = "follow";

type Denied = (RejectReason, &'static str);

/// Binance spot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spot;

/// The order as the venue takes it.
fn new_order<'a>(named: &Named<'a>, symbol: &'a str) -> Result<NewOrder<'a>, Denied> {
    let malformed = (RejectReason::Malformed, "a field holds what no order can have");
    let request = named.request;
    let (side, kind) = (request.side.get().ok_or(malformed)?, request.order_type.get().ok_or(malformed)?);
    let time_in_force = request.time_in_force.get().ok_or(malformed)?;
    let (mut order_type, mut price, mut stands) = (kind, request.price.get(), time_in_force);
    if kind == OrderType::Market {
        price = request.worst_price.get();
        if price.is_positive() {
            order_type = OrderType::Limit;
            stands = if time_in_force == TimeInForce::Fok { TimeInForce::Fok } else { TimeInForce::Ioc };
        }
    }
    if !request.quantity.get().is_positive() || (order_type != OrderType::Market && !price.is_positive()) {
        return Err((RejectReason::Filter, "quantity and price must be more than 0"));
    }
    Ok(NewOrder {
        symbol,
        side,
        order_type,
        time_in_force: stands,
        quantity: request.quantity.get(),
        price,
        client_order_id: named.name,
        reduce_only: false,
    })
}

/// The request with its time, without its signature.
fn call(request: &Request, venue_ms: u64) -> Call {
    let mut query = request.query.clone();
    let signed = request.security == Security::Signed;
    if signed {
        query.push("recvWindow", RECEIVE_WINDOW_MS).push("timestamp", venue_ms);
    }
    let mut target = request.path.to_owned();
    if !query.as_str().is_empty() {
        target = format!("{target}?{}", query.as_str());
    }
    Call { method: request.method.name(), target, body: String::new(), signed }
}

fn told_order<'a>(report: &OrderReport<'a>) -> OrderTold<'a> {
    OrderTold {
        name: Cow::Owned(report.client_order_id().to_owned()),
        venue_order_id: report.order_id.to_string(),
        state: report.status.map_or(OrderState::Accepted, order::OrderStatus::state),
        filled: report.executed_qty,
        venue_ns: report.venue_ns(),
    }
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    balances: Vec<Held<'a>>,
}

#[derive(Deserialize)]
struct Held<'a> {
    #[serde(borrow)]
    asset: Cow<'a, str>,
    free: Decimal64,
    locked: Decimal64,
}

/// A text of the WebSocket API: an answer, or an event in its envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, borrow)]
    id: Option<Cow<'a, str>>,
    status: Option<u16>,
    #[serde(default, borrow)]
    event: Option<&'a serde_json::value::RawValue>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: Cow<'a, str>,
}

impl Spot {
    fn event(json: &[u8], hear: Hear<'_>) -> Result<(), String> {
        let kind: Kind<'_> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        match UserEvent::parse(&kind.e, json).map_err(|error| error.to_string())? {
            UserEvent::Execution(event) => {
                if let Some(trade_id) = event.trade_id() {
                    hear(Told::Trade(TradeTold {
                        name: Some(event.client_order_id().to_owned().into()),
                        venue_order_id: event.order_id.to_string(),
                        trade_id: trade_id.to_string(),
                        price: event.last_price,
                        quantity: event.last_quantity,
                        fee: event.fee.unwrap_or_default(),
                        fee_asset: event.fee_asset.clone().unwrap_or_default(),
                        maker: event.maker,
                        venue_ns: event.venue_ns(),
                    }));
                }
                hear(Told::Order(OrderTold {
                    name: event.client_order_id().to_owned().into(),
                    venue_order_id: event.order_id.to_string(),
                    state: event.status.state(),
                    filled: Some(event.cumulative_quantity),
                    venue_ns: event.venue_ns(),
                }));
            }
            UserEvent::Balances(balances) => balances.iter().for_each(|held| {
                let locked = held.locked.unwrap_or_default();
                hear(Told::Balance { asset: held.asset.clone(), free: held.free, locked });
            }),
            UserEvent::Ended => hear(Told::Ended),
            UserEvent::Ignored => {}
        }
        Ok(())
    }
}

impl Dialect for Spot {
    fn venue(&self) -> Venue {
        Venue::Binance
    }

    fn takes(&self, instrument: &InstrumentId) -> bool {
        instrument.venue() == Some(Venue::Binance) && instrument.kind() == Some(InstrumentKind::Spot)
    }

    fn call(&self, ask: Ask, order: Option<Named<'_>>, venue_ms: u64) -> Result<Call, Denied> {
        let market = Market::Spot;
        let request = match (ask, order) {
            (Ask::Clock, _) => format::server_time(market),
            (Ask::Balances, _) => format::account(market),
            (Ask::OpenOrders, _) => format::open_orders(market, None),
            (_, None) => return Err((RejectReason::Malformed, "no order is named")),
            (_, Some(named)) => {
                let symbol = named.request.instrument.symbol();
                let symbol = symbol.as_ref().map(|symbol| symbol.as_str());
                let symbol = symbol.ok_or((RejectReason::UnknownInstrument, "the instrument has no symbol"))?;
                match ask {
                    Ask::Place => format::place_order(market, &new_order(&named, symbol)?),
                    Ask::Check => Request {
                        path: "/api/v3/order/test",
                        orders: 0,
                        ..format::place_order(market, &new_order(&named, symbol)?)
                    },
                    Ask::Cancel => format::cancel_order(market, symbol, named.name),
                    Ask::Trades => format::my_trades(market, symbol, named.venue_order_id.parse().ok()),
                    _ => format::query_order(market, symbol, named.name),
                }
            }
        };
        Ok(call(&request, venue_ms))
    }

    fn on_answer(&self, ask: Ask, body: &[u8], hear: Hear<'_>) -> Result<(), String> {
        let unread = |error: serde_json::Error| error.to_string();
        match ask {
            Ask::Check => {}
            Ask::Clock => hear(Told::Clock(super::answers::server_time(body).map_err(|error| error.to_string())?)),
            Ask::Balances => {
                let account: Account<'_> = serde_json::from_slice(body).map_err(unread)?;
                for Held { asset, free, locked } in account.balances {
                    hear(Told::Balance { asset, free, locked });
                }
            }
            Ask::OpenOrders => {
                order::order_reports(body)
                    .map_err(unread)?
                    .iter()
                    .for_each(|report| hear(Told::Order(told_order(report))));
            }
            Ask::Place | Ask::Query | Ask::Cancel => {
                let report = order::order_report(body).map_err(unread)?;
                for fill in &report.fills {
                    hear(Told::Trade(TradeTold {
                        name: Some(report.client_order_id().to_owned().into()),
                        venue_order_id: report.order_id.to_string(),
                        trade_id: fill.trade_id.to_string(),
                        price: fill.price,
                        quantity: fill.qty,
                        fee: fill.commission,
                        fee_asset: fill.commission_asset.clone(),
                        // What the answer to an order tells was taken at once.
                        maker: false,
                        venue_ns: report.venue_ns(),
                    }));
                }
                hear(Told::Order(told_order(&report)));
            }
            Ask::Trades => {
                for trade in order::account_trades(body).map_err(unread)? {
                    hear(Told::Trade(TradeTold {
                        name: None,
                        venue_order_id: trade.order_id.to_string(),
                        trade_id: trade.id.to_string(),
                        price: trade.price,
                        quantity: trade.qty,
                        fee: trade.commission,
                        fee_asset: trade.commission_asset,
                        maker: trade.is_maker,
                        venue_ns: super::time_ns(trade.time),
                    }));
                }
            }
        }
        Ok(())
    }

    fn on_failure(&self, status: u16, retry_after_s: u64, body: &[u8]) -> (Action, String) {
        let error = match status {
            0 => ApiError::no_answer(&String::from_utf8_lossy(body)),
            _ => ApiError::parse(status, body),
        };
        (error.action((retry_after_s > 0).then_some(retry_after_s)), error.text)
    }

    fn lost_after_ms(&self) -> u64 {
        RECEIVE_WINDOW_MS
    }

    fn stream_path(&self) -> &'static str {
        STREAM_PATH
    }

    fn follow(&self, venue_ms: u64) -> String {
        let params = json!({"recvWindow": RECEIVE_WINDOW_MS, "timestamp": venue_ms});
        json!({"id": FOLLOW_ID, "method": "userDataStream.subscribe.signature", "params": params}).to_string()
    }

    fn on_text(&self, text: &[u8], hear: Hear<'_>) -> Result<(), String> {
        let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match envelope {
            Envelope { event: Some(event), .. } => Self::event(event.get().as_bytes(), hear),
            Envelope { id: Some(id), status: Some(200), .. } if id == FOLLOW_ID => {
                hear(Told::Following);
                Ok(())
            }
            Envelope { status, error, .. } => {
                hear(Told::Ended);
                Err(format!("expected an event or the subscription, found status {status:?} and error {error:?}"))
            }
        }
    }
}

impl Signer for Credentials {
    fn sign(&self, call: &Call) -> (Call, Vec<(&'static str, String)>) {
        if !call.signed {
            return (call.clone(), Vec::new());
        }
        let query = call.target.split_once('?').map_or("", |(_, query)| query);
        let target = format!("{}&signature={}", call.target, Self::sign(self, query));
        (Call { target, ..call.clone() }, vec![(API_KEY_HEADER, self.api_key().to_owned())])
    }

    fn sign_text(&self, text: &str) -> String {
        let Ok(mut request) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
        let Some(params) = request.get_mut("params").and_then(Value::as_object_mut) else { return text.to_owned() };
        let pairs: Vec<(String, String)> = params
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        let named: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let signature = self.sign_socket(&named);
        params.insert("apiKey".to_owned(), self.api_key().into());
        params.insert("signature".to_owned(), signature.into());
        request.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::sign::tests::documented;
    use mesh_types::execution::OrderRequest;
    use mesh_types::{ClientOrderId, Side};
    use proptest::prelude::*;

    fn order() -> OrderRequest {
        OrderRequest {
            client_order_id: ClientOrderId::new([0xab; 16]),
            instrument: "binance:spot:BTCUSDT".parse().expect("an id"),
            side: Side::Buy.into(),
            order_type: OrderType::Market.into(),
            time_in_force: TimeInForce::Ioc.into(),
            quantity: Decimal64::new(1_000, -5).into(),
            worst_price: Decimal64::new(6_100_050, -2).into(),
            ..OrderRequest::default()
        }
    }

    fn target(ask: Ask, request: &OrderRequest) -> Result<String, Denied> {
        let name = request.client_order_id.to_string();
        let named = Named { request, name: &name, venue_order_id: "77" };
        Spot.call(ask, Some(named), 1_700_000_000_000).map(|call| format!("{} {}", call.method, call.target))
    }

    fn heard(read: impl FnOnce(Hear<'_>) -> Result<(), String>) -> Vec<String> {
        let mut said = Vec::new();
        read(&mut |told| {
            said.push(match told {
                Told::Order(order) => {
                    let filled = order.filled.map_or_else(|| "-".to_owned(), |filled| filled.to_string());
                    format!("{} {} {filled}", order.name, order.state)
                }
                Told::Trade(trade) => format!(
                    "trade {} {}@{} {} {}",
                    trade.trade_id, trade.quantity, trade.price, trade.fee, trade.fee_asset
                ),
                other => format!("{other:?}"),
            });
        })
        .expect("it can be read");
        said
    }

    #[test]
    fn a_market_order_is_bounded_by_its_worst_price() {
        let placed = target(Ask::Place, &order()).expect("a request");
        assert_eq!(
            placed,
            "POST /api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.01000&price=61000.50&\
             newClientOrderId=abababababababababababababababab&newOrderRespType=FULL&recvWindow=5000&timestamp=1700000000000"
        );
        let unbounded = OrderRequest { worst_price: Decimal64::ZERO.into(), ..order() };
        assert!(target(Ask::Place, &unbounded).expect("a request").contains("type=MARKET&quantity"));
        assert!(target(Ask::Check, &order()).expect("a request").starts_with("POST /api/v3/order/test?symbol"));
        assert!(target(Ask::Trades, &order()).expect("a request").contains("myTrades?symbol=BTCUSDT&orderId=77&"));
        let limit = OrderRequest { order_type: OrderType::Limit.into(), ..order() };
        assert_eq!(target(Ask::Place, &limit).map_err(|(reason, _)| reason), Err(RejectReason::Filter));
        let unread = OrderRequest { side: mesh_types::wire::Coded::from_raw(9), ..order() };
        assert_eq!(target(Ask::Place, &unread).map_err(|(reason, _)| reason), Err(RejectReason::Malformed));
    }

    #[test]
    fn keys_are_added_at_the_last_moment() {
        let keys = documented();
        let call = Spot.call(Ask::Balances, None, 1_700_000_000_000).expect("a request");
        assert!(call.signed && !call.target.contains("signature"));
        let (signed, headers) = Signer::sign(&keys, &call);
        let signature = keys.sign("recvWindow=5000&timestamp=1700000000000");
        assert_eq!(
            signed.target,
            format!("/api/v3/account?recvWindow=5000&timestamp=1700000000000&signature={signature}")
        );
        assert_eq!(headers, [(API_KEY_HEADER, keys.api_key().to_owned())]);
        let clock = Spot.call(Ask::Clock, None, 0).expect("a request");
        assert_eq!(Signer::sign(&keys, &clock), (clock, Vec::new()));
        let follow: Value = serde_json::from_str(&keys.sign_text(&Spot.follow(1_700_000_000_000))).expect("JSON");
        let signature = keys.sign_socket(&[("recvWindow", "5000"), ("timestamp", "1700000000000")]);
        assert_eq!(follow["params"]["signature"], signature);
        assert_eq!(follow["params"]["apiKey"], keys.api_key());
    }

    #[test]
    fn answers_and_events_become_the_same_words() {
        let placed = br#"{"symbol":"BTCUSDT","orderId":7,"orderListId":-1,"clientOrderId":"ab","transactTime":1507725176595,
            "price":"0","origQty":"2","executedQty":"1.5","cummulativeQuoteQty":"15","status":"EXPIRED","side":"BUY","type":"LIMIT",
            "fills":[{"price":"10","qty":"1.5","commission":"0.1","commissionAsset":"BTC","tradeId":56}]}"#;
        let said = heard(|hear| Spot.on_answer(Ask::Place, placed, hear));
        assert_eq!(said, ["trade 56 1.5@10 0.1 BTC", "ab cancelled 1.5"]);
        let event = br#"{"subscriptionId":0,"event":{"e":"executionReport","E":1,"s":"BTCUSDT","c":"ab","S":"BUY","o":"LIMIT","f":"GTC",
            "q":"2","p":"10","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":7,"l":"1.5","z":"1.5","L":"10","n":"0.1","N":"BTC",
            "T":1507725176595,"t":56,"m":false,"C":""}}"#;
        let said = heard(|hear| Spot.on_text(event, hear));
        assert_eq!(said, ["trade 56 1.5@10 0.1 BTC", "ab partially_filled 1.5"]);
        assert_eq!(
            heard(|hear| Spot.on_text(br#"{"id":"follow","status":200,"result":{"subscriptionId":0}}"#, hear)),
            ["Following"]
        );
        let held = br#"{"balances":[{"asset":"BTC","free":"1.0","locked":"0.5"}]}"#;
        assert_eq!(heard(|hear| Spot.on_answer(Ask::Balances, held, hear)).len(), 1);
        let mut ended = Vec::new();
        let refused =
            br#"{"id":"follow","status":400,"error":{"code":-1022,"msg":"Signature for this request is not valid."}}"#;
        let error = Spot.on_text(refused, &mut |told| ended.push(told == Told::Ended)).expect_err("refused");
        assert!(ended == [true] && error.contains("-1022"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), status in any::<u16>()) {
            for ask in [Ask::Clock, Ask::Balances, Ask::OpenOrders, Ask::Place, Ask::Query, Ask::Trades, Ask::Cancel] {
                let _ = Spot.on_answer(ask, &bytes, &mut |_| {});
            }
            let _ = (Spot.on_text(&bytes, &mut |_| {}), Spot.on_failure(status, 0, &bytes));
        }
    }
}
