//! The experiment `steady_state_theory`: predictions under simulated points.

pub mod experiment;
pub mod figures;
pub mod presets;
pub mod report;
pub mod state;

mod overlay;

pub use state::SteadyStateTheory;
