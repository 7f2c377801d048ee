//! A transformer language model of selection and computation neurons.
//!
//! The experiment is [`SelectorTransformer`]; its page is `docs/selector_transformer.md`.

pub mod config;
pub mod corpus;
pub mod eval;
pub mod figures;
pub mod layout;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod presets;
pub mod projection;
pub mod report;
pub mod sample;
pub mod train;

pub use train::SelectorTransformer;
