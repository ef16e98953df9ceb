//! A driver for tests, in place of `libcuda.so.1`: memory is the host's, a launch runs each thread after the other, in the
//! same code compiled for the host. It has the functions that the sweep calls; their meaning is in CUDA's Driver API.
//!
//! `FAKE_CUDA_BYTES` is how much memory the card has (64 MiB), `FAKE_CUDA_FAILS` a function that fails, and with what:
//! `cuLaunchKernel=700`. `FAKE_CUDA_LOG` is a file that gets a line for each launch.
#![allow(unsafe_code, non_snake_case, clippy::missing_safety_doc, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Write;
use std::sync::Mutex;

use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use sweep_ptx::{Job, run_configuration};

const SUCCESS: c_int = 0;
const OUT_OF_MEMORY: c_int = 2;
const INVALID_HANDLE: c_int = 400;
const ENTRIES: [&CStr; 3] = [c"momentum", c"e3", c"funding_fade"];

/// What is reserved, by address: aligned as the card's is.
static MEMORY: Mutex<BTreeMap<u64, Vec<u128>>> = Mutex::new(BTreeMap::new());

fn total() -> usize {
    std::env::var("FAKE_CUDA_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(64 << 20)
}

fn used() -> usize {
    MEMORY.lock().unwrap().values().map(|block| block.len() * 16).sum()
}

/// What a function answers that is told to fail.
fn failure(function: &str) -> Option<c_int> {
    let told = std::env::var("FAKE_CUDA_FAILS").ok()?;
    told.strip_prefix(function)?.strip_prefix('=')?.parse().ok()
}

macro_rules! driver {
    ($($name:ident($($argument:ident: $ty:ty),*) $body:block)+) => {
        $(
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $ty),*) -> c_int {
                if let Some(error) = failure(stringify!($name)) {
                    return error;
                }
                $body
                #[allow(unreachable_code)]
                SUCCESS
            }
        )+
    };
}

driver! {
    cuInit(_flags: c_uint) {}
    cuDeviceGet(device: *mut c_int, _ordinal: c_int) { unsafe { *device = 0 } }
    cuDeviceGetName(name: *mut c_char, length: c_int, _device: c_int) {
        let text = c"a card made for tests".to_bytes_with_nul();
        assert!(text.len() <= length as usize);
        unsafe { name.copy_from(text.as_ptr().cast(), text.len()) }
    }
    // Whatever is asked: a thousand.
    cuDeviceGetAttribute(value: *mut c_int, _attribute: c_int, _device: c_int) { unsafe { *value = 1_000 } }
    cuDevicePrimaryCtxRetain(context: *mut usize, _device: c_int) { unsafe { *context = 1 } }
    cuDevicePrimaryCtxRelease_v2(_device: c_int) {}
    cuDevicePrimaryCtxSetFlags_v2(_device: c_int, _flags: c_uint) {}
    cuCtxSetCurrent(_context: usize) {}
    cuMemGetInfo_v2(free: *mut usize, all: *mut usize) { unsafe { (*free, *all) = (total() - used(), total()) } }
    cuModuleLoadDataEx(module: *mut usize, image: *const c_char, _n: c_uint, _options: usize, _values: usize) {
        let ptx = unsafe { CStr::from_ptr(image) }.to_str().unwrap();
        assert!(ptx.contains(".visible .entry momentum("));
        unsafe { *module = 1 }
    }
    cuModuleUnload(_module: usize) {}
    cuModuleGetFunction(function: *mut usize, _module: usize, name: *const c_char) {
        let name = unsafe { CStr::from_ptr(name) };
        let Some(at) = ENTRIES.iter().position(|entry| *entry == name) else { return 500 };
        unsafe { *function = at + 1 }
    }
    cuMemAlloc_v2(to: *mut u64, bytes: usize) {
        if used() + bytes > total() {
            return OUT_OF_MEMORY;
        }
        // Not zeroes: what is read before it is written shows.
        let block = vec![u128::MAX / 255 * 0xa5; bytes.div_ceil(16)];
        let address = block.as_ptr() as u64;
        MEMORY.lock().unwrap().insert(address, block);
        unsafe { *to = address }
    }
    cuMemFree_v2(address: u64) {
        if MEMORY.lock().unwrap().remove(&address).is_none() {
            return INVALID_HANDLE;
        }
    }
    cuMemcpyHtoD_v2(to: u64, from: *const u8, bytes: usize) { unsafe { (to as *mut u8).copy_from(from, bytes) } }
    cuMemcpyDtoH_v2(to: *mut u8, from: u64, bytes: usize) { unsafe { to.copy_from(from as *const u8, bytes) } }
    cuStreamCreateWithPriority(stream: *mut usize, _flags: c_uint, _priority: c_int) { unsafe { *stream = 1 } }
    cuStreamSynchronize(_stream: usize) {}
    cuStreamDestroy_v2(_stream: usize) {}
}

/// A number that a launch was given.
unsafe fn argument<T: Copy>(arguments: *mut *mut c_void, at: usize) -> T {
    unsafe { (*arguments.add(at)).cast::<T>().read_unaligned() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    function: usize,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared_bytes: c_uint,
    _stream: usize,
    arguments: *mut *mut c_void,
    _extra: usize,
) -> c_int {
    if let Some(error) = failure("cuLaunchKernel") {
        return error;
    }
    assert_eq!([grid_y, grid_z, block_y, block_z, shared_bytes], [1, 1, 1, 1, 0]);
    let job = unsafe { *(argument::<u64>(arguments, 0) as *const Job) };
    if let Ok(log) = std::env::var("FAKE_CUDA_LOG") {
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
        writeln!(log, "{} {} {}", job.before + job.first, job.count, job.configurations).unwrap();
    }
    let threads = (0..grid_x * block_x).filter(|number| u64::from(*number) < job.configurations);
    assert!(u64::from(grid_x * block_x) >= job.configurations);
    for number in threads {
        unsafe {
            match function {
                1 => run_configuration::<Momentum>(&job, number),
                2 => run_configuration::<E3>(&job, number),
                3 => run_configuration::<FundingFade>(&job, number),
                _ => return INVALID_HANDLE,
            }
        }
    }
    SUCCESS
}
