//! What is told, as messages.

use mesh_codec::{FrameBuilder, Stamp};
use mesh_study::{Measures, Spec};
use mesh_types::research::{Candidate, CandidateFigure, SweepProgress};
use mesh_types::system::Cause;
use mesh_types::{FigureKind, FixedStr, MessageId, SweepState};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::store::{Best, BySymbol, Store};

/// Something to tell.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// How far a study is.
    Progress(Box<SweepProgress>),
    /// One of the best.
    Candidate(Box<Candidate>, Vec<CandidateFigure>),
}

impl Said {
    /// Its frame; the message that it follows from goes with it.
    pub(super) fn frame(&self, stamp: &Stamp, cause: MessageId) -> Result<Vec<u8>, Failure> {
        let mut frame = Vec::new();
        let builder = FrameBuilder::new(&mut frame, stamp);
        let builder = match self {
            Self::Progress(body) => builder.body(&**body),
            Self::Candidate(head, figures) => builder.tailed(&**head, figures),
        };
        builder.body(&Cause { message: cause }).finish().map_err(|error| Failure::bad(error.to_string()))?;
        Ok(frame)
    }
}

/// A study that does not run.
pub(super) fn stands(spec_hash: [u8; 32], study: &str, state: SweepState, text: &str) -> Said {
    Said::Progress(Box::new(SweepProgress {
        spec_hash,
        study: FixedStr::truncated(study),
        state: state.into(),
        best_value: f64::NAN.into(),
        text: FixedStr::truncated(text),
        ..SweepProgress::default()
    }))
}

/// How far one is that runs, or ran.
pub(super) fn progress(spec_hash: [u8; 32], study: &str, state: SweepState, goal: &str, now: &Progress) -> Said {
    let (best_trial, best_value) = now.best().unwrap_or((0, f64::NAN));
    Said::Progress(Box::new(SweepProgress {
        spec_hash,
        study: FixedStr::truncated(study),
        state: state.into(),
        trials: now.at.trials.into(),
        ended: now.at.ended.into(),
        configuration_bars: now.configuration_bars.into(),
        elapsed_ns: now.elapsed_ns.into(),
        left_ns: now.left_ns().unwrap_or(0).into(),
        best_trial: best_trial.into(),
        best_value: best_value.into(),
        goal: FixedStr::truncated(goal),
        ..SweepProgress::default()
    }))
}

/// The best of a finished study, at most so many.
pub(super) fn candidates(
    spec_hash: [u8; 32],
    study: &str,
    spec: &Spec,
    store: &Store,
    most: u16,
) -> Result<Vec<Said>, Failure> {
    let best = store.best()?;
    let count = best.len().min(usize::from(most));
    let of = |best: &Best| {
        let gone = || Failure::bad(format!("{study}: trial {} is not kept", best.number));
        let row = store.trial(spec, best.number)?.ok_or_else(gone)?;
        let mut figures = Vec::new();
        let values = spec.values(&row.point);
        figures
            .extend(spec.table.iter().zip(values).map(|(spec, value)| figure(spec.name, FigureKind::Parameter, value)));
        let goals =
            spec.objective.goals.iter().filter_map(|goal| Some((goal.metric.name(), row.measures.get(goal.metric)?)));
        figures.extend(goals.map(|(name, value)| figure(name, FigureKind::Goal, value)));
        figures.extend(measured(FigureKind::Train, &best.train));
        figures.extend(measured(FigureKind::Test, &best.test));
        let head = Candidate {
            spec_hash,
            study: FixedStr::truncated(study),
            strategy: FixedStr::truncated(&spec.strategy),
            trial: row.number.into(),
            fills_digest: row.digest.into(),
            rank: u16::try_from(best.rank).unwrap_or(u16::MAX).into(),
            candidate_count: u16::try_from(count).unwrap_or(u16::MAX).into(),
            figure_count: u16::try_from(figures.len()).unwrap_or(u16::MAX).into(),
            reserved: [0; 2],
        };
        Ok(Said::Candidate(Box::new(head), figures))
    };
    best.iter().take(count).map(of).collect()
}

fn figure(name: &str, kind: FigureKind, value: f64) -> CandidateFigure {
    CandidateFigure { name: FixedStr::truncated(name), kind: kind.into(), reserved: [0; 7], value: value.into() }
}

/// The figures of all symbols as one; those that there are.
fn measured(kind: FigureKind, symbols: &BySymbol) -> impl Iterator<Item = CandidateFigure> + '_ {
    let all: Option<&Measures> = symbols.first().map(|(_, measures)| measures);
    let values = all.into_iter().flat_map(Measures::values);
    values.filter_map(move |(metric, value)| value.map(|value| figure(metric.name(), kind, value)))
}

#[cfg(test)]
mod tests {
    use mesh_study::Metric;
    use mesh_study::strategies::{self, Threaded, Visit};
    use mesh_types::limits::MAX_CANDIDATE_FIGURES;

    use mesh_kernel::strategy::StrategyParams;

    struct Parameters;
    impl Visit for Parameters {
        type Output = Vec<&'static str>;
        fn visit<S: Threaded>(self) -> Self::Output {
            S::Params::SPEC.iter().map(|spec| spec.name).collect()
        }
    }

    #[test]
    fn every_name_and_the_most_figures_fit_a_candidate() {
        let metrics: Vec<&str> = Metric::all().map(Metric::name).collect();
        for strategy in strategies::NAMES {
            let names = strategies::with(strategy, Parameters).unwrap();
            assert!(strategy.len() <= 24 && names.iter().chain(&metrics).all(|name| name.len() <= 32), "{strategy}");
            assert!(names.len() + 3 * metrics.len() <= MAX_CANDIDATE_FIGURES, "{strategy}");
        }
    }
}
