//! The strategies that can be swept, by name.

use mesh_kernel::ParamSpec;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_kernel::strategy::{Strategy, StrategyParams};
use mesh_sweep::Swept;

/// A strategy that can be swept by threads: every one of the kernel's is plain data.
pub trait Threaded: Swept<Params: Send + Sync, Features: Send + Sync, Indicators: Send + Sync> + Send + Sync {}

impl<S> Threaded for S where S: Swept<Params: Send + Sync, Features: Send + Sync, Indicators: Send + Sync> + Send + Sync {}

/// Something that is done with a strategy that a name picks.
pub trait Visit {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<S: Threaded>(self) -> Self::Output;
}

/// The names.
pub const NAMES: [&str; 3] = [Momentum::NAME, E3::NAME, FundingFade::NAME];

/// Does something with the strategy of this name; `None` where there is none.
pub fn with<V: Visit>(name: &str, visit: V) -> Option<V::Output> {
    match name {
        Momentum::NAME => Some(visit.visit::<Momentum>()),
        E3::NAME => Some(visit.visit::<E3>()),
        FundingFade::NAME => Some(visit.visit::<FundingFade>()),
        _ => None,
    }
}

struct Table;

impl Visit for Table {
    type Output = &'static [ParamSpec];
    fn visit<S: Threaded>(self) -> Self::Output {
        S::Params::SPEC
    }
}

/// The parameters of a strategy.
#[must_use]
pub fn parameters(name: &str) -> Option<&'static [ParamSpec]> {
    with(name, Table)
}

struct Check<'a>(&'a [f64]);

impl Visit for Check<'_> {
    type Output = Result<(), String>;
    fn visit<S: Threaded>(self) -> Self::Output {
        S::Params::from_values(self.0).map(drop).map_err(|error| error.to_string())
    }
}

/// Whether these values, in the order of the strategy's table, agree with each other.
///
/// # Errors
/// The rule that does not hold.
pub fn check(name: &str, values: &[f64]) -> Result<(), String> {
    with(name, Check(values)).unwrap_or_else(|| Err(format!("no strategy is called {name}")))
}
