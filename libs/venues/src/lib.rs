#![doc = include_str!("../README.md")]

pub mod action;
pub mod binance;
pub mod books;
pub mod counts;
pub mod drift;
pub mod feed;
pub mod hyperliquid;
pub mod json;
pub mod klines;
pub mod kraken;
pub mod limits;
pub mod message;
pub mod okx;
pub mod private;
pub mod reader;
pub mod tape;
pub mod time;

#[cfg(test)]
mod recordings;
