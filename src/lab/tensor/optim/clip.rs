//! Gradient clipping, in place and without reading the device.
//!
//! Neither function repairs a gradient that is not finite: PyTorch's definitions make NaN of it,
//! for the whole replicate with [`by_norm`]. Ask [`super::finite::all_finite`] before clipping.

use tch::{Kind, Tensor};

/// Limits every element to `[-limit, limit]`, as `torch.nn.utils.clip_grad_value_`.
///
/// - gradient: `[replicate, parameter]`
pub fn by_value(gradient: &mut Tensor, limit: f64) {
    let _no_grad = tch::no_grad_guard();
    _ = gradient.clamp_(-limit, limit);
}

/// Numbers that are widened to f64 at once: a bound on the memory beside a large gradient.
const WIDENED: i64 = 1 << 20;

/// Euclidean norm of each replicate's gradient, summed in f64: `[replicate]`, on the device.
///
/// - gradient: `[replicate, parameter]`
pub fn norm(gradient: &Tensor) -> Tensor {
    let _no_grad = tch::no_grad_guard();
    let (rows, length) = (gradient.size()[0], gradient.size()[1]);
    let width = (WIDENED / rows.max(1)).clamp(1, length.max(1));
    let options = (Kind::Double, gradient.device());
    let mut sum = Tensor::zeros([rows], options);
    // One buffer for all parts: fresh ones of this size would break the heap into pieces.
    let wide = Tensor::empty([rows, width], options);
    for start in (0..length).step_by(width as usize) {
        let count = width.min(length - start);
        let mut part = wide.narrow(1, 0, count);
        part.copy_(&gradient.narrow(1, start, count));
        let _ = sum.g_add_(&part.square_().sum_dim_intlist(1, false, Kind::Double));
    }
    sum.sqrt()
}

/// Scales each replicate's gradient down to the Euclidean norm `max_norm` where it is longer, as
/// `torch.nn.utils.clip_grad_norm_` with `error_if_nonfinite=False`: by
/// min(1, max_norm / (norm + 1e-6)). Returns the norms before, of shape `[replicate]`, on the device.
///
/// - gradient: `[replicate, parameter]`
pub fn by_norm(gradient: &mut Tensor, max_norm: f64) -> Tensor {
    let _no_grad = tch::no_grad_guard();
    let norm = gradient.norm_scalaropt_dim(2.0, 1, true);
    let scale = ((&norm + 1e-6).reciprocal() * max_norm).clamp_max(1.0);
    _ = gradient.g_mul_(&scale);
    norm.squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.view(-1)).unwrap()
    }

    // torch.nn.utils.clip_grad_norm_([p], max_norm=2.0) for each replicate, by
    // scripts/reference/clip.py
    #[test]
    fn each_replicate_is_scaled_to_the_norm_as_in_pytorch() {
        let gradients: [[f64; 3]; 3] = [[3.0, -4.0, 12.0], [0.3, 0.0, 0.4], [0.0, 0.0, 0.0]];
        let mut gradient = Tensor::from_slice2(&gradients);
        let same_memory = gradient.shallow_clone();
        let norms = by_norm(&mut gradient, 2.0);
        assert_eq!(norms.size(), [3]);
        assert_eq!(same_memory, gradient);
        let expected = [0.46153842603550577, -0.615384568047341, 1.846153704142023];
        for (found, wanted) in values(&gradient).into_iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-15, "{found}, not {wanted}");
        }
        for (found, wanted) in values(&norms).into_iter().zip([13.0, 0.5, 0.0]) {
            assert!((found - wanted).abs() < 1e-14, "{found}, not {wanted}");
        }
        assert_eq!(values(&gradient)[3..], [0.3, 0.0, 0.4, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn norms_are_summed_in_double_over_any_length() {
        let gradient = Tensor::full([2, WIDENED + 3], 0.1, (Kind::Float, tch::Device::Cpu));
        let expected = f64::from(0.1_f32) * ((WIDENED + 3) as f64).sqrt();
        for found in values(&norm(&gradient)) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_bad_replicate_leaves_the_others_alone() {
        let mut gradient = Tensor::from_slice2(&[[f64::INFINITY, 1.0], [3.0, 4.0]]);
        let norms = values(&by_norm(&mut gradient, 1.0));
        assert!(norms[0].is_infinite() && norms[1] == 5.0);
        assert!((values(&gradient)[2] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn values_are_limited() {
        let mut gradient = Tensor::from_slice2(&[[3.0, -0.5], [-7.0, f64::NAN]]);
        by_value(&mut gradient, 1.0);
        assert_eq!(values(&gradient)[..3], [1.0, -0.5, -1.0]);
        assert!(values(&gradient)[3].is_nan());
    }
}
