#![doc = include_str!("../README.md")]

mod exact;
pub mod importance;
pub mod normal;
pub mod prune;
pub mod rng;
pub mod sampler;
pub mod space;
pub mod stats;
pub mod study;

pub use rng::Rng;
pub use sampler::{Nsga2, Sampler, Tpe};
pub use space::{Domain, Parameter, Point, Space, SpaceError, Value};
pub use study::{Ask, Direction, Outcome, Spec, Study, Trial};
