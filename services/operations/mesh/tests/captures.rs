//! `decode`, `capture` and `trace` on a home whose captures and journals were made here: nothing runs.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use common::{Mesh, Ran};
use mesh_capture::journal::{JournalHeader, JournalWriter};
use mesh_capture::{CaptureWriter, RunInfo, WriterLimits};
use mesh_codec::packet::{self, FIRST_PACKET_SEQUENCE, PacketHead};
use mesh_codec::{FrameBuilder, Message, Stamp, TlvBody};
use mesh_columns::Cell;
use mesh_types::execution::Fill;
use mesh_types::market::Trade;
use mesh_types::signal::Signal;
use mesh_types::system::Cause;
use mesh_types::{ClientOrderId, Decimal64, InstrumentId, MessageId, Mode, SourceId};
use serde_json::Value;

const START_NS: u64 = 1_793_534_400_000_000_000;
const ORDER: ClientOrderId = ClientOrderId::new([0xab; 16]);

fn instrument() -> InstrumentId {
    "binance:spot:BTCUSDT".parse().expect("an id")
}

fn frame<T: TlvBody>(source: u16, sequence: u64, at_ns: u64, body: &T, cause: MessageId) -> Vec<u8> {
    let mut frame = Vec::new();
    let stamp = Stamp { domain: T::DOMAIN, source: SourceId::new(source), sequence, timestamp_ns: at_ns };
    FrameBuilder::new(&mut frame, &stamp).body(body).body(&Cause { message: cause }).finish().expect("fits");
    frame
}

fn id(frame: &[u8]) -> MessageId {
    Message::parse(frame).expect("a message").id()
}

/// What a venue's packet became: the packet, a trade, a signal, a fill.
fn chain() -> [Vec<u8>; 4] {
    let head = PacketHead { stream: 1, kind: 2, received_ns: START_NS + 1_000 };
    let mut bytes = Vec::new();
    let stamp = packet::stamp(SourceId::new(10), FIRST_PACKET_SEQUENCE, START_NS + 1_000);
    packet::fill(FrameBuilder::new(&mut bytes, &stamp), &head, b"{\"e\":\"trade\"}").finish().expect("fits");
    let price = Decimal64::new(6_512_345, -2).into();
    let trade = Trade { instrument: instrument(), price, trade_id: 7.into(), ..Trade::default() };
    let trade = frame(10, 1, START_NS + 3_000, &trade, id(&bytes));
    let signal = frame(20, 1, START_NS + 50_000, &Signal { instrument: instrument(), ..Signal::default() }, id(&trade));
    let fill = Fill { client_order_id: ORDER, instrument: instrument(), price, ..Fill::default() };
    let fill = frame(40, 1, START_NS + 2_050_000, &fill, id(&signal));
    [bytes, trade, signal, fill]
}

/// A home with that chain in its capture and, where asked for, its packet in the adapter's journal.
fn home(with_journal: bool) -> Mesh {
    let mesh = Mesh::new(&[]);
    let [packet, recorded @ ..] = chain();
    let info = RunInfo {
        name: "recorder".to_owned(),
        started_ns: START_NS,
        mesh_id: 7,
        mode: Mode::Paper,
        profile: "paper".to_owned(),
        build: String::new(),
        topology_sha256: String::new(),
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
    };
    std::fs::create_dir_all(mesh.home.join("capture")).expect("made");
    let mut writer = CaptureWriter::create(&mesh.home.join("capture"), info, WriterLimits::default()).expect("made");
    for (index, frame) in recorded.iter().enumerate() {
        writer.append(START_NS + 10_000 * index as u64, frame).expect("room");
    }
    writer.finish(START_NS + 100_000).expect("sealed");
    if with_journal {
        journal(&mesh.home.join("journal/adapter-binance"), &packet);
    }
    std::fs::create_dir_all(mesh.home.join("run")).expect("made");
    let topology = mesh.run(&["profiles", "paper"]).succeeds().out;
    std::fs::write(mesh.home.join("run/topology.toml"), topology).expect("written");
    mesh
}

fn journal(directory: &Path, packet: &[u8]) {
    std::fs::create_dir_all(directory).expect("made");
    let header = JournalHeader {
        name: "adapter-binance".to_owned(),
        source: SourceId::new(10),
        mesh_id: 7,
        mode: Mode::Paper,
        started_ns: START_NS,
        configuration_sha256: String::new(),
        binary_sha256: String::new(),
        self_contained: false,
    };
    let mut writer = JournalWriter::create(directory, &header).expect("made");
    writer.begin_batch(START_NS + 2_000);
    writer.input_inline(packet);
    writer.finish(0).expect("finished");
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_fill_is_traced_to_the_packet_that_caused_it() {
    let mesh = home(true);
    let order = ORDER.to_string();
    for target in [&["trace", "--json"][..], &["trace", "execution/40/1", "--json"], &["trace", &order, "--json"]] {
        let ran = mesh.run(target).succeeds();
        let trace = &lines(&ran)[0];
        let hops: Vec<_> = trace["hops"]
            .as_array()
            .expect("hops")
            .iter()
            .map(|hop| (&hop["process"], &hop["since_previous_ns"]))
            .collect();
        let process = |name: &str| Value::from(name);
        assert_eq!(hops[0], (&process("adapter-binance"), &Value::Null));
        assert_eq!(hops[1], (&process("adapter-binance"), &Value::from(2_000)));
        assert_eq!(hops[2], (&process("strategy-momentum"), &Value::from(47_000)));
        assert_eq!(hops[3], (&process("executor-paper"), &Value::from(2_000_000)));
        assert_eq!((hops.len(), &trace["complete"]), (4, &Value::Bool(true)));
    }
    let people = mesh.run(&["trace"]).succeeds().out;
    assert!(people.contains("packet of 13 bytes, stream 1, kind 2: {\"e\":\"trade\"}"), "{people}");
    assert!(people.contains("+2.00ms") && people.contains("4 messages, 2.05ms"), "{people}");
}

#[test]
fn a_way_that_breaks_off_says_where() {
    let mesh = home(false);
    mesh.run(&["trace"]).fails_with(1, &["system/10/9223372036854775808", "of adapter-binance was not recorded"]);
    mesh.run(&["trace", "signal/20/99"]).fails_with(1, &["no such message", "capture ls"]);
    mesh.run(&["trace", "signal"]).fails_with(2, &["DOMAIN/SOURCE/SEQUENCE"]);
}

#[test]
fn decode_goes_on_after_what_is_no_message() {
    let mesh = Mesh::new(&[]);
    let [_, trade, signal, _] = chain();
    let mut input = trade;
    input.extend_from_slice(b"not a message at all");
    input.extend_from_slice(&signal);
    let mut child =
        mesh.command(&["decode", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    child.stdin.take().expect("piped").write_all(&input).expect("written");
    let ran = Ran::of(child.wait_with_output().expect("ended")).fails_with(1, &[]);
    let lines = lines(&ran);
    insta::assert_snapshot!(lines.iter().map(|line| format!("{line:#}\n")).collect::<String>());
    mesh.run(&["decode", "/nowhere"]).fails_with(2, &["/nowhere"]);
}

/// What programs read of captures, in the words of the contracts; the home's path is not part of them.
#[test]
fn the_contracts_of_capture_and_trace_as_json() {
    let mesh = home(true);
    let contracts: [&[&str]; 4] = [
        &["capture", "ls", "--json"],
        &["capture", "verify", "--json"],
        &["capture", "cat", "--type", "fill", "--json"],
        &["trace", "--json"],
    ];
    let mut said = String::new();
    for words in contracts {
        let out = mesh.run(words).succeeds().out.replace(&*mesh.home.to_string_lossy(), "HOME");
        said += &format!("=== mesh {}\n", words.join(" "));
        for line in out.lines() {
            let value: Value = serde_json::from_str(line).expect("a line of JSON");
            said += &format!("{value:#}\n");
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn captures_are_listed_verified_shown_cut_and_exported() {
    let mesh = home(true);
    let run = lines(&mesh.run(&["capture", "ls", "--json"]).succeeds()).remove(0);
    assert_eq!((&run["status"], &run["records"]), (&Value::from("sealed"), &Value::from(3)));
    mesh.run(&["capture", "verify"]).succeeds();
    let shown = lines(&mesh.run(&["capture", "cat", "--type", "fill", "--json"]).succeeds());
    assert_eq!((shown.len(), &shown[0]["tlvs"][0]["price"]), (1, &Value::from("65123.45")));
    let cut = mesh.home.join("cut");
    let cut = cut.to_str().expect("UTF-8");
    mesh.run(&["capture", "cut", "--domain", "market", "--out", cut]).succeeds();
    assert_eq!(lines(&mesh.run(&["capture", "cat", cut, "--json"]).succeeds()).len(), 1);
    let out = mesh.home.join("csv");
    mesh.run(&["capture", "export", "--format", "csv", "--out", out.to_str().expect("UTF-8")]).succeeds();
    assert!(std::fs::read_to_string(out.join("trade.csv")).expect("there").contains("65123.45"));
    let out = mesh.home.join("parquet");
    mesh.run(&["capture", "export", "--format", "parquet", "--out", out.to_str().expect("UTF-8")]).succeeds();
    let file = std::fs::File::open(out.join("trade.parquet")).expect("there");
    let reader = mesh_columns::Reader::new(file).expect("a table");
    let mut batches = reader.read(&["timestamp_ns", "trade_id", "instrument", "price"]).expect("columns");
    let batch = batches.next_batch().expect("read").expect("rows");
    let row: Vec<Cell<'_>> = (0..4).map(|column| batch.cell(column, 0)).collect();
    let time = Cell::Time(i64::try_from(START_NS + 3_000).expect("before 2262"));
    assert_eq!(row, [time, Cell::U64(7), Cell::Text("binance:spot:BTCUSDT"), Cell::Text("65123.45")]);
    mesh.run(&["capture", "export", "--format", "parquet", "--out", out.to_str().expect("UTF-8")])
        .fails_with(2, &["can't create", "trade.parquet"]);
    mesh.run(&["capture", "cat", "--type", "trades"]).fails_with(2, &["did you mean \"trade\""]);
    mesh.run(&["capture", "cat", "--from", "noon"]).fails_with(2, &["expected a time"]);
}

#[test]
fn a_damaged_capture_fails_its_verification() {
    let mesh = home(true);
    let run = lines(&mesh.run(&["capture", "ls", "--json"]).succeeds()).remove(0);
    let segment = Path::new(run["path"].as_str().expect("a path")).join("segment-000001.cap");
    let mut bytes = std::fs::read(&segment).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    mesh.run(&["capture", "verify"]).fails_with(1, &["✗"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mesh = home(true);
    let mut child =
        mesh.command(&["capture", "cat"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    Ran::of(child.wait_with_output().expect("ended")).succeeds();
}
