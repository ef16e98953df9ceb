#![doc = include_str!("../README.md")]

pub mod momentum;
pub mod settings;

pub use momentum::Momentum;
pub use settings::Settings;
