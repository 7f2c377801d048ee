//! The experiment `steady_state_init`: what makes an initialisation good or bad.

pub mod experiment;
pub mod figures;
pub mod presets;
pub mod report;
pub mod state;

pub use state::SteadyStateInit;
