//! One neuron and the small network, and the rules that make the gradient of a batch.

pub mod architecture;
pub mod network;
pub mod neuron;
pub mod rule;
pub mod tensors;
