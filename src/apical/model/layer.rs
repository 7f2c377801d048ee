//! One layer of all runs, and its products with rates and weights.
//!
//! A product of a single run is a plain matrix product, which is faster than a batched one.

use tch::Tensor;

use super::activation::Activation;

/// One layer of all runs.
#[derive(Debug)]
pub struct Layer {
    /// W: `[run, output, input]`
    pub weight: Tensor,
    /// The multipliers a: `[run, output]`
    pub apical: Tensor,
    /// φ of this layer; linear for the output.
    pub activation: Activation,
}

impl Layer {
    /// The layer of some successive runs, with the same tensors.
    pub fn slice_runs(&self, first: i64, runs: i64) -> Self {
        Self {
            weight: self.weight.narrow(0, first, runs),
            apical: self.apical.narrow(0, first, runs),
            activation: self.activation,
        }
    }

    /// W x for an input that all runs share: `[run, sample, output]`.
    ///
    /// # Shapes
    /// - x: `[sample, input]`
    pub fn product_with_shared(&self, x: &Tensor) -> Tensor {
        match self.weight.size()[0] {
            1 => x.mm(&self.weight.get(0).tr()).unsqueeze(0),
            runs => x.unsqueeze(0).expand([runs, -1, -1], false).bmm(&self.weight.transpose(1, 2)),
        }
    }

    /// W r of every run: `[run, sample, output]`.
    ///
    /// # Shapes
    /// - rates: `[run, sample, input]`
    pub fn product(&self, rates: &Tensor) -> Tensor {
        product(&self.weight, rates)
    }

    /// Wᵀ δ of every run: `[run, sample, input]`.
    ///
    /// # Shapes
    /// - delta: `[run, sample, output]`
    pub fn transposed_product(&self, delta: &Tensor) -> Tensor {
        product(&self.weight.transpose(1, 2), delta)
    }

    /// Adds postᵀ pre, summed over samples, to the weights.
    ///
    /// # Shapes
    /// - post: `[run, sample, output]`
    /// - pre: `[run, sample, input]`, or `[sample, input]` where all runs share it
    pub fn add_to_weight(&self, post: &Tensor, pre: &Tensor) {
        let runs = self.weight.size()[0];
        if runs == 1 {
            let pre = if pre.dim() == 2 { pre.shallow_clone() } else { pre.get(0) };
            let _ = self.weight.get(0).addmm_(&post.get(0).tr(), &pre);
        } else {
            let pre = if pre.dim() == 2 { pre.unsqueeze(0) } else { pre.shallow_clone() };
            let pre = pre.expand([runs, -1, -1], false);
            let _ = self.weight.shallow_clone().baddbmm_(&post.transpose(1, 2), &pre);
        }
    }
}

/// The product of a matrix and rates, run by run: `[run, sample, output]`.
///
/// # Shapes
/// - matrix: `[run, output, input]`
/// - rates: `[run, sample, input]`
fn product(matrix: &Tensor, rates: &Tensor) -> Tensor {
    match matrix.size()[0] {
        1 => rates.get(0).mm(&matrix.get(0).tr()).unsqueeze(0),
        _ => rates.bmm(&matrix.transpose(1, 2)),
    }
}
