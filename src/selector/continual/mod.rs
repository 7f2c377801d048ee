//! Continual learning: five tasks one after another, and what is left of the earlier ones.
//!
//! The experiment is [`SelectorContinual`]; its page is `docs/selector_continual.md`.

pub mod config;
mod experiment;
mod figures;
mod learning;
mod presets;
mod report;
mod state;

pub use state::SelectorContinual;
