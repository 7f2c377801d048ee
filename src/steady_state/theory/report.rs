//! What an evaluation says and logs: that of the simulated sweep.

pub use crate::steady_state::trade_off::report::{METRICS, TAGS};
