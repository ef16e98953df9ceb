//! Strategies as state machines over bars: `State::new(&params)`, then one `on_bar` a closed bar.

pub mod momentum;
