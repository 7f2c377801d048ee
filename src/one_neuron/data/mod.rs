//! The package's task, its random generators, and batches of samples.

pub mod batches;
pub mod task;
pub mod twister;
