//! The backward pass, written out.

use tch::{Kind, Tensor, no_grad_guard};

use super::pass::{Pass, Selection};
use super::{Compute, Inner, Rule, SelectorLayer};
use crate::selector::rows::Sum;

/// What a backward pass sends down from the output: [.., batch, neuron] each.
struct Signal<'a> {
    /// δ = ∂L/∂y
    delta: &'a Tensor,
    /// δ y, what the selector learns by where only the selected one is known.
    credit: Option<Tensor>,
    /// ∂L/∂(w x + b) of the selected computation neuron.
    to_selected: Tensor,
    /// As the pass has it.
    choice: &'a Tensor,
}

impl SelectorLayer {
    /// The gradients of a pass, from ∂L/∂y: writes those of the layer's parameters into the
    /// model's gradient ([`Params::gradient`](crate::lab::tensor::params::Params::gradient)), and gives
    /// ∂L/∂x, [.., batch, input], where `to_input` asks for it. Every gradient of the layer is
    /// written, none is added to; those of a selector that doesn't learn are left at zero.
    ///
    /// - delta: ∂L/∂y, [.., batch, neuron]
    pub fn backward(&self, pass: &Pass, delta: &Tensor, to_input: bool) -> Option<Tensor> {
        let _guard = no_grad_guard();
        let delta = &delta.detach();
        let signal = self.signal(pass, delta);
        let mut dx = to_input.then(Sum::default);
        let mut to_features = self.projection.is_some().then(Sum::default);
        let through = self.options.rule.passes_selector();
        if self.options.rule.moves_selector() {
            self.move_levels(pass, &signal, selector_path(&mut to_features, &mut dx, through));
        }
        for block in pass.plan.blocks(self.shape.choices) {
            let (p, h) = self.again(pass, block);
            let path = selector_path(&mut to_features, &mut dx, through);
            self.move_softmax(pass, &signal, block, (p.as_ref(), h.as_ref()), path);
            if pass.plan.compute != Compute::Gather {
                let dh = self.to_block(&signal, block, (p.as_ref(), h.as_ref()));
                let n = self.shape.neurons;
                let rows = (block.0 * n, block.1 * n);
                self.computation.backward(rows, &dh.flatten(-2, -1), &pass.x, dx.as_mut());
            }
        }
        if pass.plan.compute == Compute::Gather {
            self.scatter(&pass.x, signal.choice, &signal.to_selected, dx.as_mut());
        }
        if let (Some(map), Some(features)) = (&self.projection, to_features) {
            let path = dx.as_mut().filter(|_| through);
            map.backward(&features.take(&pass.features), &pass.x, path);
        }
        dx.map(|sum| sum.take(&pass.x))
    }

    fn signal<'a>(&self, pass: &'a Pass, delta: &'a Tensor) -> Signal<'a> {
        let y = &pass.output;
        let to_selected = match self.options.inner {
            // Of a scaled output, too: its sign is that of the selected computation neuron.
            Inner::Relu => y.threshold_backward(delta, 0.0),
            Inner::Identity => delta.shallow_clone(),
        };
        let to_selected = match &pass.share {
            Some(share) => to_selected * share,
            None => to_selected,
        };
        let credit = matches!(self.options.rule, Rule::SelectedOnly | Rule::Switch);
        Signal { delta, credit: credit.then(|| delta * y), to_selected, choice: &pass.choice }
    }

    /// Probabilities and outputs of a block, kept or computed again, where the rule needs them.
    fn again(&self, pass: &Pass, block: (i64, i64)) -> (Option<Tensor>, Option<Tensor>) {
        let rule = self.options.rule;
        let part = |kept: &Tensor| kept.narrow(-2, block.0, block.1);
        let p = match (&pass.selection, &self.selection, &self.levels) {
            (Selection::Softmax { log_sum, .. }, Some(rows), _) => Some(match &pass.kept.p {
                Some(p) => part(p),
                None => {
                    let z = match pass.kept.z.get((block.0 / pass.plan.block) as usize) {
                        Some(z) => z,
                        None => &self.logits(rows, &pass.features, block, pass.noise.as_ref()),
                    };
                    (z - log_sum.unsqueeze(-2)).exp_()
                }
            }),
            (Selection::Levels { q, .. }, _, Some(levels)) if rule == Rule::Soft => {
                Some(levels.probabilities(q, block))
            }
            _ => None,
        };
        let softmax = matches!(pass.selection, Selection::Softmax { .. });
        let h = (rule == Rule::Soft || softmax && rule.needs_all()).then(|| match &pass.kept.h {
            Some(h) => part(h),
            None => self.hidden(&pass.x, block),
        });
        (p, h)
    }

    /// The gradient of a block's logits, and what follows from it: p_k δ (h_k - Σ_j p_j h_j), or
    /// δ y (1[k selected] - p_k) where only the selected one is known.
    fn move_softmax(
        &self,
        pass: &Pass,
        signal: &Signal,
        (start, count): (i64, i64),
        (p, h): (Option<&Tensor>, Option<&Tensor>),
        path: Option<&mut Sum>,
    ) {
        let (Some(rows), Selection::Softmax { mean, .. }, Some(p)) =
            (&self.selection, &pass.selection, p)
        else {
            return;
        };
        let mut dz = match (&signal.credit, mean, h) {
            (Some(credit), ..) => {
                let mut dz = p.neg();
                _ = dz.g_add_(&self.one_hot(signal.choice, (start, count)));
                dz.g_mul_(&credit.unsqueeze(-2))
            }
            (None, Some(mean), Some(h)) => {
                (h - mean.unsqueeze(-2)) * p * signal.delta.unsqueeze(-2)
            }
            _ => return,
        };
        self.add_evenness(&mut dz, p, signal.choice);
        let n = self.shape.neurons;
        rows.backward((start * n, count * n), &dz.flatten(-2, -1), &pass.features, path);
    }

    /// The same of the levels of a threshold or a tree, all at once.
    fn move_levels(&self, pass: &Pass, signal: &Signal, path: Option<&mut Sum>) {
        let (Some(rows), Some(levels), Selection::Levels { q, slopes }) =
            (&self.selection, &self.levels, &pass.selection)
        else {
            return;
        };
        let dz = match (&signal.credit, slopes) {
            (Some(credit), _) => {
                levels.selected_slopes(q, &signal.choice.to_kind(Kind::Int64))
                    * credit.unsqueeze(-2)
            }
            (None, Some(slopes)) => slopes * (signal.delta * self.direction()).unsqueeze(-2),
            (None, None) => return,
        };
        let count = self.shape.logits() * self.shape.neurons;
        rows.backward((0, count), &dz.flatten(-2, -1), &pass.features, path);
    }

    /// ∂L/∂(w x + b) of a block's computation neurons: [.., batch, count, neuron].
    fn to_block(
        &self,
        signal: &Signal,
        block: (i64, i64),
        (p, h): (Option<&Tensor>, Option<&Tensor>),
    ) -> Tensor {
        match (self.options.rule, p, h) {
            (Rule::Soft, Some(p), Some(h)) => {
                let dh = p * signal.delta.unsqueeze(-2);
                match self.options.inner {
                    Inner::Relu => h.threshold_backward(&dh, 0.0),
                    Inner::Identity => dh,
                }
            }
            _ if self.shape.choices == 1 => signal.to_selected.unsqueeze(-2),
            _ => signal.to_selected.unsqueeze(-2) * self.one_hot(signal.choice, block),
        }
    }

    /// Where a block's computation neurons are selected: [.., batch, count, neuron] bool.
    fn one_hot(&self, choice: &Tensor, (start, count): (i64, i64)) -> Tensor {
        choice.unsqueeze(-2).eq_tensor(&self.numbers.narrow(0, start, count))
    }
}

/// Where the selector's path to the input adds up: in the features, where they are a projection of
/// the input, else in the input itself, unless the rule leaves it out.
fn selector_path<'a>(
    to_features: &'a mut Option<Sum>,
    dx: &'a mut Option<Sum>,
    through: bool,
) -> Option<&'a mut Sum> {
    match to_features {
        Some(sum) => Some(sum),
        None => dx.as_mut().filter(|_| through),
    }
}
