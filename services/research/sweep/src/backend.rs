//! Where configurations are computed: processor threads, or a GPU. Both give the same bits.

use mesh_kernel::run::{RunRules, Summary};
use mesh_study::strategies::Threaded;
use mesh_sweep::{History, Lane, Shared};

use crate::failure::Failure;
use crate::gpu::{self, Gpu};

/// What people asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A GPU where there is one, else the processor.
    #[default]
    Best,
    /// The processor.
    Cpu,
    /// A GPU, or nothing.
    Gpu,
}

/// Where configurations are computed.
#[derive(Debug)]
pub enum Backend {
    /// On this process's threads.
    Cpu,
    /// On a GPU.
    Gpu {
        /// The card.
        gpu: Box<Gpu>,
        /// Most of its memory.
        memory_bytes: u64,
    },
}

impl Backend {
    /// What there is of what was asked for; `say` gets a line for people where that is not what they may expect.
    ///
    /// # Errors
    /// Where a GPU is demanded and there is none that can be used.
    pub fn choose(choice: Choice, memory_bytes: u64, say: impl FnMut(&str)) -> Result<Self, Failure> {
        if choice == Choice::Cpu {
            return Ok(Self::Cpu);
        }
        let gpu = gpu::open(choice == Choice::Gpu, say).map_err(|error| Failure::bad(error.to_string()))?;
        Ok(gpu.map_or(Self::Cpu, |gpu| Self::Gpu { gpu: Box::new(gpu), memory_bytes }))
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu { .. } => "gpu",
        }
    }

    /// Trials of a chunk where the specification says nothing: a GPU wants many at once.
    #[must_use]
    pub const fn chunk(&self) -> u32 {
        match self {
            Self::Cpu => 256,
            Self::Gpu { .. } => 1 << 15,
        }
    }

    /// How many threads can be put to use: a second one prepares what the GPU is to do next.
    #[must_use]
    pub fn workers(&self, asked: usize) -> usize {
        match self {
            Self::Cpu => asked,
            Self::Gpu { .. } => asked.min(2),
        }
    }

    /// Whether trials can be looked at, and stopped, on their way.
    #[must_use]
    pub const fn has_steps(&self) -> bool {
        matches!(self, Self::Cpu)
    }

    /// Runs all configurations over a history. `passed` is called with the configuration-bars of each part that is done;
    /// where it answers false, the work is given up: `None`.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn run<S: Threaded>(
        &self,
        history: &History,
        params: &[S::Params],
        rules: &RunRules,
        passed: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<Summary>>, Failure> {
        match self {
            Self::Cpu => Ok(on_threads::<S>(history, params, rules, passed)),
            Self::Gpu { gpu, memory_bytes } => {
                let shared = Shared::<S>::new(history, params);
                let came = gpu.run(&shared, rules, 0..params.len(), *memory_bytes, passed);
                came.map_err(|error| Failure::bad(error.to_string()))
            }
        }
    }
}

/// Bars after which progress is told and a stop is seen.
const PART: usize = 1 << 15;

fn on_threads<S: Threaded>(
    history: &History,
    params: &[S::Params],
    rules: &RunRules,
    passed: &mut dyn FnMut(u64) -> bool,
) -> Option<Vec<Summary>> {
    let shared = Shared::<S>::new(history, params);
    let mut lanes = shared.begin(rules, 0..params.len());
    let mut at = 0;
    while at < history.len() {
        let to = (at + PART).min(history.len());
        shared.advance(&mut lanes, rules, to);
        if !passed((to - at) as u64 * params.len() as u64) {
            return None;
        }
        at = to;
    }
    Some(lanes.iter().map(Lane::summary).collect())
}
