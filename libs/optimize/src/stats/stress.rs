//! What is left of trades when fills are worse and fees are higher than assumed: the gap between paper and reality (Perold, 'The
//! implementation shortfall', 1988), widened on purpose.
//!
//! Slippage moves every fill against us by a share of its price: an entry of direction d at p becomes p (1 + d s), an exit
//! p (1 - d s). Fees are a share of the slipped price, paid at both. The profit is linear in s, so the slippage at which
//! nothing is left has a closed form.

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, finite, ratio};

/// A closed trade before costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// Whether it bought first.
    pub is_long: bool,
    /// Units traded, above 0.
    pub quantity: f64,
    /// Price at entry.
    pub entry: f64,
    /// Price at exit.
    pub exit: f64,
}

/// Profits of trades as a line: at slippage s (a share, not basis points) and fee f they sum to
/// `gross - s * slipped - f * (turnover + s * cross)`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    gross: f64,
    slipped: f64,
    turnover: f64,
    cross: f64,
}

fn line(trades: &[Fill]) -> Result<Line, Undefined> {
    let mut line = Line { gross: 0.0, slipped: 0.0, turnover: 0.0, cross: 0.0 };
    for (index, trade) in trades.iter().enumerate() {
        if ![trade.quantity, trade.entry, trade.exit].iter().all(|value| value.is_finite()) {
            return Err(Undefined::NotFinite { what: "trades".to_owned(), index });
        }
        let direction = if trade.is_long { 1.0 } else { -1.0 };
        let both = trade.quantity * (trade.entry + trade.exit);
        line.gross += trade.quantity * direction * (trade.exit - trade.entry);
        line.slipped += both;
        line.turnover += both;
        line.cross += trade.quantity * direction * (trade.entry - trade.exit);
    }
    [line.gross, line.slipped, line.cross].into_iter().try_for_each(|sum| finite(sum).map(drop))?;
    Ok(line)
}

/// Total profit with so much slippage (basis points a fill) and such a fee (share of the price a fill).
pub fn total_profit(trades: &[Fill], slippage_bp: f64, fee: f64) -> Stat {
    let line = line(trades)?;
    let s = slippage_bp / 1e4;
    finite(line.gross - s * line.slipped - fee * (line.turnover + s * line.cross))
}

/// Slippage, in basis points a fill, at which the total profit is nothing; negative where it is a loss without any.
pub fn breakeven_slippage_bp(trades: &[Fill], fee: f64) -> Stat {
    let line = line(trades)?;
    let s = ratio(line.gross - fee * line.turnover, line.slipped + fee * line.cross, "what slippage costs")?;
    finite(s * 1e4)
}

/// Fee, as a share of the price a fill, at which the total profit is nothing.
pub fn breakeven_fee(trades: &[Fill], slippage_bp: f64) -> Stat {
    let line = line(trades)?;
    let s = slippage_bp / 1e4;
    ratio(line.gross - s * line.slipped, line.turnover + s * line.cross, "the turnover")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let trades = [
            Fill { is_long: true, quantity: 2.0, entry: 100.0, exit: 110.0 },
            Fill { is_long: false, quantity: 1.0, entry: 50.0, exit: 52.0 },
        ];
        assert_eq!(total_profit(&trades, 0.0, 0.0), Ok(18.0));
        // 1 %: long from 101 to 108.9, short from 49.5 to 52.52, fees 0.1 % of each.
        let by_hand = 2.0 * (108.9 - 101.0) + (49.5 - 52.52) - 0.001 * (2.0 * (108.9 + 101.0) + 49.5 + 52.52);
        assert!((total_profit(&trades, 100.0, 0.001).unwrap() - by_hand).abs() < 1e-12);
        let slippage = breakeven_slippage_bp(&trades, 0.001).unwrap();
        assert!(total_profit(&trades, slippage, 0.001).unwrap().abs() < 1e-12);
        let fee = breakeven_fee(&trades, 20.0).unwrap();
        assert!(total_profit(&trades, 20.0, fee).unwrap().abs() < 1e-12);
        assert!(breakeven_slippage_bp(&[], 0.0).is_err());
    }
}
