//! What each word of the command line does.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod capture;
pub(crate) mod doctor;
pub(crate) mod forward;
pub(crate) mod instruments;
pub(crate) mod kill;
pub(crate) mod ledger;
pub(crate) mod lifecycle;
pub(crate) mod logs;
pub(crate) mod order;
pub(crate) mod parquet;
pub(crate) mod replay;
pub(crate) mod scaffold;
pub(crate) mod status;
pub(crate) mod tap;
pub(crate) mod topology;
pub(crate) mod trace;
pub(crate) mod venues;
pub(crate) mod why;
