#![doc = include_str!("../README.md")]

pub mod approved;
pub mod gate;
pub mod kill;
pub mod limits;
pub mod loss;
pub mod rate;
mod size;
pub mod trail;
pub mod view;

pub use approved::RiskApproved;
pub use gate::{Decision, RiskGate};
pub use kill::KillSwitches;
pub use limits::{BadLimit, Limit, RiskLimits, ScopeLimits};
pub use loss::{Account, AccountKey, Accounts, Standing};
pub use rate::Rates;
pub use trail::Veto;
pub use view::{BookTop, Held, RiskView};
