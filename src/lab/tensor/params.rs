//! All parameters of a model as one flat buffer, and their gradient as another.
//!
//! Updates, clipping and finite checks are then one operation each, whatever the number of layers.
//! Axes: the buffers are [replicate, parameter]; a parameter of shape S is a view [replicate, S],
//! or S where there is one replicate.

use anyhow::{Context, Result};
use tch::{Device, Tensor, no_grad_guard};

/// Collects the initial values of parameters.
#[derive(Debug, Default)]
pub struct ParamsBuilder {
    names: Vec<String>,
    values: Vec<Tensor>,
}

impl ParamsBuilder {
    /// Adds a parameter; the names are those in the checkpoint.
    ///
    /// - value: [replicate, ...], on any device
    pub fn add(&mut self, name: impl Into<String>, value: Tensor) {
        self.names.push(name.into());
        self.values.push(value);
    }

    /// Puts everything into one buffer on `device`.
    ///
    /// # Errors
    /// Where the parameters differ in their number of replicates or in kind.
    pub fn build(self, device: Device) -> Result<Params> {
        let _guard = no_grad_guard();
        let first = self.values.first().context("a model needs at least one parameter")?;
        let (replicates, kind) = (first.size()[0], first.kind());
        let flat: Vec<Tensor> = self
            .values
            .iter()
            .map(|value| value.f_reshape([replicates, -1]))
            .collect::<std::result::Result<_, _>>()
            .context("every parameter needs the same leading axis of replicates")?;
        let values = Tensor::f_cat(&flat, 1)?.to_kind(kind).to_device(device);
        let gradient = values.zeros_like();
        let mut params = Params {
            names: self.names,
            shapes: Vec::new(),
            leaves: Vec::new(),
            values,
            gradient,
            replicates,
        };
        let mut start = 0;
        for value in &self.values {
            let mut shape = value.size();
            if replicates == 1 {
                shape.remove(0);
            }
            let length = flat[params.leaves.len()].size()[1];
            let view = params.view(&params.values, start, length, &shape);
            params.leaves.push(view.detach().set_requires_grad(true));
            params.shapes.push(shape);
            start += length;
        }
        Ok(params)
    }
}

/// A model's parameters and their gradient.
#[derive(Debug)]
pub struct Params {
    names: Vec<String>,
    shapes: Vec<Vec<i64>>,
    leaves: Vec<Tensor>,
    /// Values: [replicate, parameter]. Writing to it changes the model.
    pub values: Tensor,
    /// Gradient of the last [`Params::backward`]: [replicate, parameter].
    pub gradient: Tensor,
    replicates: i64,
}

impl Params {
    /// The parameter of this name, for a forward pass: [replicate, ...], or [...] for one
    /// replicate.
    ///
    /// # Errors
    /// Where the model has no such parameter.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        let index = self.names.iter().position(|known| known == name);
        Ok(self.leaves[index.with_context(|| format!("no parameter {name}"))?].shallow_clone())
    }

    /// The view of the gradient of the parameter of this name, for who writes it without a graph.
    ///
    /// # Errors
    /// Where the model has no such parameter.
    pub fn gradient_of(&self, name: &str) -> Result<Tensor> {
        let found = self.split(&self.gradient).into_iter().find(|(known, _)| known == name);
        Ok(found.with_context(|| format!("no parameter {name}"))?.1)
    }

    /// Takes what backward passes have added up in the parameters' own gradients over into
    /// `gradient`, and sets it back to zero. A parameter that no pass has reached keeps what is in
    /// `gradient`: zero, or what was written there by hand.
    pub fn collect(&mut self) {
        let _guard = no_grad_guard();
        let views = self.split(&self.gradient);
        for (leaf, (_, mut view)) in self.leaves.iter_mut().zip(views) {
            let found = leaf.grad();
            if found.defined() {
                view.copy_(&found);
                leaf.zero_grad();
            }
        }
    }

    /// The number of replicates.
    pub fn replicates(&self) -> i64 {
        self.replicates
    }

    /// The number of parameters of one replicate.
    pub fn count(&self) -> i64 {
        self.values.size()[1]
    }

    /// Views of the parameters by name, in order.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.split(&self.values)
    }

    /// Views of a buffer [replicate, parameter] (the gradient, a moment of the optimizer) by the
    /// parameters' names and shapes, in order.
    pub fn split(&self, buffer: &Tensor) -> Vec<(String, Tensor)> {
        let mut start = 0;
        let mut views = Vec::with_capacity(self.names.len());
        for (name, shape) in self.names.iter().zip(&self.shapes) {
            let whole: i64 = shape.iter().product();
            let length = if self.replicates == 1 { whole } else { whole / self.replicates };
            views.push((name.clone(), self.view(buffer, start, length, shape).detach()));
            start += length;
        }
        views
    }

    fn view(&self, buffer: &Tensor, start: i64, length: i64, shape: &[i64]) -> Tensor {
        // A view of [replicate, length] within rows that are longer: not contiguous for several
        // replicates, but each replicate's part is.
        let part = buffer.detach().narrow(1, start, length);
        part.as_strided(shape, strides(shape, self.replicates, buffer.size()[1]), start)
    }

    /// Writes the gradient of `loss` with respect to every parameter into `gradient`. A parameter
    /// that the loss does not depend on gets zeros.
    ///
    /// - loss: [], the sum over replicates, whose parameters are independent
    ///
    /// # Errors
    /// Whatever the backward pass says.
    pub fn backward(&mut self, loss: &Tensor) -> Result<()> {
        let gradients = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        let _guard = no_grad_guard();
        let flat: Vec<Tensor> = gradients
            .into_iter()
            .zip(&self.leaves)
            .map(|(gradient, leaf)| if gradient.defined() { gradient } else { leaf.zeros_like() })
            .map(|gradient| gradient.reshape([self.replicates, -1]))
            .collect();
        let _ = Tensor::f_cat_out(&self.gradient, &flat, 1)?;
        Ok(())
    }
}

/// Strides of a parameter within rows of `row` numbers, one row a replicate.
fn strides(shape: &[i64], replicates: i64, row: i64) -> Vec<i64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    if replicates > 1 {
        strides[0] = row;
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn model(replicates: i64) -> Params {
        let mut builder = ParamsBuilder::default();
        let options = (Kind::Double, Device::Cpu);
        let numbers = |n: i64| Tensor::arange(replicates * n, options);
        builder.add("weight", numbers(6).view([replicates, 2, 3]));
        builder.add("bias", numbers(2).view([replicates, 2]) + 100);
        builder.build(Device::Cpu).unwrap()
    }

    #[test]
    fn leaves_are_views_of_the_buffer() {
        for replicates in [1, 3] {
            let mut params = model(replicates);
            let expected = if replicates == 1 { vec![2, 3] } else { vec![3, 2, 3] };
            assert_eq!(params.get("weight").unwrap().size(), expected);
            {
                let _guard = no_grad_guard();
                let _ = params.values.g_add_scalar_(1000.0);
            }
            let first = params.get("bias").unwrap().reshape([-1]).double_value(&[0]);
            assert_eq!(first, 1100.0);
            assert!(params.get("other").is_err());
        }
    }

    #[test]
    fn gradients_land_in_their_place() {
        for replicates in [1, 3] {
            let mut params = model(replicates);
            let weight = params.get("weight").unwrap();
            params.backward(&(&weight * &weight).sum(Kind::Double)).unwrap();
            let split = params.split(&params.gradient);
            let twice = 2.0 * params.named()[0].1.copy();
            assert_eq!(split[0].1, twice);
            assert_eq!(split[1].1.abs().sum(Kind::Double).double_value(&[]), 0.0);
        }
    }
}
