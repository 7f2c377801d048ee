//! What a gradient rule does to the gradient, and how well a trained model answers.

pub mod evaluation;
pub mod gradients;
