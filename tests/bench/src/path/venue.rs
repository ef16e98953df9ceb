//! A venue that does nothing but send trades on time: what Binance's protocol needs for one symbol, and no more. The
//! simulated venue makes markets of its own and can't be told when to send what.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tungstenite::{Message, WebSocket};

use super::{Load, pace};
use crate::wire::now_ns;

/// What it trades.
pub(super) const SYMBOL: &str = "BTCUSDT";
const BOOK_EVERY: Duration = Duration::from_millis(100);

/// When each trade was sent, ns since the Unix epoch, and the connection, which stays open as long as this is kept.
type Sent = (Vec<u64>, WebSocket<TcpStream>);

/// A venue that listens.
pub(super) struct Venue {
    pub(super) rest_url: String,
    pub(super) stream_url: String,
    go: Arc<AtomicBool>,
    sender: JoinHandle<Result<Sent, String>>,
}

impl Venue {
    /// Answers requests, and streams once it is told to [`go`](Self::go).
    pub(super) fn start(load: Load, run_ms: u64) -> std::io::Result<Self> {
        let (rest, stream) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let urls = (format!("http://{}", rest.local_addr()?), format!("ws://{}", stream.local_addr()?));
        let (go, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(1)));
        let told = Arc::clone(&last);
        std::thread::spawn(move || {
            for connection in rest.incoming().flatten() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || answer(&connection, &told));
            }
        });
        let wanted = Arc::clone(&go);
        let sender = std::thread::spawn(move || {
            let told = |error: &dyn core::fmt::Display| format!("the venue's stream: {error}");
            let (connection, _) = stream.accept().map_err(|error| told(&error))?;
            connection.set_nodelay(true).map_err(|error| told(&error))?;
            let mut socket = tungstenite::accept(connection).map_err(|error| told(&error))?;
            let sent = send(&mut socket, &wanted, &last, load, run_ms).map_err(|error| told(&error))?;
            Ok((sent, socket))
        });
        Ok(Self { rest_url: urls.0, stream_url: urls.1, go, sender })
    }

    /// Begins to send trades.
    pub(super) fn go(&self) {
        self.go.store(true, Ordering::Release);
    }

    /// What was sent; waits until all is.
    pub(super) fn sent(self) -> Result<Sent, String> {
        self.sender.join().map_err(|_| "the venue ended early".to_owned())?
    }
}

fn send(
    socket: &mut WebSocket<TcpStream>,
    go: &AtomicBool,
    last: &AtomicU64,
    load: Load,
    run_ms: u64,
) -> super::Outcome<Vec<u64>> {
    while !go.load(Ordering::Acquire) {
        socket.send(book(last))?;
        std::thread::sleep(BOOK_EVERY);
    }
    let mut sent = Vec::with_capacity(load.messages(run_ms) as usize);
    let mut book_due_ns = 0;
    pace(load, run_ms, |messages, now_ns| {
        if now_ns >= book_due_ns {
            socket.write(book(last))?;
            book_due_ns = now_ns + BOOK_EVERY.as_nanos() as u64;
        }
        for index in messages {
            let (id, ms) = (index + 1, now_ns / 1_000_000);
            let text = format!(
                "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{ms},\"s\":\"{SYMBOL}\",\"t\":{id},\
                 \"p\":\"50000.00\",\"q\":\"0.01000\",\"T\":{ms},\"m\":true,\"M\":true}}}}"
            );
            socket.write(Message::text(text))?;
            sent.push(now_ns);
        }
        Ok(socket.flush()?)
    })?;
    Ok(sent)
}

/// A change of the book, which stays as it is.
fn book(last: &AtomicU64) -> Message {
    let (id, ms) = (last.fetch_add(1, Ordering::AcqRel) + 1, now_ns() / 1_000_000);
    Message::text(format!(
        "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{ms},\"s\":\"{SYMBOL}\",\"U\":{id},\
         \"u\":{id},\"b\":[[\"49999.90\",\"1000.00000\"]],\"a\":[]}}}}"
    ))
}

/// Answers the requests of one connection.
fn answer(connection: &TcpStream, last: &AtomicU64) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    while let Some(request) = lines.next().transpose()? {
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let body = if request.contains("/depth") {
            format!(
                "{{\"lastUpdateId\":{},\"bids\":[[\"49999.90\",\"1000.00000\"]],\"asks\":[[\"50000.10\",\"1000.00000\"]]}}",
                last.load(Ordering::Acquire)
            )
        } else if request.contains("/exchangeInfo") {
            exchange_info()
        } else {
            format!("{{\"serverTime\":{}}}", now_ns() / 1_000_000)
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        (&*connection).write_all(head.as_bytes())?;
    }
    Ok(())
}

fn exchange_info() -> String {
    format!(
        "{{\"timezone\":\"UTC\",\"serverTime\":{},\"rateLimits\":[],\"exchangeFilters\":[],\"symbols\":[{{\"symbol\":\
         \"{SYMBOL}\",\"status\":\"TRADING\",\"baseAsset\":\"BTC\",\"quoteAsset\":\"USDT\",\"filters\":[{{\"filterType\":\
         \"PRICE_FILTER\",\"minPrice\":\"0.01\",\"maxPrice\":\"1000000.00\",\"tickSize\":\"0.01\"}},{{\"filterType\":\
         \"LOT_SIZE\",\"minQty\":\"0.00001\",\"maxQty\":\"9000.00000\",\"stepSize\":\"0.00001\"}},{{\"filterType\":\
         \"NOTIONAL\",\"minNotional\":\"5.00\"}}]}}]}}",
        now_ns() / 1_000_000
    )
}
