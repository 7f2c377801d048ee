//! The experiment `apical_toy`: many layers under the rule, in one batch.

pub mod config;
pub mod experiment;
pub mod figures;
pub mod presets;
pub mod report;
pub mod state;

pub use state::Toy;
