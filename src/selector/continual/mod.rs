//! Continual learning: five tasks one after another, and what is left of the earlier ones.
//!
//! The experiment is [`SelectorContinual`]; its page is `docs/selector_continual.md`.

pub mod batches;
pub mod config;
pub mod eval;
pub mod figures;
pub mod penalty;
pub mod report;
pub mod scores;
pub mod tasks;
pub mod train;

pub use train::SelectorContinual;
