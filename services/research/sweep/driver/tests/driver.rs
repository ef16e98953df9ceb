//! The jump table against `cust_raw`, and what it answers where there is no driver.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::process::Command;

use cust::CudaApiVersion;
use cust::device::Device;
use cust::error::CudaError;
use sweep_driver as _;

/// `cust_raw`'s declarations: its sources stand where cargo unpacked them.
fn declared() -> BTreeSet<String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    // Packages of other platforms were never fetched here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--manifest-path", manifest])
        .args(["--filter-platform", &platform])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata");
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "cust_raw").unwrap();
    let folder = package["manifest_path"].as_str().unwrap().trim_end_matches("Cargo.toml");
    let source = std::fs::read_to_string(format!("{folder}src/cuda.rs")).unwrap();
    let names = source.lines().filter_map(|line| line.trim().strip_prefix("pub fn cu")?.split('(').next());
    names.map(|rest| format!("cu{rest}")).collect()
}

#[test]
fn the_table_holds_all_that_cust_raw_declares() {
    let table = include_str!("../src/functions.def").lines();
    let names = table.filter_map(|line| line.strip_prefix("FUNCTION(")?.strip_suffix(')')).map(str::to_owned);
    // `cuInit` is written out: it fills the table.
    let table: BTreeSet<String> = names.chain(["cuInit".to_owned()]).collect();
    assert_eq!(table, declared());
}

/// One test: the order of the calls is what it is about.
#[test]
fn without_a_driver_every_call_is_an_error() {
    assert_eq!(Device::num_devices(), Err(CudaError::NotInitialized));
    match cust::init(cust::CudaFlags::empty()) {
        Ok(()) => eprintln!("skipped: this machine has a driver"),
        Err(error) => {
            assert_eq!(error, CudaError::NoDevice);
            assert_eq!(Device::num_devices(), Err(CudaError::NoDevice));
            assert_eq!(CudaApiVersion::get().err(), Some(CudaError::NoDevice));
            assert!(error.to_string().contains("no CUDA driver"), "{error}");
        }
    }
}
