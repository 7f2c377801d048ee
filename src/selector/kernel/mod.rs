//! What a layer computes on the CPU without libtorch: the selected computation neurons alone, and the
//! selection among all of them by a softmax ([`select`] and the gradients beside it).
//!
//! A matrix product computes all K computation neurons of a neuron for a sample, of which one is
//! asked for. [`forward()`] and [`backward()`] compute that one: 2 M N D operations forward and
//! 4 M N D backward for M samples, whatever K. For every neuron the samples are put in the order of their computation
//! neuron, so that each row of weights comes from memory once and stays in the nearest cache for
//! all of its samples; rows that no sample selected are not read. A sum of products is slower here
//! than in a matrix product, which reuses every number that it loads many times: for few
//! computation neurons the matrix product is faster, although it computes more
//! (`docs/selector_mnist.md` has a table for one size).
//!
//! As many threads as libtorch has divide the neurons among them forward, and the inputs backward.
//! Products and sums of these two are rounded one by one, in an order that depends on the sizes
//! alone, so every CPU and every number of threads gives the same bits.

mod backward;
mod forward;
mod operands;
mod parallel;
mod real;
mod sample_buckets;
mod softmax;

pub use backward::{KernelGradients, backward};
pub use forward::forward;
pub use operands::{Operands, Sizes};
pub use real::Real;
pub use softmax::{
    Axes, LogitGradient, SelectedGradient, Selection, logit_gradient, select, selected_gradient,
};
