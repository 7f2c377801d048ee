//! Buffers that every step uses again.

use tch::Tensor;

/// Two buffers of the parameters' shape.
pub(super) struct Workspace {
    /// For what a step computes on its way.
    scratch: Tensor,
    /// For a new value that a flag may yet refuse; exists from the first flagged step on.
    candidate: Option<Tensor>,
}

impl Workspace {
    pub(super) fn new(parameters: &Tensor) -> Self {
        Self { scratch: parameters.empty_like(), candidate: None }
    }

    pub(super) fn writer<'a>(&'a mut self, apply: Option<&'a Tensor>) -> Writer<'a> {
        let scratch = &self.scratch;
        let selection =
            apply.map(|flag| (flag, &*self.candidate.get_or_insert_with(|| scratch.empty_like())));
        Writer { scratch, selection }
    }
}

/// Replaces buffers by new values, if the step's flag is true.
pub(super) struct Writer<'a> {
    /// [replicate, parameter], free for use.
    pub(super) scratch: &'a Tensor,
    selection: Option<(&'a Tensor, &'a Tensor)>,
}

impl Writer<'_> {
    /// Lets `compute(old, new)` write the new value of `target` into `new`, which is `target`
    /// itself when there is no flag. The flag selects between whole values, since a product with
    /// 0 would keep NaN and lose the sign of -0.
    pub(super) fn write(&self, target: &Tensor, compute: impl FnOnce(&Tensor, &Tensor)) {
        match self.selection {
            None => compute(target, target),
            Some((flag, candidate)) => {
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
