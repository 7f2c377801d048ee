//! The layer as differentiable operations, everything for all K at once.

use tch::{Kind, Tensor};

use super::options::Rule;
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;
use crate::selector::linear::Linear;

/// What [`SelectorLayer::forward_with_graph`] returns.
#[derive(Debug)]
pub struct Activation {
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
    /// minus the sum.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub fn forward_with_graph(&self, params: &Params, x: &Tensor) -> Activation {
        let h = self.outputs(params, x, self.all());
        let Some(selection) = &self.selection else {
            let output = h.squeeze_dim(-2);
            let choice = output.detach().zeros_like().to_kind(Kind::Int64);
            return Activation { output, choice };
        };
        let seen = match self.options.rule.has_selector_path() {
            true => x.shallow_clone(),
            false => x.detach(),
        };
        let z = self.all_logits(params, selection, &seen);
        let choice = match &self.tree {
            Some(tree) => tree.choice(&z.detach()).unsqueeze(-2),
            None => self.with_balance_bias(&z.detach(), self.all()).argmax(-2, true),
        };
        let output = self.combine(&self.probabilities_of(&z), &h, &choice);
        Activation { output, choice: choice.squeeze_dim(-2) }
    }

    /// The probabilities that the selectors give: `[.., batch, computation, neuron]`; none where
    /// there is nothing to choose.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub fn probabilities(&self, params: &Params, x: &Tensor) -> Option<Tensor> {
        let selection = self.selection.as_ref()?;
        Some(self.probabilities_of(&self.all_logits(params, selection, x)))
    }

    /// The logits of all selectors: `[.., batch, logit, neuron]`.
    fn all_logits(&self, params: &Params, selection: &Linear, x: &Tensor) -> Tensor {
        let z = selection.outputs(params, &self.selector_input(params, x), selection.all());
        z.unflatten(-1, [self.shape.logits(), self.shape.neurons])
    }

    /// The probabilities of all computation neurons: `[.., batch, computation, neuron]`.
    ///
    /// # Shapes
    /// - z: `[.., batch, logit, neuron]`
    fn probabilities_of(&self, z: &Tensor) -> Tensor {
        match &self.tree {
            Some(tree) => tree.probabilities(&z.sigmoid(), self.all()),
            None => z.softmax(-2, z.kind()),
        }
    }

    /// The output by the rule: `[.., batch, neuron]`.
    ///
    /// # Shapes
    /// - p, h: `[.., batch, computation, neuron]`; choice: `[.., batch, 1, neuron]`
    fn combine(&self, p: &Tensor, h: &Tensor, choice: &Tensor) -> Tensor {
        let selected = |of: &Tensor| of.gather(-2, choice, false).squeeze_dim(-2);
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
