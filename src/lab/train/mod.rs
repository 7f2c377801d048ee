//! Training: what an experiment is, the one loop that drives it, and what happens around a step.

mod beginning;
mod check;
mod drawing;
mod drive;
mod evaluate;
pub mod experiment;
mod failed_saves;
pub mod finite;
pub mod launch;
pub mod learner;
pub mod phase;
pub mod prepare;
pub mod progress;
mod resume;
mod same_run;
mod saving;
pub mod session;
pub mod signals;
pub mod start;
pub mod step_work;
pub mod summary;
