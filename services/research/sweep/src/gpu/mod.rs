//! A sweep's configurations on a GPU: bars and series go up in parts of time, configurations in chunks that fit the
//! memory, and come back as the summaries that [`mesh_sweep::Shared::run`] has, to the last bit.
//!
//! `CUDA_VISIBLE_DEVICES` picks the card where there are several; one is used.

#[cfg(feature = "cuda")]
mod device;
mod error;
#[cfg(feature = "cuda")]
mod plan;
#[cfg(not(feature = "cuda"))]
mod without;

#[cfg(feature = "cuda")]
pub use device::Gpu;
pub use error::GpuError;
#[cfg(not(feature = "cuda"))]
pub use without::Gpu;

/// Opens a GPU where one may be used. `demanded`: it is an error that there is none; else one line says why, and the CPU
/// does the same work.
///
/// # Errors
/// Where a GPU is demanded and can't be used.
pub fn open(demanded: bool, mut say: impl FnMut(&str)) -> Result<Option<Gpu>, GpuError> {
    match Gpu::open() {
        Ok(gpu) => Ok(Some(gpu)),
        Err(error) if demanded => Err(error),
        Err(error) => {
            say(&format!("on the CPU: {error}"));
            Ok(None)
        }
    }
}
