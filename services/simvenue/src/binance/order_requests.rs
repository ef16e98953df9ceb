//! Requests about orders and accounts: signed, checked, carried out by the exchange.

use mesh_types::Side;
use mesh_venues::binance::server::{self, Parameters, Refusal, orders};

use super::answer::{Answer, Request};
use super::frames::{WRITER, number};
use super::venue::Venue;
use crate::core::exchange::OrderRef;
use crate::core::faults::Fault;
use crate::core::instrument::Instrument;
use crate::core::orders::{Amount, Fill, Kind, Order, Placement, Reject, Status, TimeInForce};
use crate::core::units::{decimal, from_decimal};

fn refusal(reject: Reject) -> Refusal {
    match reject {
        Reject::Filter(filter) => Refusal::new(-1013, format!("Filter failure: {filter}")),
        Reject::InsufficientBalance => Refusal::new(-2010, "Account has insufficient balance for requested action."),
        Reject::Duplicate => Refusal::new(-2010, "Duplicate order sent."),
        Reject::WouldTake => Refusal::new(-2010, "Order would immediately match and take."),
        Reject::UnknownOrder => Refusal::new(-2011, "Unknown order sent."),
        Reject::TooManyOpen => Refusal::new(-1013, "Filter failure: MAX_NUM_ORDERS"),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Limit => "LIMIT",
        Kind::LimitMaker => "LIMIT_MAKER",
        Kind::Market => "MARKET",
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::New => "NEW",
        Status::PartiallyFilled => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Canceled => "CANCELED",
        Status::Expired => "EXPIRED",
    }
}

/// An order as the protocol has it.
pub(super) fn shown<'a>(order: &'a Order, instrument: &'a Instrument) -> orders::Order<'a> {
    orders::Order {
        symbol: &instrument.symbol,
        order_id: order.id,
        client_order_id: &order.client_order_id,
        side: order.side,
        order_type: kind_name(order.kind),
        time_in_force: match order.time_in_force {
            TimeInForce::Gtc => "GTC",
            TimeInForce::Ioc => "IOC",
            TimeInForce::Fok => "FOK",
        },
        price: number(order.price),
        quantity: number(order.quantity),
        executed: number(order.executed),
        executed_quote: decimal(order.executed_quote),
        status: status_name(order.status),
        placed_ns: order.placed_ns,
        updated_ns: order.updated_ns,
    }
}

pub(super) fn shown_fill(fill: &Fill) -> orders::Fill<'_> {
    orders::Fill {
        trade_id: fill.trade_id,
        price: number(fill.price),
        quantity: number(fill.quantity),
        fee: decimal(fill.fee),
        fee_asset: &fill.fee_asset,
        maker: fill.maker,
        time_ns: fill.time_ns,
    }
}

fn is_client_id(text: &str) -> bool {
    (1..=36).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A client id that a request names, or `None`.
fn client_id<'a>(parameters: &'a Parameters, name: &str) -> Result<Option<&'a str>, Refusal> {
    let illegal = || {
        let text = format!("Illegal characters found in parameter '{name}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'.");
        Refusal::new(-1100, text)
    };
    parameters.get(name).map(|id| if is_client_id(id) { Ok(id) } else { Err(illegal()) }).transpose()
}

/// A number of 10^-8.
fn amount(parameters: &Parameters, name: &str) -> Result<i64, Refusal> {
    let value = parameters.decimal(name)?;
    from_decimal(value).ok_or_else(|| Refusal::new(-1111, format!("Parameter '{name}' has too much precision.")))
}

fn not_required(parameters: &Parameters, names: &[&str]) -> Result<(), Refusal> {
    match names.iter().find(|name| parameters.get(name).is_some()) {
        Some(name) => Err(Refusal::new(-1106, format!("Parameter '{name}' sent when not required."))),
        None => Ok(()),
    }
}

/// The order that a request places; its symbol is known already.
fn placement(parameters: &Parameters, instrument: usize, made_up_id: &str) -> Result<Placement, Refusal> {
    let side = match parameters.required("side")? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(Refusal::new(-1117, "Invalid side.")),
    };
    let kind = match parameters.required("type")? {
        "LIMIT" => Kind::Limit,
        "LIMIT_MAKER" => Kind::LimitMaker,
        "MARKET" => Kind::Market,
        _ => return Err(Refusal::new(-1116, "Invalid orderType.")),
    };
    let time_in_force = match kind {
        Kind::Limit => match parameters.required("timeInForce")? {
            "GTC" => TimeInForce::Gtc,
            "IOC" => TimeInForce::Ioc,
            "FOK" => TimeInForce::Fok,
            _ => return Err(Refusal::new(-1115, "Invalid timeInForce.")),
        },
        Kind::LimitMaker | Kind::Market => {
            not_required(parameters, &["timeInForce"])?;
            TimeInForce::Gtc
        }
    };
    let price = if kind == Kind::Market {
        not_required(parameters, &["price"])?;
        0
    } else {
        amount(parameters, "price")?
    };
    let amount = match (kind, parameters.get("quoteOrderQty")) {
        (Kind::Market, Some(_)) => {
            not_required(parameters, &["quantity"])?;
            Amount::Quote(i128::from(amount(parameters, "quoteOrderQty")?))
        }
        _ => {
            not_required(parameters, &["quoteOrderQty"])?;
            Amount::Base(amount(parameters, "quantity")?)
        }
    };
    let client_order_id = client_id(parameters, "newClientOrderId")?.unwrap_or(made_up_id).to_owned();
    Ok(Placement { instrument, client_order_id, side, kind, time_in_force, amount, price })
}

impl Venue {
    /// The account and parameters of a signed request.
    fn authorize(&self, request: &Request<'_>) -> Result<(usize, Parameters), Refusal> {
        let named = |keys: &&mesh_venues::binance::sign::Credentials| Some(keys.api_key()) == request.api_key;
        let account = self.keys.iter().position(|keys| named(&keys)).unwrap_or(0);
        let no_account =
            || Refusal { status: 401, ..Refusal::new(-2015, "Invalid API-key, IP, or permissions for action.") };
        let keys = self.keys.get(account).ok_or_else(no_account)?;
        let server_ms = request.now_ns / 1_000_000;
        let parameters = server::check(keys, request.api_key, request.query, request.body, server_ms)?;
        Ok((account, parameters))
    }

    fn made_up_id(request: &Request<'_>) -> String {
        format!("sim{}", request.now_ns)
    }

    pub(super) fn test_order(&mut self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let placement = placement(&parameters, self.symbol(&parameters)?, &Self::made_up_id(request))?;
        if let Some((book, _)) = self.source.book(placement.instrument) {
            match self.exchange.check(account, &placement, book) {
                // The test looks at the order, not at the account.
                Ok(()) | Err(Reject::InsufficientBalance | Reject::Duplicate | Reject::WouldTake) => {}
                Err(reject) => return Err(refusal(reject)),
            }
        }
        Ok(Answer::ok("{}".into()))
    }

    pub(super) fn place_order(&mut self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = self.symbol(&parameters)?;
        let placement = placement(&parameters, index, &Self::made_up_id(request))?;
        let answer_form = match parameters.get("newOrderRespType") {
            None | Some("FULL") => "FULL",
            Some("RESULT") => "RESULT",
            Some("ACK") => "ACK",
            Some(_) => return Err(Refusal::new(-1100, "Illegal characters found in parameter 'newOrderRespType'.")),
        };
        if let Some(Err(refused)) = self.order_limits.get_mut(account).map(|limit| limit.take(request.now_ns)) {
            let text = format!("Too many new orders; current limit is {} orders per 10 SECOND.", self.orders_limit);
            let answer: Answer = Refusal { status: 429, ..Refusal::new(-1015, text) }.into();
            return Ok(answer.with("retry-after", refused.retry_after_s));
        }
        let (book, _) = self.source.book(index).ok_or_else(|| {
            // Nothing was executed, and the text says so.
            Refusal { status: 503, ..Refusal::new(-1001, "Service Unavailable.") }
        })?;
        let (order, fills) = self.exchange.place(account, &placement, book, request.now_ns).map_err(refusal)?;
        if let (Status::Filled, Some(limit)) = (order.status, self.order_limits.get_mut(account)) {
            limit.filled();
        }
        if self.faults.strikes(Fault::TimeoutAfterAccept) {
            return Ok(Answer::never());
        }
        if self.faults.strikes(Fault::ErrorAfterAccept) {
            let text =
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
            return Err(Refusal { status: 503, ..Refusal::new(-1007, text) });
        }
        let count = self.order_limits.get(account).map_or(0, |limit| limit.used());
        let body = match self.instruments().get(index) {
            Some(instrument) if answer_form == "ACK" => format!(
                "{{\"symbol\":\"{}\",\"orderId\":{},\"orderListId\":-1,\"clientOrderId\":\"{}\",\"transactTime\":{}}}",
                instrument.symbol,
                order.id,
                order.client_order_id,
                order.updated_ns / 1_000_000
            ),
            Some(instrument) => {
                let told = if answer_form == "FULL" { fills.as_slice() } else { &[] };
                let fills: Vec<orders::Fill<'_>> = told.iter().map(shown_fill).collect();
                WRITER.order_placed(&shown(&order, instrument), &fills)
            }
            None => String::new(),
        };
        Ok(Answer::ok(body).with("x-mbx-order-count-10s", count))
    }

    /// The order that a request names.
    fn named(parameters: &Parameters) -> Result<OrderRef<'_>, Refusal> {
        if let Some(id) = parameters.get("orderId") {
            let illegal = |_| {
                Refusal::new(-1100, "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'.")
            };
            return id.parse().map(OrderRef::Id).map_err(illegal);
        }
        let missing = || {
            let text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
            Refusal::new(-1102, text)
        };
        parameters.get("origClientOrderId").filter(|id| !id.is_empty()).map(OrderRef::ClientId).ok_or_else(missing)
    }

    pub(super) fn query_order(&self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = self.symbol(&parameters)?;
        let order = self.exchange.order(account, index, Self::named(&parameters)?);
        let found = order.zip(self.instruments().get(index));
        let (order, instrument) = found.ok_or_else(|| Refusal::new(-2013, "Order does not exist."))?;
        Ok(Answer::ok(WRITER.order(&shown(order, instrument))))
    }

    pub(super) fn cancel_order(&mut self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = self.symbol(&parameters)?;
        let made_up = Self::made_up_id(request);
        let cancel_id = client_id(&parameters, "newClientOrderId")?.unwrap_or(&made_up);
        let order = self.exchange.cancel(account, index, Self::named(&parameters)?, request.now_ns).map_err(refusal)?;
        Ok(Answer::ok(self.cancelled(&order, cancel_id)))
    }

    fn cancelled(&self, order: &Order, cancel_id: &str) -> String {
        let instrument = self.instruments().get(order.instrument);
        instrument.map_or_else(String::new, |instrument| WRITER.order_cancelled(&shown(order, instrument), cancel_id))
    }

    pub(super) fn cancel_open_orders(&mut self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = self.symbol(&parameters)?;
        let open: Vec<u64> = self.exchange.open_orders(account, Some(index)).map(|order| order.id).collect();
        if open.is_empty() {
            return Err(refusal(Reject::UnknownOrder));
        }
        let made_up = Self::made_up_id(request);
        let mut bodies = Vec::new();
        for id in open {
            if let Ok(order) = self.exchange.cancel(account, index, OrderRef::Id(id), request.now_ns) {
                bodies.push(self.cancelled(&order, &made_up));
            }
        }
        Ok(Answer::ok(format!("[{}]", bodies.join(","))))
    }

    pub(super) fn open_orders(&self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = parameters.get("symbol").map(|_| self.symbol(&parameters)).transpose()?;
        let open: Vec<orders::Order<'_>> = self
            .exchange
            .open_orders(account, index)
            .filter_map(|order| Some(shown(order, self.instruments().get(order.instrument)?)))
            .collect();
        Ok(Answer::ok(WRITER.orders(&open)))
    }

    pub(super) fn account(&self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, _) = self.authorize(request)?;
        let balances: Vec<serde_json::Value> = self
            .exchange
            .balances(account)
            .into_iter()
            .flat_map(|balances| balances.iter())
            .map(|(asset, balance)| {
                serde_json::json!({
                    "asset": asset,
                    "free": decimal(balance.free).to_string(),
                    "locked": decimal(balance.locked).to_string(),
                })
            })
            .collect();
        let body = serde_json::json!({
            "accountType": "SPOT",
            "canTrade": true,
            "canWithdraw": false,
            "canDeposit": false,
            "updateTime": request.now_ns / 1_000_000,
            "balances": balances,
            "permissions": ["SPOT"],
        });
        Ok(Answer::ok(body.to_string()))
    }

    pub(super) fn my_trades(&self, request: &Request<'_>) -> Result<Answer, Refusal> {
        let (account, parameters) = self.authorize(request)?;
        let index = self.symbol(&parameters)?;
        let number = |name: &str| -> Result<Option<u64>, Refusal> {
            let illegal = |_| Refusal::new(-1100, format!("Illegal characters found in parameter '{name}'."));
            parameters.get(name).map(|text| text.parse().map_err(illegal)).transpose()
        };
        let (order_id, from_id) = (number("orderId")?, number("fromId")?);
        let limit = usize::try_from(number("limit")?.unwrap_or(500).min(1_000)).unwrap_or(500);
        let wanted = |fill: &&Fill| {
            fill.instrument == index
                && order_id.is_none_or(|id| fill.order_id == id)
                && from_id.is_none_or(|id| fill.trade_id >= id)
        };
        let told: Vec<String> = self
            .exchange
            .fills(account)
            .filter(wanted)
            .filter_map(|fill| {
                let order = self.exchange.order(account, index, OrderRef::Id(fill.order_id))?;
                let instrument = self.instruments().get(index)?;
                Some(WRITER.account_trade(&shown(order, instrument), &shown_fill(fill)))
            })
            .collect();
        // From an id the oldest are told, else the latest.
        let skip = if from_id.is_some() { 0 } else { told.len().saturating_sub(limit) };
        let rows: Vec<&str> = told.iter().skip(skip).take(limit).map(String::as_str).collect();
        Ok(Answer::ok(format!("[{}]", rows.join(","))))
    }
}
