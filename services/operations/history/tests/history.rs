//! The process between a relay and its database.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_codec::{FrameBuilder, FrameScanner, Stamp, TlvBody};
use mesh_store::history::{KeptCandle, Origin, candles};
use mesh_transport::control;
use mesh_types::market::{InstrumentInfo, Trade};
use mesh_types::system::{Hello, Subscribe, Welcome};
use mesh_types::{Decimal64, Domain, FixedStr, InstrumentId, SourceId};

const MINUTE: u64 = 60_000_000_000;

fn id() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an instrument")
}

/// Waits for the process and welcomes it.
fn accept(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().expect("it connects");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut scanner = FrameScanner::default();
    let (mut hello, mut subscribed) = (None, false);
    while hello.is_none() || !subscribed {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).expect("it speaks");
        assert!(count > 0, "it closed the connection");
        scanner.extend(&chunk[..count]);
        while let Some(message) = scanner.next_message() {
            let message = message.expect("whole");
            hello = message.get::<Hello>().copied().or(hello);
            subscribed |= message.get_tailed::<Subscribe>().is_some();
        }
    }
    let mesh_id = hello.expect("said").mesh_id;
    let mut frames = Vec::new();
    let welcome = Welcome { relay: FixedStr::truncated("relay"), mesh_id, ..Welcome::default() };
    control::put(&mut frames, SourceId::new(1), &welcome);
    stream.write_all(&frames).expect("sent");
    stream
}

fn frame<T: TlvBody>(sequence: u64, body: &T) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: Domain::Market, source: SourceId::new(10), sequence, timestamp_ns: sequence };
    FrameBuilder::new(&mut frame, &stamp).body(body).finish().expect("small");
    frame
}

/// The trade of this number; six a minute.
fn trade(number: u64) -> Vec<u8> {
    let body = Trade {
        instrument: id(),
        price: Decimal64::new(100 + (number % 7) as i64, 0).into(),
        quantity: Decimal64::ONE.into(),
        trade_id: number.into(),
        venue_ns: (number * MINUTE / 6).into(),
        received_ns: (number * MINUTE / 6).into(),
        ..Trade::default()
    };
    frame(number, &body)
}

struct Service {
    child: Child,
    relay: UnixStream,
    database: PathBuf,
}

impl Service {
    fn start(home: &Path) -> Self {
        Self::start_with(home, "")
    }

    fn start_with(home: &Path, settings: &str) -> Self {
        let run = home.join("run");
        std::fs::create_dir_all(&run).expect("made");
        let socket = run.join("market.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("bound");
        let relays: String = ["market", "signal", "execution"]
            .map(|name| format!("{name} = {:?}\n", run.join(format!("{name}.sock"))))
            .concat();
        let config = format!(
            "[process]\nname = \"history\"\nsource = 61\n[mesh]\nid = 12345\nmode = \"paper\"\nprofile = \"test\"\n\
             home = {home:?}\n[relays]\n{relays}[settings]\nflush_interval_ms = 10\n{settings}"
        );
        let path = run.join("history.toml");
        std::fs::write(&path, config).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_history")).arg("--config").arg(path).spawn().expect("started");
        Self { relay: accept(&listener), child, database: home.join("data/history.db") }
    }

    fn send(&mut self, numbers: core::ops::Range<u64>) {
        let frames: Vec<u8> = numbers.flat_map(trade).collect();
        self.relay.write_all(&frames).expect("sent");
    }

    /// Waits until so many trades are in the candles of a minute.
    fn minutes_with(&self, trades: u64) -> Vec<KeptCandle> {
        let mut found = Vec::new();
        for _ in 0..4000 {
            found = candles(&self.database, id(), MINUTE, Some(Origin::Trades), 0..u64::MAX).unwrap_or_default();
            if found.iter().map(|kept| u64::from(kept.candle.trade_count.get())).sum::<u64>() == trades {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("expected {trades} trades in {found:?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn not_whole(found: &[KeptCandle]) -> Vec<u64> {
    found.iter().filter(|kept| !kept.whole).map(|kept| kept.candle.open_ns.get() / MINUTE).collect()
}

#[test]
fn killed_it_goes_on_and_says_what_it_missed() {
    let home = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(home.path());
    service.send(6..20);
    service.minutes_with(14);
    drop(service);
    // It comes back in the middle of a minute, is told some again, and has missed nothing.
    let mut service = Service::start(home.path());
    service.send(15..40);
    assert_eq!(not_whole(&service.minutes_with(34)), [1], "the first, whose beginning nobody saw");
    drop(service);
    // Now it has missed 40 to 44.
    let mut service = Service::start(home.path());
    service.send(45..60);
    let found = service.minutes_with(49);
    assert_eq!(not_whole(&found), [1, 6, 7]);
    let minutes: Vec<u64> = found.iter().map(|kept| kept.candle.open_ns.get() / MINUTE).collect();
    assert_eq!(minutes, (1..10).collect::<Vec<_>>(), "each once");
}

#[test]
fn told_to_end_it_writes_what_it_has_and_garbage_changes_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(home.path());
    service.send(6..12);
    for sequence in 12..20 {
        service.relay.write_all(&frame(sequence, &Trade::default())).expect("sent");
    }
    service.send(20..21);
    service.minutes_with(7);
    let pid = service.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert!(service.child.wait().expect("ended").success());
    assert_eq!(not_whole(&service.minutes_with(7)), [1, 3], "12 to 19 were no trades");
}

/// A venue that has every minute until now, and counts what it is asked.
struct Past {
    url: String,
    asked: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl Past {
    /// The first request is refused for the rate, the second fails.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::<Mutex<Vec<(u64, u64)>>>::default();
        let told = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut requests = 0;
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).expect("read") == 0 {
                        break;
                    }
                    head.extend(byte);
                }
                requests += 1;
                let (status, more, body) = match requests {
                    1 => ("429 Too Many Requests", "Retry-After: 0\r\n", String::new()),
                    2 => ("502 Bad Gateway", "", String::new()),
                    _ => {
                        let head = String::from_utf8_lossy(&head).into_owned();
                        let of = |name: &str| -> u64 {
                            let value = head.split(&format!("{name}=")).nth(1).expect("asked for");
                            value.split(['&', ' ']).next().and_then(|text| text.parse().ok()).expect("a number")
                        };
                        let (from_ms, to_ms) = (of("startTime"), of("endTime"));
                        told.lock().expect("held by no panic").push((from_ms, to_ms));
                        let row = |ms: u64| {
                            format!(r#"[{ms},"1.0","2.0","0.5","1.5","10",{},"0",7,"0","0","0"]"#, ms + 59_999)
                        };
                        let rows: Vec<String> = (from_ms..=to_ms).step_by(60_000).map(row).collect();
                        ("200 OK", "", format!("[{}]", rows.join(",")))
                    }
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                // It may have been killed.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, asked }
    }
}

#[test]
fn the_past_is_fetched_once_and_goes_on_where_it_was() {
    let home = tempfile::tempdir().expect("a folder");
    let past = Past::start();
    let settings =
        format!("intervals = [\"1m\"]\nfetch_candles = 2500\nrest_urls = {{ binance = \"{}\" }}\n", past.url);
    let listed = frame(1, &InstrumentInfo { instrument: id(), ..InstrumentInfo::default() });
    let minutes = |service: &Service| -> Vec<u64> {
        let found = candles(&service.database, id(), MINUTE, Some(Origin::Venue), 0..u64::MAX).unwrap_or_default();
        found.iter().map(|kept| kept.candle.open_ns.get() / MINUTE).collect()
    };
    let mut service = Service::start_with(home.path(), &settings);
    service.relay.write_all(&listed).expect("sent");
    let mut found = Vec::new();
    for _ in 0..4000 {
        found = minutes(&service);
        if found.len() >= 1_000 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // Killed somewhere in between.
    drop(service);
    let mut service = Service::start_with(home.path(), &settings);
    service.relay.write_all(&listed).expect("sent");
    for _ in 0..4000 {
        found = minutes(&service);
        if found.len() >= 2_500 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((2_500..=2_501).contains(&found.len()), "{}", found.len());
    assert!(found.windows(2).all(|pair| pair[1] == pair[0] + 1), "each once, none left out");
    let asked = past.asked.lock().expect("held by no panic").clone();
    assert!(asked.len() <= 4, "at most the window of the kill is asked for twice: {asked:?}");
}
