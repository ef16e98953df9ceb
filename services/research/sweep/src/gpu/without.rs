//! What stands for a GPU where the feature `cuda` was left out: none can be opened.

use core::convert::Infallible;
use core::ops::Range;

use mesh_kernel::run::{RunRules, Summary};
use mesh_sweep::{Shared, Swept};

use super::GpuError;

/// A GPU, of which there is none in this build.
#[derive(Debug)]
pub struct Gpu(Infallible);

impl Gpu {
    /// Never one.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> Result<Self, GpuError> {
        Err(GpuError::NotBuilt)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.0 {}
    }

    /// Instructions a second.
    ///
    /// # Errors
    /// Never: there is no such GPU.
    pub fn instructions_a_second(&self) -> Result<f64, GpuError> {
        match self.0 {}
    }

    /// Runs some configurations over the whole history.
    ///
    /// # Errors
    /// Never: there is no such GPU.
    pub fn run<S: Swept>(
        &self,
        _shared: &Shared<'_, S>,
        _rules: &RunRules,
        _configurations: Range<usize>,
        _memory_bytes: u64,
        _passed: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<Summary>>, GpuError> {
        match self.0 {}
    }
}
