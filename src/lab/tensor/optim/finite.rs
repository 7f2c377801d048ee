//! Whether a gradient is finite, without reading the device.

use tch::{Kind, Tensor};

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

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

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
    fn an_empty_gradient_is_finite_and_replicates_count_together() {
        assert!(found_finite(&Tensor::zeros([3, 0], (Kind::Float, Device::Cpu))));
        let gradient = Tensor::zeros([3, 5], (Kind::Float, Device::Cpu));
        assert!(found_finite(&gradient));
        _ = gradient.get(1).get(4).fill_(f64::NAN);
        assert!(!found_finite(&gradient));
    }
}
