//! Fetches candles of the past over HTTP, on a thread of its own: what to ask for next is `mesh_candles::backfill`'s to say, how
//! and what was answered `mesh_venues::klines`'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_adapter::{proxy, tls};
use mesh_candles::backfill::{Backfill, Reach, Window};
use mesh_runtime::{BoxError, clock};
use mesh_types::InstrumentId;
use mesh_types::market::Candle;
use mesh_venues::binance::Market;
use mesh_venues::klines;
use mesh_venues::reader::Language;
use tokio::sync::mpsc;

use crate::settings::Settings;

const SECOND_NS: u64 = 1_000_000_000;
/// An answer takes no longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// New instruments are looked for so often.
const LOOK: Duration = Duration::from_millis(200);
/// Answers that may wait to be written.
const PAGES: usize = 4;
/// The largest answer that is taken.
const MAX_BYTES: usize = 4 << 20;
/// A venue that refuses for the rate and does not say for how long is left alone for so long.
const BACK_OFF_NS: u64 = 60 * SECOND_NS;

/// A venue's market by the name that `rest_urls` has for it.
pub(crate) const fn name(language: Language) -> &'static str {
    match language {
        Language::Binance(Market::Spot) => "binance",
        Language::Binance(Market::UsdM) => "binance_usdm",
        Language::Binance(Market::CoinM) => "binance_coinm",
        Language::Kraken => "kraken",
        Language::Okx => "okx",
        Language::Hyperliquid => "hyperliquid",
    }
}

/// All that may be named.
pub(crate) const LANGUAGES: [Language; 6] = [
    Language::Binance(Market::Spot),
    Language::Binance(Market::UsdM),
    Language::Binance(Market::CoinM),
    Language::Kraken,
    Language::Okx,
    Language::Hyperliquid,
];

/// Candles that came, and up to where they do.
pub(crate) struct Page {
    pub(crate) candles: Vec<Candle>,
    pub(crate) reach: Reach,
}

/// The thread's other end.
pub(crate) struct Fetcher {
    instruments: Arc<Mutex<BTreeSet<InstrumentId>>>,
    pages: mpsc::Receiver<Page>,
}

impl Fetcher {
    /// Starts the thread; it goes on from `before`, and ends with the process.
    ///
    /// # Errors
    /// When thread or HTTP clients can't be made.
    pub(crate) fn start(settings: &Settings, before: Vec<Reach>) -> Result<Self, BoxError> {
        let instruments = Arc::<Mutex<BTreeSet<InstrumentId>>>::default();
        let (sender, pages) = mpsc::channel(PAGES);
        let mut venues = Vec::new();
        for language in LANGUAGES {
            if let Some(url) = settings.rest_urls.get(name(language)) {
                venues.push(Venue::new(language, url, settings.extra_ca_file.as_deref())?);
            }
        }
        if !venues.is_empty() && settings.fetch_candles > 0 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let worker = Worker {
                venues,
                instruments: Arc::clone(&instruments),
                intervals_ns: settings.intervals_ns(),
                candles: settings.fetch_candles,
                before: before.into_iter().map(|reach| ((reach.instrument, reach.interval_ns), reach)).collect(),
                pages: sender,
            };
            std::thread::Builder::new().name("fetch".to_owned()).spawn(move || runtime.block_on(worker.run()))?;
        }
        Ok(Self { instruments, pages })
    }

    /// The past of these is wanted.
    pub(crate) fn follow(&self, instruments: impl Iterator<Item = InstrumentId>) {
        self.instruments.lock().unwrap_or_else(PoisonError::into_inner).extend(instruments);
    }

    /// What has come since.
    pub(crate) fn pages(&mut self) -> impl Iterator<Item = Page> + '_ {
        std::iter::from_fn(|| self.pages.try_recv().ok())
    }
}

/// One venue's market: what of it is to be fetched, and when it may be asked again.
struct Venue {
    language: Language,
    url: String,
    client: reqwest::Client,
    backfill: Backfill,
    free_ns: u64,
}

/// Why there is no page.
enum Failed {
    /// The venue wants to be left alone until then, ns since the Unix epoch.
    TooFast(u64),
    /// Something else.
    Otherwise(String),
}

impl Venue {
    fn new(language: Language, url: &str, extra_ca_file: Option<&Path>) -> Result<Self, BoxError> {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).tls_backend_preconfigured(tls::config(extra_ca_file)?);
        let client = match proxy::on_the_way(url, |name| std::env::var(name).ok())? {
            Some(proxy) => client.proxy(reqwest::Proxy::all(proxy.url)?),
            None => client.no_proxy(),
        };
        let backfill = Backfill::new(klines::most(language));
        Ok(Self { language, url: url.to_owned(), client: client.build()?, backfill, free_ns: 0 })
    }

    /// Fetches what is due; `None` where nothing is.
    async fn step(&mut self) -> Option<Page> {
        let now_ns = clock::now_ns();
        if now_ns < self.free_ns {
            return None;
        }
        let window = self.backfill.next(now_ns).ok()?;
        match self.fetch(&window).await {
            Ok(candles) => {
                let reach = self.backfill.fetched(&window, clock::now_ns())?;
                return Some(Page { candles, reach });
            }
            Err(Failed::TooFast(free_ns)) => {
                self.free_ns = self.free_ns.max(free_ns);
                tracing::warn!(venue = name(self.language), "the venue wants fewer requests; the past waits");
            }
            Err(Failed::Otherwise(error)) => {
                let instrument = window.instrument.to_string();
                tracing::warn!(
                    venue = name(self.language),
                    instrument,
                    error,
                    "no candles came; they are asked for again"
                );
            }
        }
        self.backfill.failed(&window, clock::now_ns());
        None
    }

    async fn fetch(&mut self, window: &Window) -> Result<Vec<Candle>, Failed> {
        let Window { instrument, interval_ns, from_ns, to_ns } = *window;
        let asked = klines::request(self.language, instrument, interval_ns, from_ns, to_ns);
        // What the venue does not have is not followed.
        let Some(asked) = asked else { return Ok(Vec::new()) };
        let pause_ns = asked.weight * 60 * SECOND_NS / klines::weight_per_minute(self.language);
        self.free_ns = clock::now_ns().saturating_add(pause_ns);
        let url = format!("{}{}", self.url, asked.target);
        let request = match asked.body {
            None => self.client.get(url),
            Some(body) => self.client.post(url).header("content-type", "application/json").body(body),
        };
        let otherwise = |error: &dyn std::fmt::Display| Failed::Otherwise(error.to_string());
        let mut response = request.send().await.map_err(|error| Failed::Otherwise(tls::explain(&error)))?;
        let status = response.status().as_u16();
        if matches!(status, 418 | 429) {
            let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let seconds: Option<u64> = header.and_then(|text| text.parse().ok());
            let wait_ns = seconds.map_or(BACK_OFF_NS, |seconds| seconds.saturating_mul(SECOND_NS));
            return Err(Failed::TooFast(clock::now_ns().saturating_add(wait_ns)));
        }
        if status != 200 {
            return Err(Failed::Otherwise(format!("status {status}")));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Failed::Otherwise(tls::explain(&error)))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(Failed::Otherwise(format!("an answer of more than {MAX_BYTES} bytes")));
            }
        }
        let mut candles = Vec::new();
        let (mut keep, now_ns) = (|candle: &Candle| candles.push(*candle), clock::now_ns());
        klines::parse(self.language, instrument, interval_ns, &body, now_ns, &mut keep).map_err(|e| otherwise(&e))?;
        // One that still runs is told by the feed, and some venues answer with more than was asked for.
        candles.retain(|candle| (from_ns..to_ns).contains(&candle.open_ns.get()) && candle.closed == 1);
        Ok(candles)
    }
}

struct Worker {
    venues: Vec<Venue>,
    instruments: Arc<Mutex<BTreeSet<InstrumentId>>>,
    intervals_ns: Vec<u64>,
    candles: u64,
    before: BTreeMap<(InstrumentId, u64), Reach>,
    pages: mpsc::Sender<Page>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            self.follow();
            let mut idle = true;
            for venue in &mut self.venues {
                if let Some(page) = venue.step().await {
                    idle = false;
                    if self.pages.send(page).await.is_err() {
                        return;
                    }
                }
            }
            if idle {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Takes up instruments that are new.
    fn follow(&mut self) {
        let instruments = std::mem::take(&mut *self.instruments.lock().unwrap_or_else(PoisonError::into_inner));
        let now_ns = clock::now_ns();
        for instrument in instruments {
            let Some(language) = klines::language(instrument) else { continue };
            let Some(venue) = self.venues.iter_mut().find(|venue| venue.language == language) else { continue };
            let count = klines::kept(language).map_or(self.candles, |kept| kept.min(self.candles));
            for interval_ns in &self.intervals_ns {
                // The venue may not have all intervals.
                if klines::request(language, instrument, *interval_ns, 0, *interval_ns).is_some() {
                    let from_ns = now_ns.saturating_sub(count.saturating_mul(*interval_ns));
                    let before = self.before.get(&(instrument, *interval_ns)).copied();
                    venue.backfill.follow(instrument, *interval_ns, from_ns, before);
                }
            }
        }
    }
}
