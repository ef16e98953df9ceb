//! Carries out what an adapter's actor asks: WebSockets and HTTP requests, on a tokio thread. It decides nothing; each request
//! gets exactly one answer, and each connection that was asked for and not closed ends with a `DISCONNECTED`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mesh_runtime::BoxError;
use mesh_runtime::actor::{Bridge, Closed, PacketSender};
use mesh_types::system::ExternalRequest;
use mesh_venues::private::{Call, Signer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config, connect_async_tls_with_config,
};

use crate::proxy::{self, Proxy};
use crate::tls::{self, explain};
use crate::wire;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// From asking for a connection, or an answer, to having it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest frame that is taken; a packet holds no more.
const MAX_BYTES: usize = 1_000_000;
/// Connections at the same time.
const MAX_SOCKETS: usize = 64;
/// Of a refusal's text, in the log.
const MAX_SAID_BYTES: usize = 200;
/// Requests that may wait. A feed has one for each symbol under way, at most.
const QUEUE_REQUESTS: usize = 1024;
/// Texts that wait to be sent on one connection; the venue's pace keeps them few.
const QUEUE_TEXTS: usize = 256;

/// Where the venue is.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Where requests go: scheme and host, and a path in front of all others where there is one.
    pub rest_url: String,
    /// Where streams come from, likewise.
    pub stream_url: String,
    /// Certificates in PEM that are trusted beside the built-in roots.
    pub extra_ca_file: Option<PathBuf>,
}

/// The way to the venue.
#[derive(Debug)]
pub struct Venue {
    requests: mpsc::Sender<Ordered>,
    speaking: Arc<AtomicUsize>,
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
    pub fn start(endpoints: Endpoints, packets: PacketSender) -> Result<Self, BoxError> {
        Self::start_as(endpoints, None, packets)
    }

    /// The same with an account: what is to be signed is, at the moment of sending.
    ///
    /// # Errors
    /// When thread or HTTP client can't be made.
    pub fn start_signed(
        endpoints: Endpoints,
        signer: Arc<dyn Signer>,
        packets: PacketSender,
    ) -> Result<Self, BoxError> {
        Self::start_as(endpoints, Some(signer), packets)
    }

    fn start_as(
        endpoints: Endpoints,
        signer: Option<Arc<dyn Signer>>,
        packets: PacketSender,
    ) -> Result<Self, BoxError> {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = tls::config(endpoints.extra_ca_file.as_deref())?;
        let proxy_to = |url: &str| proxy::on_the_way(url, |name| std::env::var(name).ok());
        let client = reqwest::Client::builder().timeout(TIMEOUT).tls_backend_preconfigured(tls.clone());
        let client = match proxy_to(&endpoints.rest_url)? {
            Some(proxy) => client.proxy(reqwest::Proxy::all(proxy.url)?),
            None => client.no_proxy(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (requests, queue) = mpsc::channel(QUEUE_REQUESTS);
        let speaking = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            proxy: proxy_to(&endpoints.stream_url)?,
            rest_url: endpoints.rest_url,
            stream_url: endpoints.stream_url,
            tls: Arc::new(tls),
            client: client.build()?,
            signer,
            packets,
            speaking: Arc::clone(&speaking),
        };
        std::thread::Builder::new().name("venue".to_owned()).spawn(move || runtime.block_on(worker.run(queue)))?;
        Ok(Self { requests, speaking })
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
        self.speaking.load(Ordering::Acquire) > 0
    }
}

#[derive(Clone)]
struct Worker {
    rest_url: String,
    stream_url: String,
    proxy: Option<Proxy>,
    tls: Arc<rustls::ClientConfig>,
    client: reqwest::Client,
    signer: Option<Arc<dyn Signer>>,
    packets: PacketSender,
    speaking: Arc<AtomicUsize>,
}

/// Counts a connection on which data came, until it ends, however it does.
struct Speaking(Arc<AtomicUsize>);

impl Speaking {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A connection under way.
struct Open {
    task: JoinHandle<()>,
    texts: mpsc::Sender<String>,
}

impl Worker {
    async fn run(self, mut queue: mpsc::Receiver<Ordered>) {
        let mut sockets: BTreeMap<u32, Open> = BTreeMap::new();
        while let Some(Ordered { stream, kind, text }) = queue.recv().await {
            match kind {
                wire::CONNECT => {
                    sockets.retain(|_, open| !open.task.is_finished());
                    if sockets.len() >= MAX_SOCKETS
                        && let Some((_, oldest)) = sockets.pop_first()
                    {
                        oldest.task.abort();
                    }
                    let worker = self.clone();
                    let (texts, to_send) = mpsc::channel(QUEUE_TEXTS);
                    let task = tokio::spawn(async move { worker.follow(stream, &text, to_send).await });
                    sockets.insert(stream, Open { task, texts });
                }
                wire::CLOSE => {
                    if let Some(open) = sockets.remove(&stream) {
                        open.task.abort();
                    }
                }
                wire::SEND => {
                    let text = self.signer.as_ref().map_or_else(|| text.clone(), |signer| signer.sign_text(&text));
                    let sent = sockets.get(&stream).map(|open| open.texts.try_send(text));
                    if !matches!(sent, Some(Ok(()))) {
                        tracing::warn!(stream, "a text for a connection that is gone, or does not take it");
                    }
                }
                wire::GET | wire::POST | wire::CALL => match read_call(kind, text) {
                    Some(call) => {
                        let worker = self.clone();
                        tokio::spawn(async move { worker.ask(stream, &call).await });
                    }
                    None => tracing::error!(stream, "a call that can't be read"),
                },
                _ => tracing::error!(kind, "a request of an unknown kind"),
            }
        }
    }

    /// Reads one connection to its end.
    async fn follow(&self, stream: u32, path: &str, texts: mpsc::Receiver<String>) {
        let reason = match self.read(stream, path, texts).await {
            Ok(reason) => reason,
            // The process is stopping.
            Err(Closed) => return,
        };
        tracing::warn!(stream, reason, "the venue's connection ended; the feed makes another");
        let _ = self.packets.send(stream, wire::DISCONNECTED, reason.into_bytes()).await;
    }

    async fn read(&self, stream: u32, path: &str, mut texts: mpsc::Receiver<String>) -> Result<String, Closed> {
        let url = format!("{}{path}", self.stream_url);
        let mut socket = match tokio::time::timeout(TIMEOUT, self.connect(&url)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(reason)) => return Ok(format!("{} can't be reached: {reason}", self.stream_url)),
            Err(_) => return Ok(format!("{} does not answer", self.stream_url)),
        };
        self.packets.send(stream, wire::CONNECTED, Vec::new()).await?;
        let mut speaking = None;
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                Some(text) = texts.recv() => match socket.send(Message::text(text)).await {
                    Ok(()) => continue,
                    Err(error) => return Ok(error.to_string()),
                },
            };
            match message {
                Some(Ok(Message::Text(text))) => self.take(stream, text.as_bytes()).await?,
                Some(Ok(Message::Binary(bytes))) => self.take(stream, &bytes).await?,
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map_or_else(String::new, |frame| format!(": {frame}"));
                    return Ok(format!("the venue closed the connection{reason}"));
                }
                // Pings are answered by the library.
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Ok(error.to_string()),
                None => return Ok("the venue's connection ended".to_owned()),
            }
            if speaking.is_none() {
                speaking = Some(Speaking::new(&self.speaking));
                self.packets.wake();
            }
        }
    }

    /// Hands a frame over. Of one that is too large for a packet its beginning, which the actor counts as one that can't be
    /// read.
    async fn take(&self, stream: u32, frame: &[u8]) -> Result<(), Closed> {
        let taken = if frame.len() <= MAX_BYTES { frame } else { frame.get(..MAX_SAID_BYTES).unwrap_or_default() };
        if taken.len() < frame.len() {
            tracing::warn!(stream, bytes = frame.len(), "a frame of more than {MAX_BYTES} bytes is passed over");
        }
        self.packets.send(stream, wire::TEXT, taken.to_vec()).await
    }

    async fn connect(&self, url: &str) -> Result<Socket, String> {
        let tls = Some(Connector::Rustls(Arc::clone(&self.tls)));
        let connected = match &self.proxy {
            Some(proxy) => client_async_tls_with_config(url, proxy.connect(url).await?, None, tls).await,
            None => connect_async_tls_with_config(url, None, false, tls).await,
        };
        connected.map(|(socket, _)| socket).map_err(|error| explain(&error))
    }

    async fn ask(&self, stream: u32, call: &Call) {
        // What is signed stands in no log.
        let path = call.target.split('?').next().unwrap_or_default();
        let answer = match self.fetch(call).await {
            Ok((status, retry_after_s, body)) => {
                if status != 200 {
                    let said = String::from_utf8_lossy(body.get(..MAX_SAID_BYTES).unwrap_or(&body));
                    tracing::warn!(path, status, said = &*said, "the venue refused a request");
                }
                let mut rest = body.as_slice();
                while rest.len() > wire::MAX_PART_BYTES {
                    let (part, after) = rest.split_at(wire::MAX_PART_BYTES);
                    if self.packets.send(stream, wire::ANSWER_PART, part.to_vec()).await.is_err() {
                        return;
                    }
                    rest = after;
                }
                wire::answer(status, retry_after_s, rest)
            }
            Err(error) => {
                tracing::warn!(path, error, "a request to the venue failed");
                wire::answer(0, 0, error.as_bytes())
            }
        };
        let _ = self.packets.send(stream, wire::ANSWER, answer).await;
    }

    async fn fetch(&self, call: &Call) -> Result<(u16, u64, Vec<u8>), String> {
        let (signed, headers) = match &self.signer {
            Some(signer) => signer.sign(call),
            None => (call.clone(), Vec::new()),
        };
        let method = reqwest::Method::from_bytes(signed.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = self.client.request(method, format!("{}{}", self.rest_url, signed.target));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if !signed.body.is_empty() {
            request = request.header("content-type", "application/json").body(signed.body);
        }
        let no_answer = |error: reqwest::Error| explain(&error.without_url());
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_s = header.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            body.extend_from_slice(&chunk);
            if body.len() > wire::MAX_ANSWER_BYTES {
                return Err(format!("an answer of more than {} bytes", wire::MAX_ANSWER_BYTES));
            }
        }
        Ok((status, retry_after_s, body))
    }
}

/// What is asked, in the one form that all kinds of requests have.
fn read_call(kind: u8, text: String) -> Option<Call> {
    match kind {
        wire::GET => Some(Call { method: "GET", target: text, body: String::new(), signed: false }),
        wire::POST => {
            let (target, body) = text.split_once('\n').unwrap_or((&text, ""));
            Some(Call { method: "POST", target: target.to_owned(), body: body.to_owned(), signed: false })
        }
        _ => wire::parse_call(&text),
    }
}
