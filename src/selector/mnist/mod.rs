//! A selector network learns to tell digits apart.
//!
//! The experiment is [`SelectorMnist`]; its page is `docs/selector_mnist.md`.

mod changes;
pub mod config;
mod evaluation;
mod experiment;
mod figures;
mod presets;
mod report;
mod resize;
mod state;
mod step;
mod tally;

pub use state::SelectorMnist;
