//! Linear maps, with the place of their gradient.

use anyhow::Result;
use tch::Tensor;

use crate::lab::tensor::nn::linear;
use crate::lab::tensor::params::Params;

/// Consecutive rows of a map, or consecutive computation neurons.
#[derive(Debug, Clone, Copy)]
pub(in crate::selector) struct Span {
    pub(in crate::selector) start: i64,
    pub(in crate::selector) count: i64,
}

impl Span {
    /// The rows of these computation neurons, of which each has a row for every neuron.
    pub(in crate::selector) fn times(self, neurons: i64) -> Self {
        Self { start: self.start * neurons, count: self.count * neurons }
    }
}

/// Weights and biases of a linear map, as views of a model's parameters and gradient.
#[derive(Debug)]
pub(in crate::selector) struct Linear {
    /// [.., row, input]
    pub(in crate::selector) weight: Tensor,
    /// [.., row]
    pub(in crate::selector) bias: Tensor,
    weight_gradient: Tensor,
    bias_gradient: Tensor,
}

impl Linear {
    /// The map `<name>.weight` and `<name>.bias` of `params`, whose rows may have several axes there.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have, or has in another size.
    pub(in crate::selector) fn new(
        params: &Params,
        name: &str,
        rows: i64,
        inputs: i64,
    ) -> Result<Self> {
        let mut shape = leading_axes(params);
        shape.extend([rows, inputs]);
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let without_inputs = &shape[..shape.len() - 1];
        Ok(Self {
            weight: params.get(&weight)?.f_view(&shape[..])?,
            bias: params.get(&bias)?.f_view(without_inputs)?,
            weight_gradient: params.gradient_of(&weight)?.f_view(&shape[..])?,
            bias_gradient: params.gradient_of(&bias)?.f_view(without_inputs)?,
        })
    }

    /// All rows.
    pub(in crate::selector) fn all(&self) -> Span {
        Span { start: 0, count: self.bias.size()[self.bias.dim() - 1] }
    }

    /// w x + b of some rows: [.., batch, count].
    ///
    /// # Shapes
    /// - x: [.., batch, input]
    pub(in crate::selector) fn outputs(&self, x: &Tensor, rows: Span) -> Tensor {
        if rows.count == self.all().count {
            return linear(x, &self.weight, &self.bias);
        }
        let weight = self.weight.narrow(-2, rows.start, rows.count);
        linear(x, &weight, &self.bias.narrow(-1, rows.start, rows.count))
    }

    /// Writes the gradient of some rows, and adds what goes to the input to `to_input`.
    ///
    /// # Shapes
    /// - delta: ∂L/∂(w x + b), [.., batch, count]
    /// - x: [.., batch, input]
    pub(in crate::selector) fn backward(
        &self,
        rows: Span,
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Accumulator>,
    ) {
        let weight_gradient = self.weight_gradient.narrow(-2, rows.start, rows.count);
        write_product(&weight_gradient, &delta.transpose(-2, -1), x);
        let bias_gradient = self.bias_gradient.narrow(-1, rows.start, rows.count);
        _ = delta.sum_intlist_out(&bias_gradient, -2, false, delta.kind());
        if let Some(sum) = to_input {
            sum.add_product(delta, &self.weight.narrow(-2, rows.start, rows.count));
        }
    }

    /// The gradient's memory, for a kernel that writes it: [.., row, input] and [.., row].
    pub(in crate::selector) fn gradients(&self) -> (&Tensor, &Tensor) {
        (&self.weight_gradient, &self.bias_gradient)
    }
}

/// The map from the input to fewer numbers, without biases, that a low-rank selector sees through.
#[derive(Debug)]
pub(in crate::selector) struct LowRankProjection {
    /// [.., rank, input]
    weight: Tensor,
    gradient: Tensor,
}

impl LowRankProjection {
    /// The matrix `<name>.weight` of `params`.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have.
    pub(in crate::selector) fn new(params: &Params, name: &str) -> Result<Self> {
        let name = format!("{name}.weight");
        Ok(Self { weight: params.get(&name)?, gradient: params.gradient_of(&name)? })
    }

    /// The projection of an input: [.., batch, rank].
    ///
    /// # Shapes
    /// - x: [.., batch, input]
    pub(in crate::selector) fn outputs(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.weight.transpose(-2, -1))
    }

    /// Writes the gradient of the matrix, and adds what goes to the input to `to_input`.
    ///
    /// # Shapes
    /// - delta: [.., batch, rank]
    /// - x: [.., batch, input]
    pub(in crate::selector) fn backward(
        &self,
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Accumulator>,
    ) {
        write_product(&self.gradient, &delta.transpose(-2, -1), x);
        if let Some(sum) = to_input {
            sum.add_product(delta, &self.weight);
        }
    }
}

/// The axis of replicates, where there are several.
pub(in crate::selector) fn leading_axes(params: &Params) -> Vec<i64> {
    if params.replicates() == 1 { vec![] } else { vec![params.replicates()] }
}

/// Writes a b into `out`, which keeps its memory.
fn write_product(out: &Tensor, a: &Tensor, b: &Tensor) {
    if out.dim() == 2 {
        _ = a.mm_out(out, b);
    } else {
        // The rows of a replicate lie apart, which an output of bmm may not.
        out.shallow_clone().copy_(&a.bmm(b));
    }
}

/// A running sum of tensors and matrix products.
#[derive(Debug, Default)]
pub(in crate::selector) struct Accumulator(Option<Tensor>);

impl Accumulator {
    /// Adds a b.
    pub(in crate::selector) fn add_product(&mut self, a: &Tensor, b: &Tensor) {
        match &mut self.0 {
            None => self.0 = Some(a.matmul(b)),
            Some(sum) if sum.dim() == 2 => _ = sum.addmm_(a, b),
            Some(sum) => _ = sum.baddbmm_(a, b),
        }
    }

    /// Adds a tensor of the sum's shape.
    pub(in crate::selector) fn add(&mut self, term: Tensor) {
        match &mut self.0 {
            None => self.0 = Some(term),
            Some(sum) => _ = sum.g_add_(&term),
        }
    }

    /// The sum; none where nothing was added.
    pub(in crate::selector) fn into_inner(self) -> Option<Tensor> {
        self.0
    }

    /// The sum; zeros like `x` where nothing was added.
    pub(in crate::selector) fn or_zeros_like(self, x: &Tensor) -> Tensor {
        self.0.unwrap_or_else(|| x.zeros_like())
    }
}
