//! One phase of learning, looked at closely.

pub mod direction;
pub mod loss_map;
pub mod sample_gradients;
