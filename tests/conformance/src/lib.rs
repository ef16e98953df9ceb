#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, clippy::panic)] // a test says what broke by panicking

pub mod simulation;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use mesh_actor::{Actor, ActorCell, Digest};
use mesh_adapter::wire;
use mesh_book::MirrorBook;
use mesh_codec::packet::{FIRST_PACKET_SEQUENCE, PacketHead};
use mesh_codec::{FrameBuilder, Message, packet};
use mesh_types::market::{BookDelta, BookSnapshot, Quote, Trade, TradeGap};
use mesh_types::system::ExternalRequest;
use mesh_types::{BookHealth, InstrumentId, SourceId};

/// A file of the recordings; `None`, and a word about it, where they are not there.
pub fn recording(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var("ALPHAMESH_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there; set ALPHAMESH_DATA", path.display());
        return None;
    };
    if !name.ends_with(".gz") {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).expect("a gzip file");
    Some(plain)
}

/// What an adapter's actor asked of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// On which stream.
    pub stream: u32,
    /// What, as `mesh_adapter::wire` has it.
    pub kind: u8,
    /// With which text.
    pub text: String,
}

/// An adapter's actor, time, and a consumer of what it says.
pub struct World<A> {
    /// The actor.
    pub cell: ActorCell<A>,
    /// Now.
    pub now_ns: u64,
    packets: u64,
    /// What it asked and was not taken yet.
    pub asked: Vec<Asked>,
    /// The consumer's books.
    pub books: BTreeMap<InstrumentId, MirrorBook>,
    /// The last quotes.
    pub quotes: BTreeMap<InstrumentId, Quote>,
    /// Ids of the trades that were told, in order.
    pub trades: BTreeMap<InstrumentId, Vec<u64>>,
    /// Trades that were told to be missed.
    pub gaps: BTreeMap<InstrumentId, Vec<TradeGap>>,
    /// Messages by the name of their body.
    pub counts: BTreeMap<&'static str, u64>,
    /// How often a consumer's book was live after a message, and how often not, once one had been.
    pub live: (u64, u64),
    /// Of all that was said.
    pub digest: Digest,
}

impl<A: Actor> World<A> {
    /// An actor that has started.
    pub fn new(actor: A, now_ns: u64) -> Self {
        let mut world = Self {
            cell: ActorCell::new(actor, SourceId::new(10)),
            now_ns,
            packets: 0,
            asked: Vec::new(),
            books: BTreeMap::new(),
            quotes: BTreeMap::new(),
            trades: BTreeMap::new(),
            gaps: BTreeMap::new(),
            counts: BTreeMap::new(),
            live: (0, 0),
            digest: Digest::default(),
        };
        world.at(now_ns);
        world
    }

    /// Comes to a time; timers that are due fire.
    pub fn at(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        self.cell.begin(self.now_ns);
        while self.cell.fire_due().is_some() {}
        self.hear();
    }

    /// Gives it a packet.
    pub fn packet(&mut self, stream: u32, kind: u8, bytes: &[u8]) {
        let mut frame = Vec::new();
        let head = PacketHead { stream, kind, received_ns: self.now_ns };
        let stamp = packet::stamp(SourceId::new(10), FIRST_PACKET_SEQUENCE + self.packets, self.now_ns);
        packet::fill(FrameBuilder::new(&mut frame, &stamp), &head, bytes).finish().expect("a packet fits");
        self.packets += 1;
        self.cell.begin(self.now_ns);
        self.cell.deliver(&Message::parse(&frame).expect("a message"));
        self.hear();
    }

    /// Opens what it asked to have opened; answers with the streams and their paths.
    pub fn open(&mut self) -> Vec<(u32, String)> {
        let (connect, others) = core::mem::take(&mut self.asked).into_iter().partition(|ask| ask.kind == wire::CONNECT);
        self.asked = others;
        let connect: Vec<Asked> = connect;
        connect.iter().for_each(|ask| self.packet(ask.stream, wire::CONNECTED, b""));
        connect.into_iter().map(|ask| (ask.stream, ask.text)).collect()
    }

    /// Each trade was told once, and those that were not are told to be missed. Answers with how many are.
    pub fn account_for_trades(&self) -> u64 {
        let mut missed = 0;
        for (instrument, ids) in &self.trades {
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            for pair in sorted.windows(2) {
                assert!(pair[0] < pair[1], "{instrument}: trade {} was told twice", pair[0]);
                let gaps = self.gaps.get(instrument).into_iter().flatten();
                let left_out = pair[0] + 1..pair[1];
                let told = |id: u64| {
                    gaps.clone().any(|gap| {
                        let (first, last) = (gap.first_trade_id.get(), gap.last_trade_id.get());
                        first == 0 || (first..=last).contains(&id)
                    })
                };
                for id in left_out {
                    assert!(told(id), "{instrument}: trade {id} was lost in silence");
                    missed += 1;
                }
            }
        }
        missed
    }

    /// A consumer hears what was said.
    fn hear(&mut self) {
        let Self { cell, asked, books, quotes, trades, gaps, counts, live, digest, .. } = self;
        for (_, message) in cell.outbox().frames() {
            let message = message.expect("a message");
            *digest = core::mem::take(digest).bytes(message.frame());
            if let Some(view) = message.get_tailed::<ExternalRequest>() {
                let text = String::from_utf8_lossy(view.items).into_owned();
                asked.push(Asked { stream: view.head.stream.get(), kind: view.head.kind, text });
                continue;
            }
            let name = mesh_codec::entry(message.first().expect("a body").number).expect("a known type").name;
            *counts.entry(name).or_default() += 1;
            let instrument = if let Some(view) = message.get_tailed::<BookSnapshot>() {
                let book = books.entry(view.head.instrument).or_default();
                book.on_snapshot(view.head, view.items).expect("a snapshot");
                view.head.instrument
            } else if let Some(view) = message.get_tailed::<BookDelta>() {
                let book = books.entry(view.head.instrument).or_default();
                book.on_delta(view.head, view.items).expect("a delta");
                view.head.instrument
            } else {
                if let Some(quote) = message.get::<Quote>() {
                    quotes.insert(quote.instrument, *quote);
                }
                if let Some(trade) = message.get::<Trade>() {
                    trades.entry(trade.instrument).or_default().push(trade.trade_id.get());
                }
                if let Some(gap) = message.get::<TradeGap>() {
                    gaps.entry(gap.instrument).or_default().push(*gap);
                }
                continue;
            };
            let is_live = books.get(&instrument).is_some_and(|book| book.health() == BookHealth::Live);
            live.0 += u64::from(is_live);
            live.1 += u64::from(!is_live && live.0 > 0);
        }
        cell.outbox_mut().clear();
    }
}
