//! Efficient coding: noisy neurons that tell as much as they can of natural images within a budget
//! of spikes, as the ganglion cells of a retina (notebook 001).
//!
//! - [`coding`]: the model, its information, gradients and constraints
//! - [`data`]: patches of synthetic and natural images, and their covariances
//! - [`fields`]: the analysis of receptive fields
//! - [`two_loss`]: two losses in the plane
//! - [`retina`]: the experiment `efficient_coding`
//! - [`toy`]: the experiment `two_loss_toy`
//!
//! The pages are `docs/efficient_coding.md`, `docs/efficient_coding_data.md`,
//! `docs/receptive_fields.md` and `docs/two_loss_toy.md`.

pub mod coding;
pub mod data;
pub mod fields;
pub mod retina;
pub mod toy;
pub mod two_loss;

pub use retina::EfficientCoding;
