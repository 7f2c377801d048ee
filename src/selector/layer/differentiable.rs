//! The layer as differentiable operations, everything for all K at once.

use tch::Tensor;

use super::options::Rule;
use super::select::GraphSelection;
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;

/// What [`SelectorLayer::forward_with_graph`] returns.
#[derive(Debug)]
pub struct LayerOutput {
    /// `[.., batch, neuron]`: for most rules exactly the output of the selected computation neuron.
    pub output: Tensor,
    /// Which one was selected: `[.., batch, neuron]` i64.
    pub choice: Tensor,
}

impl SelectorLayer {
    /// The forward pass, with the gradients of the layer's [`Rule`] by libtorch's automatic
    /// differentiation.
    ///
    /// With p the selector's probabilities and h the computation neurons' outputs, the rules with
    /// a straight-through selector have y = h_sel + Σ_k stop(h_k) (p_k - stop(p_k)): the notebook's
    /// mask, onehot - stop(p) + p, in a form whose value is h_sel bit for bit. The printed sign has
    /// minus the sum, which is the mask onehot + stop(p) - p.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub fn forward_with_graph(&self, params: &Params, x: &Tensor) -> LayerOutput {
        let h = self.outputs(params, x, self.all());
        let seen = match self.options.rule.has_selector_path() {
            true => x.shallow_clone(),
            false => x.detach(),
        };
        let selection = self.select_with_graph(params, &seen);
        let output = self.combine(&h, &selection);
        LayerOutput { output, choice: selection.choice.squeeze_dim(-2) }
    }

    /// The output by the rule: `[.., batch, neuron]`.
    ///
    /// # Shapes
    /// - h: `[.., batch, computation, neuron]`
    fn combine(&self, h: &Tensor, selection: &GraphSelection) -> Tensor {
        let selected = |of: &Tensor| of.gather(-2, &selection.choice, false).squeeze_dim(-2);
        // With the probability 1 every rule gives the output of the selected one.
        let Some(p) = &selection.probabilities else { return selected(h) };
        match self.options.rule {
            Rule::FullSte | Rule::Hidden => {
                let through = (h.detach() * (p - p.detach())) * self.shape.sign.factor();
                selected(h) + through.sum_dim_intlist(-2, false, h.kind())
            }
            Rule::SelectedOnly => {
                let p = selected(p);
                selected(h) * (&p / p.detach())
            }
            Rule::Switch => selected(h) * selected(p),
            Rule::Frozen => selected(h),
            Rule::Soft => (p * h).sum_dim_intlist(-2, false, h.kind()),
        }
    }
}
