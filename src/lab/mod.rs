//! The bench that every experiment stands on: one training loop, one way to log, save, seed, plot
//! and parse arguments.
//!
//! An experiment implements [`Experiment`], how to take step t; [`Persist`], what its state is; and
//! [`Figures`], what it shows. Its binary is one line, [`launch`]. The lab owns the rest: the run
//! folder, the seed, the device, logging, checkpoints, signals, the finite check, the progress bar,
//! the summary.

#[cfg(feature = "programs")]
mod allocation;
#[cfg(all(feature = "programs", target_os = "linux"))]
mod before_main;
pub mod cli;
pub mod counts;
pub mod error;
pub mod figure;
pub mod log;
pub mod measured;
pub mod panic;
pub mod refusals;
pub mod statistics;
pub mod store;
pub mod tensor;
pub mod train;

pub use cli::settings::RunConfig;
pub use cli::{Absent, Action, ActionOption, ActionRequest, Config, Preset, Settings, Spec};
pub use log::run_log::Log;
pub use log::tensorboard::Chart;
pub use refusals::Refusals;
pub use store::checkpoint::Score;
pub use store::{NamedTensors, Persist, Purpose, StateReader, StateWriter};
pub use train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
pub use train::launch::{launch, launch_action, run};
pub use train::learner::{Learner, LearnerConfig};
pub use train::phase::Phase;
pub use train::prepare::configure;
pub use train::start::open_session;
pub use train::step_work::StepWork;
