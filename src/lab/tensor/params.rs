//! All parameters of a model as one flat buffer, and their gradient as another.
//!
//! Updates, clipping and finite checks are then one operation each, whatever the number of layers.
//! Axes: the buffers are `[replicate, parameter]`; a parameter of shape S is a view
//! `[replicate, S]`, or S where there is one replicate.

use anyhow::{Context, Result, ensure};
use tch::nn::VarStore;
use tch::{Device, Tensor, no_grad_guard};

use super::dispatcher::{Argument, call};

/// Collects the initial values of parameters.
#[derive(Debug, Default)]
pub struct ParamsBuilder {
    names: Vec<String>,
    values: Vec<Tensor>,
}

impl ParamsBuilder {
    /// Adds a parameter; the names are those in the checkpoint.
    ///
    /// - value: `[replicate, ...]`, on any device
    pub fn add(&mut self, name: impl Into<String>, value: Tensor) {
        self.names.push(name.into());
        self.values.push(value);
    }

    /// Puts everything into one buffer on `device`.
    ///
    /// # Errors
    /// Where there is no parameter, one is without the axis of replicates, or they differ in their
    /// number of replicates.
    pub fn build(self, device: Device) -> Result<Params> {
        let _guard = no_grad_guard();
        let first = self.values.first().context("a model needs at least one parameter")?;
        for (name, value) in self.names.iter().zip(&self.values) {
            ensure!(value.dim() > 0, "parameter {name} has no leading axis of replicates");
        }
        let (replicates, kind) = (first.size()[0], first.kind());
        let flat: Vec<Tensor> = self
            .values
            .iter()
            .map(|value| value.f_reshape([replicates, -1]))
            .collect::<std::result::Result<_, _>>()
            .context("every parameter needs the same leading axis of replicates")?;
        let values = Tensor::f_cat(&flat, 1)?.to_kind(kind).to_device(device);
        let shape = |value: &Tensor| match replicates {
            1 => value.size()[1..].to_vec(),
            _ => value.size(),
        };
        let shapes = self.values.iter().map(shape).collect();
        let mut params =
            Params { names: self.names, shapes, leaves: Vec::new(), values, replicates };
        let views = params.views(&params.values);
        params.leaves = views.into_iter().map(|(_, view)| view.set_requires_grad(true)).collect();
        Ok(params)
    }
}

/// Which parameter of a model: found once by its name, so that no step looks names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamId(usize);

/// A part of the buffers of a model.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    start: i64,
    length: i64,
}

impl Stretch {
    /// This part of a buffer (the values, the gradient) in another shape, in its memory:
    /// `[replicate, shape]`, or `shape` for one replicate.
    ///
    /// - buffer: `[replicate, parameter]`
    pub fn of(&self, buffer: &Tensor, shape: &[i64]) -> Tensor {
        let (replicates, row) = (buffer.size()[0], buffer.size()[1]);
        let size = if replicates == 1 { shape.to_vec() } else { [&[replicates], shape].concat() };
        let part = buffer.narrow(1, self.start, self.length);
        part.as_strided(&size, strides(&size, replicates, row), None)
    }
}

/// A model's parameters.
#[derive(Debug)]
pub struct Params {
    names: Vec<String>,
    shapes: Vec<Vec<i64>>,
    leaves: Vec<Tensor>,
    /// Values: `[replicate, parameter]`. Writing to it changes the model.
    pub values: Tensor,
    replicates: i64,
}

/// The gradient of a model's parameters: a buffer of its own, that whoever computes a gradient is
/// given to write to.
#[derive(Debug)]
pub struct Gradients {
    /// All of it: `[replicate, parameter]`.
    pub values: Tensor,
    views: Vec<Tensor>,
}

impl Gradients {
    /// The gradient of one parameter, in its shape.
    pub fn of(&self, id: ParamId) -> &Tensor {
        &self.views[id.0]
    }

    /// The gradient of one parameter, to be written to in place.
    pub fn of_mut(&mut self, id: ParamId) -> &mut Tensor {
        &mut self.views[id.0]
    }
}

impl Params {
    /// Takes over the trainable variables of a `tch::nn` model, in the order of their names: they
    /// become views of one buffer, and the model computes with them as before.
    ///
    /// # Errors
    /// Where the model has no trainable variable, or variables of several kinds or devices.
    pub fn from_var_store(store: &VarStore) -> Result<Self> {
        let _guard = no_grad_guard();
        let mut variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
        variables.retain(|(_, variable)| variable.requires_grad());
        variables.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut builder = ParamsBuilder::default();
        for (name, variable) in &variables {
            let (first, own) = (&variables[0].1, (variable.kind(), variable.device()));
            ensure!(own == (first.kind(), first.device()), "{name} is {own:?}: not as the others");
            builder.add(name.clone(), variable.detach().unsqueeze(0));
        }
        let mut params = builder.build(store.device())?;
        for ((_, mut variable), leaf) in variables.into_iter().zip(&mut params.leaves) {
            variable.set_data(&leaf.detach());
            *leaf = variable;
        }
        Ok(params)
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// Where the model has no such parameter.
    pub fn id(&self, name: &str) -> Result<ParamId> {
        let index = self.names.iter().position(|known| known == name);
        Ok(ParamId(index.with_context(|| format!("no parameter {name}"))?))
    }

    /// A parameter, for a forward pass: `[replicate, ...]`, or `[...]` for one replicate.
    pub fn of(&self, id: ParamId) -> &Tensor {
        &self.leaves[id.0]
    }

    /// The parameter of this name, for a forward pass: `[replicate, ...]`, or `[...]` for one
    /// replicate.
    ///
    /// # Errors
    /// Where the model has no such parameter.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        Ok(self.of(self.id(name)?).shallow_clone())
    }

    /// Where these parameters lie in the buffers, one right after another; none where something else
    /// is between them.
    pub fn joined(&self, ids: &[ParamId]) -> Option<Stretch> {
        let (first, last) = (ids.first()?.0, ids.last()?.0);
        if !ids.iter().map(|id| id.0).eq(first..=last) {
            return None;
        }
        let length = |shapes: &[Vec<i64>]| {
            let numbers: i64 = shapes.iter().map(|shape| shape.iter().product::<i64>()).sum();
            numbers / self.replicates
        };
        let (start, length) = (length(&self.shapes[..first]), length(&self.shapes[first..=last]));
        Some(Stretch { start, length })
    }

    /// A gradient of zeros for these parameters.
    pub fn zero_gradients(&self) -> Gradients {
        let values = self.values.zeros_like();
        let views = self.views(&values).into_iter().map(|(_, view)| view).collect();
        Gradients { values, views }
    }

    /// Takes what backward passes have added up in the parameters' own gradients over into
    /// `gradients`, and sets it back to zero. A parameter that no pass has reached keeps what is
    /// in `gradients`: zero, or what was written there by hand.
    pub fn gather_gradients(&mut self, gradients: &mut Gradients) {
        let _guard = no_grad_guard();
        let found: Vec<Tensor> = self.leaves.iter().map(Tensor::grad).collect();
        let pairs = found.iter().zip(&gradients.views).filter(|(found, _)| found.defined());
        let (found, views): (Vec<&Tensor>, Vec<&Tensor>) = pairs.unzip();
        if found.is_empty() {
            return;
        }
        let arguments = [Argument::List(&views), Argument::List(&found), Argument::Bool(false)];
        // SAFETY: (Tensor(a!)[] self, Tensor[] src, bool non_blocking) -> ()
        unsafe { call(c"aten::_foreach_copy_", &arguments) };
        // SAFETY: (Tensor(a!)[] self) -> ()
        unsafe { call(c"aten::_foreach_zero_", &[Argument::List(&found)]) };
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
        self.views(&self.values)
    }

    /// Views of a buffer `[replicate, parameter]` (the gradient, a moment of the optimizer) by the
    /// parameters' names and shapes, in order.
    pub fn views(&self, buffer: &Tensor) -> Vec<(String, Tensor)> {
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
        part.as_strided(shape, strides(shape, self.replicates, buffer.size()[1]), None)
    }

    /// Writes the gradient of `loss` with respect to every parameter into `gradients`. A parameter
    /// that the loss does not depend on gets zeros.
    ///
    /// - loss: `[]`, the sum over replicates, whose parameters are independent
    ///
    /// # Errors
    /// Where the loss has no graph, or one that was gone through before.
    pub fn backward(&self, loss: &Tensor, gradients: &mut Gradients) -> Result<()> {
        let found = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        let _guard = no_grad_guard();
        let flat: Vec<Tensor> = found
            .into_iter()
            .zip(&self.leaves)
            .map(|(gradient, leaf)| if gradient.defined() { gradient } else { leaf.zeros_like() })
            .map(|gradient| gradient.reshape([self.replicates, -1]))
            .collect();
        let _ = Tensor::f_cat_out(&gradients.values, &flat, 1)?;
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
            let params = model(replicates);
            let mut gradients = params.zero_gradients();
            let [weight, bias] = ["weight", "bias"].map(|name| params.id(name).unwrap());
            let loss = params.of(weight).square().sum(Kind::Double);
            params.backward(&loss, &mut gradients).unwrap();
            let twice = 2.0 * params.named()[0].1.copy();
            assert_eq!(*gradients.of(weight), twice);
            assert_eq!(gradients.of(bias).abs().sum(Kind::Double).double_value(&[]), 0.0);
            assert_eq!(params.views(&gradients.values)[0].1, twice);
            let _ = gradients.of_mut(bias).fill_(3.0);
            assert_eq!(params.views(&gradients.values)[1].1, params.of(bias).full_like(3.0));
        }
    }

    #[test]
    fn neighbours_are_one_stretch_of_the_buffer() {
        for replicates in [1, 3] {
            let params = model(replicates);
            let [weight, bias] = ["weight", "bias"].map(|name| params.id(name).unwrap());
            assert!(params.joined(&[bias, weight]).is_none());
            let both = params.joined(&[weight, bias]).unwrap().of(&params.values, &[4, 2]);
            let flat = |id: ParamId| params.of(id).reshape([replicates, -1]);
            let expected = Tensor::cat(&[flat(weight), flat(bias)], 1);
            assert_eq!(both.reshape([replicates, -1]), expected);
            let last = params.joined(&[bias]).unwrap().of(&params.values, &[2]);
            assert_eq!(last, *params.of(bias));
        }
    }

    #[test]
    fn a_model_of_tch_learns_through_its_own_variables() {
        use tch::nn::{self, Module};

        tch::manual_seed(1);
        let store = nn::VarStore::new(Device::Cpu);
        let layer = nn::linear(store.root() / "layer", 3, 2, Default::default());
        let x = Tensor::randn([5, 3], (Kind::Float, Device::Cpu));
        let before = layer.forward(&x);
        let mut params = Params::from_var_store(&store).unwrap();
        assert_eq!(layer.forward(&x), before);
        let names: Vec<String> = params.named().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["layer.bias", "layer.weight"]);
        let mut gradients = params.zero_gradients();
        params.backward(&layer.forward(&x).sum(Kind::Float), &mut gradients).unwrap();
        assert_eq!(
            *gradients.of(params.id("layer.bias").unwrap()),
            Tensor::from_slice(&[5f32, 5.0])
        );
        {
            let _guard = no_grad_guard();
            params.values -= &gradients.values * 0.1;
        }
        assert_eq!(
            layer.forward(&x),
            x.matmul(&params.get("layer.weight").unwrap().tr()) + params.get("layer.bias").unwrap()
        );
        assert!((layer.forward(&x) - before).abs().max().double_value(&[]) > 0.1);
        let empty = nn::VarStore::new(Device::Cpu);
        assert!(Params::from_var_store(&empty).is_err());
    }

    #[test]
    fn a_parameter_without_an_axis_is_named() {
        let mut builder = ParamsBuilder::default();
        builder.add("weight", Tensor::zeros([1, 2], (Kind::Float, Device::Cpu)));
        builder.add("scale", Tensor::from(1f32));
        let error = builder.build(Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "parameter scale has no leading axis of replicates");
    }
}
