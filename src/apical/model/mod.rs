//! Networks of neurons with apical multipliers, many of one shape in a batch.

pub mod activation;
pub mod layer;
pub mod loss;
pub mod network;
