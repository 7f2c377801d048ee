//! Efficient coding: noisy neurons that tell as much as they can of natural images within a budget
//! of spikes, as the ganglion cells of a retina (notebook 001).
//!
//! The pages are `docs/efficient_coding.md`, `docs/efficient_coding_data.md`,
//! `docs/receptive_fields.md` and `docs/two_loss_toy.md`.

pub mod config;
pub mod constraint;
pub mod controller;
pub mod data;
pub mod experiment;
pub mod fields;
pub mod figures;
pub mod frozen;
pub mod gradient;
pub mod information;
pub mod kernel;
pub mod legacy;
pub mod parameters;
pub mod pictures;
pub mod placing;
pub mod presets;
pub mod report;
pub mod response;
pub mod shapes;
pub mod terms;
pub mod toy;
mod update;

pub use experiment::EfficientCoding;
