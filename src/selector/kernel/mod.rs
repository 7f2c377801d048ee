//! The selected computation neurons alone, on the CPU.
//!
//! A matrix product computes all K computation neurons of a neuron for a sample, of which one is
//! asked for. These kernels compute that one: 2 M N D operations forward and 4 M N D backward for M
//! samples, whatever K. For every neuron the samples are put in the order of their computation
//! neuron, so that each row of weights comes from memory once and stays in the nearest cache for
//! all of its samples; rows that no sample selected are not read. A sum of products is slower here
//! than in a matrix product, which reuses every number that it loads many times: for few
//! computation neurons the matrix product is faster, although it computes more
//! (`docs/selector_mnist.md` has a table for one size).
//!
//! As many threads as libtorch has divide the neurons among them forward, and the inputs backward.
//! Products and sums are rounded one by one, in an order that depends on the sizes alone, so every
//! CPU and every number of threads gives the same bits.

mod backward;
mod forward;
mod order;
mod real;

pub use backward::{Gradients, backward};
pub use forward::forward;
pub use real::Real;

/// The sizes of a layer and its batch.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Samples (M).
    pub samples: usize,
    /// Neurons (N).
    pub neurons: usize,
    /// Computation neurons of each (K).
    pub choices: usize,
    /// Inputs (D).
    pub inputs: usize,
}

/// What both directions read.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a, T> {
    /// Its sizes.
    pub sizes: Sizes,
    /// [sample, input]
    pub x: &'a [T],
    /// [computation, neuron, input]
    pub weight: &'a [T],
    /// The selected computation neuron: [neuron, sample].
    pub choice: &'a [i16],
}

impl<'a, T> Layer<'a, T> {
    fn row_of_x(&self, sample: usize) -> &'a [T] {
        &self.x[sample * self.sizes.inputs..][..self.sizes.inputs]
    }

    fn row_of_weight(&self, choice: usize, neuron: usize) -> &'a [T] {
        let row = choice * self.sizes.neurons + neuron;
        &self.weight[row * self.sizes.inputs..][..self.sizes.inputs]
    }
}

/// Runs `work` on ranges of `each` of some items, one a thread. The pieces of `parts` go with the
/// ranges.
fn over<P: Send>(
    items: usize,
    each: usize,
    parts: Vec<P>,
    work: impl Fn(std::ops::Range<usize>, P) + Sync,
) {
    let range = |i: usize| (i * each).min(items)..((i + 1) * each).min(items);
    let work = &work;
    std::thread::scope(|scope| {
        let mut rest = parts.into_iter().enumerate();
        let first = rest.next();
        for (i, part) in rest {
            scope.spawn(move || work(range(i), part));
        }
        if let Some((i, part)) = first {
            work(range(i), part);
        }
    });
}

/// Threads for this many items.
fn threads(items: usize) -> usize {
    (tch::get_num_threads().max(1) as usize).min(items.max(1))
}
