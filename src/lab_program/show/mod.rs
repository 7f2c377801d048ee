//! What is said of runs and checkpoints: a list, all of one run, the tensors of a checkpoint.

pub mod checkpoint;
pub mod details;
pub mod list;
pub mod run;
