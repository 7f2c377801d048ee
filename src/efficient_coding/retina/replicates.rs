//! Numbers of several models side by side: with an axis of replicates only where there are several.

use tch::Tensor;

/// What one replicate has of the numbers of all, in their memory: `[...]`.
///
/// - all: `[replicate, ...]`, or `[...]` of one replicate
pub fn part(all: &Tensor, replicates: usize, replicate: usize) -> Tensor {
    match replicates {
        1 => all.shallow_clone(),
        _ => all.get(replicate as i64),
    }
}

/// The numbers of all replicates: `[replicate, ...]`, or `[...]` of one replicate.
///
/// - each: `[...]` of every replicate
pub fn together(each: impl IntoIterator<Item = Tensor>) -> Tensor {
    let each: Vec<Tensor> = each.into_iter().collect();
    match each.as_slice() {
        [one] => one.shallow_clone(),
        _ => Tensor::stack(&each, 0),
    }
}
