//! The selected computation neurons alone, by the kernels.

use tch::{Kind, Tensor};

use super::{Inner, SelectorLayer};
use crate::selector::kernel::{self, Gradients, Layer, Real, Sizes};
use crate::selector::rows::Sum;

impl SelectorLayer {
    /// Outputs of the selected computation neurons: [.., batch, neuron].
    ///
    /// - x: [.., batch, input]; choice: [.., batch, neuron]
    pub(super) fn gathered(&self, x: &Tensor, choice: &Tensor) -> Tensor {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let out = choice.zeros_like().to_kind(x.kind());
        let rows = &self.computation;
        self.each_replicate(|i| {
            let part = |of: &Tensor| self.replicate(of, i);
            let parts = [&x, &choice, &rows.weight, &rows.bias, &out].map(part);
            match x.kind() {
                Kind::Double => forward::<f64>(self.sizes(&x), parts),
                _ => forward::<f32>(self.sizes(&x), parts),
            }
        });
        let y = by_neuron(&out);
        if self.options.inner == Inner::Relu { y.relu() } else { y }
    }

    /// Writes the gradient of the computation neurons, of which each sample moves the selected
    /// ones, and adds what goes to the input.
    ///
    /// - choice, delta: [.., batch, neuron]
    pub(super) fn scatter(
        &self,
        x: &Tensor,
        choice: &Tensor,
        delta: &Tensor,
        dx: Option<&mut Sum>,
    ) {
        let (x, choice) = (x.contiguous(), by_neuron(&choice.to_kind(Kind::Int16)));
        let delta = by_neuron(delta);
        let to_x = if dx.is_some() { x.empty_like() } else { x.narrow(0, 0, 0) };
        let rows = &self.computation;
        let (weight, bias) = rows.gradients();
        self.each_replicate(|i| {
            let part = |of: &Tensor| self.replicate(of, i);
            let to_x = if to_x.numel() == 0 { to_x.shallow_clone() } else { part(&to_x) };
            let read = [&x, &choice, &rows.weight, &delta].map(part);
            let written = [part(weight), part(bias), to_x];
            match x.kind() {
                Kind::Double => backward::<f64>(self.sizes(&x), read, written),
                _ => backward::<f32>(self.sizes(&x), read, written),
            }
        });
        if let Some(sum) = dx {
            sum.add(to_x);
        }
    }

    fn each_replicate(&self, work: impl Fn(i64)) {
        (0..self.lead.first().copied().unwrap_or(1)).for_each(work);
    }

    /// The part of one replicate.
    fn replicate(&self, of: &Tensor, i: i64) -> Tensor {
        if self.lead.is_empty() { of.shallow_clone() } else { of.get(i) }
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

/// The same, to write to.
///
/// # Safety
/// As [`memory`]; no one else touches it.
unsafe fn memory_mut<T>(of: &mut Tensor) -> &mut [T] {
    debug_assert!(of.is_contiguous());
    if of.numel() == 0 {
        // The address of no memory is null, which a slice must not have.
        return &mut [];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(of.data_ptr().cast::<T>(), of.numel()) }
}

/// - x, choice, weight, bias, out: as the kernel has them
fn forward<T: Real>(sizes: Sizes, [x, choice, weight, bias, mut out]: [Tensor; 5]) {
    // SAFETY: all are contiguous tensors on the CPU that live to the end of this function, `choice`
    // of i16 and the others of T, and `out` is memory of its own.
    unsafe {
        let (x, weight, choice) = (memory(&x), memory(&weight), memory(&choice));
        let layer = Layer::<T> { sizes, x, weight, choice };
        kernel::forward(layer, memory(&bias), memory_mut(&mut out));
    }
}

/// - x, choice, weight, delta: as the kernel has them; then the gradients of weight, bias and x
fn backward<T: Real>(
    sizes: Sizes,
    [x, choice, weight, delta]: [Tensor; 4],
    [mut to_weight, mut to_bias, mut to_x]: [Tensor; 3],
) {
    // SAFETY: as in `forward`; each gradient is memory of its own.
    unsafe {
        let (x, weight, choice) = (memory(&x), memory(&weight), memory(&choice));
        let layer = Layer::<T> { sizes, x, weight, choice };
        let gradients = Gradients {
            weight: memory_mut(&mut to_weight),
            bias: memory_mut(&mut to_bias),
            x: memory_mut(&mut to_x),
        };
        kernel::backward(layer, memory(&delta), gradients);
    }
}
