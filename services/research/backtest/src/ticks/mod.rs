//! Backtests on ticks and books: files to a tape, options to settings, the strategy of a name.

mod load;
mod options;
mod run;

pub(crate) use options::TickOptions;
pub(crate) use run::{About, run};
