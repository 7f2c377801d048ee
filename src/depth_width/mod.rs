//! How depth and width of a plain network change the first steps of its descent.
//!
//! [`descent`] has the networks and what is measured of them; the experiment is [`DepthWidth`],
//! whose page is `docs/depth_width.md`.

pub mod config;
pub mod descent;
mod experiment;
mod explosion;
mod figures;
mod groups;
mod presets;
mod report;
mod state;

pub use state::DepthWidth;
