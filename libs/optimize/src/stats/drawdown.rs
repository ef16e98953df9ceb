//! How far and how long a path of equity was below its highest (Magdon-Ismail and Atiya, 'Maximum drawdown', 2004; Martin and
//! McCann, 'The investor's guide to Fidelity funds', 1989).

use serde::{Deserialize, Serialize};

use super::{Stat, Undefined, check, finite};

/// The falls of a path of equity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    /// Largest fall from a peak, in the path's unit.
    pub deepest: f64,
    /// Largest fall as a share of its peak; at least 0, above 1 where equity goes below nothing.
    pub deepest_share: f64,
    /// Most steps from a peak to the first point that is as high again, or to the end.
    pub longest: usize,
    /// Steps since the last peak at the end of the path; 0 at a peak.
    pub current: usize,
}

/// Falls of `equity`, whose first point is the start. Every peak must be above 0.
pub fn of_equity(equity: &[f64]) -> Result<Drawdown, Undefined> {
    check(equity, "equity", 1)?;
    if equity[0] <= 0.0 {
        return Err(Undefined::argument("the first equity", "above 0", equity[0]));
    }
    let (mut peak, mut peak_at) = (equity[0], 0);
    let mut drawdown = Drawdown { deepest: 0.0, deepest_share: 0.0, longest: 0, current: 0 };
    for (at, &value) in equity.iter().enumerate() {
        // A fall that is made good lasts until the point that is as high again.
        drawdown.current = at - peak_at;
        if value < peak || drawdown.current > 1 {
            drawdown.longest = drawdown.longest.max(drawdown.current);
        }
        if value >= peak {
            (peak, peak_at) = (value, at);
            drawdown.current = 0;
        }
        drawdown.deepest = drawdown.deepest.max(peak - value);
        drawdown.deepest_share = drawdown.deepest_share.max((peak - value) / peak);
    }
    finite(drawdown.deepest)?;
    finite(drawdown.deepest_share)?;
    Ok(drawdown)
}

/// The path of 1 that grows by each return: one point more than there are returns. A return of -1 or less ends it.
pub fn equity_of(returns: &[f64]) -> Result<Vec<f64>, Undefined> {
    check(returns, "returns", 1)?;
    if let Some(index) = returns.iter().position(|value| *value <= -1.0) {
        return Err(Undefined::Ruined { index });
    }
    let grown = returns.iter().scan(1.0, |equity, value| {
        *equity *= 1.0 + value;
        Some(*equity)
    });
    let path: Vec<f64> = std::iter::once(1.0).chain(grown).collect();
    // A path that shrinks below the smallest number has lost its digits, and its ratios their meaning.
    if path.iter().all(|value| value.is_normal()) { Ok(path) } else { Err(Undefined::Overflow) }
}

/// Ulcer index (Martin, 1987): root mean square of the drawdown's share at each point of the path, the start included.
pub fn ulcer_index(equity: &[f64]) -> Stat {
    of_equity(equity)?;
    let squares = equity.iter().scan(f64::MIN, |peak, &value| {
        *peak = peak.max(value);
        Some(((*peak - value) / *peak).powi(2))
    });
    finite((squares.sum::<f64>() / equity.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let falls = of_equity(&[100.0, 120.0, 90.0, 110.0, 120.0, 130.0, 117.0]).unwrap();
        assert_eq!(falls, Drawdown { deepest: 30.0, deepest_share: 0.25, longest: 3, current: 1 });
        let rising = of_equity(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((rising.deepest, rising.longest, rising.current), (0.0, 0, 0));
        let below_nothing = of_equity(&[10.0, -5.0]).unwrap();
        assert_eq!(below_nothing.deepest_share, 1.5);
    }

    #[test]
    fn a_path_ends_where_the_capital_does() {
        assert_eq!(equity_of(&[0.5, -0.5]).unwrap(), [1.0, 1.5, 0.75]);
        assert_eq!(equity_of(&[0.1, -1.0, 3.0]), Err(Undefined::Ruined { index: 1 }));
        assert_eq!(equity_of(&[1e300, 1e300]), Err(Undefined::Overflow));
        assert!(of_equity(&[0.0, 1.0]).is_err());
    }
}
