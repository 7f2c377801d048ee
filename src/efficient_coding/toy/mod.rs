//! The experiment `two_loss_toy` of `docs/two_loss_toy.md`: a hill in the plane, climbed with one
//! optimizer while another holds a constraint.

pub mod config;
mod experiment;
mod figures;
pub mod presets;
pub mod report;
pub mod state;

pub use state::TwoLossToy;
