//! A transformer language model of selection and computation neurons: its sizes and parameters, the
//! model, the text that it learns, and what is measured of both.

pub mod baselines;
pub mod corpus;
pub mod evaluation;
pub mod layout;
pub mod linear_layer;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod sampling;
pub mod shape;
