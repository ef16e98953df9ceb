#![doc = include_str!("../README.md")]

pub mod actor;
pub mod modes;
pub mod service;

pub use service::{Account, Live, Settings};
