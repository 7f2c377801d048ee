//! Networks whose neurons each have a selection neuron and K computation neurons.
//!
//! The experiment is [`SelectorMnist`]; its page is `docs/selector_mnist.md`.

pub mod config;
pub mod continual;
pub mod depth_width;
pub mod eval;
pub mod figures;
pub mod growth;
pub mod kernel;
pub mod layer;
pub mod model;
pub mod presets;
pub mod report;
mod rows;
pub mod rules;
pub mod settings;
mod step;
pub mod tape;
pub mod train;

pub use continual::SelectorContinual;
pub use depth_width::DepthWidth;
pub use train::SelectorMnist;
