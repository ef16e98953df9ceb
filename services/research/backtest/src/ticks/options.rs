//! What a run on ticks is asked for.

use std::path::PathBuf;

use clap::Args;
use mesh_ticks::{Curve, Latency, QueueModel};
use mesh_types::Venue;
use mesh_venues::binance::Market;
use mesh_venues::binance::subscribe::interval_ns;
use mesh_venues::reader::Language;

use mesh_bars::text::{Fault, read};

/// Venues whose recordings are read.
const VENUES: [&str; 4] = ["binance", "kraken", "okx", "hyperliquid"];

/// Options of `backtest run` that ask for ticks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Ticks and books")]
pub(crate) struct TickOptions {
    /// Ticks and books in place of bars: a capture log (its folder or a segment), or the venue's raw frames, a line each, as
    /// `mesh venue decode` takes them; of Binance `<ns when received> <frame>` (`.gz` too). Several are read one after the other.
    #[arg(long, num_args = 1.., value_name = "PATH", conflicts_with_all = ["bars", "slippage_bps", "impact_bps", "level_step", "breadth", "leader", "inputs"])]
    pub(crate) ticks: Vec<PathBuf>,
    /// The venue of the ticks.
    #[arg(long, default_value = "binance", value_parser = VENUES, requires = "ticks", conflicts_with = "bars")]
    pub(crate) venue: String,
    /// Binance's market: spot (default), usdm (linear futures); other venues say it with the symbol.
    #[arg(long, value_parser = ["spot", "usdm", "coinm"], requires = "ticks", conflicts_with = "bars")]
    pub(crate) kind: Option<String>,
    /// The instrument, as the venue spells it; where left out, how the name of the first file begins.
    #[arg(long, value_name = "SYMBOL", requires = "ticks", conflicts_with = "bars")]
    pub(crate) symbol: Option<String>,
    /// Interval of the bars that are made of the trades: 1s, 1m, 1h ...
    #[arg(long, default_value = "1m", value_name = "INTERVAL", requires = "ticks", conflicts_with = "bars")]
    pub(crate) interval: String,
    /// Time that an order takes to the venue, and its report back, each, microseconds.
    #[arg(long, default_value_t = 1_000, value_name = "US", requires = "ticks", conflicts_with_all = ["bars", "latency_curve"])]
    pub(crate) latency_us: u64,
    /// The same as measured from own orders: CSV `sent_ns,accepted_ns[,reported_ns]`, interpolated between rows.
    #[arg(long, value_name = "FILE", requires = "ticks", conflicts_with = "bars")]
    pub(crate) latency_curve: Option<PathBuf>,
    /// Least time that a message took from the venue; times of receiving are moved where the recorder's clock was behind.
    #[arg(long, default_value_t = 0, value_name = "US", requires = "ticks", conflicts_with = "bars")]
    pub(crate) feed_latency_us: u64,
    /// Where cancelled quantity stood in a queue: behind the own order (conservative), or in proportion.
    #[arg(long, default_value = "conservative", value_parser = QueueModel::NAMES, requires = "ticks", conflicts_with = "bars")]
    pub(crate) queue: String,
}

const US: u64 = 1_000;

impl TickOptions {
    /// The language of the venue, of one of its markets.
    pub(crate) fn language(&self) -> Result<Language, String> {
        let venue: Venue = self.venue.parse().map_err(|_| format!("--venue: expected one of {}", VENUES.join(", ")))?;
        if venue != Venue::Binance {
            return match (&self.kind, Language::kinds(venue)) {
                (None, [only]) => Language::new(venue, only).ok_or_else(|| format!("--venue {venue}: it is not read")),
                _ => Err(format!("--kind is Binance's alone: {venue} says the market with the symbol")),
            };
        }
        match Market::from_name(self.kind.as_deref().unwrap_or("spot")) {
            Some(Market::CoinM) => Err(
                "--kind coinm: its contracts are inverse (settled in the coin), and the books here are linear: expected spot or usdm"
                    .to_owned(),
            ),
            Some(market) => Ok(Language::Binance(market)),
            None => Err("--kind: expected spot or usdm".to_owned()),
        }
    }

    /// The instrument's symbol.
    pub(crate) fn symbol(&self) -> Result<String, String> {
        let of_name = || {
            let name = self.ticks.first()?.file_name()?.to_str()?;
            let symbol = name.split(['_', '.']).next().filter(|symbol| !symbol.is_empty())?;
            (!self.ticks.first()?.is_dir()).then(|| symbol.to_uppercase())
        };
        self.symbol
            .clone()
            .or_else(of_name)
            .ok_or_else(|| "--symbol: a capture log holds many instruments: name one".to_owned())
    }

    pub(crate) fn interval_ns(&self) -> Result<u64, String> {
        interval_ns(&self.interval)
            .ok_or_else(|| format!("--interval: expected as 1s, 5m, 1h, found `{}`", self.interval))
    }

    pub(crate) fn latency(&self) -> Result<Latency, Fault> {
        match &self.latency_curve {
            None => Ok(Latency::each_way(self.latency_us.saturating_mul(US))),
            Some(path) => {
                let fault = |error: mesh_ticks::CurveError| Fault::new(path, error.to_string());
                Ok(Latency::Curve(Curve::parse(&read(path)?).map_err(fault)?))
            }
        }
    }

    pub(crate) const fn feed_latency_ns(&self) -> u64 {
        self.feed_latency_us.saturating_mul(US)
    }

    pub(crate) fn queue(&self) -> QueueModel {
        QueueModel::named(&self.queue).unwrap_or_default()
    }

    /// Latency as reports show it.
    pub(crate) fn latency_text(&self) -> String {
        match &self.latency_curve {
            Some(path) => format!("measured ({})", path.file_name().unwrap_or_default().to_string_lossy()),
            None => format!("{} us each way", self.latency_us),
        }
    }
}
