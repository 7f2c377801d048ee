//! Update rules, and the loop that trains one neuron or network in plain Rust.

pub mod trainer;
pub mod update;
