//! The two-loss toy of `docs/two_loss_toy.md`: a hill in the plane, climbed with one optimizer
//! while another holds a constraint.

pub mod config;
pub mod experiment;
mod figures;
pub mod problem;

pub use experiment::TwoLossToy;
