//! Apical multipliers: neurons r = a φ(W x) whose multipliers a learn first (phase 1), and whose
//! weights then take over what the multipliers learned, by a local rule (phase 2).
//!
//! The science is in [`model`] (networks, their activations and losses), [`learning`] (both phases),
//! [`analysis`] (what a phase does to the loss) and [`one_layer`] (the rule and its closed form).
//! The experiments are [`Toy`], one layer in double precision, [`Characterize`], one phase of each
//! kind, and [`ApicalTrain`], many of them; their page is `docs/apical.md`.

pub mod analysis;
pub mod characterize;
pub mod learning;
pub mod model;
pub mod network_config;
pub mod one_layer;
pub mod toy;
pub mod train;

pub use characterize::Characterize;
pub use toy::Toy;
pub use train::ApicalTrain;
