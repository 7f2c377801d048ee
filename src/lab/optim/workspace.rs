//! Buffers that every step uses again.

use std::cell::OnceCell;
use tch::Tensor;

/// Two buffers of the parameters' shape, allocated at the first step that needs them.
#[derive(Default)]
pub(super) struct Workspace {
    scratch: OnceCell<Tensor>,
    candidate: OnceCell<Tensor>,
}

/// Replaces buffers by new values, if the step's flag is true.
pub(super) struct Writer<'a> {
    pub(super) workspace: &'a Workspace,
    /// [] or [replicate, parameter] bool
    pub(super) apply: Option<&'a Tensor>,
}

impl Writer<'_> {
    /// A buffer for what a step computes on its way, of the shape of `like`.
    pub(super) fn scratch(&self, like: &Tensor) -> &Tensor {
        self.workspace.scratch.get_or_init(|| like.empty_like())
    }

    /// Whether the step is for some parameters only.
    pub(super) fn is_partial(&self) -> bool {
        self.apply.is_some_and(|flag| flag.dim() > 0)
    }

    /// The flag of a step on the CPU, where nothing waits for a device.
    pub(super) fn lets_cpu_step(&self) -> bool {
        self.apply.is_none_or(|flag| flag.int64_value(&[]) != 0)
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

/// A factor that lives on the device, [] of the parameters' kind, written when it changes: an
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
