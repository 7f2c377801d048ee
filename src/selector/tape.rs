//! Selector layers within a model that differentiates automatically.
//!
//! The layers' backward pass is written out and has no graph, so a step is cut into stages: every
//! input of a layer, and every tensor that several stages use, is cut from its graph and becomes a
//! leaf. The backward pass then goes through the stages from the last to the first, and each graph
//! between two cuts is gone through once.

use anyhow::{Context, Result};
use tch::Tensor;

use super::layer::{LayerPass, Noise, SelectorLayer};
use crate::lab::tensor::autograd::backward_from;
use crate::lab::tensor::params::{Gradients, Params};

/// The stages of one step.
#[derive(Debug, Default)]
pub struct Tape<'a> {
    stages: Vec<Stage<'a>>,
}

#[derive(Debug)]
enum Stage<'a> {
    /// A tensor with a graph behind it, and the leaf that stands for it.
    Cut { source: Tensor, leaf: Tensor },
    /// A layer, its input and its output, both leaves.
    Layer { layer: &'a SelectorLayer, pass: Box<LayerPass>, input: Tensor, leaf: Tensor },
}

impl<'a> Tape<'a> {
    /// Cuts a tensor from its graph: what comes after it sees a leaf.
    pub fn cut(&mut self, source: &Tensor) -> Tensor {
        let leaf = source.detach().set_requires_grad(true);
        self.stages.push(Stage::Cut { source: source.shallow_clone(), leaf: leaf.shallow_clone() });
        leaf
    }

    /// A selector layer: its output, a leaf, `[.., batch, neuron]`, and which computation neurons
    /// it selected, as in [`LayerPass`].
    ///
    /// # Shapes
    /// - input: `[.., batch, input]`, a leaf that came from [`Tape::cut`] or from this function, or a
    ///   tensor without gradient
    pub fn layer(
        &mut self,
        params: &Params,
        layer: &'a SelectorLayer,
        input: &Tensor,
        noise: Option<Noise>,
    ) -> (Tensor, Tensor) {
        let pass = Box::new(layer.forward(params, input, noise));
        let leaf = pass.output.detach().set_requires_grad(true);
        let choice = pass.choice.shallow_clone();
        let (input, output) = (input.shallow_clone(), leaf.shallow_clone());
        self.stages.push(Stage::Layer { layer, pass, input, leaf });
        (output, choice)
    }

    /// Writes the gradient of `loss` with respect to every parameter to `gradients`.
    ///
    /// # Shapes
    /// - loss: `[]`, the sum over replicates, of the last stage
    ///
    /// # Errors
    /// A layer's input that is neither a leaf nor without gradient, so that a graph would be gone
    /// through twice; a loss without a graph.
    pub fn backward(
        self,
        params: &mut Params,
        gradients: &mut Gradients,
        loss: &Tensor,
    ) -> Result<()> {
        loss.f_backward()?;
        for stage in self.stages.into_iter().rev() {
            match stage {
                Stage::Cut { source, leaf } => {
                    let gradient = leaf.grad();
                    if gradient.defined() && source.requires_grad() {
                        flow_into(&source, &gradient)?;
                    }
                }
                Stage::Layer { layer, pass, input, leaf } => {
                    anyhow::ensure!(
                        input.is_leaf(),
                        "the input of a selector layer must be cut from its graph: Tape::cut"
                    );
                    let gradient = leaf.grad();
                    if !gradient.defined() {
                        continue;
                    }
                    let needed = input.requires_grad();
                    let to_input = layer.backward(params, gradients, &pass, &gradient, needed);
                    if let Some(gradient) = to_input {
                        flow_into(&input, &gradient)?;
                    }
                }
            }
        }
        params.gather_gradients(gradients);
        Ok(())
    }
}

/// Lets `gradient`, which is ∂L/∂source, flow into the graph behind `source`.
///
/// # Errors
/// A graph that was gone through before.
fn flow_into(source: &Tensor, gradient: &Tensor) -> Result<()> {
    backward_from(source, gradient).context("a graph between two cuts was gone through twice")
}
