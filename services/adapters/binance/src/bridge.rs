//! Carries out what the feed asks: one WebSocket at a time and HTTP requests, on a tokio thread. It decides nothing; each
//! request gets exactly one answer, and each connection that was asked for ends with a `DISCONNECTED`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use mesh_runtime::BoxError;
use mesh_runtime::actor::{Bridge, Closed, PacketSender};
use mesh_types::system::ExternalRequest;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config, connect_async_tls_with_config,
};

use crate::proxy::{self, Proxy};
use crate::settings::Settings;
use crate::tls::{self, explain};
use crate::wire;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// From asking for a connection, or an answer, to having it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read; a packet holds no more.
const MAX_ANSWER_BYTES: usize = 1_000_000;
/// Of a refusal's text, in the log.
const MAX_SAID_BYTES: usize = 200;
/// Requests that may wait. The feed has one for each symbol under way, at most.
const QUEUE_REQUESTS: usize = 1024;

/// The way to the venue.
#[derive(Debug)]
pub struct Venue {
    requests: mpsc::Sender<Ordered>,
    connected: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Ordered {
    stream: u32,
    kind: u8,
    text: String,
}

impl Venue {
    /// Starts the thread; it ends with the process.
    ///
    /// # Errors
    /// When thread or HTTP client can't be made.
    pub fn start(settings: &Settings, packets: PacketSender) -> Result<Self, BoxError> {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = tls::config(settings.extra_ca_file.as_deref())?;
        let proxy_to = |url: &str| proxy::on_the_way(url, |name| std::env::var(name).ok());
        let client = reqwest::Client::builder().timeout(TIMEOUT).tls_backend_preconfigured(tls.clone());
        let client = match proxy_to(&settings.rest_url)? {
            Some(proxy) => client.proxy(reqwest::Proxy::all(proxy.url)?),
            None => client.no_proxy(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (requests, queue) = mpsc::channel(QUEUE_REQUESTS);
        let connected = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            rest_url: settings.rest_url.clone(),
            stream_url: settings.stream_url.clone(),
            proxy: proxy_to(&settings.stream_url)?,
            tls: Arc::new(tls),
            client: client.build()?,
            packets,
            connected: Arc::clone(&connected),
        };
        std::thread::Builder::new().name("venue".to_owned()).spawn(move || runtime.block_on(worker.run(queue)))?;
        Ok(Self { requests, connected })
    }
}

impl Bridge for Venue {
    fn request(&mut self, request: &ExternalRequest, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if self.requests.try_send(Ordered { stream: request.stream.get(), kind: request.kind, text }).is_err() {
            tracing::error!(stream = request.stream.get(), "the queue of requests to the venue is full or closed");
        }
    }

    fn is_ready(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }
}

#[derive(Clone)]
struct Worker {
    rest_url: String,
    stream_url: String,
    proxy: Option<Proxy>,
    tls: Arc<rustls::ClientConfig>,
    client: reqwest::Client,
    packets: PacketSender,
    connected: Arc<AtomicBool>,
}

impl Worker {
    async fn run(self, mut queue: mpsc::Receiver<Ordered>) {
        let mut socket: Option<(u32, JoinHandle<()>)> = None;
        while let Some(Ordered { stream, kind, text }) = queue.recv().await {
            match kind {
                wire::CONNECT => {
                    let worker = self.clone();
                    let task = tokio::spawn(async move { worker.follow(stream, &text).await });
                    if let Some((_, old)) = socket.replace((stream, task)) {
                        old.abort();
                    }
                }
                wire::CLOSE => {
                    if let Some((_, task)) = socket.take_if(|(open, _)| *open == stream) {
                        task.abort();
                        self.connected.store(false, Ordering::Release);
                    }
                }
                wire::GET => {
                    let worker = self.clone();
                    tokio::spawn(async move { worker.get(stream, &text).await });
                }
                _ => tracing::error!(kind, "a request of an unknown kind"),
            }
        }
    }

    /// Reads one connection to its end.
    async fn follow(&self, stream: u32, path: &str) {
        let reason = match self.read(stream, path).await {
            Ok(reason) => reason,
            // The process is stopping.
            Err(Closed) => return,
        };
        self.connected.store(false, Ordering::Release);
        tracing::warn!(stream, reason, "the venue's connection ended; the feed makes another");
        let _ = self.packets.send(stream, wire::DISCONNECTED, reason.into_bytes()).await;
    }

    async fn read(&self, stream: u32, path: &str) -> Result<String, Closed> {
        let url = format!("{}{path}", self.stream_url);
        let mut socket = match tokio::time::timeout(TIMEOUT, self.connect(&url)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(reason)) => return Ok(format!("{} can't be reached: {reason}", self.stream_url)),
            Err(_) => return Ok(format!("{} does not answer", self.stream_url)),
        };
        self.packets.send(stream, wire::CONNECTED, Vec::new()).await?;
        while let Some(message) = socket.next().await {
            match message {
                Ok(Message::Text(text)) => {
                    self.packets.send(stream, wire::TEXT, text.as_bytes().to_vec()).await?;
                    if !self.connected.swap(true, Ordering::AcqRel) {
                        self.packets.wake();
                    }
                }
                Ok(Message::Binary(bytes)) => self.packets.send(stream, wire::TEXT, bytes.to_vec()).await?,
                Ok(Message::Close(frame)) => {
                    let reason = frame.map_or_else(String::new, |frame| format!(": {frame}"));
                    return Ok(format!("the venue closed the connection{reason}"));
                }
                // Pings are answered by the library.
                Ok(_) => {}
                Err(error) => return Ok(error.to_string()),
            }
        }
        Ok("the venue's connection ended".to_owned())
    }

    async fn connect(&self, url: &str) -> Result<Socket, String> {
        let tls = Some(Connector::Rustls(Arc::clone(&self.tls)));
        let connected = match &self.proxy {
            Some(proxy) => client_async_tls_with_config(url, proxy.connect(url).await?, None, tls).await,
            None => connect_async_tls_with_config(url, None, false, tls).await,
        };
        connected.map(|(socket, _)| socket).map_err(|error| explain(&error))
    }

    async fn get(&self, stream: u32, path: &str) {
        let answer = match self.fetch(path).await {
            Ok((status, retry_after_s, body)) => {
                if status != 200 {
                    let said = String::from_utf8_lossy(body.get(..MAX_SAID_BYTES).unwrap_or(&body));
                    tracing::warn!(path, status, said = &*said, "the venue refused a request; the feed asks again");
                }
                wire::answer(status, retry_after_s, &body)
            }
            Err(error) => {
                tracing::warn!(path, error, "a request to the venue failed; the feed asks again");
                wire::answer(0, 0, error.as_bytes())
            }
        };
        let _ = self.packets.send(stream, wire::ANSWER, answer).await;
    }

    async fn fetch(&self, path: &str) -> Result<(u16, u64, Vec<u8>), String> {
        let sent = self.client.get(format!("{}{path}", self.rest_url)).send();
        let mut response = sent.await.map_err(|error| explain(&error))?;
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_s = header.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(format!("an answer of more than {MAX_ANSWER_BYTES} bytes to {path}"));
            }
        }
        Ok((status, retry_after_s, body))
    }
}
