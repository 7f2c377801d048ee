//! The experiment `steady_state`: learning speed against steady-state loss over a sweep.

pub mod experiment;
pub mod figures;
pub mod presets;
pub mod report;
pub mod state;

mod table;

pub use state::SteadyState;
