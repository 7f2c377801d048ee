//! The layer as differentiable operations, everything for all K at once.

use tch::{Kind, Tensor};

use super::{Rule, SelectorLayer};
use crate::selector::rows::Rows;

/// What a layer gives.
#[derive(Debug)]
pub struct Activation {
    /// [.., batch, neuron]: for most rules exactly the output of the selected computation neuron.
    pub output: Tensor,
    /// Which one was selected: [.., batch, neuron] i64.
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
    /// - x: [.., batch, input]
    pub fn forward(&self, x: &Tensor) -> Activation {
        let h = self.hidden(x, (0, self.shape.choices));
        let Some(selection) = &self.selection else {
            let output = h.squeeze_dim(-2);
            let choice = output.detach().zeros_like().to_kind(Kind::Int64);
            return Activation { output, choice };
        };
        let seen = if self.options.rule == Rule::Hidden { x.detach() } else { x.shallow_clone() };
        let z = self.all_logits(selection, &seen);
        let choice = match &self.levels {
            Some(levels) => levels.choice(&z.detach()).unsqueeze(-2),
            None => self.keys(&z.detach()).argmax(-2, true),
        };
        let output = self.combine(&self.likelihoods(&z), &h, &choice);
        Activation { output, choice: choice.squeeze_dim(-2) }
    }

    /// The probabilities that the selectors give: [.., batch, computation, neuron]; none where there
    /// is nothing to choose.
    ///
    /// - x: [.., batch, input]
    pub fn probabilities(&self, x: &Tensor) -> Option<Tensor> {
        let selection = self.selection.as_ref()?;
        Some(self.likelihoods(&self.all_logits(selection, x)))
    }

    /// [.., batch, logit, neuron]
    fn all_logits(&self, selection: &Rows, x: &Tensor) -> Tensor {
        let (logits, neurons) = (self.shape.logits(), self.shape.neurons);
        selection.outputs(&self.features(x), 0, logits * neurons).unflatten(-1, [logits, neurons])
    }

    /// - z: [.., batch, logit, neuron]
    ///
    /// Gives [.., batch, computation, neuron].
    fn likelihoods(&self, z: &Tensor) -> Tensor {
        match &self.levels {
            Some(levels) => levels.probabilities(&z.sigmoid(), (0, self.shape.choices)),
            None => z.softmax(-2, z.kind()),
        }
    }

    /// y of the rule.
    ///
    /// - p, h: [.., batch, computation, neuron]; choice: [.., batch, 1, neuron]
    fn combine(&self, p: &Tensor, h: &Tensor, choice: &Tensor) -> Tensor {
        let selected = |of: &Tensor| of.gather(-2, choice, false).squeeze_dim(-2);
        match self.options.rule {
            Rule::FullSte | Rule::Hidden => {
                let through = (h.detach() * (p - p.detach())) * self.direction();
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
