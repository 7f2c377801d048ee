//! The bench that every experiment stands on: one training loop, one way to log, save, seed, plot
//! and parse arguments.
//!
//! An experiment implements [`Experiment`]: how to take step t, and what its state is. Its binary
//! is one line, [`launch`]. The lab owns the rest: the run folder, the seed, the device, logging,
//! checkpoints, signals, the finite check, the progress bar, the summary.

pub mod checkpoint;
pub mod cli;
pub mod console;
pub mod device;
pub mod durable;
pub mod error;
pub mod experiment;
pub mod figure;
pub mod finite;
pub mod folder;
pub mod init;
pub mod learner;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod nn;
pub mod optim;
pub mod params;
pub mod phase;
pub mod progress;
pub mod provenance;
pub mod read;
pub mod rng;
pub mod session;
pub mod settings;
pub mod signals;
pub mod summary;
pub mod tags;
pub mod tensorboard;

mod check;
mod launch;
mod resume;
mod saving;

pub use cli::{Preset, Settings};
pub use experiment::{Evaluation, Experiment, Plan, Step};
pub use launch::{configure, launch, launch_action, run};
pub use learner::{Learner, LearnerConfig};
