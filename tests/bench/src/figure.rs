//! Figures: a value beside its reference, medians of runs in turn.

use serde::Serialize;

use crate::Output;

/// Whether more of a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Times: less is better, the ratio is value over reference.
    Less,
    /// Rates: more is better, the ratio is reference over value.
    More,
}

/// A figure as it is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    reference: String,
    reference_value: f64,
    ratio: f64,
    target: Option<f64>,
    runs: usize,
    spread: f64,
}

impl Figure {
    /// The medians of `values` and `references`, which were measured in turn.
    pub(crate) fn new(
        name: impl Into<String>,
        (unit, sense): (&'static str, Sense),
        values: &[f64],
        reference: impl Into<String>,
        references: &[f64],
        target: Option<f64>,
    ) -> Self {
        let (value, reference_value) = (median(values), median(references));
        let ratio = match sense {
            Sense::Less => value / reference_value,
            Sense::More => reference_value / value,
        };
        let (runs, spread) = (values.len(), (at_share(values, 0.75) - at_share(values, 0.25)) / value);
        Self {
            name: name.into(),
            value,
            unit,
            reference: reference.into(),
            reference_value,
            ratio,
            target,
            runs,
            spread,
        }
    }

    /// The same, of values and references that were measured at the same time: the ratio is the median of each pair's.
    pub(crate) fn paired(
        name: impl Into<String>,
        unit: (&'static str, Sense),
        values: &[f64],
        reference: impl Into<String>,
        references: &[f64],
        target: Option<f64>,
    ) -> Self {
        let ratios: Vec<f64> = values
            .iter()
            .zip(references)
            .map(|(value, reference)| match unit.1 {
                Sense::Less => value / reference,
                Sense::More => reference / value,
            })
            .collect();
        Self { ratio: median(&ratios), ..Self::new(name, unit, values, reference, references, target) }
    }

    /// Prints it: a line of JSON, or a line for people.
    pub(crate) fn print(&self, output: &Output) {
        if output.json {
            println!("{}", serde_json::to_string(self).unwrap_or_default());
            return;
        }
        let verdict = match self.target {
            Some(target) if self.ratio <= target => format!("ok   (target {target:.2})"),
            Some(target) => format!("MISS (target {target:.2})"),
            None => String::new(),
        };
        let Self { name, value, unit, reference, reference_value, ratio, spread, .. } = self;
        println!(
            "{name:<40} {value:>10.2} {unit:<8} {reference:>22} {reference_value:>10.2}   ratio {ratio:>6.2}  {verdict}  \
             spread {:.0} %",
            spread * 100.0
        );
    }
}

/// The value below which this share of some values lies; 0 of none.
fn at_share(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len().saturating_sub(1) as f64 * share).round();
    sorted.get(place as usize).copied().unwrap_or_default()
}

/// The middle of some values; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(below), Some(at)) if sorted.len().is_multiple_of(2) => f64::midpoint(*below, *at),
        (_, Some(at)) => *at,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_smaller_where_ours_is_better() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[1.0, 2.0]), median(&[])), (2.0, 1.5, 0.0));
        let time = Figure::new("t", ("ns", Sense::Less), &[10.0], "r", &[20.0], None);
        let rate = Figure::new("r", ("/s", Sense::More), &[20.0], "r", &[10.0], None);
        assert_eq!((time.ratio, rate.ratio), (0.5, 0.5));
        let paired = Figure::paired("p", ("ns", Sense::Less), &[10.0, 90.0, 12.0], "r", &[20.0, 180.0, 12.0], None);
        assert_eq!(paired.ratio, 0.5, "what met both does not count");
        let noisy = Figure::new("n", ("ns", Sense::Less), &[10.0, 900.0, 10.0, 8.0, 12.0], "r", &[20.0], None);
        assert_eq!(noisy.spread, 0.2, "what is far out does not count");
        let json = serde_json::to_value(&time).expect("plain");
        let names: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        let expected = ["name", "value", "unit", "reference", "reference_value", "ratio", "target", "runs", "spread"];
        assert!(expected.iter().all(|name| names.contains(name)) && names.len() == expected.len(), "{names:?}");
    }
}
