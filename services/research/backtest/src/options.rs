//! The command line, and the settings of a run that it makes.

use std::path::PathBuf;

use clap::Args;
use mesh_backtest::fills::rate_of_bp;
use mesh_backtest::{Decimals, Fills, InitialPosition, InputRules, Series, Settings};
use mesh_kernel::fills::Costs;
use mesh_kernel::sizing::Margin;

use crate::initial;
use crate::params::NAMES;
use crate::sizes::SizeOptions;
use crate::ticks::TickOptions;
use mesh_bars::{Fault, Source, Wanted};

/// `backtest run`.
#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// The strategy.
    #[arg(long, value_parser = NAMES)]
    pub(crate) strategy: String,
    /// Bars: CSV (`ts_ms,open,high,low,close,volume`; `.gz` too), SQLite (`.sqlite`, `.db`: a table `candles` with these
    /// columns and `symbol`), Parquet (open time, prices, volume; `symbol`), or folders of them. A file's symbol is how its name begins, that of a folder
    /// `symbol=NAME`, or as given: SYMBOL=FILE. Files of one symbol are joined.
    #[arg(long, required_unless_present = "ticks", num_args = 1.., value_name = "[SYMBOL=]PATH")]
    bars: Vec<String>,
    /// Only these of the symbols that the bars have.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "SYMBOL")]
    pub(crate) symbols: Vec<String>,
    /// Funding as CSV (`ts_ms,rate`) of symbols that have bars.
    #[arg(long, num_args = 1.., value_name = "[SYMBOL=]FILE")]
    funding: Vec<String>,
    /// Inputs beside the bars: CSV (`ts_ms` and any of btc_trend, breadth_pct, book_imbalance, premium_pct, spread_bp,
    /// funding_bp_8h; cells may be empty), Parquet, or SQLite (a table `inputs`). A bar knows values of times up to its close.
    #[arg(long, num_args = 1.., value_name = "[SYMBOL=]PATH", conflicts_with = "ticks")]
    inputs: Vec<String>,
    /// How old a value may be when a bar closes, s, of all inputs or of one. [default: 3600, funding_bp_8h=32400]
    #[arg(long, num_args = 1.., value_name = "[NAME=]SECONDS", requires = "inputs")]
    input_max_age: Vec<String>,
    /// How long after its time a value is known, s: of rows that are named by when they began, their length.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS", requires = "inputs")]
    input_delay: f64,
    /// Parameters of the strategy as TOML, names as in its table; those left out have their defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// Where decisions are filled: next_open, same_close, intrabar, or as a peer does: backtesting_py, raptorbt,
    /// vectorbt, nautilus. On ticks next_open, where stops and targets are watched on closed bars, or intrabar, where they
    /// rest at the venue.
    #[arg(long, default_value = "next_open", value_parser = Fills::PRESETS.iter().map(|(name, _)| *name).collect::<Vec<_>>())]
    pub(crate) fills: String,
    /// Fee of every fill, basis points of its notional.
    #[arg(long, default_value_t = 0.0, value_name = "BP")]
    fee_bps: f64,
    /// Fee of targets that rest inside the bar, basis points; negative for a rebate. As the others where left out.
    #[arg(long, value_name = "BP", allow_hyphen_values = true)]
    maker_fee_bps: Option<f64>,
    /// Slippage of fills that take, basis points of the price.
    #[arg(long, default_value_t = 0.0, value_name = "BP")]
    slippage_bps: f64,
    /// Slippage on top for an order as large as `--depth`, in proportion below and above, basis points.
    #[arg(long, default_value_t = 0.0, value_name = "BP", requires = "depth")]
    impact_bps: f64,
    /// Notional near the touch that an order's impact is measured by, in the quote currency.
    #[arg(long, default_value_t = 0.0, value_name = "AMOUNT", requires = "impact_bps")]
    depth: f64,
    /// Money at the start, in the quote currency.
    #[arg(long, default_value_t = 10_000.0, value_name = "AMOUNT")]
    capital: f64,
    #[command(flatten)]
    sizes: SizeOptions,
    /// Leverage that the venue grants a position: its margin is its cost over this, and where that is gone the venue
    /// closes it by force. 0: never.
    #[arg(long, default_value_t = 0.0, value_name = "TIMES")]
    margin_leverage: f64,
    /// Margin that must remain, basis points of the notional.
    #[arg(long, default_value_t = 50.0, value_name = "BP")]
    maintenance_bps: f64,
    /// Fee of a forced close on top of the taker's, basis points.
    #[arg(long, default_value_t = 0.0, value_name = "BP")]
    liquidation_fee_bps: f64,
    /// Most symbols held at once; 0 for no limit.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    max_positions: usize,
    /// Decimals of prices.
    #[arg(long, default_value_t = 8, value_name = "COUNT")]
    price_decimals: u32,
    /// Decimals of quantities; where left out, enough for eight digits of what the capital buys.
    #[arg(long, value_name = "COUNT")]
    quantity_decimals: Option<u32>,
    /// Price step on which stops and targets are placed; 0 to leave them where they are.
    #[arg(long, default_value_t = 0.0, value_name = "STEP")]
    level_step: f64,
    /// Tells the strategy the share of the symbols that rise.
    #[arg(long)]
    breadth: bool,
    /// Tells the strategy the trend of this symbol as the leading market's.
    #[arg(long, value_name = "SYMBOL")]
    leader: Option<String>,
    /// Positions held before the first bar, JSON: `[{"symbol","side","quantity","entry_price","stop_price"}]`, or the report
    /// (`--json`) of an earlier run, whose open positions are taken.
    #[arg(long, value_name = "FILE")]
    init_state: Option<PathBuf>,
    /// Runs over so many cut histories too, and fails where a decision changes: the strategy looks ahead.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub(crate) check_lookahead: usize,
    /// Prints the whole report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes a page with plots.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Writes the trades as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Writes every decision as CSV: what was done, or which gate stopped it and by how much.
    #[arg(long, value_name = "FILE", conflicts_with = "ticks")]
    pub(crate) decisions: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ticks: TickOptions,
}

/// `backtest indicators`.
#[derive(Args, Debug)]
#[command(after_long_help = INDICATORS)]
pub(crate) struct IndicatorOptions {
    /// Bars of one symbol: CSV (`ts_ms,open,high,low,close,volume`; `.gz` too), Parquet or SQLite.
    #[arg(long, value_name = "FILE")]
    pub(crate) bars: PathBuf,
    /// The columns as TOML: a list of `[[indicator]] name = "rsi" period = 14 output = "rsi_14"`.
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: PathBuf,
}

const INDICATORS: &str = "\
Indicators and their parameters:
  sma ema wilder stddev zscore roc highest lowest rsi   period, input (close open high low volume typical)
  atr adx plus_di minus_di cci mfi volume_z realised_volatility donchian_upper donchian_lower   period
  vwap   period, or none for all bars so far
  true_range obv
  bollinger_upper bollinger_middle bollinger_lower bollinger_width   period 20, deviations 2, input
  macd macd_signal macd_histogram   fast 12, slow 26, signal 9, input
  stochastic_k stochastic_d   period 14, k_period 3, d_period 3
  body_over_atr   period 14";

impl RunOptions {
    /// What is to be read.
    pub(crate) fn wanted(&self) -> Wanted {
        let sources = |texts: &[String]| texts.iter().map(|text| Source::parse(text)).collect();
        Wanted {
            bars: sources(&self.bars),
            funding: self.fundings(),
            inputs: sources(&self.inputs),
            symbols: self.symbols.clone(),
            most_bytes: None,
        }
    }

    /// When values of inputs count.
    fn input_rules(&self) -> Result<InputRules, String> {
        let mut rules = InputRules::DEFAULT;
        rules.set_delay(self.input_delay).map_err(|what| format!("--input-delay: {what}"))?;
        for text in &self.input_max_age {
            let (name, seconds) = text.split_once('=').map_or((None, text.as_str()), |(name, s)| (Some(name), s));
            let seconds = seconds.trim().parse().unwrap_or(f64::NAN);
            rules.set_max_age(name, seconds).map_err(|what| format!("--input-max-age {text}: {what}"))?;
        }
        Ok(rules)
    }

    /// Files of funding.
    pub(crate) fn fundings(&self) -> Vec<Source> {
        self.funding.iter().map(|text| Source::parse(text)).collect()
    }

    /// The settings of a run over bars.
    pub(crate) fn settings(&self, series: &[Series]) -> Result<Settings, Box<dyn std::error::Error>> {
        let initial = self.initial()?;
        let held = initial.iter().map(|position| decimals_of(position.quantity)).max().unwrap_or(0);
        let quantity_decimals = self.quantity_decimals.unwrap_or_else(|| {
            let bought =
                self.sizes.quantity().map_or_else(|| Decimals::of_quantity(self.capital, series), Decimals::of_bought);
            bought.max(held)
        });
        let decimals = Decimals::new(self.price_decimals, quantity_decimals)
            .ok_or("expected at most 12 decimals of prices and of quantities")?;
        self.settings_with(decimals, initial)
    }

    fn initial(&self) -> Result<Vec<InitialPosition>, Fault> {
        self.init_state.as_deref().map(initial::positions).transpose().map(Option::unwrap_or_default)
    }

    /// The settings of a run that counts in these ticks and lots.
    pub(crate) fn settings_at(&self, decimals: Decimals) -> Result<Settings, Box<dyn std::error::Error>> {
        self.settings_with(decimals, self.initial()?)
    }

    fn settings_with(
        &self,
        decimals: Decimals,
        initial: Vec<InitialPosition>,
    ) -> Result<Settings, Box<dyn std::error::Error>> {
        for InitialPosition { symbol, quantity, .. } in &initial {
            let lots = decimals.held_lots(*quantity);
            if (decimals.scale().quantity(lots) - quantity).abs() > quantity * 1e-12 {
                let lot = decimals.scale().quantity(1);
                return Err(format!(
                    "--init-state: {symbol}: {quantity} is not in whole lots of {lot}: its digits would be lost"
                )
                .into());
            }
        }
        let bounds = [
            ("fee-bps", self.fee_bps, -1_000.0, 1_000.0),
            ("maker-fee-bps", self.maker_fee_bps.unwrap_or(0.0), -1_000.0, 1_000.0),
            ("slippage-bps", self.slippage_bps, 0.0, 5_000.0),
            ("capital", self.capital, 1e-6, 1e12),
            ("impact-bps", self.impact_bps, 0.0, 5_000.0),
            ("depth", self.depth, 0.0, 1e15),
            ("margin-leverage", self.margin_leverage, 0.0, 1_000.0),
            ("maintenance-bps", self.maintenance_bps, 0.0, 5_000.0),
            ("liquidation-fee-bps", self.liquidation_fee_bps, 0.0, 5_000.0),
            ("level-step", self.level_step, 0.0, 1e12),
        ];
        for (name, value, low, high) in bounds {
            if !(low..=high).contains(&value) {
                return Err(format!("--{name}: expected {low} to {high}, found {value}").into());
            }
        }
        let maker_fee_bps = self.maker_fee_bps.unwrap_or(self.fee_bps);
        let costs = Costs {
            taker_fee_rate: rate_of_bp(self.fee_bps),
            maker_fee_rate: rate_of_bp(maker_fee_bps),
            targets_rest: true,
            slippage_bp: self.slippage_bps,
            impact_bp: self.impact_bps,
            depth_notional: self.depth,
        };
        Ok(Settings {
            fills: Fills::named(&self.fills).ok_or("unknown --fills")?,
            costs,
            sizing: self.sizes.sizing()?,
            margin: Margin {
                leverage: self.margin_leverage,
                maintenance_rate: self.maintenance_bps / 1e4,
                fee_rate: rate_of_bp(self.liquidation_fee_bps),
            },
            level_step: self.level_step,
            max_positions: self.max_positions,
            breadth: self.breadth,
            leader: self.leader.clone(),
            inputs: self.input_rules()?,
            initial,
            ..Settings::new(decimals, self.capital)
        })
    }
}

/// Decimals of a quantity as it was written.
fn decimals_of(quantity: f64) -> u32 {
    let text = quantity.to_string();
    text.split_once('.').map_or(0, |(_, digits)| digits.len() as u32)
}
