//! The model of noisy neurons: responses, information, gradients and constraints.
//!
//! Everything here is equations on tensors. Flags, files and logs are in `retina`, which trains the
//! model.

pub mod assign;
pub mod constraint;
pub mod controller;
pub mod covariance_term;
pub mod covariances;
pub mod frozen;
pub mod gradient;
pub mod information;
pub mod kernel;
pub mod model;
pub mod monte_carlo;
pub mod pixel_grid;
pub mod response;
pub mod rule;
pub mod shapes;
