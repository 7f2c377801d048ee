//! Compares each gradient rule's direction with the true gradient, and evaluates trained models.

pub mod evaluation;
pub mod gradients;
