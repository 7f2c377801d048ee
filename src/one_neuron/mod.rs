//! Notebook 004: one neuron whose gradient was averaged too early.
//!
//! A package for teaching averages the errors, the slopes and the inputs of a batch first, and
//! multiplies the averages afterwards. This module trains a neuron (or a 4-2-1 network) by that
//! rule, by the true gradient and by the package's later repairs, and says with numbers what is
//! lost. `docs/one_neuron.md` has the derivation.
//!
//! [`data`], [`model`], [`learning`] and [`diagnosis`] are the science; [`train`] is the experiment.

pub mod data;
pub mod diagnosis;
pub mod learning;
pub mod model;
pub mod train;

pub use train::OneNeuron;
