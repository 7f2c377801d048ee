//! The experiment `efficient_coding`: neurons learn to tell of images within a budget of spikes.

pub mod analyse;
pub mod config;
mod experiment;
mod field_figures;
mod figures;
pub mod legacy;
pub mod parameters;
mod patch_figures;
mod pictures;
pub mod presets;
mod replicates;
pub mod report;
pub mod sampled;
pub mod state;
mod terms;
mod update;
mod validate;

pub use state::EfficientCoding;
