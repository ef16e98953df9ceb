//! The run: bars of all symbols in the order of time, exits before entries, entries ranked, equity after every bar.

use core::fmt;

use mesh_kernel::account::{Money, Overflow};
use mesh_kernel::breadth::Breadth;
use mesh_kernel::digest::Digest;
use mesh_kernel::fills::Costs;
use mesh_kernel::rank;
use mesh_kernel::sizing::{Margin, SizingInput, SizingMethod, SizingRules};
use mesh_kernel::{Action, Context, Side};

use crate::data::{DataError, Series, TimedBar, check};
use crate::decimals::Decimals;
use crate::fills::Fills;
use crate::inputs::InputRules;
use crate::lane::{Lane, Wanted};
use crate::ledger::At;
use crate::outcome::{EquityPoint, OpenPosition, Outcome};
use crate::strategy::Decider;

/// How much an entry buys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sizing {
    /// This quantity of the base, whatever it costs.
    Quantity(f64),
    /// By the kernel's rules, which know equity, stop and tier.
    Rules(SizingRules),
}

/// A position that was held when the history begins.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialPosition {
    /// Which series.
    pub symbol: String,
    /// Long or short.
    pub side: Side,
    /// Quantity, positive.
    pub quantity: f64,
    /// Average price of its entries.
    pub entry_price: f64,
    /// Where it is given up; 0 for where the strategy's rules put it.
    pub stop_price: f64,
}

/// How a run is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where decisions are filled.
    pub fills: Fills,
    /// What trading costs.
    pub costs: Costs,
    /// Ticks and lots.
    pub decimals: Decimals,
    /// The venue's price step, on which stop and target are placed (the nearest); 0 to leave them where they are.
    pub level_step: f64,
    /// Money at the start, in the quote currency.
    pub capital: f64,
    /// Size of an entry.
    pub sizing: Sizing,
    /// When positions are closed by force, each with a margin of its own (isolated).
    pub margin: Margin,
    /// Most symbols held at once; 0 for no limit.
    pub max_positions: usize,
    /// Strategies are told the share of symbols that rise.
    pub breadth: bool,
    /// The symbol whose trend strategies are told as the leading market's.
    pub leader: Option<String>,
    /// When values of inputs count.
    pub inputs: InputRules,
    /// What was held before.
    pub initial: Vec<InitialPosition>,
}

impl Settings {
    /// All equity in each entry, no costs, everything at the next open.
    #[must_use]
    pub const fn new(decimals: Decimals, capital: f64) -> Self {
        let method = SizingMethod::FixedFraction { fraction: 1.0 };
        let sizing =
            SizingRules { method, tier_factors: [1.0; 3], leverage_max: 1.0, notional_max: 0.0, notional_min: 0.0 };
        Self {
            fills: Fills::NEXT_OPEN,
            costs: Costs {
                taker_fee_rate: 0,
                maker_fee_rate: 0,
                targets_rest: true,
                slippage_bp: 0.0,
                impact_bp: 0.0,
                depth_notional: 0.0,
            },
            decimals,
            level_step: 0.0,
            capital,
            sizing: Sizing::Rules(sizing),
            margin: Margin { leverage: 0.0, maintenance_rate: 0.0, fee_rate: 0 },
            max_positions: 0,
            breadth: false,
            leader: None,
            inputs: InputRules::DEFAULT,
            initial: Vec::new(),
        }
    }
}

/// A run that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The data can't be run over.
    Data(DataError),
    /// A symbol is named in the settings that no series has.
    UnknownSymbol(String),
    /// A price that does not fit the ticks.
    Price {
        /// The series.
        symbol: String,
        /// Index of the bar.
        bar: usize,
    },
    /// An amount left the range of exact integers.
    Overflow {
        /// Open time of the bar, ns.
        time_ns: u64,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::UnknownSymbol(symbol) => {
                write!(f, "{symbol} is named in the settings, but no series has that symbol")
            }
            Self::Price { symbol, bar } => {
                write!(
                    f,
                    "{symbol}: the prices of bar {bar} are too large for ticks so fine: use fewer decimals for prices"
                )
            }
            Self::Overflow { time_ns } => write!(
                f,
                "an amount left the range of exact integers at {time_ns} ns: use fewer decimals for prices or quantities"
            ),
        }
    }
}

impl core::error::Error for RunError {}

impl From<DataError> for RunError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

/// Runs a strategy over history; `make` builds it anew for each series.
///
/// # Errors
/// Where the data is empty, unordered, repeated or of mixed intervals, where the settings name an unknown symbol, or
/// where an amount leaves its range.
pub fn run<D: Decider>(
    series: &[Series],
    settings: &Settings,
    make: impl Fn(&Series) -> D,
) -> Result<Outcome, RunError> {
    let interval_ns = check(series)?;
    run_of(series, settings, interval_ns, make)
}

/// The same with bars of this interval: a cut history may not show it.
pub(crate) fn run_of<D: Decider>(
    series: &[Series],
    settings: &Settings,
    interval_ns: u64,
    make: impl Fn(&Series) -> D,
) -> Result<Outcome, RunError> {
    series.iter().try_for_each(|one| check_prices(one, settings))?;
    let lane = |(i, one)| Lane::new(i, one, settings, interval_ns, make(one));
    let mut run = Run {
        settings,
        lanes: series.iter().enumerate().map(lane).collect(),
        capital: settings.decimals.scale().money_of(settings.capital),
        outcome: Outcome::new(settings.decimals, interval_ns),
        digest: Digest::new(),
    };
    let start_ns = run.next_time().unwrap_or(0);
    run.begin(start_ns)?;
    while let Some(time_ns) = run.next_time() {
        run.step(time_ns).map_err(|Overflow| RunError::Overflow { time_ns })?;
    }
    run.finish().map_err(|Overflow| RunError::Overflow { time_ns: start_ns })
}

/// Ticks are 64 bits; what is measured from a price (stops, slippage) needs room above it.
fn check_prices(series: &Series, settings: &Settings) -> Result<(), RunError> {
    let scale = settings.decimals.scale();
    let is_beyond = |timed: &TimedBar| timed.bar.is_valid() && scale.ticks(timed.bar.high) > i64::MAX / 64;
    match series.bars.iter().position(is_beyond) {
        Some(bar) => Err(RunError::Price { symbol: series.symbol.clone(), bar }),
        None => Ok(()),
    }
}

struct Run<'a, D> {
    settings: &'a Settings,
    lanes: Vec<Lane<'a, D>>,
    capital: Money,
    outcome: Outcome,
    digest: Digest,
}

impl<D: Decider> Run<'_, D> {
    fn begin(&mut self, start_ns: u64) -> Result<(), RunError> {
        let overflow = |Overflow| RunError::Overflow { time_ns: start_ns };
        let named = |name: &String| self.lanes.iter().position(|lane| lane.series.symbol == *name);
        if let Some(leader) = self.settings.leader.as_ref().filter(|leader| named(leader).is_none()) {
            return Err(RunError::UnknownSymbol(leader.clone()));
        }
        let scale = self.settings.decimals.scale();
        for initial in &self.settings.initial {
            let lane = self.lanes.iter_mut().find(|lane| lane.series.symbol == initial.symbol);
            let lane = lane.ok_or_else(|| RunError::UnknownSymbol(initial.symbol.clone()))?;
            let sign = if initial.side == Side::Short { -1.0 } else { 1.0 };
            let lots = self.settings.decimals.held_lots(initial.quantity * sign);
            lane.books.account.fill(lots, scale.ticks(initial.entry_price), 0).map_err(overflow)?;
            lane.books.began = At { time_ns: start_ns, bar: 0 };
            lane.decider.trader().set_position(initial.side, initial.entry_price, initial.stop_price);
        }
        self.mark(start_ns).map_err(overflow)
    }

    fn next_time(&self) -> Option<u64> {
        self.lanes.iter().filter_map(Lane::next).map(|timed| timed.open_ns).min()
    }

    /// All bars that open at one time.
    fn step(&mut self, time_ns: u64) -> Result<(), Overflow> {
        let is_now = |lane: &Lane<'_, D>| lane.next().is_some_and(|timed| timed.open_ns == time_ns);
        for lane in self.lanes.iter_mut().filter(|lane| is_now(lane)) {
            if let Some(timed) = lane.next() {
                lane.open_bar(timed)?;
            }
        }
        let shared = self.shared_context();
        let (mut wanted, mut closed) = (Vec::new(), Vec::new());
        for (i, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| is_now(lane)) {
            let Some(timed) = lane.next() else { continue };
            let context = lane.context(&shared);
            let (decision, entry) = lane.decide(timed, &context)?;
            self.digest = self.digest.u64(decision.digest);
            self.outcome.count_bar(timed, lane.watch.regime);
            wanted.extend(entry.map(|entry| (i, timed, entry)));
            if decision.action == Action::None {
                self.outcome.gates.count(i, timed.open_ns, &decision);
            } else {
                closed.push((i, timed));
            }
        }
        if !wanted.is_empty() {
            self.select(wanted)?;
        }
        for (i, timed) in closed {
            if let Some(lane) = self.lanes.get_mut(i) {
                lane.close_bar(timed)?;
            }
        }
        self.mark(time_ns.saturating_add(self.outcome.interval_ns))
    }

    fn shared_context(&self) -> Context {
        let leader = self.settings.leader.as_ref();
        let leading = leader.and_then(|name| self.lanes.iter().find(|lane| lane.series.symbol == *name));
        let mut breadth = Breadth::default();
        if self.settings.breadth {
            self.lanes.iter().filter_map(|lane| lane.watch.averages).for_each(|(fast, slow)| breadth.add(fast, slow));
        }
        Context {
            btc_trend: leading.and_then(|lane| lane.watch.trend_bp()),
            breadth_pct: breadth.pct(),
            ..Context::default()
        }
    }

    /// Takes the wanted entries in the order of their rank, as long as limits allow.
    fn select(&mut self, mut wanted: Vec<(usize, &TimedBar, Wanted)>) -> Result<(), Overflow> {
        let symbol = |i: usize| self.lanes.get(i).map_or("", |lane| lane.series.symbol.as_str());
        wanted.sort_by(|a, b| rank::compare((a.2.decision.score, symbol(a.0)), (b.2.decision.score, symbol(b.0))));
        let (most, scale) = (self.settings.max_positions, self.settings.decimals.scale());
        let equity = scale.money(self.equity()?);
        let mut open_notional = 0.0;
        for lane in &self.lanes {
            open_notional += scale.money(lane.staying_notional()?);
        }
        let mut taken = self.lanes.iter().filter(|lane| lane.is_taken()).count();
        for (i, timed, entry) in wanted {
            let Some(lane) = self.lanes.get_mut(i) else { continue };
            let price = timed.bar.close;
            let input = SizingInput {
                equity,
                open_notional,
                position_notional: scale.money(lane.staying_notional()?),
                price,
                stop_price: entry.decision.stop_price,
                tier: entry.decision.confidence,
            };
            let full = !entry.adds && most > 0 && taken >= most;
            let lots = if full { 0 } else { self.settings.lots(&input) };
            if lots <= 0 {
                lane.refuse(&entry);
                let gates = &mut self.outcome.gates;
                *(if full { &mut gates.no_position_free } else { &mut gates.no_size }) += 1;
                continue;
            }
            taken += usize::from(!entry.adds);
            open_notional += scale.quantity(lots) * price;
            lane.accept(if entry.side == Side::Long { lots } else { -lots });
        }
        Ok(())
    }

    fn equity(&self) -> Result<Money, Overflow> {
        self.lanes
            .iter()
            .try_fold(self.capital, |sum, lane| sum.checked_add(lane.books.account.equity(lane.mark)?).ok_or(Overflow))
    }

    fn mark(&mut self, time_ns: u64) -> Result<(), Overflow> {
        let mut gross: Money = 0;
        for lane in &self.lanes {
            gross = gross.checked_add(lane.gross()?).ok_or(Overflow)?;
        }
        let equity = self.equity()?;
        self.outcome.equity.push(EquityPoint { time_ns, equity, gross });
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome, Overflow> {
        let mut outcome = self.outcome;
        outcome.cash = self.capital;
        outcome.digest = self.digest.finish();
        for (symbol, lane) in self.lanes.iter_mut().enumerate() {
            let stop_price = lane.decider.trader().position.stop_price;
            let account = &lane.books.account;
            outcome.cash = outcome.cash.checked_add(account.cash).ok_or(Overflow)?;
            outcome.fees += account.fees;
            outcome.funding -= account.funding;
            outcome.turnover += lane.books.turnover;
            outcome.trades.append(&mut lane.trades);
            outcome.decisions.push(core::mem::take(&mut lane.digests));
            if account.position != 0 {
                outcome.open.push(OpenPosition {
                    symbol,
                    side: lane.books.side(),
                    quantity: account.position.saturating_abs(),
                    entry_price: lane.books.entry_price(),
                    entry_ns: lane.books.began.time_ns,
                    entry_bar: lane.books.began.bar,
                    unrealised: account.unrealised(lane.mark)?,
                    fees: lane.books.entry_fees,
                    funding: lane.books.held_funding,
                    stop_price,
                });
            }
        }
        // Stable: trades of one symbol stay in their order.
        outcome.trades.sort_by_key(|trade| (trade.exit_ns, trade.symbol));
        Ok(outcome)
    }
}

impl Settings {
    /// Lots of an entry; 0 for none.
    pub(crate) fn lots(&self, input: &SizingInput) -> i64 {
        match &self.sizing {
            Sizing::Quantity(quantity) => self.decimals.scale().lots(*quantity),
            Sizing::Rules(rules) => self.decimals.scale().lots(rules.size(input).notional / input.price),
        }
    }
}
