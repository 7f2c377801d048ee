//! The rows of a linear map, with the place of their gradient.

use anyhow::Result;
use tch::Tensor;

use crate::lab::tensor::nn::linear;
use crate::lab::tensor::params::Params;

/// Weight rows and biases of a layer's neurons, as views of a model's parameters and gradient.
#[derive(Debug)]
pub(in crate::selector) struct Rows {
    /// [.., row, input]
    pub(in crate::selector) weight: Tensor,
    /// [.., row]
    pub(in crate::selector) bias: Tensor,
    weight_gradient: Tensor,
    bias_gradient: Tensor,
}

impl Rows {
    /// The rows `<name>.weight` and `<name>.bias` of `params`.
    pub(in crate::selector) fn new(
        params: &Params,
        name: &str,
        rows: i64,
        inputs: i64,
    ) -> Result<Self> {
        let mut shape = leading(params);
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

    fn count(&self) -> i64 {
        self.bias.size()[self.bias.dim() - 1]
    }

    /// w x + b of some rows: [.., batch, count].
    ///
    /// - x: [.., batch, input]
    pub(in crate::selector) fn outputs(&self, x: &Tensor, start: i64, count: i64) -> Tensor {
        if count == self.count() {
            return linear(x, &self.weight, &self.bias);
        }
        linear(x, &self.weight.narrow(-2, start, count), &self.bias.narrow(-1, start, count))
    }

    /// Writes the gradient of some rows, and adds what goes to the input.
    ///
    /// - delta: ∂L/∂(w x + b), [.., batch, count]
    /// - x: [.., batch, input]
    pub(in crate::selector) fn backward(
        &self,
        (start, count): (i64, i64),
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Sum>,
    ) {
        let weight_gradient = self.weight_gradient.narrow(-2, start, count);
        write_product(&weight_gradient, &delta.transpose(-2, -1), x);
        let bias_gradient = self.bias_gradient.narrow(-1, start, count);
        _ = delta.sum_intlist_out(&bias_gradient, -2, false, delta.kind());
        if let Some(sum) = to_input {
            sum.add_product(delta, &self.weight.narrow(-2, start, count));
        }
    }

    /// The gradient's memory, for a kernel that writes it: [.., row, input] and [.., row].
    pub(in crate::selector) fn gradients(&self) -> (&Tensor, &Tensor) {
        (&self.weight_gradient, &self.bias_gradient)
    }
}

/// The map from the input to fewer numbers, without biases.
#[derive(Debug)]
pub(in crate::selector) struct Projection {
    /// [.., rank, input]
    pub(in crate::selector) weight: Tensor,
    gradient: Tensor,
}

impl Projection {
    /// The matrix `<name>.weight` of `params`.
    pub(in crate::selector) fn new(params: &Params, name: &str) -> Result<Self> {
        let name = format!("{name}.weight");
        Ok(Self { weight: params.get(&name)?, gradient: params.gradient_of(&name)? })
    }

    /// [.., batch, rank]
    pub(in crate::selector) fn outputs(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.weight.transpose(-2, -1))
    }

    /// As [`Rows::backward`].
    pub(in crate::selector) fn backward(
        &self,
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Sum>,
    ) {
        write_product(&self.gradient, &delta.transpose(-2, -1), x);
        if let Some(sum) = to_input {
            sum.add_product(delta, &self.weight);
        }
    }
}

/// The axis of replicates, where there are several.
pub(in crate::selector) fn leading(params: &Params) -> Vec<i64> {
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

/// A sum of matrix products.
#[derive(Debug, Default)]
pub(in crate::selector) struct Sum(Option<Tensor>);

impl Sum {
    /// Adds a b.
    pub(in crate::selector) fn add_product(&mut self, a: &Tensor, b: &Tensor) {
        match &mut self.0 {
            None => self.0 = Some(a.matmul(b)),
            Some(sum) if sum.dim() == 2 => _ = sum.addmm_(a, b),
            Some(sum) => _ = sum.baddbmm_(a, b),
        }
    }

    /// Adds a tensor of the same shape.
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
    pub(in crate::selector) fn take(self, x: &Tensor) -> Tensor {
        self.0.unwrap_or_else(|| x.zeros_like())
    }
}
