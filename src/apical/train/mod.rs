//! Two-phase training, many runs in one batch: the experiment `apical_train`.

pub mod config;
pub mod cycle;
pub mod experiment;
pub mod figures;
pub mod measure;
pub mod report;
pub mod trainer;

pub use experiment::ApicalTrain;
