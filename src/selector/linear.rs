//! Linear maps of a model's parameters.

use anyhow::{Result, ensure};
use tch::Tensor;

use crate::lab::tensor::nn::linear;
use crate::lab::tensor::params::{Gradients, ParamId, Params, Stretch};

/// Consecutive rows of a map, or consecutive computation neurons: see [`Span::times`].
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

/// A linear map: which parameters of a model are its weights and its biases.
#[derive(Debug)]
pub(in crate::selector) struct Linear {
    weight: ParamId,
    bias: ParamId,
    /// The size of the weights as a matrix, `[.., row, input]`; in the model the rows may have
    /// several axes.
    size: Vec<i64>,
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
        let mut size = leading_axes(params);
        size.extend([rows, inputs]);
        let weight = params.id(&format!("{name}.weight"))?;
        let bias = params.id(&format!("{name}.bias"))?;
        let found = params.of(weight).size();
        ensure!(
            found.last() == Some(&inputs),
            "{name}.weight is {found:?}: expected {inputs} inputs"
        );
        let _ = params.of(weight).f_view(&size[..])?;
        let _ = params.of(bias).f_view(&size[..size.len() - 1])?;
        Ok(Self { weight, bias, size })
    }

    /// All rows.
    pub(in crate::selector) fn all(&self) -> Span {
        Span { start: 0, count: self.size[self.size.len() - 2] }
    }

    /// Some rows of the weights or of their gradient: `[.., count, input]`, in its memory.
    fn weight_rows(&self, weight: &Tensor, rows: Span) -> Tensor {
        let matrix = viewed(weight, &self.size);
        if rows.count == self.all().count {
            matrix
        } else {
            matrix.narrow(-2, rows.start, rows.count)
        }
    }

    /// Some of the biases or of their gradient: `[.., count]`, in its memory.
    fn bias_rows(&self, bias: &Tensor, rows: Span) -> Tensor {
        let vector = viewed(bias, &self.size[..self.size.len() - 1]);
        if rows.count == self.all().count {
            vector
        } else {
            vector.narrow(-1, rows.start, rows.count)
        }
    }

    /// w x + b of some rows: `[.., batch, count]`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn outputs(&self, params: &Params, x: &Tensor, rows: Span) -> Tensor {
        let weight = self.weight_rows(params.of(self.weight), rows);
        linear(x, &weight, &self.bias_rows(params.of(self.bias), rows))
    }

    /// Writes the gradient of some rows, and adds what goes to the input to `to_input`.
    ///
    /// # Shapes
    /// - delta: ∂L/∂(w x + b), `[.., batch, count]`
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn backward(
        &self,
        model: &mut ParamsAndGradients,
        rows: Span,
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Accumulator>,
    ) {
        let mut weight = self.weight_rows(model.gradients.of_mut(self.weight), rows);
        write_product(&mut weight, &delta.transpose(-2, -1), x);
        let bias = self.bias_rows(model.gradients.of_mut(self.bias), rows);
        _ = delta.sum_intlist_out(&bias, -2, false, delta.kind());
        if let Some(sum) = to_input {
            sum.add_product(delta, &self.weight_rows(model.params.of(self.weight), rows));
        }
    }

    /// The weights and the biases, for a kernel that reads them, with the axes of the model.
    pub(in crate::selector) fn values<'a>(&self, params: &'a Params) -> (&'a Tensor, &'a Tensor) {
        (params.of(self.weight), params.of(self.bias))
    }

    /// The memory of the gradients of weights and biases, for a kernel that writes them, with the
    /// axes of the model.
    pub(in crate::selector) fn gradients(&self, gradients: &mut Gradients) -> (Tensor, Tensor) {
        let alias = |id: ParamId| gradients.of(id).shallow_clone();
        (alias(self.weight), alias(self.bias))
    }
}

/// Linear maps of one input that lie next to each other in a model's buffers: computed as one map,
/// whose rows are theirs one after another.
#[derive(Debug)]
pub(in crate::selector) struct JoinedMaps {
    weight: Stretch,
    bias: Stretch,
    rows: i64,
    inputs: i64,
}

impl JoinedMaps {
    /// These maps as one; none where they don't lie next to each other in `params`.
    pub(in crate::selector) fn new(params: &Params, maps: &[&Linear]) -> Option<Self> {
        let ids = |id: fn(&Linear) -> ParamId| -> Vec<ParamId> {
            maps.iter().map(|map| id(map)).collect()
        };
        Some(Self {
            weight: params.joined(&ids(|map| map.weight))?,
            bias: params.joined(&ids(|map| map.bias))?,
            rows: maps.iter().map(|map| map.all().count).sum(),
            inputs: maps.first()?.size.last().copied()?,
        })
    }

    fn weight(&self, buffer: &Tensor) -> Tensor {
        self.weight.of(buffer, &[self.rows, self.inputs])
    }

    fn bias(&self, buffer: &Tensor) -> Tensor {
        self.bias.of(buffer, &[self.rows])
    }

    /// w x + b: `[.., batch, row]`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn outputs(&self, params: &Params, x: &Tensor) -> Tensor {
        linear(x, &self.weight(&params.values), &self.bias(&params.values))
    }

    /// Writes the gradient of all maps.
    ///
    /// # Shapes
    /// - delta: ∂L/∂(w x + b), `[.., batch, row]`
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn write_gradients(
        &self,
        gradients: &mut Gradients,
        delta: &Tensor,
        x: &Tensor,
    ) {
        let mut weight = self.weight(&gradients.values);
        write_product(&mut weight, &delta.transpose(-2, -1), x);
        let bias = self.bias(&gradients.values);
        _ = delta.sum_intlist_out(&bias, -2, false, delta.kind());
    }

    /// What goes to the input through the first `rows` rows: `[.., batch, input]`.
    ///
    /// # Shapes
    /// - delta: ∂L/∂(w x + b), `[.., batch, row]`
    pub(in crate::selector) fn to_input(
        &self,
        params: &Params,
        delta: &Tensor,
        rows: i64,
    ) -> Tensor {
        let weight = self.weight(&params.values).narrow(-2, 0, rows);
        delta.narrow(-1, 0, rows).matmul(&weight)
    }
}

/// A tensor in another size, in its memory.
fn viewed(of: &Tensor, size: &[i64]) -> Tensor {
    if of.dim() == size.len() { of.shallow_clone() } else { of.view(size) }
}

/// What a backward pass is given: a model's parameters, which it reads, and where it writes their
/// gradient.
#[derive(Debug)]
pub(in crate::selector) struct ParamsAndGradients<'a> {
    pub(in crate::selector) params: &'a Params,
    pub(in crate::selector) gradients: &'a mut Gradients,
}

/// The map from the input to fewer numbers, without biases, that a low-rank selector sees through:
/// its weights are `[.., rank, input]`.
#[derive(Debug)]
pub(in crate::selector) struct LowRankProjection {
    weight: ParamId,
}

impl LowRankProjection {
    /// The matrix `<name>.weight` of `params`.
    ///
    /// # Errors
    /// A parameter that `params` doesn't have.
    pub(in crate::selector) fn new(params: &Params, name: &str) -> Result<Self> {
        Ok(Self { weight: params.id(&format!("{name}.weight"))? })
    }

    /// The projection of an input: `[.., batch, rank]`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn outputs(&self, params: &Params, x: &Tensor) -> Tensor {
        x.matmul(&params.of(self.weight).transpose(-2, -1))
    }

    /// Writes the gradient of the matrix, and adds what goes to the input to `to_input`.
    ///
    /// # Shapes
    /// - delta: `[.., batch, rank]`
    /// - x: `[.., batch, input]`
    pub(in crate::selector) fn backward(
        &self,
        model: &mut ParamsAndGradients,
        delta: &Tensor,
        x: &Tensor,
        to_input: Option<&mut Accumulator>,
    ) {
        let gradient = model.gradients.of_mut(self.weight);
        write_product(gradient, &delta.transpose(-2, -1), x);
        if let Some(sum) = to_input {
            sum.add_product(delta, model.params.of(self.weight));
        }
    }
}

/// The axis of replicates, where there are several.
pub(in crate::selector) fn leading_axes(params: &Params) -> Vec<i64> {
    if params.replicates() == 1 { vec![] } else { vec![params.replicates()] }
}

/// Writes a b into `out`, which keeps its memory.
fn write_product(out: &mut Tensor, a: &Tensor, b: &Tensor) {
    if out.dim() == 2 {
        _ = a.mm_out(out, b);
    } else {
        // The rows of a replicate lie apart, which an output of bmm may not.
        out.copy_(&a.bmm(b));
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
