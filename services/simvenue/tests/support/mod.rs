//! A venue on a free port, a client of its sockets, and requests over HTTP.
#![allow(dead_code)] // each test binary uses a part of it

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mesh_runtime::Status;
use serde_json::Value;
use simvenue::server::Server;
use simvenue::settings::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a venue; it ends with the test's runtime.
pub(crate) async fn start(mut settings: Settings) -> SocketAddr {
    settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.history_s = 1;
    let server = Server::bind(settings, Arc::new(Status::new("simvenue", "venue"))).await.expect("a free port");
    let address = server.address().expect("an address");
    tokio::spawn(server.serve(std::future::pending()));
    address
}

/// A connection to the venue's streams.
pub(crate) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let (socket, _) = connect_async(format!("ws://{address}{path}")).await.expect("a connection");
        Self(socket)
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// The next message of any kind; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("in time")?.ok()
    }

    /// The next text; `None` at the end.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match self.next().await? {
                Message::Text(text) => return Some(text.to_string()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.0.next()).await.is_err()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| *key == name)).map(|(_, value)| value)
    }
}

/// One request on a connection of its own.
pub(crate) async fn http(address: SocketAddr, method: &str, target: &str, key: Option<&str>, body: &str) -> Response {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let key = key.map(|key| format!("X-MBX-APIKEY: {key}\r\n")).unwrap_or_default();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{key}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("in time").expect("read");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect(head);
    Response { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) async fn get(address: SocketAddr, target: &str) -> Response {
    http(address, "GET", target, None, "").await
}

/// Switches faults.
pub(crate) async fn faults(address: SocketAddr, json: &str) -> Value {
    let response = http(address, "POST", "/sim/faults", None, json).await;
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()
}
