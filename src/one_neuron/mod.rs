//! Notebook 004: one neuron whose gradient was averaged too early.
//!
//! A package for teaching averages the errors, the slopes and the inputs of a batch first, and
//! multiplies the averages afterwards. This module trains a neuron (or a 4-2-1 network) by that
//! rule, by the true gradient and by the package's later repairs, and says with numbers what is
//! lost. `docs/one_neuron.md` has the derivation.

pub mod batches;
pub mod config;
pub mod diagnosis;
pub mod grid;
pub mod model;
pub mod network;
pub mod rows;
pub mod rule;
pub mod task;
pub mod tensors;
pub mod twister;
pub mod update;

mod evaluate;
mod figures;
mod group;
mod report;
mod streams;
mod train;

pub use config::OneNeuronConfig;
pub use train::OneNeuron;
