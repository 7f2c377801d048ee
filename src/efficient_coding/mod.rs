//! Efficient coding: noisy neurons that tell as much as they can of natural images within a budget
//! of spikes, as the ganglion cells of a retina (notebook 001).
//!
//! The pages are `docs/efficient_coding.md` and `docs/two_loss_toy.md`.

pub mod data;
pub mod fields;
pub mod shapes;
pub mod toy;
