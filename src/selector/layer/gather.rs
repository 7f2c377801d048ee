//! The selected computation neurons alone, by the kernels.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::options::Inner;
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::host_memory::{Element, apart, as_slice};
use crate::lab::tensor::params::Params;
use crate::selector::kernel::{self, KernelGradients, Operands, Real, Sizes};
use crate::selector::linear::{Accumulator, ParamsAndGradients};

/// What both kernels read of one replicate, contiguous.
struct KernelTensors {
    x: Tensor,
    choice: Tensor,
    weight: Tensor,
}

/// Where the kernels write their gradients; `x` is empty where it is not asked for.
struct GradientTensors {
    weight: Tensor,
    bias: Tensor,
    x: Tensor,
}

impl SelectorLayer {
    /// Outputs of the selected computation neurons: `[.., batch, neuron]`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    /// - choice: `[.., batch, neuron]`
    pub(super) fn gather_outputs(&self, params: &Params, x: &Tensor, choice: &Tensor) -> Tensor {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let out = choice.zeros_like().to_kind(x.kind());
        let (weight, bias) = self.computation.values(params);
        self.each_replicate(|i| {
            let read = self.kernel_tensors(&x, &choice, weight, i);
            let (bias, out) = (self.replicate(bias, i), self.replicate(&out, i));
            match x.kind() {
                Kind::Double => forward::<f64>(self.sizes(&x), &read, &bias, out),
                _ => forward::<f32>(self.sizes(&x), &read, &bias, out),
            }
        });
        let y = by_neuron(&out);
        match self.options.inner {
            Inner::Relu => y.relu(),
            Inner::Identity => y,
        }
    }

    /// Writes the gradient of the computation neurons, of which each sample moves the selected
    /// ones, and adds what goes to the input to `dx`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    /// - choice, delta: `[.., batch, neuron]`
    pub(super) fn scatter_gradients(
        &self,
        model: &mut ParamsAndGradients,
        x: &Tensor,
        choice: &Tensor,
        delta: &Tensor,
        dx: Option<&mut Accumulator>,
    ) {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let delta = by_neuron(delta);
        let to_x = if dx.is_some() { x.empty_like() } else { x.narrow(0, 0, 0) };
        let (weight, _) = self.computation.values(model.params);
        let (to_weight, to_bias) = self.computation.gradients(model.gradients);
        self.each_replicate(|i| {
            let read = self.kernel_tensors(&x, &choice, weight, i);
            let written = GradientTensors {
                weight: self.replicate(&to_weight, i),
                bias: self.replicate(&to_bias, i),
                x: if to_x.numel() == 0 { to_x.shallow_clone() } else { self.replicate(&to_x, i) },
            };
            let delta = self.replicate(&delta, i);
            match x.kind() {
                Kind::Double => backward::<f64>(self.sizes(&x), &read, &delta, written),
                _ => backward::<f32>(self.sizes(&x), &read, &delta, written),
            }
        });
        if let Some(sum) = dx {
            sum.add(to_x);
        }
    }

    fn each_replicate(&self, work: impl Fn(i64) -> Result<()>) {
        let done = (0..self.leading.first().copied().unwrap_or(1)).try_for_each(work);
        if let Err(error) = done {
            panic!("the kernels of a selector layer: {error}");
        }
    }

    /// The part of one replicate.
    fn replicate(&self, of: &Tensor, i: i64) -> Tensor {
        if self.leading.is_empty() { of.shallow_clone() } else { of.get(i) }
    }

    fn kernel_tensors(
        &self,
        x: &Tensor,
        choice: &Tensor,
        weight: &Tensor,
        i: i64,
    ) -> KernelTensors {
        KernelTensors {
            x: self.replicate(x, i),
            choice: self.replicate(choice, i),
            weight: self.replicate(weight, i),
        }
    }

    fn sizes(&self, x: &Tensor) -> Sizes {
        Sizes {
            samples: x.size()[x.dim() - 2] as usize,
            neurons: self.shape.neurons as usize,
            choices: self.shape.choices as usize,
            inputs: self.shape.inputs as usize,
        }
    }
}

/// The last two axes exchanged, in memory too.
fn by_neuron(of: &Tensor) -> Tensor {
    of.transpose(-2, -1).contiguous()
}

/// Runs the forward kernel on one replicate.
///
/// # Shapes
/// - bias: `[computation, neuron]`
/// - out: `[neuron, sample]`
///
/// # Errors
/// Where a tensor is of another kind, lies elsewhere than in the host's memory, or not contiguous.
fn forward<T: Real + Element>(
    sizes: Sizes,
    read: &KernelTensors,
    bias: &Tensor,
    mut out: Tensor,
) -> Result<()> {
    // SAFETY: nothing uses a tensor of this layer before the kernel is done, which is before this
    // function ends.
    let (([out], [x, weight, bias]), choice) =
        unsafe { (apart([&mut out], [&read.x, &read.weight, bias])?, as_slice(&read.choice)?) };
    kernel::forward(Operands::<T> { sizes, x, weight, choice }, bias, out);
    Ok(())
}

/// Runs the backward kernel on one replicate.
///
/// # Shapes
/// - delta: `[neuron, sample]`
///
/// # Errors
/// As [`forward`], and where a gradient shares memory with what it is computed from.
fn backward<T: Real + Element>(
    sizes: Sizes,
    read: &KernelTensors,
    delta: &Tensor,
    mut written: GradientTensors,
) -> Result<()> {
    let to_write = [&mut written.weight, &mut written.bias, &mut written.x];
    // SAFETY: nothing uses a tensor of this layer before the kernel is done, which is before this
    // function ends.
    let (([weight_gradient, bias_gradient, x_gradient], [x, weight, delta]), choice) =
        unsafe { (apart(to_write, [&read.x, &read.weight, delta])?, as_slice(&read.choice)?) };
    let gradients = KernelGradients { weight: weight_gradient, bias: bias_gradient, x: x_gradient };
    kernel::backward(Operands::<T> { sizes, x, weight, choice }, delta, gradients);
    Ok(())
}
