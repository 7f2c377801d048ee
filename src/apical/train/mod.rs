//! Two-phase training, many runs in one batch: the experiment `apical_train`.

pub mod config;
pub mod experiment;
pub mod figures;
pub mod presets;
pub mod readings;
pub mod report;
pub mod state;

pub use state::ApicalTrain;
