//! Changes that wait for the finite check of their step.

use tch::{Tensor, no_grad_guard};

/// Writes `new` into `target`, unless `apply` is false. The flag selects between whole values, since
/// a product with 0 would keep NaN.
///
/// - target, new: of one shape
/// - apply: `[]` bool, or none where the step is known to be finite
pub fn assign_where(target: &mut Tensor, new: &Tensor, apply: Option<&Tensor>) {
    let _guard = no_grad_guard();
    match apply {
        Some(flag) => _ = new.where_self_out(target, flag, target),
        None => target.copy_(new),
    }
}
