#![doc = include_str!("../README.md")]

pub mod feed;
pub mod settings;
pub mod symbol;

pub use feed::Feed;
pub use settings::Settings;
