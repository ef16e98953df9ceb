//! Research bodies: a sweep is asked for, tells how far it is, and hands out what it found. They are system bodies, carried
//! by the signal relay.

use crate::enums::{FigureKind, SweepState};
use crate::fixed::FixedStr;
use crate::limits::MAX_CANDIDATE_FIGURES;
use crate::wire::{Coded, F64, Tailed, U16, U64};
use crate::wire_struct;

wire_struct! {
    /// A sweep is asked for. Asked again it is the same study: what is done is not done again, its candidates come again.
    SweepJob, 128 {
        /// SHA-256 of the specification's text: a file that is another one by now is refused.
        spec_hash: [u8; 32],
        /// The specification's file, below the mesh's `research` folder.
        spec: FixedStr<96>,
    }
}

wire_struct! {
    /// How far a sweep is.
    SweepProgress, 256 {
        /// That of its job.
        spec_hash: [u8; 32],
        /// The study's name; empty before its data was read.
        study: FixedStr<40>,
        /// What becomes of it.
        state: Coded<SweepState>,
        /// Zero.
        reserved: [u8; 7],
        /// Trials there will be.
        trials: U64,
        /// Trials that have ended.
        ended: U64,
        /// Configurations times bars since it was started, or gone on with.
        configuration_bars: U64,
        /// How long that took, ns.
        elapsed_ns: U64,
        /// How long the rest will take at this pace, ns; 0 where that is not known.
        left_ns: U64,
        /// The best trial so far, where there is one.
        best_trial: U64,
        /// Its value of the first goal; not a number where there is none.
        best_value: F64,
        /// The first goal.
        goal: FixedStr<24>,
        /// For people: why it was refused or failed.
        text: FixedStr<96>,
    }
}

wire_struct! {
    /// A number that belongs to a candidate.
    CandidateFigure, 48 {
        /// Of which parameter or figure.
        name: FixedStr<32>,
        /// What kind of number it is.
        kind: Coded<FigureKind>,
        /// Zero.
        reserved: [u8; 7],
        /// It; switches are 0 and 1.
        value: F64,
    }
}

wire_struct! {
    /// One of the best of a sweep, which the scalar path agreed with bit for bit. With the same study, rank and trial it is
    /// the same candidate.
    Candidate, 120 {
        /// That of the job.
        spec_hash: [u8; 32],
        /// The study.
        study: FixedStr<40>,
        /// The strategy.
        strategy: FixedStr<24>,
        /// The trial.
        trial: U64,
        /// Digest of all its fills over what was swept.
        fills_digest: U64,
        /// From 1, the best.
        rank: U16,
        /// Candidates of the study.
        candidate_count: U16,
        /// Numbers that follow: all parameters of the strategy, the goals in their order, then the figures that there are.
        figure_count: U16,
        /// Zero.
        reserved: [u8; 2],
    }
}

impl Tailed for Candidate {
    type Item = CandidateFigure;
    const ITEM_NAME: &'static str = "figures";
    const MAX_ITEMS: usize = MAX_CANDIDATE_FIGURES;
    fn item_count(&self) -> usize {
        usize::from(self.figure_count.get())
    }
}
