//! Every decision as CSV, as it is made: what was done or which gate stopped it, for a look at one symbol and time.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use mesh_backtest::{Decider, Series};
use mesh_bars::Fault;
use mesh_kernel::trader::{TradeRules, Trader};
use mesh_kernel::{Action, Bar, Context, Decision};

use super::reason_name;

/// The file, which has its name once it is whole.
pub(crate) struct Decisions {
    path: PathBuf,
    out: RefCell<BufWriter<File>>,
    /// The first thing that went wrong.
    error: RefCell<Option<io::Error>>,
}

impl Decisions {
    /// Begins it.
    pub(crate) fn create(path: &Path) -> Result<Self, Fault> {
        let fault = |error: io::Error| unwritten(path, &error);
        let mut out = BufWriter::new(File::create(beside(path)).map_err(fault)?);
        writeln!(
            out,
            "open_ns,symbol,action,then,confidence,score,stop_price,target_price,exit,fraction,gate,value,threshold,reasons,digest"
        )
        .map_err(fault)?;
        Ok(Self { path: path.to_owned(), out: RefCell::new(out), error: RefCell::new(None) })
    }

    fn add(&self, symbol: &str, open_ns: u64, decision: &Decision) {
        let Decision { score, stop_price, target_price, fraction, gate_value, gate_threshold, reasons, digest, .. } =
            decision;
        let (action, then) = (action_name(decision.action), action_name(decision.then));
        let (tier, exit, gate) = (decision.confidence.rank(), reason_name(decision.exit), decision.gate.name());
        let written = writeln!(
            self.out.borrow_mut(),
            "{open_ns},{symbol},{action},{then},{tier},{score},{stop_price},{target_price},{exit},{fraction},{gate},\
             {gate_value},{gate_threshold},{reasons:#x},{digest:016x}"
        );
        if let Err(error) = written {
            self.error.borrow_mut().get_or_insert(error);
        }
    }

    /// Ends it.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        let Self { path, out, error } = self;
        let written = error.into_inner().map_or(Ok(()), Err);
        let written = written.and_then(|()| out.into_inner().flush()).and_then(|()| fs::rename(beside(&path), &path));
        written.map_err(|error| unwritten(&path, &error))
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    beside.into()
}

fn unwritten(path: &Path, error: &io::Error) -> Fault {
    Fault::new(path, format!("can't be written: {error}"))
}

const fn action_name(action: Action) -> &'static str {
    match action {
        Action::None => "none",
        Action::EnterLong => "enter_long",
        Action::EnterShort => "enter_short",
        Action::ExitLong => "exit_long",
        Action::ExitShort => "exit_short",
    }
}

/// A strategy whose decisions are written down, where there is a file for them.
pub(crate) struct Told<'a, D> {
    inner: D,
    /// The file, the series that is decided on, and its bar that comes next.
    to: Option<(&'a Decisions, &'a Series, usize)>,
}

impl<'a, D> Told<'a, D> {
    pub(crate) fn new(inner: D, to: Option<(&'a Decisions, &'a Series)>) -> Self {
        Self { inner, to: to.map(|(decisions, series)| (decisions, series, 0)) }
    }
}

impl<D: Decider> Decider for Told<'_, D> {
    fn on_bar(&mut self, bar: &Bar, context: &Context) -> Decision {
        let decision = self.inner.on_bar(bar, context);
        if let Some((decisions, series, next)) = &mut self.to {
            if let Some(timed) = series.bars.get(*next) {
                decisions.add(&series.symbol, timed.open_ns, &decision);
            }
            *next += 1;
        }
        decision
    }

    fn trader(&mut self) -> &mut Trader {
        self.inner.trader()
    }

    fn rules(&self) -> &TradeRules {
        self.inner.rules()
    }
}
