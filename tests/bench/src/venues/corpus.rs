//! What is read: recordings of the venues where they are there, else what the simulated venue says.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

use mesh_runtime::Status;
use mesh_types::InstrumentId;
use mesh_venues::binance::Market;
use mesh_venues::binance::subscribe::{DepthSpeed, Stream};
use mesh_venues::feed::requests::path;
use mesh_venues::feed::{Channel, Feed, Patience};
use mesh_venues::reader::Language;
use mesh_venues::tape::{self, Kind};
use simvenue::binance::answer::Request;
use simvenue::binance::session::Session as BinanceSession;
use simvenue::public::Protocol;
use simvenue::public::session::Session;
use simvenue::server::hub::{self, Hub, Mailbox, Outgoing};
use simvenue::server::{State, build};

/// So many frames are enough.
const MOST_FRAMES: usize = 20_000;
/// What the simulated venue says in so long.
const SIMULATED_MS: u64 = 60_000;
const MS_NS: u64 = 1_000_000;
const SEED: u64 = 7;

/// What a venue said, frame by frame.
pub(super) struct Corpus {
    pub(super) name: &'static str,
    pub(super) language: Language,
    pub(super) frames: Vec<Vec<u8>>,
    /// For people.
    pub(super) source: String,
}

impl Corpus {
    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(Vec::len).sum()
    }
}

/// Venues, and their recordings.
const VENUES: [(&str, Language, &str); 6] = [
    ("binance", Language::Binance(Market::Spot), "binance/spot/raw_ws/btcusdt_20240808.gz"),
    ("binance_usdm", Language::Binance(Market::UsdM), "binance/usdm/raw_ws/btcusdt_20240808.gz"),
    ("binance_coinm", Language::Binance(Market::CoinM), "binance/coinm/raw_ws/btcusd_perp_20240808.gz"),
    ("kraken", Language::Kraken, "kraken/ws_v2/kraken_xrpusd_sample.ndjson"),
    ("okx", Language::Okx, "okx/cryptofeed_2022-05-13.jsonl.gz"),
    ("hyperliquid", Language::Hyperliquid, "hyperliquid/raw_ws/btcusd_20250126.gz"),
];

/// One of each venue; of a recording that is not there the simulated venue's, where it speaks that language.
pub(super) fn all(simulated: bool) -> Result<Vec<Corpus>, Box<dyn Error>> {
    let folder = std::env::var("ALPHAMESH_DATA")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let mut corpora = Vec::new();
    for (name, language, file) in VENUES {
        let path = folder.join(file);
        let recorded = if simulated || !path.exists() { None } else { Some(recording(&path)?) };
        let (frames, source) = match recorded {
            Some(frames) => (frames, file.to_owned()),
            None if matches!(language, Language::Binance(Market::UsdM | Market::CoinM)) => continue,
            None => (simulation(language)?, "of the simulated venue".to_owned()),
        };
        corpora.push(Corpus { name, language, frames, source });
    }
    Ok(corpora)
}

/// The frames of a recording that has one connection at a time.
fn recording(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut bytes = std::fs::read(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let packed = std::mem::take(&mut bytes);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    }
    let mut frames = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(line) = tape::line(line)?.filter(|line| line.kind == Kind::Frame) {
            frames.push(line.frame.into_owned());
        }
        if frames.len() >= MOST_FRAMES {
            break;
        }
    }
    Ok(frames)
}

/// What a client of the simulated venue is told.
fn simulation(language: Language) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let settings = simvenue::settings::Settings { seed: SEED, history_s: 60, ..Default::default() };
    let start_ns = 1_800_000_000_000 * MS_NS;
    let venue = build::venue(&settings, start_ns)?;
    let symbols: Vec<String> = match protocol(language) {
        Some(protocol) => venue.instruments().iter().flat_map(|of| protocol.symbols(of)).collect(),
        None => venue.instruments().iter().map(|of| of.symbol.clone()).collect(),
    };
    let mut state = State { venue, hub: Hub::new(MOST_FRAMES, 10) };
    let status = Status::new("simvenue", "venue");
    let mut mailboxes = Vec::new();
    match protocol(language) {
        None => mailboxes.push(join(&mut state, BinanceSession::new(streams(&symbols), true))?),
        Some(protocol) => {
            for (business, texts) in subscriptions(language, &symbols)? {
                let mailbox = join(&mut state, Session::new(protocol, business))?;
                for text in &texts {
                    state.follow(mailbox.id, text, start_ns);
                }
                mailboxes.push(mailbox);
            }
        }
    }
    let mut frames = Vec::new();
    for step in 1..=SIMULATED_MS / 10 {
        state.advance(start_ns + step * 10 * MS_NS, &status);
        if step == 100 && protocol(language).is_none() {
            frames.extend(symbols.iter().map(|symbol| depth(&mut state, symbol, start_ns)));
        }
        for mailbox in &mut mailboxes {
            while let Ok(Outgoing::Text(text)) = mailbox.queue.try_recv() {
                frames.push(text.as_bytes().to_vec());
            }
        }
    }
    frames.truncate(MOST_FRAMES);
    Ok(frames)
}

const fn protocol(language: Language) -> Option<Protocol> {
    match language {
        Language::Binance(_) => None,
        Language::Kraken => Some(Protocol::Kraken),
        Language::Okx => Some(Protocol::Okx),
        Language::Hyperliquid => Some(Protocol::Hyperliquid),
    }
}

fn join(state: &mut State, session: impl Into<hub::Session>) -> Result<Mailbox, Box<dyn Error>> {
    state.hub.join(session).ok_or_else(|| "the simulated venue has no room".into())
}

fn streams(symbols: &[String]) -> Vec<String> {
    let all = [Stream::Depth(DepthSpeed::Fast), Stream::BookTicker, Stream::Trade, Stream::Kline("1m")];
    symbols.iter().flat_map(|symbol| all.map(|stream| stream.name(symbol))).collect()
}

/// A book's snapshot as Binance answers it. It names no symbol: it is given one, as the futures' do.
fn depth(state: &mut State, symbol: &str, now_ns: u64) -> Vec<u8> {
    let query = format!("symbol={symbol}&limit=100");
    let request = Request { method: "GET", path: "/api/v3/depth", query: &query, body: "", api_key: None, now_ns };
    let body = state.venue.answer(&request).body;
    body.replacen('{', &format!("{{\"symbol\":\"{symbol}\","), 1).into_bytes()
}

/// Whether a socket is OKX's of candles, and what is sent on it.
type Requests = (bool, Vec<String>);

/// What a feed sends to follow everything, for each socket.
fn subscriptions(language: Language, symbols: &[String]) -> Result<Vec<Requests>, Box<dyn Error>> {
    let mut by_path: BTreeMap<&str, Vec<(Channel, InstrumentId)>> = BTreeMap::new();
    for symbol in symbols {
        let instrument = language.instrument(symbol)?;
        for channel in [Channel::Book, Channel::Quotes, Channel::Trades, Channel::Candles(1)] {
            by_path.entry(path(language, channel)).or_default().push((channel, instrument));
        }
    }
    let mut found = Vec::new();
    for (path, subscriptions) in by_path {
        let mut feed = Feed::new(language, &subscriptions, 10, Patience::default()).ok_or("no feed")?;
        feed.on_open(0);
        let mut texts = Vec::new();
        for second in 0..60 {
            texts.extend(std::iter::from_fn(|| feed.poll_send(second * 1_000 * MS_NS)));
        }
        found.push((path.contains("business"), texts));
    }
    Ok(found)
}
