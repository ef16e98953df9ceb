//! The figures of a trial by name.

use mesh_sweep::Figures;
use serde::{Serialize, Serializer};

/// A figure, by its place among [`Figures::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric(u8);

/// Those that count something: several symbols' are summed.
const COUNTS: [&str; 5] = ["trades", "turnover", "fees", "funding", "final_equity"];

impl Metric {
    /// All, in order.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..Figures::NAMES.len() as u8).map(Self)
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|metric| metric.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Figures::NAMES.get(usize::from(self.0)).copied().unwrap_or("")
    }

    /// Whether it counts something: several symbols' are summed.
    #[must_use]
    pub fn is_sum(self) -> bool {
        COUNTS.contains(&self.name())
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// A value, or none, of each figure; a value is a finite number, and never the negative zero, which storage may lose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures(Vec<Option<f64>>);

impl Measures {
    /// The value of each figure from `of`.
    pub fn by(of: impl FnMut(Metric) -> Option<f64>) -> Self {
        let usable = |value: f64| value.is_finite().then_some(value + 0.0);
        Self(Metric::all().map(of).map(|value| value.and_then(usable)).collect())
    }

    /// Those of a run.
    #[must_use]
    pub fn of(figures: &Figures) -> Self {
        let values = figures.values();
        Self::by(|metric| values.get(usize::from(metric.0)).copied().flatten())
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.0.get(usize::from(metric.0)).copied().flatten()
    }

    /// All, in the order of [`Metric::all`].
    pub fn values(&self) -> impl Iterator<Item = (Metric, Option<f64>)> + '_ {
        Metric::all().map(|metric| (metric, self.get(metric)))
    }
}
