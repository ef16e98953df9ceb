//! Bars and funding from files: CSV, Parquet, SQLite, and folders of them. What several files say of one symbol is joined.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_backtest::{Funding, Series, TimedBar};
use mesh_kernel::Bar;

use crate::candles;
use crate::inputs;
use crate::keep::Keep;
use crate::parquet;
use crate::text::{Fault, Rows, each_line};

/// Header of bars: open time, prices, volume of the base.
const BARS_HEADER: &str = "ts_ms,open,high,low,close,volume";
const FUNDING_HEADER: &str = "ts_ms,rate";
const MS: u64 = 1_000_000;
/// A folder whose name begins so holds one symbol.
const PARTITION: &str = "symbol=";

/// A file or folder, and the symbol that it is given: `BTCUSDT=path`, or a path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The symbol that it is given; none where the file says it.
    pub symbol: Option<String>,
    /// Where it is.
    pub path: PathBuf,
}

impl Source {
    /// From `SYMBOL=PATH`, or a path alone.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((symbol, path)) if !symbol.is_empty() && !symbol.contains(['/', '.']) && symbol != "symbol" => {
                Self { symbol: Some(symbol.to_owned()), path: path.into() }
            }
            _ => Self { symbol: None, path: text.into() },
        }
    }
}

/// The symbol of a file: that of a folder `symbol=BTCUSDT` above it, or how its name begins (`BTCUSDT_5m.csv.gz`).
pub(crate) fn symbol_of(path: &Path) -> String {
    let folders = path.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str()?.strip_prefix(PARTITION));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let of_name = name.split(['_', '.']).next().unwrap_or_default();
    folders.take(1).next().unwrap_or(of_name).to_owned()
}

pub(crate) fn is_database(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["sqlite", "sqlite3", "db"].iter().any(|known| extension == *known))
}

pub(crate) fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}

fn is_bars(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_database(path) || is_parquet(path) || name.ends_with(".csv") || name.ends_with(".csv.gz")
}

/// The files of a path: itself, or all bars and databases in the folder, in the order of their names.
///
/// # Errors
/// Where a folder can't be listed.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |error: std::io::Error| Fault::new(path, format!("can't be listed: {error}"));
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(fault)? {
        entries.push(entry.map_err(fault)?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.is_dir() || is_bars(entry)) {
        found.extend(files(&entry)?);
    }
    Ok(found)
}

/// Bars by symbol. One whose bars are not asked for has none.
pub(crate) type BySymbol = Vec<(String, Vec<TimedBar>)>;

/// Bars of a file that has one symbol.
///
/// # Errors
/// Where it can't be read, is no such file, or has several symbols.
pub fn bars(path: &Path) -> Result<Vec<TimedBar>, Fault> {
    let mut symbols = of_file(&Source { symbol: None, path: path.to_owned() }, path, &mut Keep::all())?;
    match (symbols.pop(), symbols.len()) {
        (Some((_, bars)), 0) => Ok(bars),
        (_, others) => Err(Fault::new(path, format!("expected bars of one symbol, found {} symbols", others + 1))),
    }
}

/// Bars of one of a source's files.
fn of_file(source: &Source, path: &Path, keep: &mut Keep<'_>) -> Result<BySymbol, Fault> {
    let given = source.symbol.as_deref();
    if is_database(path) {
        return candles::read(path, given, keep);
    }
    let of_name = given.map_or_else(|| symbol_of(path), str::to_owned);
    if is_parquet(path) {
        return parquet::read(path, given, &of_name, keep);
    }
    let bars = if keep.wants(&of_name) { csv(path, keep)? } else { Vec::new() };
    Ok(vec![(of_name, bars)])
}

fn csv(path: &Path, keep: &mut Keep<'_>) -> Result<Vec<TimedBar>, Fault> {
    let mut rows = Rows::<5>::new(BARS_HEADER);
    each_line(path, |number, line| {
        if number > 1 && !keep.row(size_of::<TimedBar>()) {
            return Ok(());
        }
        rows.line(path, number, line)
    })?;
    if keep.beyond().is_some() {
        return Ok(Vec::new());
    }
    // As large as a row: the memory is used again.
    Ok(rows.end(path)?.into_iter().map(timed_bar).collect())
}

/// A bar of a row: open time in ms, then open, high, low, close, volume.
pub(crate) fn timed_bar((ms, [open, high, low, close, volume]): (u64, [f64; 5])) -> TimedBar {
    TimedBar { open_ns: ms * MS, bar: Bar { open, high, low, close, volume } }
}

/// Bars by symbol, the symbols in the order of their first file.
#[derive(Default)]
struct Joined(Vec<(String, Vec<TimedBar>)>);

impl Joined {
    /// Adds bars, in the order of time. A bar that is there already must be the same.
    fn add(&mut self, path: &Path, symbol: &str, more: Vec<TimedBar>) -> Result<(), Fault> {
        let Some((_, bars)) = self.0.iter_mut().find(|(known, _)| known == symbol) else {
            self.0.push((symbol.to_owned(), more));
            return Ok(());
        };
        let follows = bars.last().zip(more.first()).is_none_or(|(last, first)| last.open_ns < first.open_ns);
        bars.extend(more);
        if follows {
            return Ok(());
        }
        bars.sort_unstable_by_key(|timed| timed.open_ns);
        bars.dedup();
        match bars.array_windows().find(|[a, b]| a.open_ns == b.open_ns) {
            Some([twice, _]) => {
                let ms = twice.open_ns / MS;
                let what = format!("{symbol} has another bar at {ms} than a file before it: drop one of the two");
                Err(Fault::new(path, what))
            }
            None => Ok(()),
        }
    }
}

/// What is to be read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Files or folders of bars.
    pub bars: Vec<Source>,
    /// Files of funding.
    pub funding: Vec<Source>,
    /// Files or folders of inputs beside the bars.
    pub inputs: Vec<Source>,
    /// Only these symbols; all, where there are none.
    pub symbols: Vec<String>,
    /// Most bytes of bars and inputs that are held; none for no bound.
    pub most_bytes: Option<u64>,
}

/// Series that can't be had.
#[derive(Debug)]
pub enum ReadError {
    /// Something is wrong with a file.
    Fault(Fault),
    /// More is there than may be held.
    Memory {
        /// What bars, funding and inputs take.
        needed_bytes: u64,
        /// What they may take.
        most_bytes: u64,
    },
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Memory { needed_bytes, most_bytes } => {
                write!(f, "bars, funding and inputs take {needed_bytes} bytes, and may take {most_bytes}")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// All series, each with the funding and the inputs of its symbol.
///
/// # Errors
/// Where a file can't be read or is no such file, two files contradict each other, a symbol that is asked for has no bars, or
/// more than what may be held is there.
pub fn series(wanted: &Wanted) -> Result<Vec<Series>, ReadError> {
    let most_bytes = wanted.most_bytes.unwrap_or(u64::MAX);
    let mut keep = Keep::new(&wanted.symbols, most_bytes);
    let mut joined = Joined::default();
    for source in &wanted.bars {
        for path in files(&source.path)? {
            for (symbol, bars) in of_file(source, &path, &mut keep)? {
                joined.add(&path, &symbol, bars)?;
            }
        }
    }
    let mut fundings: BTreeMap<String, Vec<Funding>> =
        wanted.funding.iter().map(|source| funding(source, &mut keep)).collect::<Result<_, _>>()?;
    let mut inputs = inputs::read(&wanted.inputs, &mut keep)?;
    if let Some(needed_bytes) = keep.beyond() {
        return Err(ReadError::Memory { needed_bytes, most_bytes });
    }
    let found: Vec<&str> = joined.0.iter().map(|(symbol, _)| symbol.as_str()).collect();
    let is_known = |symbol: &str| found.contains(&symbol);
    let asked = wanted.symbols.iter().chain(fundings.keys()).chain(inputs.keys());
    if let Some(name) = asked.into_iter().find(|name| !is_known(name)) {
        let first = wanted.bars.first().map_or_else(PathBuf::new, |source| source.path.clone());
        let found = found.join(", ");
        let what = format!("no bars of {name}, found {found}: name a file's symbol as SYMBOL=FILE");
        return Err(Fault::new(&first, what).into());
    }
    let mut series_of = |(symbol, bars): (String, Vec<TimedBar>)| Series {
        funding: fundings.remove(&symbol).unwrap_or_default(),
        inputs: inputs.remove(&symbol).unwrap_or_default(),
        symbol,
        bars,
    };
    Ok(joined.0.into_iter().filter(|(symbol, _)| keep.wants(symbol)).map(&mut series_of).collect())
}

fn funding(source: &Source, keep: &mut Keep<'_>) -> Result<(String, Vec<Funding>), Fault> {
    let symbol = source.symbol.clone().unwrap_or_else(|| symbol_of(&source.path));
    if !keep.wants(&symbol) {
        return Ok((symbol, Vec::new()));
    }
    let mut rows = Rows::<1>::new(FUNDING_HEADER);
    each_line(&source.path, |number, line| {
        if number > 1 && !keep.row(size_of::<Funding>()) {
            return Ok(());
        }
        rows.line(&source.path, number, line)
    })?;
    if keep.beyond().is_some() {
        return Ok((symbol, Vec::new()));
    }
    let funding = |(ms, [rate]): (u64, [f64; 1])| Funding { time_ns: ms * MS, rate };
    Ok((symbol, rows.end(&source.path)?.into_iter().map(funding).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_come_from_names() {
        let of = |text: &str| symbol_of(Path::new(text));
        assert_eq!(of("/data/BTCUSDT_PERP_5m.csv.gz"), "BTCUSDT");
        assert_eq!(of("bars.csv"), "bars");
        assert_eq!(of("/data/symbol=ETH/year=2025/a.csv"), "ETH");
        assert_eq!(Source::parse("ETH=/data/x=1/a.csv").symbol.as_deref(), Some("ETH"));
        assert_eq!(Source::parse("/data/x=1/a.csv"), Source { symbol: None, path: "/data/x=1/a.csv".into() });
        assert_eq!(Source::parse("symbol=ETH/a.csv").symbol, None);
    }

    #[test]
    fn files_of_one_symbol_are_joined() {
        let dir = tempfile::tempdir().unwrap();
        let row = |ms: u64, close: f64| format!("{ms},{close},{close},{close},{close},1\n");
        let write = |name: &str, rows: &str| {
            fs::write(dir.path().join(name), format!("{BARS_HEADER}\n{rows}")).unwrap();
        };
        write("A_2.csv", &(row(1, 9.0) + &row(3, 9.0)));
        write("A_1.csv", &(row(2, 9.0) + &row(3, 9.0)));
        let bars = vec![Source { symbol: None, path: dir.path().to_owned() }];
        let all = || series(&Wanted { bars: bars.clone(), ..Wanted::default() });
        let joined = all().unwrap();
        assert_eq!(joined.len(), 1);
        let times: Vec<u64> = joined[0].bars.iter().map(|timed| timed.open_ns / MS).collect();
        assert_eq!((joined[0].symbol.as_str(), times), ("A", vec![1, 2, 3]));
        write("A_3.csv", &row(3, 8.0));
        assert!(all().unwrap_err().to_string().contains("A has another bar at 3"));
    }

    /// Two symbols of three bars each, in every form; the inputs of both.
    fn of_every_form(dir: &Path) -> Vec<Source> {
        let rows = |symbol: &str| -> String { (1..=3).map(|ms| format!("('{symbol}',{ms},9,9,9,9,1),")).collect() };
        let values = rows("A") + &rows("B");
        let database = rusqlite::Connection::open(dir.join("both.sqlite")).unwrap();
        let table = "CREATE TABLE candles (symbol, ts_ms, open, high, low, close, volume)";
        database
            .execute_batch(&format!("{table}; INSERT INTO candles VALUES {}", values.trim_end_matches(',')))
            .unwrap();
        for symbol in ["A", "B"] {
            let rows: String = (4..=6).map(|ms| format!("{ms},9,9,9,9,1\n")).collect();
            fs::write(dir.join(format!("{symbol}.csv")), format!("{BARS_HEADER}\n{rows}")).unwrap();
        }
        vec![Source { symbol: None, path: dir.to_owned() }]
    }

    #[test]
    fn what_is_not_asked_for_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let bars = of_every_form(dir.path());
        let read = |symbols: &[&str], most_bytes| {
            let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
            series(&Wanted { bars: bars.clone(), symbols, most_bytes, ..Wanted::default() })
        };
        let one = 6 * size_of::<TimedBar>() as u64;
        let all = read(&[], Some(2 * one)).unwrap();
        assert_eq!(all.iter().map(|one| one.bars.len()).collect::<Vec<_>>(), [6, 6]);
        assert_eq!(read(&["B"], Some(one)).unwrap(), [all[1].clone()]);
        assert!(read(&["C"], None).unwrap_err().to_string().contains("no bars of C, found A, B"));
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted_and_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let bars = of_every_form(dir.path());
        let funding = vec![Source { symbol: Some("A".into()), path: dir.path().join("funding.txt") }];
        fs::write(&funding[0].path, format!("{FUNDING_HEADER}\n1,0.1\n2,0.1\n")).unwrap();
        let inputs = vec![Source { symbol: Some("A".into()), path: dir.path().join("inputs.txt") }];
        fs::write(&inputs[0].path, "ts_ms,spread_bp,premium_pct\n1,2,\n2,3,4\n").unwrap();
        let wanted = Wanted { bars, funding, inputs, ..Wanted::default() };
        let exact = 12 * 48 + 2 * 16 + 3 * 16;
        for most in [0, 1, 48 * 4, exact - 1] {
            match series(&Wanted { most_bytes: Some(most), ..wanted.clone() }) {
                Err(ReadError::Memory { needed_bytes, most_bytes }) => {
                    assert_eq!((needed_bytes, most_bytes), (exact, most))
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(series(&Wanted { most_bytes: Some(exact), ..wanted }).unwrap().len(), 2);
    }
}
