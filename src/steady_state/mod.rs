//! Learning speed against steady-state loss in online LMS of a cerebellum-like inverse model.
//!
//! The plant and its feedback are linear and the granule layer sees only the reference, so the
//! task loss is an exact quadratic form of the weights ([`task`]) and one second of learning is an
//! exact map of a few states ([`block`], [`lms`]). The experiment is [`SteadyState`]; its page is
//! `docs/steady_state.md`.

pub mod block;
pub mod checks;
pub mod config;
pub mod courses;
pub mod descent;
pub mod effects;
pub mod figures;
pub mod fit;
pub mod granule;
pub mod grid;
pub mod init;
pub mod init_figures;
pub mod lms;
pub mod measure;
pub mod modes;
pub mod nested;
pub mod optimal;
pub mod ou;
pub mod overlay;
pub mod plant;
pub mod predict;
pub mod presets;
pub mod pretrain;
pub mod reference;
pub mod report;
pub mod results;
pub mod sinusoids;
pub mod speed;
pub mod stage;
pub mod stationarity;
pub mod task;
pub mod theory;
pub mod train;
pub mod world;

pub use init::SteadyStateInit;
pub use predict::SteadyStateTheory;
pub use train::SteadyState;
