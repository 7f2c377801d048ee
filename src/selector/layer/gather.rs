//! The selected computation neurons alone, by the kernels.

use tch::{Kind, Tensor};

use super::options::Inner;
use super::selector_layer::SelectorLayer;
use crate::selector::kernel::{self, Gradients, Operands, Real, Sizes};
use crate::selector::linear::Accumulator;

/// What both kernels read of one replicate, contiguous.
struct KernelTensors {
    x: Tensor,
    choice: Tensor,
    weight: Tensor,
}

/// Where the kernels write their gradients; `x` is empty where it is not asked for.
struct KernelGradients {
    weight: Tensor,
    bias: Tensor,
    x: Tensor,
}

impl SelectorLayer {
    /// Outputs of the selected computation neurons: [.., batch, neuron].
    ///
    /// # Shapes
    /// - x: [.., batch, input]
    /// - choice: [.., batch, neuron]
    pub(super) fn gather_outputs(&self, x: &Tensor, choice: &Tensor) -> Tensor {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let out = choice.zeros_like().to_kind(x.kind());
        for i in self.replicates() {
            let read = self.kernel_tensors(&x, &choice, i);
            let (bias, out) = (self.replicate(&self.computation.bias, i), self.replicate(&out, i));
            match x.kind() {
                Kind::Double => forward::<f64>(self.sizes(&x), &read, &bias, out),
                _ => forward::<f32>(self.sizes(&x), &read, &bias, out),
            }
        }
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
    /// - x: [.., batch, input]
    /// - choice, delta: [.., batch, neuron]
    pub(super) fn scatter_gradients(
        &self,
        x: &Tensor,
        choice: &Tensor,
        delta: &Tensor,
        dx: Option<&mut Accumulator>,
    ) {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let delta = by_neuron(delta);
        let to_x = if dx.is_some() { x.empty_like() } else { x.narrow(0, 0, 0) };
        let (weight, bias) = self.computation.gradients();
        for i in self.replicates() {
            let read = self.kernel_tensors(&x, &choice, i);
            let written = KernelGradients {
                weight: self.replicate(weight, i),
                bias: self.replicate(bias, i),
                x: if to_x.numel() == 0 { to_x.shallow_clone() } else { self.replicate(&to_x, i) },
            };
            let delta = self.replicate(&delta, i);
            match x.kind() {
                Kind::Double => backward::<f64>(self.sizes(&x), &read, &delta, written),
                _ => backward::<f32>(self.sizes(&x), &read, &delta, written),
            }
        }
        if let Some(sum) = dx {
            sum.add(to_x);
        }
    }

    fn replicates(&self) -> std::ops::Range<i64> {
        0..self.leading.first().copied().unwrap_or(1)
    }

    /// The part of one replicate.
    fn replicate(&self, of: &Tensor, i: i64) -> Tensor {
        if self.leading.is_empty() { of.shallow_clone() } else { of.get(i) }
    }

    fn kernel_tensors(&self, x: &Tensor, choice: &Tensor, i: i64) -> KernelTensors {
        KernelTensors {
            x: self.replicate(x, i),
            choice: self.replicate(choice, i),
            weight: self.replicate(&self.computation.weight, i),
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

/// The memory of a tensor.
///
/// # Safety
/// The tensor holds T and lies contiguous in CPU memory.
unsafe fn memory<T>(of: &Tensor) -> &[T] {
    debug_assert!(of.is_contiguous());
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(of.data_ptr().cast::<T>(), of.numel()) }
}

/// The memory of a tensor, to write to.
///
/// # Safety
/// The tensor holds T and lies contiguous in CPU memory, and no one else touches it.
unsafe fn memory_mut<T>(of: &mut Tensor) -> &mut [T] {
    debug_assert!(of.is_contiguous());
    if of.numel() == 0 {
        // The address of no memory is null, which a slice must not have.
        return &mut [];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(of.data_ptr().cast::<T>(), of.numel()) }
}

/// Runs the forward kernel on one replicate.
///
/// # Shapes
/// - bias: [computation, neuron]
/// - out: [neuron, sample]
fn forward<T: Real>(sizes: Sizes, read: &KernelTensors, bias: &Tensor, mut out: Tensor) {
    // SAFETY: all are contiguous tensors on the CPU that live to the end of this function, `choice`
    // of i16 and the others of T, and `out` is memory of its own.
    unsafe {
        let (x, weight, choice) = (memory(&read.x), memory(&read.weight), memory(&read.choice));
        let operands = Operands::<T> { sizes, x, weight, choice };
        kernel::forward(operands, memory(bias), memory_mut(&mut out));
    }
}

/// Runs the backward kernel on one replicate.
///
/// # Shapes
/// - delta: [neuron, sample]
fn backward<T: Real>(
    sizes: Sizes,
    read: &KernelTensors,
    delta: &Tensor,
    mut written: KernelGradients,
) {
    // SAFETY: as in `forward`; each gradient is memory of its own.
    unsafe {
        let (x, weight, choice) = (memory(&read.x), memory(&read.weight), memory(&read.choice));
        let operands = Operands::<T> { sizes, x, weight, choice };
        let gradients = Gradients {
            weight: memory_mut(&mut written.weight),
            bias: memory_mut(&mut written.bias),
            x: memory_mut(&mut written.x),
        };
        kernel::backward(operands, memory(delta), gradients);
    }
}
