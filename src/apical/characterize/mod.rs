//! One phase 1 and one phase 2, looked at closely: the experiment `apical_characterize`.

pub mod config;
pub mod experiment;
pub mod figures;
pub mod presets;
pub mod report;
pub mod state;

pub use state::Characterize;
