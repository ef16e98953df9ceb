//! HTTP: the venue's requests, the WebSocket's doors, and `/sim/faults`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use mesh_runtime::clock;
use mesh_venues::binance::server::Parameters;
use mesh_venues::binance::sign::API_KEY_HEADER;

use super::{Shared, hub, socket};
use crate::binance::account;
use crate::binance::answer::{Answer, Request};
use crate::binance::session::Session;
use crate::core::faults::{Fault, Rule};
use crate::public;
use crate::public::Protocol;

/// Largest body and largest message of a client.
const MOST_BYTES: usize = 64 << 10;

/// All paths.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/ws", get(raw_stream))
        .route("/ws/{*streams}", get(named_streams))
        .route("/stream", get(combined_streams))
        .route("/ws-api/v3", get(account_stream))
        .route("/v2", get(kraken_stream))
        .route("/ws/v5/public", get(okx_public))
        .route("/ws/v5/business", get(okx_business))
        .route("/hyperliquid/ws", get(hyperliquid_stream))
        .route("/hyperliquid/info", post(hyperliquid_info))
        .route("/sim/faults", get(show_faults).post(set_faults))
        .fallback(any(request))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(shared)
}

type Served = State<Arc<Shared>>;

async fn raw_stream(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    open(shared, upgrade, Session::default())
}

async fn named_streams(State(shared): Served, Path(streams): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    open(shared, upgrade, Session::new(streams.split('/').map(str::to_owned), false))
}

async fn combined_streams(State(shared): Served, RawQuery(query): RawQuery, upgrade: WebSocketUpgrade) -> Response {
    let parameters = Parameters::parse(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let streams = parameters.get("streams").unwrap_or_default();
    open(shared, upgrade, Session::new(streams.split('/').map(str::to_owned), true))
}

async fn account_stream(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    open(shared, upgrade, account::Session::default())
}

fn public_stream(shared: Arc<Shared>, upgrade: WebSocketUpgrade, protocol: Protocol, business: bool) -> Response {
    open(shared, upgrade, public::session::Session::new(protocol, business))
}

async fn kraken_stream(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    public_stream(shared, upgrade, Protocol::Kraken, false)
}

async fn okx_public(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    public_stream(shared, upgrade, Protocol::Okx, false)
}

async fn okx_business(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    public_stream(shared, upgrade, Protocol::Okx, true)
}

async fn hyperliquid_stream(State(shared): Served, upgrade: WebSocketUpgrade) -> Response {
    public_stream(shared, upgrade, Protocol::Hyperliquid, false)
}

async fn hyperliquid_info(State(shared): Served, body: Bytes) -> Response {
    let answer = shared.lock().venue.info(&String::from_utf8_lossy(&body));
    match answer {
        Some(answer) => json(answer),
        None => {
            shared.status.bad_input("request", 1);
            (StatusCode::UNPROCESSABLE_ENTITY, "Failed to deserialize the JSON body into the target type")
                .into_response()
        }
    }
}

fn open(shared: Arc<Shared>, upgrade: WebSocketUpgrade, session: impl Into<hub::Session>) -> Response {
    let session = session.into();
    let upgrade = upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES);
    upgrade.on_upgrade(move |socket| socket::serve(socket, session, shared))
}

/// A request of the venue's API.
async fn request(
    State(shared): Served,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large; parameters take at most 64 KiB")
            .into_response();
    };
    let is_order = method == Method::POST && uri.path() == "/api/v3/order";
    if is_order && shared.settings.order_latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(shared.settings.order_latency_ms)).await;
    }
    let answer = {
        let body = String::from_utf8_lossy(&body);
        let request = Request {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            body: &body,
            api_key: headers.get(API_KEY_HEADER).and_then(|key| key.to_str().ok()),
            now_ns: clock::now_ns(),
        };
        let mut state = shared.lock();
        let answer = state.venue.answer(&request);
        // What came of it is often told before the answer.
        state.tell_accounts(&shared.status);
        answer
    };
    shared.status.messages_in.fetch_add(1, Ordering::Relaxed);
    if matches!(answer.status, 400..=417) {
        shared.status.bad_input("request", 1);
    }
    if answer.status == 0 {
        // Nobody answers; the client goes when it has waited long enough, and this task with it.
        std::future::pending::<()>().await;
    }
    response(answer)
}

fn response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if answer.html { "text/html" } else { "application/json;charset=UTF-8" };
    let mut response = (status, [(CONTENT_TYPE, kind)], answer.body).into_response();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn not_from_here(peer: SocketAddr) -> Option<Response> {
    let local = peer.ip().to_canonical().is_loopback();
    (!local).then(|| (StatusCode::FORBIDDEN, "faults are switched from this machine only").into_response())
}

fn json(body: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn faults_json(shared: &Shared) -> String {
    serde_json::to_string(&shared.lock().venue.faults).unwrap_or_default()
}

async fn show_faults(State(shared): Served, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    not_from_here(peer).unwrap_or_else(|| json(faults_json(&shared)))
}

async fn set_faults(State(shared): Served, ConnectInfo(peer): ConnectInfo<SocketAddr>, body: Bytes) -> Response {
    if let Some(refusal) = not_from_here(peer) {
        return refusal;
    }
    match serde_json::from_slice::<BTreeMap<Fault, Rule>>(&body) {
        Ok(rules) => {
            shared.lock().venue.faults.set(&rules);
            tracing::info!(?rules, "faults were switched");
            json(faults_json(&shared))
        }
        Err(error) => {
            let text = format!("expected faults as {{\"gap\": {{\"every\": 0, \"next\": 1}}}}: {error}\n");
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    }
}
