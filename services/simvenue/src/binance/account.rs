//! The account's own stream on the WebSocket API: who follows it, and what it says.

use std::collections::BTreeSet;

use mesh_types::Decimal64;
use mesh_venues::binance::sign::Credentials;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Frame;
use super::frames::WRITER;
use super::order_requests::{shown, shown_fill};
use super::venue::Venue;
use crate::core::faults::{Fault, Faults};
use crate::core::orders::{Event, What};
use crate::core::units::decimal;

/// A window that is not named, ms.
const WINDOW_MS: u64 = 5_000;

/// A connection to the WebSocket API.
#[derive(Clone, Debug, Default)]
pub struct Session {
    stream: Option<String>,
}

impl Session {
    /// Follows an account.
    pub fn follow(&mut self, account: usize) {
        self.stream = Some(stream(account));
    }

    /// Whether it follows this stream.
    pub fn wants(&self, stream: &str) -> bool {
        self.stream.as_deref() == Some(stream)
    }
}

/// The name of an account's stream; no client spells it.
fn stream(account: usize) -> String {
    format!("account {account}")
}

/// What goes wrong on the way to the owners of orders.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    held: Option<Frame>,
    muted: bool,
}

impl Reports {
    fn pass(&mut self, frame: Frame, faults: &mut Faults) -> Vec<Frame> {
        self.muted |= faults.strikes(Fault::MuteReports);
        if self.muted || faults.strikes(Fault::LostReport) {
            return Vec::new();
        }
        if faults.strikes(Fault::LateReport) && self.held.is_none() {
            self.held = Some(frame);
            return Vec::new();
        }
        let twice = faults.strikes(Fault::DuplicateReport).then(|| frame.clone());
        core::iter::once(frame).chain(twice).chain(self.held.take()).collect()
    }
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Map<String, Value>,
}

/// An error as the WebSocket API answers with.
fn error(id: &Value, status: u16, code: i64, text: &str) -> String {
    json!({"id": id, "status": status, "error": {"code": code, "msg": text}}).to_string()
}

/// A parameter as the signed text has it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_signed(keys: &Credentials, params: &Map<String, Value>) -> bool {
    let others = params.iter().filter(|(name, _)| !matches!(name.as_str(), "apiKey" | "signature"));
    let others: Vec<(String, String)> = others.map(|(name, value)| (name.clone(), text(value))).collect();
    let named: Vec<(&str, &str)> = others.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    params.get("signature").and_then(Value::as_str) == Some(keys.sign_socket(&named).as_str())
}

impl Venue {
    /// Takes a text from a connection to the WebSocket API: the account that it follows from now on, and the answer.
    pub fn subscribe_account(&mut self, asked: &str, now_ns: u64) -> (Option<usize>, String) {
        let request: Request = match serde_json::from_str(asked) {
            Ok(request) => request,
            Err(wrong) => return (None, error(&Value::Null, 400, -1135, &format!("Invalid JSON Request: {wrong}"))),
        };
        let Request { id, method, params } = request;
        if method != "userDataStream.subscribe.signature" {
            return (None, error(&id, 400, -1000, &format!("Unknown method {method:?}")));
        }
        let key = params.get("apiKey").and_then(Value::as_str);
        let Some(account) = self.keys.iter().position(|keys| Some(keys.api_key()) == key) else {
            return (None, error(&id, 401, -2015, "Invalid API-key, IP, or permissions for action."));
        };
        let number = |name: &str| params.get(name).and_then(Value::as_u64);
        let (window, server_ms) = (number("recvWindow").unwrap_or(WINDOW_MS), now_ns / 1_000_000);
        let in_time =
            number("timestamp").is_some_and(|at| at < server_ms + 1_000 && server_ms.saturating_sub(at) <= window);
        if !in_time {
            return (None, error(&id, 400, -1021, "Timestamp for this request is outside of the recvWindow."));
        }
        if !self.keys.get(account).is_some_and(|keys| is_signed(keys, &params)) {
            return (None, error(&id, 400, -1022, "Signature for this request is not valid."));
        }
        self.reports.muted = false;
        (Some(account), json!({"id": id, "status": 200, "result": {"subscriptionId": 0}}).to_string())
    }

    /// What the owners of orders are told now, faults applied.
    pub fn take_reports(&mut self) -> Vec<Frame> {
        let events: Vec<Event> = self.exchange.take_events().collect();
        let mut frames = Vec::new();
        let mut touched = BTreeSet::new();
        for Event { order, what } in &events {
            let Some(instrument) = self.exchange.instruments().get(order.instrument) else { continue };
            touched.insert((order.account, instrument.base.clone()));
            touched.insert((order.account, instrument.quote.clone()));
            let shown_order = shown(order, instrument);
            let payload = match what {
                What::New => WRITER.execution(&shown_order, "NEW", None, None),
                What::Trade(fill) => WRITER.execution(&shown_order, "TRADE", Some(&shown_fill(fill)), None),
                What::Canceled => WRITER.execution(&shown_order, "CANCELED", None, Some("sim-cancel")),
                What::Expired => WRITER.execution(&shown_order, "EXPIRED", None, None),
            };
            frames.extend(self.reports.pass(Frame { stream: stream(order.account), payload }, &mut self.faults));
        }
        frames.extend(touched.into_iter().filter_map(|(account, asset)| self.balance_frame(account, &asset)));
        frames
    }

    fn balance_frame(&self, account: usize, asset: &str) -> Option<Frame> {
        if self.reports.muted {
            return None;
        }
        let held = self.exchange.balances(account)?.get(asset);
        let number = |amount: i128| -> Decimal64 { decimal(amount) };
        let balance = json!({"a": asset, "f": number(held.free).to_string(), "l": number(held.locked).to_string()});
        let event = json!({"e": "outboundAccountPosition", "E": 0, "u": 0, "B": [balance]});
        Some(Frame { stream: stream(account), payload: json!({"subscriptionId": 0, "event": event}).to_string() })
    }
}
