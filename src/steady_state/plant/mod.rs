//! The plant with its feedback controller, the granule layer, and their exact maps of one second.

pub mod block;
pub mod closed_loop;
pub mod granule;
pub mod setup;
