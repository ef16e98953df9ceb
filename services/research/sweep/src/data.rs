//! What a study runs over: each symbol's bars, cut into the part that is swept and the part that only judges the best.
//!
//! Files are read within the specification's bound on memory: as they came (series), then symbol by symbol as runs read them
//! (histories), each series dropped once its history is made.

use std::path::{Path, PathBuf};

use mesh_backtest::data::check;
use mesh_backtest::inputs::NAMES;
use mesh_backtest::monthly::date;
use mesh_backtest::watch::Watch;
use mesh_backtest::{Funding, Series, TimedBar, TimedValue};
use mesh_bars::{ReadError, Source, Wanted};
use mesh_kernel::Bar;
use mesh_kernel::breadth::Breadth;
use mesh_kernel::run::RunRules;
use mesh_study::spec::{Data, Spec, Split};
use mesh_sweep::{History, Inputs};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// One symbol's part of the data.
#[derive(Debug)]
pub struct Part {
    /// The symbol.
    pub symbol: String,
    /// Its history.
    pub history: History,
    /// From the open of the first bar, ns.
    pub from_ns: u64,
    /// To the open of the last, ns.
    pub to_ns: u64,
}

/// All that trials run over.
#[derive(Debug)]
pub struct Prepared {
    /// What is swept.
    pub train: Vec<Part>,
    /// What judges the best; empty where everything is swept.
    pub test: Vec<Part>,
    /// How runs are made.
    pub rules: RunRules,
    /// SHA-256 over all bars, funding and inputs, in hex.
    pub hash: String,
    /// Most bytes that were held on the way from files to histories.
    pub reading_bytes: u64,
}

impl Prepared {
    /// Reads the data of a specification; paths are those of `folder`.
    ///
    /// # Errors
    /// Where a file can't be read, there is too little in it, or more than the specification's memory holds.
    pub fn read(spec: &Spec, folder: &Path) -> Result<Self, Failure> {
        Self::of(spec, read(spec, folder)?)
    }

    /// Of series at hand.
    ///
    /// # Errors
    /// Where they are too short, unfit for the specification, or more than its memory holds.
    pub fn of(spec: &Spec, series: Vec<Series>) -> Result<Self, Failure> {
        let interval_ns = check(&series).map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(leader) = spec.data.leader.as_ref().filter(|name| !series.iter().any(|s| s.symbol == **name)) {
            return Err(Failure::usage(format!("[data] leader: {leader} has no bars")));
        }
        let reading_bytes = reading_bytes(&spec.data, &series);
        if reading_bytes > spec.limits.memory_bytes {
            let what = format!("bars, and what is made of them, take {} MB", mb(reading_bytes));
            return Err(too_little(spec, &what, reading_bytes));
        }
        let rules = spec.market.rules(&series).map_err(Failure::usage)?;
        let (hash, inputs) = (hash(&series), inputs(&spec.data, &series, interval_ns));
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (series, inputs) in series.into_iter().zip(inputs) {
            let cut = match spec.data.split {
                Split::Fraction(fraction) => (series.bars.len() as f64 * fraction) as usize,
                Split::At(ns) => series.bars.partition_point(|timed| timed.open_ns < ns),
            };
            let of = |from: usize, to: usize| part(spec, &series, &inputs, from..to, &rules);
            train.push(of(0, cut)?);
            if cut < series.bars.len() {
                test.push(of(cut, series.bars.len())?);
            }
        }
        if test.is_empty() && matches!(spec.data.split, Split::At(_)) {
            let last_ns = train.iter().map(|part| part.to_ns).max().unwrap_or(0);
            let (year, month, day) = date(last_ns);
            let what = format!(
                "[data] split: expected a date before the last bar ({year}-{month:02}-{day:02}): nothing is left to judge the best"
            );
            return Err(Failure::usage(what));
        }
        Ok(Self { train, test, rules, hash, reading_bytes })
    }

    /// Memory of the histories.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.train.iter().chain(&self.test).map(|part| part.history.bytes()).sum()
    }

    /// Bars of what is swept: what one configuration costs.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.train.iter().map(|part| part.history.len() as u64).sum()
    }
}

/// The files of a specification, links and folders followed; paths are those of `folder`.
///
/// # Errors
/// Where a folder can't be listed.
pub fn files(data: &Data, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for source in data.bars.iter().chain(&data.funding).chain(&data.inputs) {
        let path = folder.join(Source::parse(source).path);
        found.extend(mesh_bars::files(&path).map_err(|fault| Failure::usage(fault.to_string()))?);
    }
    Ok(found)
}

fn read(spec: &Spec, folder: &Path) -> Result<Vec<Series>, Failure> {
    let source = |text: &String| {
        let source = Source::parse(text);
        Source { path: folder.join(source.path), ..source }
    };
    let sources = |texts: &[String]| texts.iter().map(source).collect();
    let data = &spec.data;
    let wanted = Wanted {
        bars: sources(&data.bars),
        funding: sources(&data.funding),
        inputs: sources(&data.inputs),
        symbols: data.symbols.clone(),
        most_bytes: Some(spec.limits.memory_bytes),
    };
    mesh_bars::series(&wanted).map_err(|error| match error {
        ReadError::Fault(fault) => Failure::usage(fault.to_string()),
        ReadError::Memory { needed_bytes, .. } => {
            let what = format!("the bars, funding and inputs alone take {} MB", mb(needed_bytes));
            // Their histories, and a configuration's indicators, are no larger than that again, each.
            too_little(spec, &what, 3 * needed_bytes)
        }
    })
}

/// Bytes in MB, rounded up.
pub(crate) const fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// The bound on memory is below what is needed.
pub(crate) fn too_little(spec: &Spec, what: &str, enough_bytes: u64) -> Failure {
    Failure::usage(format!(
        "[limits] memory_mb: {} are too few: {what}; give at least {}, or fewer bars",
        spec.limits.memory_bytes >> 20,
        mb(enough_bytes)
    ))
}

/// Most bytes that are held between the files and the histories: series that wait, histories that are made, and what making
/// one takes.
fn reading_bytes(data: &Data, series: &[Series]) -> u64 {
    const NUMBER: usize = size_of::<f64>();
    // Its bar, its place and its time, a part of the extremes of stretches.
    const MAKING: usize = size_of::<Bar>() + 3 * NUMBER;
    let columns = |one: &Series| {
        let given = one.inputs.iter().filter(|values| !values.is_empty()).count();
        given + usize::from(data.breadth) + usize::from(data.leader.is_some()) + usize::from(!one.funding.is_empty())
    };
    let waiting = |one: &Series| {
        let values: usize = one.inputs.iter().map(|values| size_of_val(values.as_slice())).sum();
        let columns = one.bars.len() * NUMBER * columns(one);
        size_of_val(one.bars.as_slice()) + size_of_val(one.funding.as_slice()) + values + columns
    };
    let mut held: usize = series.iter().map(waiting).sum();
    let mut most = held;
    for one in series {
        let making = one.bars.len() * (MAKING + 2 * NUMBER * columns(one));
        most = most.max(held + making);
        held = held + making - waiting(one).min(held);
    }
    most as u64
}

/// A path as it is found from anywhere.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn part(
    spec: &Spec,
    series: &Series,
    inputs: &Inputs,
    bars: core::ops::Range<usize>,
    rules: &RunRules,
) -> Result<Part, Failure> {
    let of = |what: String| Failure::usage(format!("{}: {what}", series.symbol));
    if bars.len() < 2 {
        return Err(of(format!(
            "[data] split leaves {} of {} bars for one part: move it, or give more bars",
            bars.len(),
            series.bars.len()
        )));
    }
    let inputs = inputs_of(inputs.columns().map(|column| column.get(bars.clone()).unwrap_or(&[]).to_vec()));
    let timed = &series.bars[bars];
    let history = History::new(timed, funding(series, timed), inputs, rules.scale, spec.data.period_ns);
    let history = history.map_err(|error| of(error.to_string()))?;
    let at = |timed: Option<&TimedBar>| timed.map_or(0, |timed| timed.open_ns);
    let (from_ns, to_ns) = (at(timed.first()), at(timed.last()));
    Ok(Part { symbol: series.symbol.clone(), history, from_ns, to_ns })
}

/// The funding of some bars: what falls due while they last, and the one before, whose rate is known at their start (nothing
/// is held there, so nothing is paid).
fn funding<'a>(series: &'a Series, bars: &[TimedBar]) -> &'a [Funding] {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return &[] };
    let from = series.funding.partition_point(|due| due.time_ns <= first.open_ns);
    let to = series.funding.partition_point(|due| due.time_ns <= last.open_ns);
    series.funding.get(from.saturating_sub(1)..to).unwrap_or(&[])
}

/// In the order of `Context`'s fields.
fn inputs_of(columns: [Vec<f64>; 6]) -> Inputs {
    let [btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h] = columns;
    Inputs { btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp, funding_bp_8h }
}

/// What strategies are told beside the bars, by symbol and bar, as `mesh backtest` tells it: inputs that are given take the
/// place of those that are derived.
fn inputs(data: &Data, series: &[Series], interval_ns: u64) -> Vec<Inputs> {
    let mut inputs = derived(data, series);
    let Some(rules) = &data.input_rules else { return inputs };
    for (one, inputs) in series.iter().zip(&mut inputs) {
        let mut columns = rules.columns(&one.inputs, &one.bars, interval_ns);
        for (column, derived) in columns.iter_mut().zip(inputs.columns()).filter(|(column, _)| column.is_empty()) {
            column.clone_from(derived);
        }
        *inputs = inputs_of(columns);
    }
    inputs
}

/// What strategies are told of the other symbols.
fn derived(data: &Data, series: &[Series]) -> Vec<Inputs> {
    let mut inputs = vec![Inputs::default(); series.len()];
    if !data.breadth && data.leader.is_none() {
        return inputs;
    }
    let leader = data.leader.as_ref().and_then(|name| series.iter().position(|one| one.symbol == *name));
    let mut watches = vec![Watch::default(); series.len()];
    let mut next = vec![0; series.len()];
    let time = |next: &[usize]| {
        series.iter().zip(next).filter_map(|(one, at)| one.bars.get(*at)).map(|timed| timed.open_ns).min()
    };
    while let Some(now_ns) = time(&next) {
        let current = |at: usize, next: &[usize]| series[at].bars.get(next[at]).filter(|timed| timed.open_ns == now_ns);
        for (at, watch) in watches.iter_mut().enumerate() {
            if let Some(timed) = current(at, &next).filter(|timed| timed.bar.is_valid()) {
                watch.update(&timed.bar);
            }
        }
        let trend = leader.and_then(|at| watches[at].trend_bp()).unwrap_or(f64::NAN);
        let mut breadth = Breadth::default();
        watches.iter().filter_map(|watch| watch.averages).for_each(|(fast, slow)| breadth.add(fast, slow));
        for at in 0..series.len() {
            if current(at, &next).is_some() {
                if leader.is_some() {
                    inputs[at].btc_trend.push(trend);
                }
                if data.breadth {
                    inputs[at].breadth_pct.push(breadth.pct().unwrap_or(f64::NAN));
                }
                next[at] += 1;
            }
        }
    }
    inputs
}

fn hash(series: &[Series]) -> String {
    let mut hasher = Sha256::new();
    for one in series {
        hasher.update((one.symbol.len() as u64).to_le_bytes());
        hasher.update(&one.symbol);
        hasher.update((one.bars.len() as u64).to_le_bytes());
        for TimedBar { open_ns, bar } in &one.bars {
            hasher.update(open_ns.to_le_bytes());
            [bar.open, bar.high, bar.low, bar.close, bar.volume].iter().for_each(|x| hasher.update(x.to_le_bytes()));
        }
        hasher.update((one.funding.len() as u64).to_le_bytes());
        for Funding { time_ns, rate } in &one.funding {
            hasher.update(time_ns.to_le_bytes());
            hasher.update(rate.to_le_bytes());
        }
        for (values, name) in one.inputs.iter().zip(NAMES).filter(|(values, _)| !values.is_empty()) {
            hasher.update(name);
            hasher.update((values.len() as u64).to_le_bytes());
            for TimedValue { time_ns, value } in values {
                hasher.update(time_ns.to_le_bytes());
                hasher.update(value.to_le_bytes());
            }
        }
    }
    hex::encode(hasher.finalize())
}
