#![doc = include_str!("../README.md")]

pub mod approved;
pub mod gate;
pub mod kill;
pub mod limits;
pub mod loss;
pub mod market;
pub mod rate;
pub mod selector;
mod size;
pub mod trail;
pub mod view;

pub use approved::RiskApproved;
pub use gate::{Decision, RiskGate};
pub use kill::KillSwitches;
pub use limits::{BadLimit, Limit, RiskLimits, ScopeLimits};
pub use loss::{Account, AccountKey, Accounts, Standing};
pub use market::Conditions;
pub use rate::Rates;
pub use selector::{Candidate, Selector};
pub use trail::Veto;
pub use view::{BookTop, Held, RiskView};
