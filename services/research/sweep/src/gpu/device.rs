//! A card, and what runs on it.

use core::ops::Range;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use cust::context::{Context, CurrentContext};
use cust::device::{Device, DeviceAttribute};
use cust::error::CudaError;
use cust::memory::{CopyDestination, DeviceBuffer, mem_get_info};
use cust::module::Module;
use cust::stream::{Stream, StreamFlags};
use mesh_kernel::run::{RunRules, Summary};
use mesh_kernel::strategy::StrategyParams;
use mesh_sweep::{Shared, Swept};
use sweep_driver as _;
use sweep_ptx::pack::{self, Part};
use sweep_ptx::{Job, Outcome, Rules, STATE_BYTES};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::GpuError;
use super::plan::{Plan, Work};

/// The kernel for GPUs.
const PTX: &str = include_str!("../../ptx/sweep.ptx");

/// Threads of a block: small, for their registers are many.
const BLOCK: u32 = 64;

/// Part of the free memory that may be used, in tenths: the driver needs some for itself.
const FREE_TENTHS: u64 = 9;

/// A GPU with the kernel compiled for it.
#[derive(Debug)]
pub struct Gpu {
    // The module goes before the context that it lives in.
    module: Module,
    context: Context,
    name: String,
    turn: Mutex<()>,
}

/// A driver's error, with what it was asked for.
fn while_(doing: &'static str) -> impl Fn(CudaError) -> GpuError {
    move |error| GpuError::Driver { doing, error: format!("{error:?}") }
}

/// Memory on the card, and what it holds.
fn upload<T: IntoBytes + Immutable>(values: &[T]) -> Result<DeviceBuffer<u8>, GpuError> {
    DeviceBuffer::from_slice(values.as_bytes()).map_err(while_("copying to it"))
}

fn reserve(bytes: usize) -> Result<DeviceBuffer<u8>, GpuError> {
    // SAFETY: bytes of any value are bytes; each is written before it is read: parts and jobs by `copy_to_front`,
    // states and outcomes by the launch that begins with the first bar.
    #[allow(unsafe_code)]
    unsafe { DeviceBuffer::uninitialized(bytes) }.map_err(while_("reserving memory"))
}

/// Copies to the front of what was reserved.
fn copy_to_front<T: IntoBytes + Immutable>(to: &mut DeviceBuffer<u8>, values: &[T]) -> Result<(), GpuError> {
    let bytes = values.as_bytes();
    to.index(..bytes.len()).copy_from(bytes).map_err(while_("copying to it"))
}

impl Gpu {
    /// The first card, with the kernel compiled for it.
    ///
    /// # Errors
    /// Where there is no driver, no card, or one that can't run the kernel.
    pub fn open() -> Result<Self, GpuError> {
        let context = cust::quick_init().map_err(|error| match error {
            CudaError::NoDevice | CudaError::InvalidDevice => GpuError::NoDevice,
            error => while_("opening it")(error),
        })?;
        let device = Device::get_device(0).map_err(while_("asking for its name"))?;
        let name = device.name().map_err(while_("asking for its name"))?;
        let module = Module::from_ptx(PTX, &[])
            .map_err(|error| GpuError::Kernel { device: name.clone(), error: format!("{error:?}") })?;
        Ok(Self { module, context, name, turn: Mutex::new(()) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Instructions that all its threads together can begin in a second, one a lane and clock.
    ///
    /// # Errors
    /// Where the driver does not say.
    pub fn instructions_a_second(&self) -> Result<f64, GpuError> {
        // Four schedulers of 32 lanes, since compute capability 7.0.
        const LANES: f64 = 128.0;
        let device = Device::get_device(0).map_err(while_("asking what it can do"))?;
        let ask = |attribute| device.get_attribute(attribute).map_err(while_("asking what it can do"));
        let processors = ask(DeviceAttribute::MultiprocessorCount)?;
        let kilohertz = ask(DeviceAttribute::ClockRate)?;
        Ok(f64::from(processors) * f64::from(kilohertz) * 1e3 * LANES)
    }

    /// Runs some configurations over the whole history, within `memory_bytes` of the card's memory and what is free
    /// of it: the same as [`mesh_sweep::Shared::run`], to the last bit. `passed` is called with the configuration-bars
    /// of each part that is done; where it answers false, the work is given up: `None`.
    ///
    /// Threads may share a GPU; their work on it is done one after the other.
    ///
    /// # Errors
    /// Where memory is too small for the smallest piece of the work, or the driver fails.
    pub fn run<S: Swept>(
        &self,
        shared: &Shared<'_, S>,
        rules: &RunRules,
        configurations: Range<usize>,
        memory_bytes: u64,
        passed: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<Summary>>, GpuError> {
        // A thread that panicked left nothing behind on the card: its buffers are gone.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Whichever thread calls.
        CurrentContext::set_current(&self.context).map_err(while_("opening it"))?;
        let configurations = configurations.start..configurations.end.min(shared.params().len());
        if configurations.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let (free, _) = mem_get_info().map_err(while_("asking for its memory"))?;
        let work = Work {
            configurations: configurations.len(),
            bars: shared.history().len(),
            series: shared.series().len(),
            orders: shared.orders().len(),
            parameters: <S::Params as StrategyParams>::SPEC.len(),
            slots: S::SLOTS,
        };
        let plan = work.plan(memory_bytes.min(free as u64 / 10 * FREE_TENTHS))?;
        let from = configurations.start;
        let mut summaries = vec![Summary::default(); configurations.len()];
        let order = order(shared, configurations);
        for chunk in order.chunks(plan.configurations) {
            let Some(outcomes) = self.run_chunk(shared, rules, chunk, (plan, work.part_bytes(plan.bars)), passed)?
            else {
                return Ok(None);
            };
            for (number, outcome) in chunk.iter().zip(&outcomes) {
                let summary = outcome.summary();
                let (bars, expected) = (u64::from(summary.bars) + u64::from(summary.overflows), work.bars as u64);
                if bars != expected {
                    return Err(GpuError::Incomplete { configuration: *number, bars, expected });
                }
                if let Some(place) = summaries.get_mut(*number - from) {
                    *place = summary;
                }
            }
        }
        Ok(Some(summaries))
    }

    /// One chunk over all parts, which have memory of this size; what came of it, or `None` where it was given up.
    fn run_chunk<S: Swept>(
        &self,
        shared: &Shared<'_, S>,
        rules: &RunRules,
        chunk: &[usize],
        (plan, part_bytes): (Plan, u64),
        passed: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<Outcome>>, GpuError> {
        let function = self.module.get_function(S::NAME).map_err(while_("looking for the strategy in its code"))?;
        let stream = Stream::new(StreamFlags::NON_BLOCKING, None).map_err(while_("opening a stream"))?;
        let bars = shared.history().len();
        let (params, columns) = (upload(&pack::params(shared, chunk))?, upload(&pack::columns(shared, chunk))?);
        let rules = upload(&[Rules::of(rules)])?;
        let (states, outcomes) = (reserve(chunk.len() * STATE_BYTES)?, reserve(chunk.len() * size_of::<Outcome>())?);
        let mut memory = reserve(part_bytes as usize)?;
        let mut job_at = reserve(size_of::<Job>())?;
        let address = |buffer: &DeviceBuffer<u8>| buffer.as_device_ptr().as_raw();
        let mut part = Part::default();
        let mut launched = 0;
        for first in (0..bars).step_by(plan.bars) {
            let end = (first + plan.bars).min(bars);
            // While the card still works on the part before.
            let job = Job {
                params: address(&params),
                columns: address(&columns),
                rules: address(&rules),
                states: address(&states),
                outcomes: address(&outcomes),
                configurations: chunk.len() as u64,
                ..part.pack(shared, first..end).based(address(&memory))
            };
            stream.synchronize().map_err(while_("running the kernel"))?;
            if launched > 0 && !passed(launched) {
                return Ok(None);
            }
            copy_to_front(&mut memory, part.words())?;
            copy_to_front(&mut job_at, &[job])?;
            let argument = address(&job_at);
            let arguments = [core::ptr::from_ref(&argument).cast::<c_void>().cast_mut()];
            let blocks = (chunk.len() as u32).div_ceil(BLOCK);
            // SAFETY: the argument is that of the entry point (`sweep_ptx::entry`); the buffers are as large as `Job`
            // says, and live until the stream is done with them.
            #[allow(unsafe_code)]
            unsafe { stream.launch(&function, blocks, BLOCK, 0, &arguments) }.map_err(while_("starting the kernel"))?;
            launched = ((end - first) * chunk.len()) as u64;
        }
        stream.synchronize().map_err(while_("running the kernel"))?;
        if !passed(launched) {
            return Ok(None);
        }
        let mut bytes = vec![0; chunk.len() * size_of::<Outcome>()];
        outcomes.copy_to(&mut bytes).map_err(while_("copying from it"))?;
        let outcome = |bytes: &[u8]| Outcome::read_from_bytes(bytes).ok();
        Ok(Some(bytes.chunks_exact(size_of::<Outcome>()).filter_map(outcome).collect()))
    }
}

/// Some configurations in the order in which threads take them: those that read the same series stand side by side, for
/// their signals come in the same bars, and a warp is as slow as all of its threads' ways together.
fn order<S: Swept>(shared: &Shared<'_, S>, configurations: Range<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = configurations.collect();
    order.sort_by(|a, b| shared.slots(*a).cmp(shared.slots(*b)));
    order
}
