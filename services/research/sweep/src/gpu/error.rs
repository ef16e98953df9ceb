//! Why a GPU could not do it, and what to do.

use core::fmt;

/// Why a GPU could not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuError {
    /// This program was built without GPUs.
    NotBuilt,
    /// No driver, or no device that it knows.
    NoDevice,
    /// The driver refused.
    Driver {
        /// What it was asked for.
        doing: &'static str,
        /// Its error.
        error: String,
    },
    /// The driver can't compile the kernel for this card.
    Kernel {
        /// The card.
        device: String,
        /// The driver's error.
        error: String,
    },
    /// Not even the smallest piece of the work fits.
    Memory {
        /// What that piece needs.
        needed_bytes: u64,
        /// What it may use.
        budget_bytes: u64,
    },
    /// A configuration came back that did not take every bar.
    Incomplete {
        /// Its number.
        configuration: usize,
        /// Bars that it took.
        bars: u64,
        /// Bars there are.
        expected: u64,
    },
}

impl fmt::Display for GpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => f.write_str("this program was built without GPUs: build it with the feature `cuda`"),
            Self::NoDevice => f.write_str(
                "no GPU: there is no NVIDIA driver (libcuda.so.1) here, or it knows no device; `nvidia-smi -L` lists them",
            ),
            Self::Driver { doing, error } => write!(
                f,
                "the GPU's driver failed while {doing}: {error}. After an error like that the card may need its \
                 other programs stopped; `nvidia-smi` shows them. Without --gpu the CPU does the same work"
            ),
            Self::Kernel { device, error } => write!(
                f,
                "the driver can't use this program's code on {device}: {error}. It takes a card of compute capability \
                 8.0 or above, and a driver of CUDA 11.0 or above"
            ),
            Self::Memory { needed_bytes, budget_bytes } => write!(
                f,
                "the GPU's memory is too small: expected at least {needed_bytes} bytes, found {budget_bytes} to use. \
                 Sweep fewer distinct indicator periods, raise the memory limit, or free the card; `nvidia-smi` shows \
                 who uses it"
            ),
            Self::Incomplete { configuration, bars, expected } => write!(
                f,
                "the GPU took {bars} of {expected} bars with configuration {configuration}: its code and this program \
                 don't agree. Run scripts/build-ptx.sh and build again"
            ),
        }
    }
}

impl core::error::Error for GpuError {}
