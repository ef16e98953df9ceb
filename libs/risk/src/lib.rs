#![doc = include_str!("../README.md")]

pub mod approved;
pub mod gate;
pub mod kill;
pub mod limits;
pub mod rate;
pub mod view;

pub use approved::RiskApproved;
pub use gate::RiskGate;
pub use kill::KillSwitches;
pub use limits::{BadLimit, RiskLimits};
pub use rate::RateWindow;
pub use view::{BookTop, RiskView, Veto};
