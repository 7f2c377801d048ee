//! A transformer of selection and computation neurons learns a text.
//!
//! The experiment is [`SelectorTransformer`]; its page is `docs/selector_transformer.md`.

pub mod config;
mod experiment;
mod figures;
mod presets;
mod report;
mod state;

pub use state::SelectorTransformer;
