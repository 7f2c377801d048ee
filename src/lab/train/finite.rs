//! Non-finite numbers end a run before they reach the parameters.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::lab::error::Failure;
use crate::lab::store::StateWriter;
use crate::lab::tensor::optim::finite::{FoundInf, all_finite};
use crate::lab::tensor::to_host;

/// When the host looks at the finite flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinitePolicy {
    /// At every step, before the update: the CPU's.
    EveryStep,
    /// With the metrics: CUDA's, where a read at every step would stall the device. Until then
    /// the flag stays on the device and holds back every update after the first non-finite step.
    WhenLogging,
}

impl FinitePolicy {
    /// The policy of a device.
    pub fn of(device: Device) -> Self {
        match device {
            Device::Cpu => Self::EveryStep,
            Device::Cuda(_) | Device::Mps | Device::Vulkan => Self::WhenLogging,
        }
    }
}

/// What a step said of itself, on the device.
#[derive(Debug)]
enum Checked {
    /// Whether it was finite, which `found` has taken.
    Flag,
    /// How many of the call's steps came before the first that was not finite: `[]` i64.
    Steps(Tensor),
}

/// Remembers whether every step so far was finite.
#[derive(Debug)]
pub struct FiniteGuard {
    policy: FinitePolicy,
    /// The number of the first step, and as many more as steps since were not checked or had a flag.
    first: u64,
    found: FoundInf,
    /// `[]` f64: steps with a flag from the first non-finite one on.
    bad: Tensor,
    /// `[]` i64: steps of calls that counted theirs, before the first non-finite one.
    good: Tensor,
    checked: Option<Checked>,
}

impl FiniteGuard {
    /// A guard whose first step is number `first` (from 0).
    pub fn new(policy: FinitePolicy, device: Device, first: u64) -> Self {
        let bad = Tensor::zeros([], (Kind::Double, device));
        let good = Tensor::zeros([], (Kind::Int64, device));
        Self { policy, first, found: FoundInf::new(device), bad, good, checked: None }
    }

    /// Takes the flag of a step: whether its loss and gradients are all finite.
    ///
    /// Gives back what holds the update back where something was not, or none where it is known that
    /// all were.
    ///
    /// - finite: `[]` bool
    ///
    /// # Errors
    /// [`Failure::NonFinite`] where the policy is to look now, and the flag is false.
    pub fn check(&mut self, step: u64, finite: &Tensor) -> Result<Option<FoundInf>> {
        match self.policy {
            FinitePolicy::EveryStep => match to_host::flag(finite)? {
                true => Ok(None),
                false => Err(Failure::NonFinite { step: step + 1 }.into()),
            },
            FinitePolicy::WhenLogging => {
                self.found.take_flag(finite);
                self.checked = Some(Checked::Flag);
                Ok(Some(self.found.share()))
            }
        }
    }

    /// As [`FiniteGuard::check`], of all these.
    ///
    /// - tensors: of any floating kind and shape
    ///
    /// # Errors
    /// As [`FiniteGuard::check`].
    pub fn check_all(&mut self, step: u64, tensors: &[&Tensor]) -> Result<Option<FoundInf>> {
        match self.policy {
            FinitePolicy::EveryStep => {
                let flags = tensors.iter().map(|tensor| all_finite(tensor));
                match flags.reduce(|all, next| all.logical_and(&next)) {
                    Some(all) => self.check(step, &all),
                    None => Ok(None),
                }
            }
            FinitePolicy::WhenLogging => {
                self.found.test(tensors);
                self.checked = Some(Checked::Flag);
                Ok(Some(self.found.share()))
            }
        }
    }

    /// Takes how many of a call's steps were finite, of an experiment that itself holds back
    /// everything from the first that is not on, in this call and later ones.
    ///
    /// - step: the first step of the call
    /// - count: its steps
    /// - good: `[]` i64, those before the first that is not finite; 0 once one was
    ///
    /// # Errors
    /// [`Failure::NonFinite`] where the policy is to look now, and not all were.
    pub fn check_steps(&mut self, step: u64, count: u64, good: &Tensor) -> Result<()> {
        match self.policy {
            FinitePolicy::EveryStep => match to_host::scalar(good)? as u64 {
                good if good >= count => Ok(()),
                good => Err(Failure::NonFinite { step: step + good + 1 }.into()),
            },
            FinitePolicy::WhenLogging => {
                self.found.take_flag(&good.ge(count as i64));
                self.checked = Some(Checked::Steps(good.shallow_clone()));
                Ok(())
            }
        }
    }

    /// Ends a step, or a call that took `count` of them: of one that was not finite, the first is
    /// named.
    pub fn end_step(&mut self, count: u64) {
        let _guard = no_grad_guard();
        match (self.checked.take(), self.policy) {
            (Some(Checked::Flag), _) => {
                self.first += count;
                match count {
                    1 => _ = self.bad.g_add_(self.found.found()),
                    _ => _ = self.bad.g_add_(&(self.found.found() * count as f64)),
                }
            }
            (Some(Checked::Steps(good)), _) => _ = self.good.g_add_(&good),
            (None, FinitePolicy::EveryStep) => {}
            (None, FinitePolicy::WhenLogging) => self.first += count,
        }
    }

    /// What [`FiniteGuard::verify`] needs from the device: `[3]` f64, to be read with the metrics;
    /// none where every check was read at once.
    pub fn pending(&self) -> Option<Tensor> {
        let _guard = no_grad_guard();
        match self.policy {
            FinitePolicy::EveryStep => None,
            FinitePolicy::WhenLogging => {
                let parts = [self.found.found(), &self.bad, &self.good];
                Some(Tensor::stack(&parts.map(|part| part.to_kind(Kind::Double)), 0))
            }
        }
    }

    /// Looks at the numbers of [`FiniteGuard::pending`].
    ///
    /// # Errors
    /// [`Failure::NonFinite`], naming the first step that was not finite.
    pub fn verify(&self, pending: &[f64]) -> Result<()> {
        match pending {
            [1.0, bad, good] => {
                let before = self.first + *good as u64 - *bad as u64;
                Err(Failure::NonFinite { step: before + 1 }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether all tensors of the model are finite: one read of every device that holds some of them.
///
/// # Errors
/// Where a device can't be read.
pub fn weights_are_finite(state: &StateWriter) -> Result<bool> {
    let _guard = no_grad_guard();
    let mut flags: Vec<(Device, Vec<Tensor>)> = Vec::new();
    let weights = state.model_tensors().iter().map(|(_, tensor)| tensor);
    for tensor in weights.filter(|tensor| tensor.is_floating_point()) {
        let (device, flag) = (tensor.device(), all_finite(tensor));
        match flags.iter_mut().find(|(known, _)| *known == device) {
            Some((_, there)) => there.push(flag),
            None => flags.push((device, vec![flag])),
        }
    }
    for (_, there) in flags {
        if !to_host::flag(&Tensor::stack(&there, 0).all())? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(value: bool) -> Tensor {
        Tensor::full([], i64::from(value), (Kind::Bool, Device::Cpu))
    }

    fn step_of(error: &anyhow::Error) -> u64 {
        match error.downcast_ref::<Failure>() {
            Some(Failure::NonFinite { step }) => *step,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn read_at_every_step() {
        let mut guard = FiniteGuard::new(FinitePolicy::EveryStep, Device::Cpu, 0);
        assert!(guard.check(0, &flag(true)).unwrap().is_none());
        guard.end_step(1);
        assert_eq!(step_of(&guard.check(1, &flag(false)).unwrap_err()), 2);
        assert!(guard.pending().is_none());
    }

    #[test]
    fn kept_on_the_device_names_the_first_bad_step() {
        let mut guard = FiniteGuard::new(FinitePolicy::WhenLogging, Device::Cpu, 100);
        let before = to_host::count();
        let mut applied = Vec::new();
        for (i, finite) in [true, true, true, false, true].into_iter().enumerate() {
            let found = guard.check(100 + i as u64, &flag(finite)).unwrap().unwrap();
            applied.push(found.applies());
            guard.end_step(1);
        }
        assert_eq!(to_host::count(), before);
        let applied: Vec<bool> = applied.iter().map(|ok| to_host::flag(ok).unwrap()).collect();
        assert_eq!(applied, [true, true, true, false, false]);
        let pending = to_host::values(&guard.pending().unwrap()).unwrap();
        assert_eq!(step_of(&guard.verify(&pending).unwrap_err()), 104);
    }

    #[test]
    fn of_a_call_that_took_many_steps_the_first_is_named() {
        let mut guard = FiniteGuard::new(FinitePolicy::WhenLogging, Device::Cpu, 0);
        for (count, finite) in [(100, true), (50, true), (100, false)] {
            guard.check(0, &flag(finite)).unwrap();
            guard.end_step(count);
        }
        let pending = to_host::values(&guard.pending().unwrap()).unwrap();
        assert_eq!(step_of(&guard.verify(&pending).unwrap_err()), 151);
    }

    #[test]
    fn of_a_call_that_counts_its_steps_the_bad_one_is_named() {
        let good = |count: i64| Tensor::from(count);
        let mut guard = FiniteGuard::new(FinitePolicy::WhenLogging, Device::Cpu, 10);
        for (first, finite) in [(10, 100), (110, 23), (210, 0)] {
            guard.check_steps(first, 100, &good(finite)).unwrap();
            guard.end_step(100);
        }
        let pending = to_host::values(&guard.pending().unwrap()).unwrap();
        assert_eq!(step_of(&guard.verify(&pending).unwrap_err()), 134);

        let mut guard = FiniteGuard::new(FinitePolicy::EveryStep, Device::Cpu, 10);
        guard.check_steps(10, 100, &good(100)).unwrap();
        assert_eq!(step_of(&guard.check_steps(110, 100, &good(23)).unwrap_err()), 134);
    }
}
