#![doc = include_str!("../README.md")]

pub mod bridge;
pub mod connection;
pub mod feed;
pub mod proxy;
pub mod settings;
pub mod symbol;
pub mod tls;
pub mod wire;

pub use feed::Feed;
pub use settings::Settings;
