//! `lab sweep`: an experiment at every point of a grid, each with a run folder of its own.

pub mod args;
mod binary;
pub mod command;
mod distribution;
mod grid;
pub(super) mod manifest;
mod median;
mod plan;
mod pool;
mod response;
mod results;
mod search;
mod slurm;
pub mod status;
mod watch;
