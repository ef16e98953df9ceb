//! The process between a relay and its database.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use mesh_codec::{FrameBuilder, FrameScanner, Stamp, TlvBody};
use mesh_store::history::{KeptCandle, Origin, candles};
use mesh_transport::control;
use mesh_types::market::Trade;
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
             home = {home:?}\n[relays]\n{relays}[settings]\nflush_interval_ms = 10\n"
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
