//! The GPU's path against the CPU's: parts on the host, whole studies through a driver made for tests, and, where there
//! is one, on a GPU.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test says what broke by panicking

#[path = "../../../../tests/bench/src/sweep/load.rs"]
#[allow(dead_code)]
mod load;
mod study;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Instant;

use mesh_kernel::sizing::SizingMethod;
use mesh_kernel::strategy::e3::E3;
use mesh_kernel::strategy::funding_fade::FundingFade;
use mesh_kernel::strategy::momentum::Momentum;
use mesh_sweep::{History, Inputs, Shared, Swept, streaming};
use proptest::prelude::*;
use study::{Random, Study, in_parts};
use sweep::gpu::{self, Gpu, GpuError};
use sweep_ptx::run_configuration;

fn parts_are_streaming<S: Swept>(seed: u64) -> Result<(), TestCaseError> {
    let study = Study::<S>::random(seed, 3);
    let summaries = in_parts(&study, 3, &mut Random(seed ^ 1), |job, _, number| {
        // SAFETY: the arrays are as `Job` says.
        #[allow(unsafe_code)]
        unsafe {
            run_configuration::<S>(job, number);
        }
    });
    for (params, summary) in study.params.iter().zip(summaries) {
        let expected = streaming::<S>(&study.history, params, &study.rules);
        prop_assert_eq!(summary, expected, "seed {}, {:?} {:?}", seed, params, &study.rules);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn parts_have_the_summary_of_streaming(seed: u64) {
        parts_are_streaming::<Momentum>(seed)?;
        parts_are_streaming::<E3>(seed)?;
        parts_are_streaming::<FundingFade>(seed)?;
    }
}

/// Runs a test of this file, one that is ignored otherwise, in a process whose driver is the one made for tests.
fn with_fake_driver(test: &str, settings: &[(&str, &str)]) -> Output {
    let here = std::env::current_exe().unwrap();
    let build = here.parent().and_then(|deps| deps.parent()).unwrap();
    let fake = build.join("examples/libfake_cuda.so");
    assert!(fake.exists(), "{} is not built: cargo builds it with this package's tests", fake.display());
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(fake, folder.path().join("libcuda.so.1")).unwrap();
    let mut child = Command::new(&here);
    child.args(["--ignored", "--exact", test, "--nocapture"]).env("LD_LIBRARY_PATH", folder.path());
    child.envs(settings.iter().copied()).env("SWEEP_FAKE_CUDA", "1").output().unwrap()
}

#[track_caller]
fn assert_passed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    said
}

/// True in the process that `with_fake_driver` starts.
fn is_child() -> bool {
    std::env::var_os("SWEEP_FAKE_CUDA").is_some()
}

/// A study, all at once and in the smallest pieces, against the CPU's.
fn same_on<S: Swept>(gpu: &Gpu, seed: u64, configurations: usize) {
    let study = Study::<S>::random(seed, configurations);
    let shared = Shared::<S>::new(&study.history, &study.params);
    let expected = shared.run(&study.rules, 1..configurations);
    let run = |memory_bytes, passed: &mut dyn FnMut(u64) -> bool| {
        gpu.run(&shared, &study.rules, 1..configurations, memory_bytes, passed)
    };
    let Err(GpuError::Memory { needed_bytes, budget_bytes: 1 }) = run(1, &mut |_| true) else {
        panic!("a byte of memory was enough")
    };
    for memory_bytes in [u64::MAX, needed_bytes] {
        let mut done = 0;
        let mut passed = |bars| {
            done += bars;
            true
        };
        assert_eq!(run(memory_bytes, &mut passed).unwrap().as_ref(), Some(&expected), "{} {seed}", S::NAME);
        assert_eq!(done, (configurations as u64 - 1) * study.history.len() as u64);
    }
    assert_eq!(run(u64::MAX, &mut |_| false), Ok(None), "given up");
    assert_eq!(gpu.run(&shared, &study.rules, 5..5, 1, &mut |_| true), Ok(Some(Vec::new())));
}

#[test]
#[ignore = "started by a_study_through_the_driver_is_the_cpu_s"]
fn child_study() {
    if !is_child() {
        return;
    }
    let gpu = Gpu::open().unwrap();
    assert_eq!(gpu.name(), "a card made for tests");
    assert_eq!(gpu.instructions_a_second(), Ok(1e3 * 1e6 * 128.0));
    for seed in 0..3 {
        same_on::<Momentum>(&gpu, seed, 1_300);
        same_on::<E3>(&gpu, seed, 1_300);
        same_on::<FundingFade>(&gpu, seed, 1_300);
    }
    // From another thread than the one that opened it.
    let other = || same_on::<Momentum>(&gpu, 9, 50);
    std::thread::scope(|scope| scope.spawn(other).join()).unwrap();
}

#[test]
fn a_study_through_the_driver_is_the_cpu_s() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let path = log.path().to_str().unwrap();
    assert_passed(&with_fake_driver("child_study", &[("FAKE_CUDA_LOG", path)]));
    let launches = std::fs::read_to_string(path).unwrap();
    let launches: Vec<Vec<u32>> =
        launches.lines().map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect();
    let has = |what: fn(&Vec<u32>) -> bool| launches.iter().any(what);
    assert!(has(|l| l[0] > 0), "bars went in parts");
    assert!(has(|l| l[2] == 1_299) && has(|l| l[2] < 1_299 && l[2] > 500), "configurations went in chunks");
}

#[test]
#[ignore = "started by errors_say_what_to_do"]
fn child_error() {
    if !is_child() {
        return;
    }
    let study = Study::<Momentum>::random(3, 40);
    let shared = Shared::<Momentum>::new(&study.history, &study.params);
    let found = Gpu::open().and_then(|gpu| gpu.run(&shared, &study.rules, 0..40, u64::MAX, &mut |_| true));
    match found {
        Ok(_) => println!("no error"),
        Err(error) => println!("error: {error}"),
    }
}

#[test]
fn errors_say_what_to_do() {
    let cases = [
        ("FAKE_CUDA_FAILS", "cuInit=100", "nvidia-smi -L"),
        ("FAKE_CUDA_FAILS", "cuDeviceGet=101", "no GPU"),
        ("FAKE_CUDA_FAILS", "cuModuleLoadDataEx=218", "compute capability 8.0"),
        ("FAKE_CUDA_FAILS", "cuMemAlloc_v2=2", "OutOfMemory"),
        ("FAKE_CUDA_FAILS", "cuLaunchKernel=700", "starting the kernel: IllegalAddress"),
        ("FAKE_CUDA_FAILS", "cuStreamSynchronize=719", "running the kernel: LaunchFailed"),
        ("FAKE_CUDA_FAILS", "cuMemcpyDtoH_v2=700", "copying from it"),
        ("FAKE_CUDA_BYTES", "20000", "too small: expected at least"),
        ("FAKE_CUDA_BYTES", "64000000", "no error"),
    ];
    for (name, value, expected) in cases {
        let said = assert_passed(&with_fake_driver("child_error", &[(name, value)]));
        assert!(said.contains(expected), "{value}: {said}");
    }
}

#[test]
fn without_a_gpu_one_line_says_so_unless_it_is_demanded() {
    let mut said = Vec::new();
    match gpu::open(false, |line| said.push(line.to_owned())) {
        Ok(Some(gpu)) => println!("skipped: there is a GPU, {}", gpu.name()),
        Ok(None) => {
            assert!(said.len() == 1 && said[0].starts_with("on the CPU: ") && !said[0].contains('\n'), "{said:?}");
            assert!(gpu::open(true, |_| panic!("an error is no line")).is_err());
        }
        Err(error) => panic!("not demanded: {error}"),
    }
}

/// A GPU of this machine, or a line that there is none.
fn real_gpu() -> Option<Gpu> {
    match Gpu::open() {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            eprintln!("skipped, nothing was compared on a GPU: {error}");
            None
        }
    }
}

/// `./manage.sh test gpu`.
#[test]
fn whole_studies_on_this_machine_s_gpu_are_the_cpu_s() {
    let Some(gpu) = real_gpu() else { return };
    println!("on {}", gpu.name());
    let start = Instant::now();
    for seed in 100..120 {
        same_on::<Momentum>(&gpu, seed, 20_000);
        same_on::<E3>(&gpu, seed, 20_000);
        same_on::<FundingFade>(&gpu, seed, 20_000);
    }
    println!(
        "60 studies of 20,000 configurations: the same to the last bit, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
}

/// The same over bars and parameters of the benchmark, and how fast: every 64th configuration is compared.
#[test]
fn a_long_study_on_this_machine_s_gpu_is_the_cpu_s() {
    const CONFIGURATIONS: usize = 1 << 17;
    let Some(gpu) = real_gpu() else { return };
    let scale = load::scale().unwrap();
    let history = History::new(&load::bars(100_000), &[], Inputs::default(), scale, load::DAY_NS).unwrap();
    let rules = load::rules(scale, SizingMethod::Volatility { risk_fraction: 0.01 });
    let params = load::full(CONFIGURATIONS);
    let shared = Shared::<Momentum>::new(&history, &params);
    let run = || gpu.run(&shared, &rules, 0..CONFIGURATIONS, u64::MAX, &mut |_| true).unwrap().unwrap();
    // The first launch waits for the code to come to the card.
    let found = run();
    let start = Instant::now();
    assert_eq!(run(), found);
    let seconds = start.elapsed().as_secs_f64();
    let compared: Vec<_> = (0..CONFIGURATIONS).step_by(64).map(|i| params[i]).collect();
    let of_cpu = Shared::<Momentum>::new(&history, &compared).run(&rules, 0..compared.len());
    assert_eq!(found.iter().step_by(64).copied().collect::<Vec<_>>(), of_cpu);
    let work = CONFIGURATIONS as f64 * history.len() as f64;
    println!(
        "{CONFIGURATIONS} configurations over {} bars on {}: {seconds:.2} s, {:.2e} configuration-bars/s, copies included",
        history.len(),
        gpu.name(),
        work / seconds
    );
}

/// The example is where the tests look for it.
#[test]
fn the_driver_for_tests_is_built() {
    let here: PathBuf = std::env::current_exe().unwrap();
    assert!(here.parent().unwrap().parent().unwrap().join("examples/libfake_cuda.so").exists());
}
