//! Networks whose neurons each have a selection neuron and K computation neurons.
//!
//! The science: [`layer`] is the layer of such neurons and [`kernel`] computes the selected ones
//! alone; [`network`] is a perceptron of these layers, [`growth`] changes its K, [`guidance`]
//! leads its selections by noise and to an even use, [`usage`] measures
//! how often each computation neuron is selected; [`tape`] puts the layers into a model that
//! differentiates automatically, as [`language_model`] does; [`task_sequence`] has what continual
//! learning needs.
//!
//! The experiments: [`SelectorMnist`] (`docs/selector_mnist.md`), [`SelectorTransformer`]
//! (`docs/selector_transformer.md`) and [`SelectorContinual`] (`docs/selector_continual.md`). They
//! share the flags of [`config`] and the letters and curves of `presentation`.

pub mod config;
pub mod continual;
pub mod growth;
pub mod guidance;
pub mod kernel;
pub mod language_model;
pub mod layer;
mod linear;
pub mod mnist;
pub mod network;
mod presentation;
pub mod tape;
pub mod task_sequence;
pub mod transformer;
pub mod usage;

pub use continual::SelectorContinual;
pub use mnist::SelectorMnist;
pub use transformer::SelectorTransformer;
