#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "nvptx64", no_std, feature(abi_ptx, stdarch_nvptx))]
#![allow(unsafe_code)] // threads read arrays by pointers: see the README

#[cfg(target_arch = "nvptx64")]
pub mod entry;
pub mod layout;
#[cfg(not(target_arch = "nvptx64"))]
pub mod pack;
pub mod thread;

pub use layout::{Job, Outcome, Rules};
pub use thread::{LOOK_BACK, STATE_BYTES, run_configuration};
