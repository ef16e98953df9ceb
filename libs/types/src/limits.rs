//! Sizes: the compile-time capacities of variable parts, and the run-time limits below them.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Book levels a side that one message can carry.
pub const MAX_ORDER_LEVELS: usize = 256;
/// Tokens of one pool.
pub const MAX_POOL_TOKENS: usize = 16;
/// Instruments that one subscription can name.
pub const MAX_SUBSCRIBED_INSTRUMENTS: usize = 1024;
/// Raw bytes in one packet TLV; longer packets take several.
pub const MAX_PACKET_PART_BYTES: usize = 60_000;
/// Numbers that one candidate of a sweep can have: parameters, goals, and figures of two parts of the data.
pub const MAX_CANDIDATE_FIGURES: usize = 512;
/// Gates that one verdict can list.
pub const MAX_RISK_MARGINS: usize = 128;
/// Losses that one account remembers.
pub const MAX_LOSSES: usize = 64;

/// Run-time limits: what this mesh uses of the capacities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Asked")]
pub struct Limits {
    /// Book levels a side that adapters publish, 1 to [`MAX_ORDER_LEVELS`].
    pub order_levels: usize,
    /// Tokens of a pool that adapters publish, 2 to [`MAX_POOL_TOKENS`].
    pub pool_tokens: usize,
}

/// Limits as a file has them, not checked yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    order_levels: usize,
    pool_tokens: usize,
}

impl Default for Asked {
    fn default() -> Self {
        let Limits { order_levels, pool_tokens } = Limits::default();
        Self { order_levels, pool_tokens }
    }
}

impl TryFrom<Asked> for Limits {
    type Error = LimitError;

    fn try_from(asked: Asked) -> Result<Self, LimitError> {
        let check = |name: &str, value: usize, least: usize, most: usize| {
            let found = value.to_string();
            let error = || LimitError { variable: name.to_owned(), found, least, most };
            (least..=most).contains(&value).then_some(value).ok_or_else(error)
        };
        Ok(Self {
            order_levels: check("order_levels", asked.order_levels, 1, MAX_ORDER_LEVELS)?,
            pool_tokens: check("pool_tokens", asked.pool_tokens, 2, MAX_POOL_TOKENS)?,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { order_levels: 75, pool_tokens: MAX_POOL_TOKENS }
    }
}

/// A limit that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    /// The environment variable or key that set it.
    pub variable: String,
    /// What it said.
    pub found: String,
    /// The least that is allowed.
    pub least: usize,
    /// The most that this build has room for.
    pub most: usize,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, found, least, most } = self;
        write!(
            f,
            "{variable}: expected a whole number from {least} to {most}, found {found:?}. The upper bound is compiled in; \
             leave it out for the default."
        )
    }
}

impl core::error::Error for LimitError {}

impl Limits {
    /// These limits, changed by `ALPHAMESH_MAX_ORDER_LEVELS` and `ALPHAMESH_MAX_POOL_TOKENS`, or the same names with
    /// `ALPHAPULSE_`, which are read through `variable`.
    ///
    /// # Errors
    /// When a value is no number within its bounds.
    pub fn with_environment(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, LimitError> {
        let read = |suffix: &str, least: usize, most: usize, default: usize| {
            for prefix in ["ALPHAMESH_", "ALPHAPULSE_"] {
                let name = format!("{prefix}{suffix}");
                if let Some(found) = variable(&name) {
                    return match found.trim().parse() {
                        Ok(value) if (least..=most).contains(&value) => Ok(value),
                        _ => Err(LimitError { variable: name, found, least, most }),
                    };
                }
            }
            Ok(default)
        };
        Ok(Self {
            order_levels: read("MAX_ORDER_LEVELS", 1, MAX_ORDER_LEVELS, self.order_levels)?,
            pool_tokens: read("MAX_POOL_TOKENS", 2, MAX_POOL_TOKENS, self.pool_tokens)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<Limits, LimitError> {
        Limits::default().with_environment(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn limits_come_from_the_environment_and_their_aliases() {
        assert_eq!(Limits::default().with_environment(|_| None), Ok(Limits::default()));
        assert_eq!(with("ALPHAMESH_MAX_ORDER_LEVELS", "25").map(|l| l.order_levels), Ok(25));
        assert_eq!(with("ALPHAPULSE_MAX_ORDER_LEVELS", "75").map(|l| l.order_levels), Ok(75));
        assert_eq!(with("ALPHAPULSE_MAX_POOL_TOKENS", "4").map(|l| l.pool_tokens), Ok(4));
    }

    #[test]
    fn a_limit_above_the_capacity_says_what_is_allowed() {
        let error = with("ALPHAMESH_MAX_ORDER_LEVELS", "257").expect_err("above the capacity").to_string();
        assert!(
            error.contains("ALPHAMESH_MAX_ORDER_LEVELS") && error.contains("1 to 256") && error.contains("257"),
            "{error}"
        );
        assert!(with("ALPHAMESH_MAX_POOL_TOKENS", "many").is_err());
        assert!(with("ALPHAMESH_MAX_ORDER_LEVELS", "0").is_err());
    }
}
