//! Each adapter as a process, over real sockets: the simulated venue, the adapter, the market relay, and a consumer of it.
//! Needs the binaries: `./manage.sh test` builds them.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test says what broke by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mesh_book::MirrorBook;
use mesh_codec::Message;
use mesh_transport::{Backoff, Client, ClientConfig, ClientEvent, Identity, Poller, Subscription};
use mesh_types::market::{BookDelta, BookSnapshot, Trade};
use mesh_types::{BookHealth, Domain, FixedStr, InstrumentId, Mode, Role, SourceId};
use tempfile::TempDir;

const MESH_ID: u64 = 7;
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one venue's adapter is told.
struct Venue {
    name: &'static str,
    /// Its door at the simulated venue.
    door: &'static str,
    symbols: &'static [&'static str],
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes and what a consumer has of them.
struct World {
    home: TempDir,
    _processes: Vec<Process>,
    address: String,
    client: Client,
    poller: Poller,
    books: BTreeMap<InstrumentId, MirrorBook>,
    trades: BTreeMap<InstrumentId, Vec<u64>>,
    /// Books that were told not to be live, so far.
    broken: u64,
    /// Messages of books, so far.
    heard: u64,
}

fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a path");
    let directory = std::env::var_os("ALPHAMESH_BIN")
        .map_or_else(|| exe.ancestors().nth(2).expect("target/debug").to_owned(), PathBuf::from);
    directory.join(name)
}

impl World {
    fn new(venue: &Venue) -> Self {
        let home = TempDir::new().expect("a directory");
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).expect("private");
        let relay = home.path().join("market.sock");
        let start = |name: &str, source: u16, settings: &str| {
            let head = format!(
                "[mesh]\nhome = {:?}\nid = {MESH_ID}\nmode = \"paper\"\nprofile = \"test\"\n[process]\nname = \"{name}\"\n\
                 source = {source}\n[relays]\nexecution = \"none\"\nsignal = \"none\"\nmarket = {relay:?}\n[settings]\n{settings}",
                home.path()
            );
            let file = home.path().join(format!("{name}.toml"));
            std::fs::write(&file, head).expect("written");
            let log = std::fs::File::create(home.path().join(format!("{name}.log"))).expect("a log");
            let command =
                Command::new(binary(name)).arg("--config").arg(&file).stderr(log).stdout(Stdio::null()).spawn();
            Process(command.unwrap_or_else(|error| panic!("{name}: {error}: ./manage.sh test builds it")))
        };
        let mut processes = vec![
            start("relay-market", 1, ""),
            start(
                "simvenue",
                2,
                "listen = \"127.0.0.1:0\"\nhistory_s = 60\n[settings.limits]\nconnection_life_ms = 25000",
            ),
        ];
        let file = home.path().join("run/simvenue.addr");
        let deadline = Instant::now() + PATIENCE;
        let address = loop {
            if let Ok(address) = std::fs::read_to_string(&file) {
                break address;
            }
            assert!(Instant::now() < deadline, "the venue does not listen");
            std::thread::sleep(Duration::from_millis(20));
        };
        let settings = format!(
            "rest_url = \"http://{address}{}\"\nstream_url = \"ws://{address}{}\"\nsymbols = {:?}\nintervals = [\"1m\"]\n\
             silence_ms = 2500\nconnection_life_s = 10",
            venue.door, venue.door, venue.symbols
        );
        processes.push(start(venue.name, 10, &settings));
        let identity = Identity {
            name: FixedStr::truncated("consumer"),
            source: SourceId::default(),
            role: Role::Subscriber,
            mode: Mode::Paper,
            mesh_id: MESH_ID,
            started_ns: 1,
            build: FixedStr::truncated("test"),
        };
        let config = ClientConfig {
            path: relay,
            identity,
            domain: Domain::Market,
            subscription: Some(Subscription { last_values: true, ..Subscription::default() }),
            send_queue_bytes: 4096,
            resend_bytes: 0,
            backoff: Backoff::default(),
        };
        Self {
            home,
            _processes: processes,
            address,
            client: Client::new(config, 1),
            poller: Poller::new().expect("a poller"),
            books: BTreeMap::new(),
            trades: BTreeMap::new(),
            broken: 0,
            heard: 0,
        }
    }

    /// Hears what comes, for a moment.
    fn hear(&mut self) {
        self.client.watch(&mut self.poller, 1).expect("watched");
        self.poller.wait(Some(Duration::from_millis(20)), &mut |_| {}).expect("waited");
        let Self { client, books, trades, broken, heard, .. } = self;
        client.poll(Instant::now(), &mut |event| {
            let ClientEvent::Frames(frames) = event else { return };
            for message in frames.iter() {
                *heard += u64::from(message.get_tailed::<BookDelta>().is_some());
                take(&message, books, trades, broken);
            }
        });
    }

    /// Waits for something that must happen.
    fn wait(&mut self, what: &str, mut happened: impl FnMut(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !happened(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.logs());
            self.hear();
        }
        start.elapsed()
    }

    fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.home.path().join(name)).unwrap_or_default();
        let entries = std::fs::read_dir(self.home.path()).expect("a directory");
        let logs = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        logs.filter(|name| name.ends_with(".log")).map(|name| format!("{name}:\n{}\n", read(&name))).collect()
    }

    fn are_live(&self, count: usize) -> bool {
        self.books.len() >= count && self.books.values().all(|book| book.health() == BookHealth::Live)
    }

    fn fault(&self, fault: &str) {
        let body = format!("{{\"{fault}\":{{\"next\":1}}}}");
        let mut stream = std::net::TcpStream::connect(&self.address).expect("the venue listens");
        let head = "POST /sim/faults HTTP/1.1\r\nHost: venue\r\nConnection: close\r\nContent-Length:";
        write!(stream, "{head} {}\r\n\r\n{body}", body.len()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn take(
    message: &Message<'_>,
    books: &mut BTreeMap<InstrumentId, MirrorBook>,
    trades: &mut BTreeMap<InstrumentId, Vec<u64>>,
    broken: &mut u64,
) {
    let instrument = if let Some(view) = message.get_tailed::<BookSnapshot>() {
        books.entry(view.head.instrument).or_default().on_snapshot(view.head, view.items).expect("a snapshot");
        view.head.instrument
    } else if let Some(view) = message.get_tailed::<BookDelta>() {
        // One that continues what was told before this consumer was there means nothing to it.
        let _ = books.entry(view.head.instrument).or_default().on_delta(view.head, view.items);
        view.head.instrument
    } else {
        if let Some(trade) = message.get::<Trade>() {
            trades.entry(trade.instrument).or_default().push(trade.trade_id.get());
        }
        return;
    };
    *broken += u64::from(books.get(&instrument).is_some_and(|book| book.health() != BookHealth::Live));
}

/// Books come to life, are told to be broken where the connection, or a stream alone, fails, and are live again.
fn lives(venue: &Venue) {
    let mut world = World::new(venue);
    let count = venue.symbols.len();
    let took = world.wait("live books", |world| world.are_live(count));
    println!("{}: live after {took:?}", venue.name);
    world.wait("trades", |world| world.trades.values().map(Vec::len).sum::<usize>() > 20);
    for fault in ["disconnect", "mute", "mute_stream"] {
        // Each stream says enough to know what is usual for it.
        let heard = world.heard;
        world.wait("messages", |world| world.heard > heard + 60 * count as u64);
        let before = world.broken;
        world.fault(fault);
        world.wait(fault, |world| world.broken > before);
        let took = world.wait(&format!("live books after {fault}"), |world| world.are_live(count));
        println!("{}: live again {took:?} after {fault} was told", venue.name);
    }
    // The venue cuts connections off after 25 s: others take over before.
    let (broken, from) = (world.broken, world.trades.clone());
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        world.hear();
    }
    assert_eq!(world.broken, broken, "no book was not live while connections were renewed\n{}", world.logs());
    assert!(world.are_live(count), "{}", world.logs());
    for (instrument, trades) in &world.trades {
        let once: BTreeSet<u64> = trades.iter().copied().collect();
        assert_eq!(once.len(), trades.len(), "{instrument}: a trade was told twice: {trades:?}");
        if venue.name == "adapter-binance" {
            let whole = once.iter().zip(once.iter().skip(1)).all(|(one, next)| *next == one + 1);
            assert!(whole, "{instrument}: what was missed was asked for: {once:?}");
        }
        let since = trades.get(from.get(instrument).map_or(0, Vec::len)..).unwrap_or_default();
        assert!(since.windows(2).all(|pair| pair[1] == pair[0] + 1), "{instrument}: a trade was lost: {since:?}");
        assert!(!since.is_empty(), "{instrument} still trades");
    }
}

#[test]
fn binance() {
    lives(&Venue { name: "adapter-binance", door: "", symbols: &["BTCUSDT", "ETHUSDT"] });
}

#[test]
fn kraken() {
    lives(&Venue { name: "adapter-kraken", door: "", symbols: &["BTC/USDT", "ETH/USDT"] });
}

#[test]
fn okx() {
    lives(&Venue { name: "adapter-okx", door: "", symbols: &["BTC-USDT", "ETH-USDT-SWAP"] });
}

#[test]
fn hyperliquid() {
    lives(&Venue { name: "adapter-hyperliquid", door: "/hyperliquid", symbols: &["BTC", "ETH"] });
}
