//! Five tasks one after another: their images and labels, the batches to learn from, penalties
//! against forgetting, and what is measured of the forgetting.

pub mod batches;
pub mod evaluation;
pub mod penalty;
pub mod scores;
pub mod tasks;
