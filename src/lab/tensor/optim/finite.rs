//! Whether a gradient is finite, without reading the device.

use tch::{Device, Kind, Tensor};

use crate::lab::tensor::dispatcher::{Argument, call};

/// True if no element is NaN or infinite, however large: `[]` bool, on the device of `gradient`.
///
/// - gradient: any shape, also empty
///
/// Exact, since both extremes carry NaN along: a sum would overflow on large values. One pass over
/// the gradient; `isfinite().all()` takes five and their memory (`benches/optimizers.rs`).
pub fn all_finite(gradient: &Tensor) -> Tensor {
    let _no_grad = tch::no_grad_guard();
    if gradient.numel() == 0 {
        return Tensor::ones([] as [i64; 0], (Kind::Bool, gradient.device()));
    }
    let (lowest, highest) = gradient.aminmax(None, false);
    // x - x is 0 for a finite x and NaN for others, and NaN equals nothing.
    lowest.g_sub(&lowest).eq_tensor(&highest.g_sub(&highest))
}

/// Whether something that is not finite has been found so far, on the device: PyTorch's `found_inf`.
/// Once found, for good.
#[derive(Debug)]
pub struct FoundInf {
    /// f32 `[]`: 0, or 1 once something was found.
    found: Tensor,
    /// f32 `[]`: 1.
    one: Tensor,
}

impl FoundInf {
    /// Nothing found yet.
    pub fn new(device: Device) -> Self {
        let options = (Kind::Float, device);
        Self { found: Tensor::zeros([], options), one: Tensor::ones([], options) }
    }

    /// Another handle of the same: what one finds the other has found.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { found: self.found.shallow_clone(), one: self.one.shallow_clone() }
    }

    /// 0, or 1 once something was found: f32 `[]`.
    pub fn found(&self) -> &Tensor {
        &self.found
    }

    /// Whether updates are applied, since nothing was found: `[]` bool.
    pub fn applies(&self) -> Tensor {
        self.found.eq(0.0)
    }

    /// Takes the flag of a test, false where something was found.
    ///
    /// - finite: `[]` bool on the device
    pub fn take_flag(&mut self, finite: &Tensor) {
        let _no_grad = tch::no_grad_guard();
        _ = self.found.where_self_out(&self.found, finite, &self.one);
    }

    /// Tests tensors, as [`all_finite`] does, in one launch on a GPU.
    ///
    /// - tensors: of any floating kind and shape, on the device
    pub fn test(&mut self, tensors: &[&Tensor]) {
        let _no_grad = tch::no_grad_guard();
        // Made to undo a scale: of 1, which leaves the tensors as they are.
        let arguments =
            [Argument::List(tensors), Argument::Tensor(&self.found), Argument::Tensor(&self.one)];
        // SAFETY: (Tensor(a!)[] self, Tensor(b!) found_inf, Tensor inv_scale) -> ()
        unsafe { call(c"aten::_amp_foreach_non_finite_check_and_unscale_", &arguments) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_finite(gradient: &Tensor) -> bool {
        let flag = all_finite(gradient);
        assert_eq!((flag.kind(), flag.dim()), (Kind::Bool, 0));
        bool::try_from(&flag).unwrap()
    }

    #[test]
    fn no_bad_value_is_missed_at_any_place() {
        tch::set_num_threads(1);
        tch::manual_seed(1);
        for kind in [Kind::Float, Kind::Double] {
            // Lengths around the width of vector instructions, and one of many of them.
            for length in (1..70).chain([1031]) {
                let gradient = Tensor::randn([length], (kind, Device::Cpu));
                assert!(found_finite(&gradient), "{kind:?}, length {length}");
                for place in 0..length {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        let gradient = gradient.copy();
                        _ = gradient.get(place).fill_(bad);
                        assert!(!found_finite(&gradient), "{kind:?}: {bad} at {place} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn huge_values_are_no_false_alarm() {
        let huge = Tensor::from_slice(&[3e38_f32, -3e38, 3e38, 1e-45]).repeat([250]);
        assert!(found_finite(&huge));
        assert!(found_finite(&Tensor::from_slice(&[f64::MAX, f64::MIN]).view([2, 1])));
        assert!(!found_finite(&Tensor::from_slice(&[f64::MAX, f64::INFINITY])));
        assert!(!found_finite(&Tensor::from_slice(&[f64::INFINITY, f64::NEG_INFINITY])));
    }

    #[test]
    fn what_was_found_stays_found_and_tensors_stay_as_they_are() {
        let (good, bad) = (Tensor::from_slice(&[3e38_f32, -1e-45]), Tensor::from(f64::NAN));
        let before = good.copy();
        let (tested, flagged) = (FoundInf::new(Device::Cpu), FoundInf::new(Device::Cpu));
        let applies = |found: &FoundInf| bool::try_from(&found.applies()).unwrap();
        tested.share().test(&[&good, &Tensor::from(1f64)]);
        flagged.share().take_flag(&Tensor::from(true));
        assert!(applies(&tested) && applies(&flagged) && good == before);
        for _ in 0..2 {
            tested.share().test(&[&good, &bad]);
            flagged.share().take_flag(&Tensor::from(false));
            assert!(!applies(&tested) && !applies(&flagged));
            tested.share().test(&[&good]);
            flagged.share().take_flag(&Tensor::from(true));
            assert!(!applies(&tested) && !applies(&flagged));
        }
    }

    #[test]
    fn an_empty_gradient_is_finite_and_replicates_count_together() {
        assert!(found_finite(&Tensor::zeros([3, 0], (Kind::Float, Device::Cpu))));
        let gradient = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu));
        assert!(found_finite(&gradient));
        _ = gradient.get(1).get(4).fill_(f64::NAN);
        assert!(!found_finite(&gradient));
    }
}
