//! The run on ticks.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use mesh_backtest::ticks::{
    KernelTrader, Quotes, QuotesParams, TickOutcome, TickSettings, TickStrategy, looks_ahead, run as replay,
};
use mesh_backtest::{Decimals, Funding, Kernel};
use mesh_bars::Source;
use mesh_bars::text::{Fault, rows};
use mesh_kernel::ParamError;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_kernel::strategy::{Strategy, StrategyParams};
use mesh_ticks::Tape;
use serde::Serialize;
use toml::Table;

use super::load;
use crate::options::RunOptions;
use crate::params::{self, Named, QUOTES};

/// What a run on ticks made, and of what.
pub(crate) struct Ran {
    pub(crate) made: TickOutcome,
    pub(crate) params: Named,
    pub(crate) looked_ahead: Option<String>,
    pub(crate) about: About,
}

/// Input and activity, as reports show them.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    pub(crate) symbol: String,
    pub(crate) events: u64,
    pub(crate) books: u64,
    pub(crate) trades: u64,
    pub(crate) quotes: u64,
    pub(crate) skipped: u64,
    pub(crate) malformed: u64,
    pub(crate) gaps: u64,
    pub(crate) clock_shift_ns: u64,
    pub(crate) queue: String,
    pub(crate) latency: String,
    pub(crate) orders: u64,
    pub(crate) rejected: u64,
    pub(crate) cancelled: u64,
    pub(crate) cancelled_late: u64,
    pub(crate) maker_fills: u64,
    pub(crate) taker_fills: u64,
    pub(crate) late_trades: u64,
}

/// Reads, runs, and counts.
pub(crate) fn run(options: &RunOptions, given: &Table) -> Result<Ran, Box<dyn Error>> {
    let ticks = &options.ticks;
    if !FILLS.contains(&options.fills.as_str()) {
        let (expected, found) = (FILLS.join(" or "), &options.fills);
        return Err(format!("--fills {found}: an assumption about bars; on ticks there is {expected}").into());
    }
    let told = io::stderr().is_terminal();
    if told {
        let _ = writeln!(
            io::stderr(),
            "reading {} ...",
            ticks.ticks.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        );
    }
    let tape = load::tape(ticks)?;
    if told {
        let _ = writeln!(io::stderr(), "{} events", tape.events());
    }
    let exponents = tape.exponents();
    let decimals = Decimals::new(exponents.price.unsigned_abs().into(), exponents.quantity.unsigned_abs().into())
        .ok_or("expected at most 12 decimals of prices and of quantities in the ticks")?;
    let settings = TickSettings {
        base: options.settings_at(decimals)?,
        symbol: ticks.symbol()?,
        interval_ns: ticks.interval_ns()?,
        queue: ticks.queue(),
        latency: ticks.latency()?,
        funding: funding(&options.fundings())?,
    };
    let span_ns = tape
        .heads()
        .last()
        .map_or(0, |last| last.venue_ns)
        .saturating_sub(tape.heads().first().map_or(0, |f| f.venue_ns));
    if span_ns / settings.interval_ns > BARS_MAX {
        return Err(format!("--interval: more than {BARS_MAX} bars of {}: take a longer one", ticks.interval).into());
    }
    let job = Job { tape: &tape, settings: &settings, cuts: options.check_lookahead };
    let (made, params, looked_ahead) = match options.strategy.as_str() {
        QUOTES => job.quotes(given)?,
        Momentum::NAME => job.kernel::<Momentum>(given)?,
        E3::NAME => job.kernel::<E3>(given)?,
        FundingFade::NAME => job.kernel::<FundingFade>(given)?,
        other => return Err(format!("no strategy {other}").into()),
    };
    if made.series.bars.is_empty() && options.strategy != QUOTES {
        let _ =
            writeln!(io::stderr(), "backtest: no bar of {} closed in these ticks: nothing was decided", ticks.interval);
    }
    let about = about(&tape, &settings, options, &made);
    Ok(Ran { made, params, looked_ahead, about })
}

/// What ticks leave open: whether stops and targets rest at the venue.
const FILLS: [&str; 2] = ["next_open", "intrabar"];
/// Bars of a run.
const BARS_MAX: u64 = 10_000_000;

fn about(tape: &Tape, settings: &TickSettings, options: &RunOptions, made: &TickOutcome) -> About {
    let (counts, activity) = (tape.counts(), &made.activity);
    About {
        symbol: settings.symbol.clone(),
        events: tape.events() as u64,
        books: counts.books,
        trades: counts.trades,
        quotes: counts.quotes,
        skipped: counts.skipped,
        malformed: counts.malformed,
        gaps: counts.gaps,
        clock_shift_ns: tape.shift_ns(),
        queue: options.ticks.queue.clone(),
        latency: options.ticks.latency_text(),
        orders: activity.orders,
        rejected: activity.rejected,
        cancelled: activity.cancelled,
        cancelled_late: activity.cancelled_late,
        maker_fills: activity.maker_fills,
        taker_fills: activity.taker_fills,
        late_trades: activity.late_trades,
    }
}

fn funding(sources: &[Source]) -> Result<Vec<Funding>, Fault> {
    let Some(source) = sources.first() else { return Ok(Vec::new()) };
    if let Some(second) = sources.get(1) {
        return Err(Fault::new(&second.path, "expected one file of funding: ticks are of one symbol"));
    }
    let rows = rows::<1>(&source.path, "ts_ms,rate")?;
    Ok(rows.into_iter().map(|(ms, [rate])| Funding { time_ns: ms * 1_000_000, rate }).collect())
}

/// A strategy's work.
struct Job<'a> {
    tape: &'a Tape,
    settings: &'a TickSettings,
    cuts: usize,
}

type Made = (TickOutcome, Named, Option<String>);

impl Job<'_> {
    fn run<S: TickStrategy>(&self, named: Named, make: impl Fn(&Tape) -> S) -> Result<Made, Box<dyn Error>> {
        let made = replay(self.tape, self.settings, make(self.tape))?;
        let found = if self.cuts == 0 { None } else { looks_ahead(self.tape, self.settings, self.cuts, make)? };
        Ok((made, named, found.map(|found| found.to_string())))
    }

    fn kernel<S: Strategy>(&self, given: &Table) -> Result<Made, Box<dyn Error>> {
        let named = params::named(S::Params::SPEC, given)?;
        let values: Vec<f64> = named.iter().map(|(_, value)| *value).collect();
        let params = S::Params::from_values(&values).map_err(|error: ParamError| format!("parameters: {error}"))?;
        self.run(named, |_| KernelTrader::new(Kernel::<S>::new(&params), &self.settings.base))
    }

    fn quotes(&self, given: &Table) -> Result<Made, Box<dyn Error>> {
        let named = params::named(QuotesParams::SPEC, given)?;
        let values: Vec<f64> = named.iter().map(|(_, value)| *value).collect();
        let says = |(spec, value): (&mesh_kernel::ParamSpec, f64)| {
            format!("parameters: {}: expected {} to {} {}, found {value}", spec.name, spec.min, spec.max, spec.unit)
        };
        let params = QuotesParams::from_values(&values).map_err(says)?;
        let lots = self.settings.base.decimals.scale().lots(params.quantity);
        if lots <= 0 {
            let least = self.settings.base.decimals.scale().quantity(1);
            return Err(
                format!("parameters: quantity: expected at least a lot of {least}, found {}", params.quantity).into()
            );
        }
        self.run(named, |_| Quotes::new(params, lots))
    }
}
