//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mesh_optimize::stats::monte_carlo::Resampling;
use mesh_optimize::stats::overfitting::MAX_BLOCKS;

/// Statistics of returns, trials and trades, and whether they are luck.
#[derive(Debug, Parser)]
#[command(name = "stats", bin_name = "mesh stats", version, max_term_width = 110)]
#[command(after_help = "\
Files are CSV (a header or none) or Parquet (.parquet); - is CSV on standard input. RETURNS: a column of returns a period,
0.01 is one per cent. MATRIX: a row a period, a column of returns a trial. TRADES: named columns, as mesh backtest --csv writes
them. A column ts_ms, time or date is passed over.
Exit codes: 0 done, 1 the statistic is not defined for this input, 2 wrong usage or unreadable input.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) word: Word,
    /// As JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Which statistic.
#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// What returns made and at what risk: growth, Sharpe, Sortino, Calmar, drawdown, tail. Needs --returns
    Performance {
        #[command(flatten)]
        returns: Returns,
        #[command(flatten)]
        year: Year,
    },
    /// How far and how long equity was below its highest. Needs --returns
    Drawdown {
        #[command(flatten)]
        returns: Returns,
    },
    /// Sharpe ratio a period and a year. Needs --returns
    Sharpe {
        #[command(flatten)]
        returns: Returns,
        #[command(flatten)]
        year: Year,
    },
    /// Probabilistic Sharpe ratio, and the track record that it takes. Needs --returns
    Psr {
        #[command(flatten)]
        returns: Returns,
        /// The ratio a period to be above
        #[arg(long, default_value_t = 0.0, allow_hyphen_values = true, value_parser = finite)]
        benchmark: f64,
        /// For the minimum track record
        #[arg(long, default_value_t = 0.95, value_parser = share)]
        confidence: f64,
    },
    /// Deflated Sharpe ratio: of the best among many trials. Needs --matrix (all trials), or --returns with --trial-sharpes or
    /// --trials and --variance
    Dsr(Dsr),
    /// Probability of backtest overfitting by cross-validation (CSCV). Needs --matrix
    Pbo {
        #[command(flatten)]
        matrix: Matrix,
        /// Blocks that the periods are cut into: an even number
        #[arg(long, default_value_t = 16, value_parser = blocks)]
        blocks: usize,
    },
    /// Interval of the Sharpe ratio, or of the mean, by resampling. Needs --returns
    Bootstrap {
        #[command(flatten)]
        returns: Returns,
        /// Of the mean return instead of the Sharpe ratio
        #[arg(long)]
        mean: bool,
        /// Mean length of the blocks that are drawn: how long returns hang on each other
        #[arg(long, default_value_t = 1.0, value_parser = at_least_one)]
        block: f64,
        /// What the interval holds
        #[arg(long, default_value_t = 0.95, value_parser = share)]
        confidence: f64,
        #[command(flatten)]
        chance: Chance,
    },
    /// Chooses on one stretch and judges on the next. Needs --matrix or --returns, --train and --test
    WalkForward(Walk),
    /// Folds for labels that overlap: purged, with embargo. Needs --labels (a column `end`: where each label ends)
    Purged {
        /// A file of label ends, counted in periods from 0: label i is known at i
        #[arg(long, value_name = "FILE")]
        labels: PathBuf,
        /// Folds, or groups
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(2..))]
        folds: u64,
        /// Groups tested at once: more than one is combinatorial
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        tested: u64,
        /// Share of all periods that is left out after each test
        #[arg(long, default_value_t = 0.0, value_parser = share_or_none)]
        embargo: f64,
    },
    /// What else might have happened: trades in another order, or drawn again. Needs --trades (a column `pnl`)
    MonteCarlo {
        #[command(flatten)]
        trades: Trades,
        /// Equity before the first trade
        #[arg(long, default_value_t = 10_000.0, value_parser = above_zero)]
        initial: f64,
        /// How paths are made
        #[arg(long, value_enum, default_value = "shuffle")]
        by: Way,
        /// Mean length of blocks
        #[arg(long, default_value_t = 5.0, value_parser = at_least_one)]
        block: f64,
        /// Equity below this share of the initial is ruin
        #[arg(long, default_value_t = 0.5, value_parser = share)]
        ruin: f64,
        #[command(flatten)]
        chance: Chance,
    },
    /// What worse fills and higher fees leave. Needs --trades (`side`, `quantity`, `entry_price`, `exit_price`)
    Stress {
        #[command(flatten)]
        trades: Trades,
        /// Fee in basis points a fill
        #[arg(long, default_value_t = 0.0, value_parser = finite)]
        fee_bps: f64,
        /// Slippages in basis points a fill
        #[arg(long, value_delimiter = ',', value_parser = finite, default_values_t = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0])]
        slippage_bps: Vec<f64>,
    },
    /// How much of the profit comes from few trades and symbols. Needs --trades (`pnl`; `symbol` where there are several)
    Concentration {
        #[command(flatten)]
        trades: Trades,
        /// The best so many
        #[arg(long, default_value_t = 5)]
        top: usize,
    },
    /// Whether the best parameters stand on a plateau or a spike. Needs --surface (columns of parameters, the last the result)
    Neighbourhood {
        /// A file with a row for every point of a grid
        #[arg(long, value_name = "FILE")]
        surface: PathBuf,
    },
    /// Whether entries beat random ones. Needs --returns (the market's) and --trades (`side`, `entry_bar`, `exit_bar`)
    RandomEntries {
        #[command(flatten)]
        returns: Returns,
        #[command(flatten)]
        trades: Trades,
        #[command(flatten)]
        chance: Chance,
    },
}

/// A file of returns.
#[derive(Args, Debug)]
pub(crate) struct Returns {
    /// A file of returns a period
    #[arg(long, value_name = "FILE")]
    pub(crate) returns: PathBuf,
    /// Its column, where it has several
    #[arg(long, value_name = "NAME")]
    pub(crate) column: Option<String>,
}

/// A file of trials.
#[derive(Args, Debug)]
pub(crate) struct Matrix {
    /// A file of returns: a row a period, a column a trial
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: PathBuf,
}

/// A file of trades.
#[derive(Args, Debug)]
pub(crate) struct Trades {
    /// A file of closed trades
    #[arg(long, value_name = "FILE")]
    pub(crate) trades: PathBuf,
}

/// How long a year is.
#[derive(Args, Debug)]
pub(crate) struct Year {
    /// Periods of a year: 365 for days, 8760 for hours
    #[arg(long, default_value_t = 365.0, value_parser = at_least_one)]
    pub(crate) periods_per_year: f64,
}

/// How much is drawn, and from which seed.
#[derive(Args, Debug)]
pub(crate) struct Chance {
    /// How often to draw
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) resamples: u64,
    /// The same seed is the same result
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// `dsr`.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("of").required(true).multiple(true).args(["returns", "matrix"])))]
#[command(group(clap::ArgGroup::new("spread").required(true).args(["matrix", "trial_sharpes", "variance"])))]
pub(crate) struct Dsr {
    /// A file of the chosen trial's returns
    #[arg(long, value_name = "FILE")]
    pub(crate) returns: Option<PathBuf>,
    /// Its column, where it has several
    #[arg(long, value_name = "NAME", requires = "returns")]
    pub(crate) column: Option<String>,
    /// All trials, the discarded ones too; without --returns the best of them is the one in question
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: Option<PathBuf>,
    /// A file of the Sharpe ratios a period of all trials
    #[arg(long, value_name = "FILE")]
    pub(crate) trial_sharpes: Option<PathBuf>,
    /// The true number of trials, where more were made than are in the file
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// Variance of the trials' Sharpe ratios a period
    #[arg(long, requires = "trials", value_parser = above_zero)]
    pub(crate) variance: Option<f64>,
}

/// `walk-forward`.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("of").required(true).args(["returns", "matrix", "periods"])))]
pub(crate) struct Walk {
    /// A file of trials: on each stretch the best is chosen
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: Option<PathBuf>,
    /// A file of one trial's returns
    #[arg(long, value_name = "FILE")]
    pub(crate) returns: Option<PathBuf>,
    /// Its column, where it has several
    #[arg(long, value_name = "NAME", requires = "returns")]
    pub(crate) column: Option<String>,
    /// Only the splits of so many periods
    #[arg(long, value_name = "COUNT")]
    pub(crate) periods: Option<usize>,
    /// Periods to choose on
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) train: u64,
    /// Periods to judge on
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) test: u64,
    /// From one split to the next [default: as --test]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) step: Option<u64>,
    /// Periods left out between the two
    #[arg(long, default_value_t = 0)]
    pub(crate) gap: usize,
    /// Choose on all periods from the first on
    #[arg(long)]
    pub(crate) anchored: bool,
}

/// How paths of trades are made.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Way {
    /// The same trades in a random order
    Shuffle,
    /// As many, drawn with replacement
    Bootstrap,
    /// As many, drawn in blocks
    Blocks,
}

impl Way {
    pub(crate) fn resampling(self, block: f64) -> Resampling {
        match self {
            Self::Shuffle => Resampling::Shuffle,
            Self::Bootstrap => Resampling::Bootstrap,
            Self::Blocks => Resampling::StationaryBootstrap(block),
        }
    }
}

fn blocks(text: &str) -> Result<usize, String> {
    let count = text.parse().map_err(|_| format!("expected a number, found {text}"))?;
    let is_even = (2..=MAX_BLOCKS).contains(&count) && count % 2 == 0;
    if is_even { Ok(count) } else { Err(format!("expected an even number from 2 to {MAX_BLOCKS}, found {text}")) }
}

fn share(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0);
    found.ok_or_else(|| format!("expected a share between 0 and 1, found {text}"))
}

fn finite(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|number: &f64| number.is_finite());
    found.ok_or_else(|| format!("expected a number, found {text}"))
}

fn share_or_none(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|share: &f64| (0.0..1.0).contains(share));
    found.ok_or_else(|| format!("expected a share, 0 or more and less than 1, found {text}"))
}

fn above_zero(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    found.ok_or_else(|| format!("expected a number above 0, found {text}"))
}

fn at_least_one(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|number: &f64| *number >= 1.0 && number.is_finite());
    found.ok_or_else(|| format!("expected a number from 1 on, found {text}"))
}
