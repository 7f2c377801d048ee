//! The layer as differentiable operations, everything for all K at once.

use tch::{Kind, Tensor};

use super::{Rule, SelectorLayer};

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
        let features = self.features(&seen);
        let logits = self.shape.logits();
        let z = selection.outputs(&features, 0, logits * self.shape.neurons);
        let z = z.unflatten(-1, [logits, self.shape.neurons]);
        let (p, choice) = match &self.levels {
            Some(levels) => {
                let q = z.sigmoid();
                let p = levels.probabilities(&q, (0, self.shape.choices));
                (p, levels.choice(&z.detach()).unsqueeze(-2))
            }
            None => (z.softmax(-2, z.kind()), self.keys(&z.detach()).argmax(-2, true)),
        };
        let output = self.combine(&p, &h, &choice);
        Activation { output, choice: choice.squeeze_dim(-2) }
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
