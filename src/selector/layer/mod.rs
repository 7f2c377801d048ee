//! A layer of neurons that each have a selection neuron and K computation neurons.
//!
//! Axes: `[replicate,]` batch, computation (K), neuron (N), input (D); the axis of replicates is
//! there for more than one.
//!
//! There are two ways to use a layer. [`SelectorLayer::forward`] and [`SelectorLayer::backward`]
//! have the derivatives written out: they need no graph, write the gradient where the optimizer reads
//! it, and hold as little as [`Compute`] allows. [`SelectorLayer::forward_with_graph`] is built of
//! libtorch's differentiable operations, holds everything for all K, and is what they are tested
//! against. Parameters and gradients are given to each pass. A layer holds one tensor of state, the balance
//! bias, which no gradient moves, and constants such as indices.
//!
//! [`options`] and [`shape`] say what a layer is, [`check`] which of them go together, `plan` how a
//! batch is gone through. `selector_kind` lists the kinds of selectors and `selector` has the parameters
//! of one; `select` and `backward` match on it. `selector_layer` knows the layer's parameters; the
//! forward pass is `forward`, which selects by `softmax`, `running_softmax`, `half_spaces` or `of_two`, and
//! computes the selected ones by `gather`; `softmax_kernel` is the softmax without libtorch.

mod backward;
mod balance;
pub mod check;
mod differentiable;
mod forward;
mod gather;
mod half_space_tree;
mod half_spaces;
mod noise;
mod of_two;
pub mod options;
mod plan;
mod running_softmax;
mod saved;
mod select;
mod selector;
mod selector_kind;
mod selector_layer;
pub mod shape;
mod softmax;
mod softmax_kernel;

pub use differentiable::LayerOutput;
pub use noise::{Noise, NoiseKind};
pub use options::{Compute, Inner, LayerOptions, Rule, SteSign};
pub use plan::{HELD, HELD_BY_READ_OUT};
pub use saved::LayerPass;
pub use selector_kind::SelectorKind;
pub use selector_layer::SelectorLayer;
pub use shape::LayerShape;
