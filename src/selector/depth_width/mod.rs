//! How depth and width of a plain network change the first steps of its descent.
//!
//! The experiment is [`DepthWidth`]; its page is `docs/depth_width.md`.

pub mod config;
pub mod figures;
pub mod grid;
pub mod network;
pub mod report;
pub mod train;

pub use train::DepthWidth;
