//! Buffers that every step uses again.

use std::cell::OnceCell;

use tch::Tensor;

use crate::lab::tensor::host_memory;

/// Two buffers of the parameters' shape, allocated at the first step that needs them.
#[derive(Default)]
pub(super) struct Workspace {
    scratch: OnceCell<Tensor>,
    candidate: OnceCell<Tensor>,
}

/// Replaces buffers by new values, if the step's flag is true.
pub(super) struct Writer<'a> {
    pub(super) workspace: &'a Workspace,
    /// `[]` or `[replicate, parameter]` bool
    pub(super) apply: Option<&'a Tensor>,
}

impl Writer<'_> {
    /// A buffer for what a step computes on its way, of the shape of `like`.
    pub(super) fn scratch(&self, like: &Tensor) -> &Tensor {
        self.workspace.scratch.get_or_init(|| like.empty_like())
    }

    /// Runs a step on the CPU, where nothing waits for a device, unless its flag is false. `step` gets
    /// the flags of the single parameters, where there are any.
    ///
    /// # Panics
    /// Where the flags are not of kind Bool and on the CPU.
    pub(super) fn on_cpu(&self, step: impl FnOnce(Option<&[bool]>)) {
        let Some(flags) = self.apply else { return step(None) };
        let of_all = flags.dim() == 0;
        let flags = flags.contiguous();
        // SAFETY: the flags are what a comparison in libtorch gave, bytes of 0 and 1, and the step
        // writes to parameters, gradients and moments alone.
        match unsafe { host_memory::as_slice(&flags) } {
            Ok([false]) if of_all => (),
            Ok([true]) if of_all => step(None),
            Ok(flags) => step(Some(flags)),
            Err(error) => panic!("the flags of a step: {error}"),
        }
    }

    /// Lets `compute(old, new)` write the new value of `target` into `new`, which is `target`
    /// itself when there is no flag. The flag selects between whole values, since a product with
    /// 0 would keep NaN and lose the sign of -0.
    pub(super) fn write(&self, target: &Tensor, compute: impl FnOnce(&Tensor, &Tensor)) {
        match self.apply {
            None => compute(target, target),
            Some(flag) => {
                let candidate = self.workspace.candidate.get_or_init(|| target.empty_like());
                compute(target, candidate);
                _ = candidate.where_self_out(target, flag, target);
            }
        }
    }
}

/// A factor that lives on the device, `[]` of the parameters' kind, written when it changes: an
/// operation takes it without allocating, and tch's `addcmul` has no factor of its own.
pub(super) struct Coefficient {
    value: f64,
    tensor: Tensor,
}

impl Coefficient {
    pub(super) fn new(value: f64, parameters: &Tensor) -> Self {
        let options = (parameters.kind(), parameters.device());
        Self { value, tensor: Tensor::full([], value, options) }
    }

    pub(super) fn get(&self) -> &Tensor {
        &self.tensor
    }

    pub(super) fn set(&mut self, value: f64) -> &Tensor {
        if value.to_bits() != self.value.to_bits() {
            self.value = value;
            _ = self.tensor.fill_(value);
        }
        &self.tensor
    }
}
