//! How a change of the weights lies to the gradient of the loss.

use tch::{Kind, Tensor};

/// The change of one layer beside the gradient, for every run: `[run]` f64 each.
#[derive(Debug)]
pub struct Direction {
    /// Frobenius norm of the change.
    pub norm: Tensor,
    /// Cosine of the angle between the change and the negative gradient; 0 where one of them is 0.
    pub cosine: Tensor,
}

/// Compares a change with the direction of steepest descent.
///
/// # Shapes
/// - change: `[run, output, input]`
/// - gradient: ∂L/∂W, `[run, output, input]`
pub fn direction(change: &Tensor, gradient: &Tensor) -> Direction {
    let change = change.to_kind(Kind::Double).flatten(1, 2);
    let descent = gradient.to_kind(Kind::Double).flatten(1, 2).neg();
    let dot = (&change * &descent).sum_dim_intlist(1, false, Kind::Double);
    let norm_of = |t: &Tensor| t.square().sum_dim_intlist(1, false, Kind::Double).sqrt();
    let (norm, other) = (norm_of(&change), norm_of(&descent));
    let cosine = dot / (&norm * other).clamp_min(f64::MIN_POSITIVE);
    Direction { norm, cosine }
}
