//! The bench that every experiment stands on: one training loop, one way to log, save, seed, plot
//! and parse arguments.
//!
//! An experiment implements [`Experiment`]: how to take step t, and what its state is. Its binary
//! is one line, [`launch`]. The lab owns the rest: the run folder, the seed, the device, logging,
//! checkpoints, signals, the finite check, the progress bar, the summary.

pub mod cli;
pub mod error;
pub mod figure;
pub mod log;
pub mod panic;
pub mod statistics;
pub mod store;
pub mod tensor;
pub mod train;

pub use cli::parse::{Preset, Settings};
pub use train::experiment::{Evaluation, Experiment, Plan, Step};
pub use train::launch::{configure, launch, launch_action, run};
pub use train::learner::{Learner, LearnerConfig};
