//! Sweeps: configurations over bars, one and all cores, against one configuration alone, and against peers where a Python
//! has them.
//!
//! A rate is per second of a thread's own time (`CLOCK_THREAD_CPUTIME_ID`), so that other work on the machine counts less;
//! one of all cores by the thread that took longest, so that unequal parts and caches that are fought over count in full.
//! Threads of a sweep wait for nothing.

mod book;
mod gpu;
mod load;
mod peers;
mod tpe;

use std::hint::black_box;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mesh_kernel::run::RunRules;
use mesh_kernel::sizing::SizingMethod;
use mesh_kernel::strategy::momentum::{Momentum, Params};
use mesh_sweep::{History, Inputs, Lane, Shared, streaming};
use rustix::time::{ClockId, clock_gettime};

use crate::Output;
use crate::bus::Outcome;
use crate::figure::{Figure, Sense};

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) output: Output,
    /// Only these parts
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Bars
    #[arg(long, default_value_t = 100_000)]
    bars: usize,
    /// Configurations
    #[arg(long, default_value_t = 1_000)]
    configurations: usize,
    /// Messages of the market whose books are replayed; some six events each
    #[arg(long, default_value_t = 300_000)]
    messages: usize,
    /// A Python that may have vectorbt, backtesting, optuna and hftbacktest
    #[arg(long, default_value = "python3", value_name = "PYTHON")]
    python: PathBuf,
    /// Leave the peers out
    #[arg(long)]
    no_peers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Single,
    Full,
    Task1,
    Memory,
    Gpu,
    Tpe,
    Book,
}

/// Configurations that run alone, to compare with.
const ALONE: usize = 8;

const MILLION: f64 = 1e6;
const RATE: (&str, Sense) = ("M/s", Sense::More);

/// What the parts share.
struct Bench<'a> {
    options: &'a Options,
    history: History,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let scale = load::scale().ok_or("decimals")?;
    let bars = load::bars(options.bars);
    let history = History::new(&bars, &[], Inputs::default(), scale, load::DAY_NS)?;
    let bench = Bench { options, history };
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let full = load::full(options.configurations);
    let rules = load::rules(scale, SizingMethod::Volatility { risk_fraction: 0.01 });
    if wanted(Part::Single) {
        bench.single(&full, &rules)?;
    }
    if wanted(Part::Full) {
        bench.sweep("full kernel", &full, &rules)?;
    }
    if wanted(Part::Task1) {
        let rules = load::rules(scale, SizingMethod::FixedFraction { fraction: 1.0 });
        let rates = bench.sweep("task 1", &load::task_1(options.configurations), &rules)?;
        if let Some(vectorbt) = bench.peer("vectorbt")? {
            // Its rate holds what it makes of the bars, so ours does.
            let name = ("sweep task 1 and its series, one core", "vectorbt, one core");
            bench.print(Figure::new(name.0, RATE, &rates, name.1, &[vectorbt / MILLION], Some(0.01)));
        }
    }
    if wanted(Part::Memory) {
        bench.memory(&full);
    }
    if wanted(Part::Gpu) {
        gpu::run(&bench, &rules)?;
    }
    if wanted(Part::Tpe) {
        tpe::run(&bench)?;
    }
    if wanted(Part::Book) {
        book::run(&bench)?;
    }
    Ok(())
}

impl Bench<'_> {
    fn print(&self, figure: Figure) {
        figure.print(&self.options.output);
    }

    /// A peer's figure; `None`, said so, where it is not installed.
    fn peer(&self, task: &str) -> Outcome<Option<f64>> {
        if self.options.no_peers { Ok(None) } else { peers::run(&self.options.python, task, &self.history) }
    }

    /// One configuration alone, against what is asked for and what a peer does.
    fn single(&self, params: &[Params], rules: &RunRules) -> Outcome<()> {
        let mut rates = Vec::new();
        for _ in 0..self.options.output.runs {
            rates.push(self.alone(params, rules)?);
        }
        self.print(Figure::new("single run, full kernel", RATE, &rates, "20 M bars/s", &[20.0], Some(1.0)));
        if let Some(peer) = self.peer("backtesting")? {
            let peer = [peer / MILLION];
            self.print(Figure::new(
                "single run, full kernel",
                RATE,
                &rates,
                "backtesting.py",
                &peer,
                Some(1.0 / 300.0),
            ));
        }
        Ok(())
    }

    /// Million bars a second of one configuration after the other.
    fn alone(&self, params: &[Params], rules: &RunRules) -> Outcome<f64> {
        let some = params.iter().step_by((params.len() / ALONE).max(1)).take(ALONE);
        let count = some.clone().count();
        let seconds = busy(|| {
            for params in some {
                black_box(streaming::<Momentum>(&self.history, params, rules));
            }
        })?;
        Ok((count * self.history.len()) as f64 / seconds / MILLION)
    }

    /// Many configurations, against each alone, then on all cores; the rates of one core that makes their series too.
    fn sweep(&self, name: &str, params: &[Params], rules: &RunRules) -> Outcome<Vec<f64>> {
        let work = (params.len() * self.history.len()) as f64 / MILLION;
        let cores = std::thread::available_parallelism()?.get();
        let (mut one, mut alone, mut ideal, mut all, mut whole) = (vec![], vec![], vec![], vec![], vec![]);
        for _ in 0..self.options.output.runs {
            let mut made = None;
            let making = busy(|| made = Some(Shared::<Momentum>::new(&self.history, params)))?;
            let Some(shared) = made else { continue };
            alone.push(self.alone(params, rules)?);
            let seconds = busy(|| drop(black_box(shared.run(rules, 0..params.len()))))?;
            one.push(work / seconds);
            whole.push(work / (making + seconds));
            ideal.push(cores as f64 * work / seconds);
            all.push(work / on_threads(&shared, rules, cores)?);
        }
        let title = format!("sweep {name}, one core");
        self.print(Figure::new(title, RATE, &one, "each alone, same core", &alone, Some(0.125)));
        if cores > 1 {
            let (title, reference) = (format!("sweep {name}, {cores} cores"), format!("{cores} times one core"));
            self.print(Figure::new(title, RATE, &all, reference, &ideal, Some(1.0 / 0.9)));
        }
        Ok(whole)
    }

    /// Bars and indicators once, and what each configuration takes.
    fn memory(&self, params: &[Params]) {
        let shared = Shared::<Momentum>::new(&self.history, params);
        let bars = size_of_val(self.history.bars());
        let series: usize = shared.series().map(|(_, values)| size_of_val(values)).sum();
        let (held, least) = ((self.history.bytes() + shared.bytes()) as f64, (bars + series) as f64);
        let unit = ("MB", Sense::Less);
        let (held, least) = ([held / MILLION], [least / MILLION]);
        self.print(Figure::new("memory of a sweep", unit, &held, "bars and series once", &least, Some(1.25)));
        let lane = [size_of::<Lane<Momentum>>() as f64];
        self.print(Figure::new(
            "a configuration in flight",
            ("bytes", Sense::Less),
            &lane,
            "1 KiB",
            &[1024.0],
            Some(1.0),
        ));
    }
}

/// Configurations in parts, a thread each; the longest that one of them took, seconds.
fn on_threads(shared: &Shared<'_, Momentum>, rules: &RunRules, threads: usize) -> Outcome<f64> {
    let mut lanes = shared.begin(rules, 0..shared.params().len());
    let part = lanes.len().div_ceil(threads).max(1);
    let longest = std::thread::scope(|scope| {
        let work = |lanes: &mut [Lane<Momentum>]| busy(|| shared.advance(lanes, rules, shared.history().len()));
        let spawn = |lanes| scope.spawn(move || work(lanes).map_err(|error| error.to_string()));
        let threads: Vec<_> = lanes.chunks_mut(part).map(spawn).collect();
        threads.into_iter().try_fold(0.0, |longest: f64, thread| {
            let took = thread.join().map_err(|_| "a thread of the sweep panicked".to_owned())??;
            Ok::<_, String>(longest.max(took))
        })
    })?;
    black_box(&lanes);
    Ok(longest)
}

/// Processor time of this thread over some work, seconds.
fn busy(work: impl FnOnce()) -> Outcome<f64> {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = now();
    work();
    let seconds = now() - before;
    if seconds > 0.0 { Ok(seconds) } else { Err("the clock of the thread stands still".into()) }
}
