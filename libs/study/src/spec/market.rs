//! Fills, costs and sizes: `[market]`.

use mesh_backtest::fills::rate_of_bp;
use mesh_backtest::{Decimals, Fills, Series, Turn};
use mesh_kernel::fills::Costs;
use mesh_kernel::run::RunRules;
use mesh_kernel::sizing::{Margin, SizingMethod, SizingRules};
use serde::{Deserialize, Serialize};

use super::meant;

/// As written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Market {
    /// Where decisions are filled: a preset's name.
    pub fills: String,
    /// Fee of every fill, bp of its notional.
    pub fee_bps: f64,
    /// Fee of targets that rest inside the bar, bp; as the others where it is left out.
    pub maker_fee_bps: Option<f64>,
    /// Slippage of fills that take, bp of the price.
    pub slippage_bps: f64,
    /// Slippage on top for an order as large as the depth, in proportion below and above, bp.
    pub impact_bps: f64,
    /// Depth that the order is measured by, in the quote currency; 0 for no impact.
    pub depth_notional: f64,
    /// Cash of each symbol at the beginning, in the quote currency.
    pub capital: f64,
    /// Size of an entry: a fraction of equity. 1 where nothing else is said.
    pub fraction: Option<f64>,
    /// Size of an entry: what loses this fraction of equity at the stop.
    pub risk: Option<f64>,
    /// Size of an entry: a part of what Kelly's rule would stake.
    pub kelly: Option<Kelly>,
    /// Factors of the size for the low, medium and high tier.
    pub tier_factors: [f64; 3],
    /// Most notional over equity.
    pub leverage: f64,
    /// When the venue closes a position by force; never, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<MarginCall>,
    /// Most notional of a position; 0 for no limit.
    pub notional_max: f64,
    /// Least notional of an entry.
    pub notional_min: f64,
    /// Decimals of prices.
    pub price_decimals: u32,
    /// Decimals of quantities; where left out, enough for eight digits of what the capital buys.
    pub quantity_decimals: Option<u32>,
}

/// What Kelly's rule is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kelly {
    /// Share of trades won.
    pub win_rate: f64,
    /// Mean gain over mean loss.
    pub payoff: f64,
    /// Part of the full stake.
    pub part: f64,
    /// Most of equity.
    pub cap: f64,
}

/// When the venue closes a position by force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginCall {
    /// A position's margin is its cost over this.
    pub leverage: f64,
    /// Margin that must remain, of the notional.
    #[serde(default)]
    pub maintenance: f64,
    /// Fee for it on top of the taker's, bp.
    #[serde(default)]
    pub fee_bps: f64,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            fills: "next_open".to_owned(),
            fee_bps: 0.0,
            maker_fee_bps: None,
            slippage_bps: 0.0,
            impact_bps: 0.0,
            depth_notional: 0.0,
            capital: 10_000.0,
            fraction: None,
            risk: None,
            kelly: None,
            tier_factors: [1.0; 3],
            leverage: 1.0,
            margin: None,
            notional_max: 0.0,
            notional_min: 0.0,
            price_decimals: 8,
            quantity_decimals: None,
        }
    }
}

impl Market {
    /// What is wrong: the key, and what was expected.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let kelly = self.kelly.unwrap_or(Kelly { win_rate: 0.5, payoff: 1.0, part: 1.0, cap: 1.0 });
        let margin = self.margin.unwrap_or(MarginCall { leverage: 1.0, maintenance: 0.0, fee_bps: 0.0 });
        let bounds = [
            ("margin", margin.leverage, 1.0, 1000.0),
            ("margin", margin.fee_bps, 0.0, 1e3),
            // More would be closed as soon as it is opened.
            ("margin", margin.maintenance, 0.0, 0.99 / margin.leverage),
            ("fee_bps", self.fee_bps, -1e3, 1e3),
            ("maker_fee_bps", self.maker_fee_bps.unwrap_or(0.0), -1e3, 1e3),
            ("slippage_bps", self.slippage_bps, 0.0, 5e3),
            ("impact_bps", self.impact_bps, 0.0, 5e3),
            ("depth_notional", self.depth_notional, 0.0, 1e15),
            ("capital", self.capital, 1e-6, 1e10),
            ("fraction", self.fraction.unwrap_or(1.0), 0.0, 100.0),
            ("risk", self.risk.unwrap_or(0.0), 0.0, 1.0),
            ("kelly", kelly.win_rate, 0.0, 1.0),
            ("kelly", kelly.payoff, 1e-6, 1e6),
            ("kelly", kelly.part, 0.0, 1.0),
            ("kelly", kelly.cap, 0.0, 100.0),
            ("leverage", self.leverage, 0.0, 100.0),
            ("notional_max", self.notional_max, 0.0, 1e15),
            ("notional_min", self.notional_min, 0.0, 1e15),
            ("price_decimals", f64::from(self.price_decimals), 0.0, 12.0),
            ("quantity_decimals", f64::from(self.quantity_decimals.unwrap_or(0)), 0.0, 12.0),
        ];
        for (key, value, low, high) in bounds {
            if !(low..=high).contains(&value) {
                return Err((key, format!("{key}: expected {low} to {high}, found {value}")));
            }
        }
        if let Some(factor) = self.tier_factors.iter().find(|factor| !(0.0..=100.0).contains(*factor)) {
            return Err(("tier_factors", format!("tier_factors: expected 0 to 100, found {factor}")));
        }
        let sizes = [self.fraction.is_some(), self.risk.is_some(), self.kelly.is_some()];
        if sizes.iter().filter(|given| **given).count() > 1 {
            return Err(("fraction", "expected one of `fraction`, `risk` and `kelly`, found several".to_owned()));
        }
        let names = || Fills::PRESETS.iter().filter(|(_, fills)| is_kernels(fills)).map(|(name, _)| *name);
        match Fills::named(&self.fills) {
            Some(fills) if is_kernels(&fills) => Ok(()),
            Some(_) => {
                let what = format!("`{}` is for `mesh backtest` alone: the kernel's runs don't have it", self.fills);
                Err(("fills", format!("{what}; there is: {}", names().collect::<Vec<_>>().join(", "))))
            }
            None => Err(("fills", format!("`{}` is no preset of fills; {}", self.fills, meant(&self.fills, names())))),
        }
    }

    /// What a run over these series is made with.
    ///
    /// # Errors
    /// Where decimals leave no room for amounts.
    pub fn rules(&self, series: &[Series]) -> Result<RunRules, String> {
        let quantity_decimals = self.quantity_decimals.unwrap_or_else(|| Decimals::of_quantity(self.capital, series));
        let decimals = Decimals::new(self.price_decimals, quantity_decimals)
            .ok_or("[market]: expected at most 12 decimals of prices and of quantities")?;
        let fills = Fills::named(&self.fills).ok_or("[market]: unknown fills")?;
        let method = match (self.risk, self.kelly) {
            (Some(risk_fraction), _) => SizingMethod::Volatility { risk_fraction },
            (None, Some(Kelly { win_rate, payoff, part, cap })) => {
                SizingMethod::FractionalKelly { win_rate, payoff, part, cap }
            }
            (None, None) => SizingMethod::FixedFraction { fraction: self.fraction.unwrap_or(1.0) },
        };
        Ok(RunRules {
            fills: fills.rules,
            costs: Costs {
                taker_fee_rate: rate_of_bp(self.fee_bps),
                maker_fee_rate: rate_of_bp(self.maker_fee_bps.unwrap_or(self.fee_bps)),
                targets_rest: true,
                slippage_bp: self.slippage_bps,
                impact_bp: self.impact_bps,
                depth_notional: self.depth_notional,
            },
            sizing: SizingRules {
                method,
                tier_factors: self.tier_factors,
                leverage_max: self.leverage,
                notional_max: self.notional_max,
                notional_min: self.notional_min,
            },
            margin: self.margin.map_or_else(Margin::default, |margin| Margin {
                leverage: margin.leverage,
                maintenance_rate: margin.maintenance,
                fee_rate: rate_of_bp(margin.fee_bps),
            }),
            scale: *decimals.scale(),
            initial_cash: self.capital,
        })
    }
}

/// Whether the kernel's rules say all of it.
fn is_kernels(fills: &Fills) -> bool {
    fills.turn == Turn::MarketFirst && fills.entry_bar_levels
}
