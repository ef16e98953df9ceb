#![doc = include_str!("../README.md")]

pub mod adapter;
pub mod bridge;
pub mod connection;
pub mod market;
pub mod proxy;
pub mod settings;
pub mod tls;
pub mod wire;

pub use adapter::{Adapter, Exchange, Place};
