//! Learning speed against steady-state loss in online LMS of a cerebellum-like inverse model.
//!
//! The plant and its feedback are linear and the granule layer sees only the reference, so the
//! task loss is an exact quadratic form of the weights ([`learning::task`]) and one second of
//! learning is an exact map of a few states ([`plant::block`], [`learning::lms`]).
//!
//! [`signal`], [`plant`], [`learning`] and [`measure`] are the science, each above the one before.
//! The experiments are [`SteadyState`], [`SteadyStateInit`] and [`SteadyStateTheory`], which share
//! the flags of [`config`]; their page is `docs/steady_state.md`.

pub mod config;
pub mod init;
pub mod learning;
pub mod measure;
pub mod plant;
pub mod signal;
pub mod theory;
pub mod trade_off;

mod checks;

pub use init::SteadyStateInit;
pub use theory::SteadyStateTheory;
pub use trade_off::SteadyState;
