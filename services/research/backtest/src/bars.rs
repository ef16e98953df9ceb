//! Bars and funding from files.

use std::path::{Path, PathBuf};

use mesh_backtest::{Funding, Series, TimedBar};
use mesh_kernel::Bar;

use crate::text::{Fault, read, rows};

/// Header of bars: open time, prices, volume of the base.
pub(crate) const BARS_HEADER: &str = "ts_ms,open,high,low,close,volume";
const FUNDING_HEADER: &str = "ts_ms,rate";
const MS: u64 = 1_000_000;

/// A file and the symbol that it is given: `BTCUSDT=path`, or a path alone, whose file name begins with the symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) symbol: String,
    pub(crate) path: PathBuf,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((symbol, path)) if !symbol.is_empty() && !symbol.contains(['/', '.']) => {
                Self { symbol: symbol.to_owned(), path: path.into() }
            }
            _ => Self { symbol: symbol_of(Path::new(text)), path: text.into() },
        }
    }
}

/// `BTCUSDT` of `BTCUSDT_PERP_5m.csv.gz`.
fn symbol_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split(['_', '.']).next().unwrap_or_default().to_owned()
}

/// Bars of a CSV file.
pub(crate) fn bars(path: &Path) -> Result<Vec<TimedBar>, Fault> {
    let rows = rows::<5>(path, &read(path)?, BARS_HEADER)?;
    Ok(rows.into_iter().map(timed_bar).collect())
}

/// A bar of a row: open time in ms, then open, high, low, close, volume.
pub(crate) fn timed_bar((ms, [open, high, low, close, volume]): (u64, [f64; 5])) -> TimedBar {
    TimedBar { open_ns: ms * MS, bar: Bar { open, high, low, close, volume } }
}

/// All series, each with the funding of its symbol.
pub(crate) fn series(sources: &[Source], fundings: &[Source]) -> Result<Vec<Series>, Fault> {
    for funding in fundings {
        if !sources.iter().any(|source| source.symbol == funding.symbol) {
            let what = format!("is funding of {}, which no bars have: write it as SYMBOL=FILE", funding.symbol);
            return Err(Fault::new(&funding.path, what));
        }
    }
    let one = |source: &Source| {
        let funding = fundings.iter().find(|funding| funding.symbol == source.symbol);
        Ok(Series {
            symbol: source.symbol.clone(),
            bars: bars(&source.path)?,
            funding: funding.map_or(Ok(Vec::new()), |funding| funding_rows(&funding.path))?,
        })
    };
    sources.iter().map(one).collect()
}

fn funding_rows(path: &Path) -> Result<Vec<Funding>, Fault> {
    let rows = rows::<1>(path, &read(path)?, FUNDING_HEADER)?;
    Ok(rows.into_iter().map(|(ms, [rate])| Funding { time_ns: ms * MS, rate }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_come_from_names() {
        let of = |text: &str| Source::parse(text).symbol;
        assert_eq!(of("/data/BTCUSDT_PERP_5m.csv.gz"), "BTCUSDT");
        assert_eq!(of("bars.csv"), "bars");
        assert_eq!(of("ETH=/data/x=1/a.csv"), "ETH");
        assert_eq!(Source::parse("/data/x=1/a.csv").path, Path::new("/data/x=1/a.csv"));
    }
}
