//! The experiment `one_neuron`: a grid of neurons or networks, each trained for itself.

pub mod config;
pub mod experiment;
pub mod points;
pub mod presets;
pub mod report;
pub mod state;

mod figures;
mod group;
mod group_steps;
mod notebook;
mod streams;

pub use state::OneNeuron;
