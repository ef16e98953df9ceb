//! What a run made, in exact integers; `metrics` makes figures of it.

use mesh_kernel::Side;
use mesh_kernel::account::Money;
use mesh_kernel::regime::Regime;

use crate::data::TimedBar;
use crate::decimals::Decimals;
use crate::gates::Gates;
use crate::ledger::Trade;

/// Kinds of market that are told apart, in the order of their codes.
pub const REGIMES: [Regime; 5] = [Regime::Unknown, Regime::TrendUp, Regime::TrendDown, Regime::Range, Regime::Volatile];

/// Money at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquityPoint {
    /// Close of the bar, ns; the first point is the open of the first bar.
    pub time_ns: u64,
    /// Cash and what the positions are worth.
    pub equity: Money,
    /// Notional of all positions.
    pub gross: Money,
}

/// A position that the history's end leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenPosition {
    /// Index of the series.
    pub symbol: usize,
    /// Long or short.
    pub side: Side,
    /// Lots, positive.
    pub quantity: i64,
    /// Average price of its entries, ticks.
    pub entry_price: i64,
    /// Time of the first entry, ns.
    pub entry_ns: u64,
    /// Index of the bar of the first entry.
    pub entry_bar: usize,
    /// What closing at the last close would bring, before fees.
    pub unrealised: Money,
    /// Fees paid for its entries.
    pub fees: Money,
    /// Funding received for it; negative where paid.
    pub funding: Money,
    /// Where its strategy gives it up; 0 for nowhere.
    pub stop_price: f64,
}

/// What a run made.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Closed trades, in the order of their exits.
    pub trades: Vec<Trade>,
    /// Positions that are still open.
    pub open: Vec<OpenPosition>,
    /// Equity after every bar, the start first.
    pub equity: Vec<EquityPoint>,
    /// Cash at the end.
    pub cash: Money,
    /// All fees.
    pub fees: Money,
    /// All funding received; negative where more was paid.
    pub funding: Money,
    /// Notional of all fills.
    pub turnover: Money,
    /// Bars decided on.
    pub bars: usize,
    /// Bars that could not be used: not finite, not positive, not ordered.
    pub bad_bars: usize,
    /// What stopped entries.
    pub gates: Gates,
    /// Bars in each kind of market, in the order of [`REGIMES`].
    pub regime_bars: [usize; 5],
    /// Interval of the bars, ns.
    pub interval_ns: u64,
    /// Digest over all decisions, in the order of time, then of the series as given.
    pub digest: u64,
    /// Digest of each decision, by series and bar.
    pub decisions: Vec<Vec<u64>>,
    /// What ticks, lots and money mean.
    pub decimals: Decimals,
}

impl Outcome {
    pub(crate) fn new(decimals: Decimals, interval_ns: u64) -> Self {
        Self {
            trades: Vec::new(),
            open: Vec::new(),
            equity: Vec::new(),
            cash: 0,
            fees: 0,
            funding: 0,
            turnover: 0,
            bars: 0,
            bad_bars: 0,
            gates: Gates::default(),
            regime_bars: [0; 5],
            interval_ns,
            digest: 0,
            decisions: Vec::new(),
            decimals,
        }
    }

    pub(crate) fn count_bar(&mut self, timed: &TimedBar, regime: Regime) {
        self.bars += 1;
        self.bad_bars += usize::from(!timed.bar.is_valid());
        if let Some(bars) = self.regime_bars.get_mut(regime as usize) {
            *bars += 1;
        }
    }
}
