#![doc = include_str!("../README.md")]

pub mod binance;
pub mod core;
pub mod public;
pub mod server;
pub mod settings;
