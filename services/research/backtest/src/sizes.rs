//! How much an entry buys: options, and what the kernel makes of them.

use clap::Args;
use mesh_backtest::Sizing;
use mesh_kernel::sizing::{SizingMethod, SizingRules};

/// Options of `backtest run` that say how much is entered with.
#[derive(Args, Debug)]
#[command(next_help_heading = "Size of an entry")]
pub(crate) struct SizeOptions {
    /// A fraction of equity.
    #[arg(long, default_value_t = 1.0, value_name = "FRACTION")]
    fraction: f64,
    /// What loses this fraction of equity at the stop.
    #[arg(long, value_name = "FRACTION", conflicts_with_all = ["fraction", "quantity"])]
    risk: Option<f64>,
    /// This quantity, whatever it costs.
    #[arg(long, value_name = "QUANTITY", conflicts_with_all = ["fraction", "tier_factors", "notional_max", "notional_min"])]
    quantity: Option<f64>,
    /// A part of what Kelly's rule would stake, at most the cap of equity: share of trades won, mean gain over mean loss,
    /// part, cap.
    #[arg(long, value_name = "WIN_RATE,PAYOFF,PART,CAP", value_parser = numbers::<4>, conflicts_with_all = ["fraction", "risk", "quantity"])]
    kelly: Option<[f64; 4]>,
    /// Factors of the size for entries of the low, medium and high tier.
    #[arg(long, default_value = "1,1,1", value_name = "LOW,MEDIUM,HIGH", value_parser = numbers::<3>)]
    tier_factors: [f64; 3],
    /// Most notional of all positions, in equities.
    #[arg(long, default_value_t = 1.0, value_name = "TIMES")]
    leverage: f64,
    /// Most notional of one position, in the quote currency; 0 for no limit.
    #[arg(long, default_value_t = 0.0, value_name = "AMOUNT")]
    notional_max: f64,
    /// Least notional of an entry, in the quote currency: what is smaller is refused.
    #[arg(long, default_value_t = 0.0, value_name = "AMOUNT")]
    notional_min: f64,
}

/// So many numbers with commas between them.
fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let says = || format!("expected {N} numbers with commas between them, found `{text}`");
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(says)
}

impl SizeOptions {
    /// The quantity of every entry, where one is asked for.
    pub(crate) const fn quantity(&self) -> Option<f64> {
        self.quantity
    }

    /// What an entry buys.
    pub(crate) fn sizing(&self) -> Result<Sizing, String> {
        self.check()?;
        let method = match (self.quantity, self.risk, self.kelly) {
            (Some(quantity), ..) => return Ok(Sizing::Quantity(quantity)),
            (None, Some(risk_fraction), _) => SizingMethod::Volatility { risk_fraction },
            (None, None, Some([win_rate, payoff, part, cap])) => {
                SizingMethod::FractionalKelly { win_rate, payoff, part, cap }
            }
            (None, None, None) => SizingMethod::FixedFraction { fraction: self.fraction },
        };
        Ok(Sizing::Rules(SizingRules {
            method,
            tier_factors: self.tier_factors,
            leverage_max: self.leverage,
            notional_max: self.notional_max,
            notional_min: self.notional_min,
        }))
    }

    fn check(&self) -> Result<(), String> {
        let [win_rate, payoff, part, cap] = self.kelly.unwrap_or([0.5, 1.0, 1.0, 1.0]);
        let [low, medium, high] = self.tier_factors;
        let bounds = [
            ("fraction", self.fraction, 0.0, 100.0),
            ("risk", self.risk.unwrap_or(0.0), 0.0, 1.0),
            ("quantity", self.quantity.unwrap_or(0.0), 0.0, 1e12),
            ("kelly, share of trades won", win_rate, 0.0, 1.0),
            ("kelly, gain over loss", payoff, 1e-6, 1e6),
            ("kelly, part", part, 0.0, 1.0),
            ("kelly, cap", cap, 0.0, 100.0),
            ("tier-factors", low, 0.0, 100.0),
            ("tier-factors", medium, 0.0, 100.0),
            ("tier-factors", high, 0.0, 100.0),
            ("leverage", self.leverage, 0.0, 100.0),
            ("notional-max", self.notional_max, 0.0, 1e15),
            ("notional-min", self.notional_min, 0.0, 1e15),
        ];
        let wrong = bounds.iter().find(|(_, value, low, high)| !(low..=high).contains(&value));
        wrong.map_or(Ok(()), |(name, value, low, high)| {
            Err(format!("--{name}: expected {low} to {high}, found {value}"))
        })
    }
}
