//! One layer of all runs: what its weights and biases make of rates, and how they change.
//!
//! A product of a single run is a plain matrix product, which is faster than a batched one.

use tch::Tensor;

use super::activation::Activation;

/// One layer of all runs.
#[derive(Debug)]
pub struct Layer {
    /// W: `[run, output, input]`
    pub weight: Tensor,
    /// b, where neurons have biases: `[run, output]`
    pub bias: Option<Tensor>,
    /// The multipliers a: `[run, output]`
    pub apical: Tensor,
    /// φ of this layer; linear for the output.
    pub activation: Activation,
}

impl Layer {
    /// The layer of some successive runs, with the same tensors.
    pub fn slice_runs(&self, first: i64, runs: i64) -> Self {
        let rows = |of: &Tensor| of.narrow(0, first, runs);
        Self {
            weight: rows(&self.weight),
            bias: self.bias.as_ref().map(rows),
            apical: rows(&self.apical),
            activation: self.activation,
        }
    }

    /// The same multipliers, with copies of the weights and biases.
    pub fn copy_weights(&self) -> Self {
        Self {
            weight: self.weight.copy(),
            bias: self.bias.as_ref().map(Tensor::copy),
            apical: self.apical.shallow_clone(),
            activation: self.activation,
        }
    }

    /// Sets weights and biases to those of a layer of the same shape.
    pub fn set_weights(&mut self, of: &Self) {
        self.weight.copy_(&of.weight);
        if let (Some(bias), Some(other)) = (&mut self.bias, &of.bias) {
            bias.copy_(other);
        }
    }

    /// h = W x + b for an input that all runs share: `[run, sample, output]`.
    ///
    /// # Shapes
    /// - x: `[sample, input]`
    pub fn preactivation_of_shared(&self, x: &Tensor) -> Tensor {
        self.add_bias(match self.weight.size()[0] {
            1 => x.mm(&self.weight.get(0).tr()).unsqueeze(0),
            runs => x.unsqueeze(0).expand([runs, -1, -1], false).bmm(&self.weight.transpose(1, 2)),
        })
    }

    /// h = W r + b of every run: `[run, sample, output]`.
    ///
    /// # Shapes
    /// - rates: `[run, sample, input]`
    pub fn preactivation(&self, rates: &Tensor) -> Tensor {
        self.add_bias(product(&self.weight, rates))
    }

    /// Adds the biases to h, in place.
    ///
    /// # Shapes
    /// - h: `[run, sample, output]`; the result is the same tensor
    fn add_bias(&self, mut h: Tensor) -> Tensor {
        match &self.bias {
            Some(bias) => h.g_add_(&bias.unsqueeze(1)),
            None => h,
        }
    }

    /// Wᵀ δ of every run: `[run, sample, input]`.
    ///
    /// # Shapes
    /// - delta: `[run, sample, output]`
    pub fn transposed_product(&self, delta: &Tensor) -> Tensor {
        product(&self.weight.transpose(1, 2), delta)
    }

    /// Adds postᵀ pre, summed over samples, to the weights, and post, summed over samples, to the
    /// biases, which are the weights of an input that is always 1.
    ///
    /// # Shapes
    /// - post: `[run, sample, output]`
    /// - pre: `[run, sample, input]`, or `[sample, input]` where all runs share it
    pub fn add_to_weights(&self, post: &Tensor, pre: &Tensor) {
        let runs = self.weight.size()[0];
        if runs == 1 {
            let pre = if pre.dim() == 2 { pre.shallow_clone() } else { pre.get(0) };
            let _ = self.weight.get(0).addmm_(&post.get(0).tr(), &pre);
        } else {
            let pre = if pre.dim() == 2 { pre.unsqueeze(0) } else { pre.shallow_clone() };
            let pre = pre.expand([runs, -1, -1], false);
            let _ = self.weight.shallow_clone().baddbmm_(&post.transpose(1, 2), &pre);
        }
        if let Some(bias) = &self.bias {
            let _ = bias.shallow_clone().g_add_(&post.sum_dim_intlist(1, false, post.kind()));
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
