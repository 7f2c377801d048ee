//! Apical multipliers: neurons r = a φ(W x) whose multipliers a learn first (phase 1), and whose
//! weights then take over what the multipliers learned, by a local rule (phase 2).
//!
//! The experiments are [`Toy`], one layer in double precision with its closed form,
//! [`Characterize`], one phase of each kind, and [`ApicalTrain`], many of them; their page is
//! `docs/apical.md`.

pub mod activation;
pub mod characterize;
pub mod loss;
pub mod model;
pub mod network;
pub mod presets;
pub mod rule;
pub mod split;
pub mod toy;
pub mod train;

pub use characterize::Characterize;
pub use toy::Toy;
pub use train::ApicalTrain;
