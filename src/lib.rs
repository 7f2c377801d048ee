//! Five research notebooks about how neurons learn, as fast and reproducible experiments.
//!
//! [`lab`] is the bench that every experiment stands on; [`data`] loads what they learn from.
//! Each family of experiments has a module of its own and never imports another one.

pub mod apical;
pub mod data;
pub mod efficient_coding;
pub mod lab;
pub mod one_neuron;
pub mod runs;
pub mod selector;
pub mod steady_state;
