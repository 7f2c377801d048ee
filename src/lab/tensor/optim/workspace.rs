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

    /// Runs a step on the CPU, where nothing waits for a device, unless its flag is false. `step` gets
    /// the flags of the single parameters, where there are any.
    pub(super) fn on_cpu(&self, step: impl FnOnce(Option<&[bool]>)) {
        match self.apply {
            None => step(None),
            Some(flag) if flag.dim() == 0 => {
                if flag.int64_value(&[]) != 0 {
                    step(None);
                }
            }
            Some(flags) => {
                let flags = flags.contiguous();
                // SAFETY: a tensor of bools on the CPU in one piece, which lives until the step is
                // over; libtorch's bools are bytes of 0 or 1.
                let flags = unsafe {
                    std::slice::from_raw_parts(flags.data_ptr().cast::<bool>(), flags.numel())
                };
                step(Some(flags));
            }
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
