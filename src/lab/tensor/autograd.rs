//! Backward passes that begin with a gradient, where tch has those of a loss alone.

use anyhow::Result;
use tch::Tensor;

use super::dispatcher::{Argument, f_call};

/// Lets `gradient`, which is ∂L/∂source, flow into the graph behind `source`, and adds what comes to its
/// leaves to their gradients.
///
/// # Errors
/// Where `source` has no graph and is no leaf, its graph was gone through before, or `gradient` is of
/// another shape.
pub fn backward_from(source: &Tensor, gradient: &Tensor) -> Result<()> {
    let arguments = [
        Argument::Tensor(source),
        Argument::List(&[]),
        Argument::Optional(Some(gradient)),
        Argument::Optional(None),
        Argument::Bool(false),
    ];
    // SAFETY: (Tensor self, Tensor[] inputs, Tensor? gradient, bool? retain_graph, bool create_graph)
    // -> ()
    unsafe { f_call(c"aten::_backward", &arguments) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_flows_to_the_leaves_once() {
        let leaf = Tensor::from_slice(&[2f64, 3.0]).set_requires_grad(true);
        let gradient = Tensor::from_slice(&[1f64, 10.0]);
        let squares = leaf.square();
        backward_from(&squares, &gradient).unwrap();
        assert_eq!(leaf.grad(), Tensor::from_slice(&[4f64, 60.0]));
        assert!(backward_from(&squares, &gradient).is_err(), "its graph is gone");
        backward_from(&leaf, &gradient).unwrap();
        assert_eq!(leaf.grad(), Tensor::from_slice(&[5f64, 70.0]));
        assert!(backward_from(&leaf.square(), &gradient.get(0)).is_err(), "another shape");
        assert!(backward_from(&gradient, &gradient).is_err(), "no graph");
    }
}
