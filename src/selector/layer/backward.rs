//! The backward pass, written out.

use tch::{Kind, Tensor, no_grad_guard};

use super::options::{Inner, RuleOutput, SelectorGradient};
use super::saved::{LayerPass, SelectorCache};
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::{Gradients, Params};
use crate::selector::linear::{Accumulator, ParamsAndGradients, Span};

/// What comes to a backward pass from above: `[.., batch, neuron]` each.
struct Upstream<'a> {
    /// δ = ∂L/∂y
    delta: &'a Tensor,
    /// δ y, by which the selector learns where it needs the selected output alone.
    delta_output: Option<Tensor>,
    /// ∂L/∂(w x + b) of the selected computation neuron.
    to_selected: Tensor,
    /// Which computation neuron was selected.
    choice: &'a Tensor,
}

/// Probabilities and outputs of a block's computation neurons, where the rule needs them:
/// `[.., batch, count, neuron]` each.
struct BlockValues {
    probabilities: Option<Tensor>,
    outputs: Option<Tensor>,
}

impl SelectorLayer {
    /// The gradients of a pass, from ∂L/∂y: writes those of the layer's parameters to `gradients`, and
    /// returns ∂L/∂x, `[.., batch, input]`, where `to_input` asks for it. Every gradient of the
    /// layer is written, none is added to; those of a selector that doesn't learn are left at zero.
    ///
    /// # Shapes
    /// - delta: ∂L/∂y, `[.., batch, neuron]`
    ///
    /// # Panics
    /// Where `delta` is not of the shape, kind and device of the pass's output, or the pass is of a
    /// layer of another size or kind, or `params` and `gradients` are of another model.
    pub fn backward(
        &self,
        params: &Params,
        gradients: &mut Gradients,
        pass: &LayerPass,
        delta: &Tensor,
        to_input: bool,
    ) -> Option<Tensor> {
        let _guard = no_grad_guard();
        let delta = &delta.detach();
        self.expect("input", &pass.x, self.shape.inputs);
        self.expect("upstream gradient", delta, self.shape.neurons);
        assert_eq!(delta.size(), pass.output.size(), "the upstream gradient is of another batch");
        let upstream = self.upstream(pass, delta);
        let model = &mut ParamsAndGradients { params, gradients };
        let mut dx = to_input.then(Accumulator::default);
        let mut to_projection = self.projection.is_some().then(Accumulator::default);
        let through = self.options.rule.has_selector_path();
        if self.options.rule.trains_selector() {
            let path = selector_path(&mut to_projection, &mut dx, through);
            self.write_half_space_gradient(model, pass, &upstream, path);
        }
        for block in pass.plan.blocks(self.shape.choices) {
            let values = self.recompute_block(params, pass, block);
            let path = selector_path(&mut to_projection, &mut dx, through);
            self.write_softmax_gradient(model, pass, &upstream, block, &values, path);
            if !pass.plan.gathers() {
                let dh = self.block_gradient(&upstream, block, &values);
                let rows = block.times(self.shape.neurons);
                self.computation.backward(model, rows, &dh.flatten(-2, -1), &pass.x, dx.as_mut());
            }
        }
        if pass.plan.gathers() {
            let (choice, delta) = (upstream.choice, &upstream.to_selected);
            self.scatter_gradients(model, &pass.x, choice, delta, dx.as_mut());
        }
        if let (Some(projection), Some(sum)) = (&self.projection, to_projection) {
            let path = dx.as_mut().filter(|_| through);
            projection.backward(model, &sum.or_zeros_like(&pass.selector_input), &pass.x, path);
        }
        dx.map(|sum| sum.or_zeros_like(&pass.x))
    }

    fn upstream<'a>(&self, pass: &'a LayerPass, delta: &'a Tensor) -> Upstream<'a> {
        let y = &pass.output;
        let to_selected = match self.options.inner {
            // A scaled output has the sign of the selected computation neuron's.
            Inner::Relu => y.threshold_backward(delta, 0.0),
            Inner::Identity => delta.shallow_clone(),
        };
        let to_selected = match &pass.selected_probability {
            Some(probability) => to_selected * probability,
            None => to_selected,
        };
        let delta_output = match self.options.rule.selector_gradient() {
            SelectorGradient::SelectedOutput => Some(delta * y),
            SelectorGradient::AllOutputs | SelectorGradient::None => None,
        };
        Upstream { delta, delta_output, to_selected, choice: &pass.choice }
    }

    /// Whether the layer gives out the mixture of all computation neurons.
    fn mixes(&self) -> bool {
        match self.options.rule.output() {
            RuleOutput::Mixture => true,
            RuleOutput::Selected | RuleOutput::Scaled => false,
        }
    }

    /// Probabilities and outputs of a block, taken from what was saved or computed again.
    fn recompute_block(&self, params: &Params, pass: &LayerPass, block: Span) -> BlockValues {
        let part = |saved: &Tensor| saved.narrow(-2, block.start, block.count);
        let (probabilities, needs_outputs) = match &pass.selector {
            SelectorCache::None => (None, false),
            SelectorCache::Softmax { log_sum, .. } => {
                let probabilities = match &pass.saved.probabilities {
                    Some(saved) => Some(part(saved)),
                    None => self
                        .block_logits(params, pass, block)
                        .map(|z| (z - log_sum.unsqueeze(-2)).exp_()),
                };
                (probabilities, self.options.rule.needs_all_outputs())
            }
            SelectorCache::HalfSpaces { q, .. } => {
                let tree = self.tree.as_ref().filter(|_| self.mixes());
                (tree.map(|tree| tree.probabilities(q, block)), self.mixes())
            }
        };
        let outputs = needs_outputs.then(|| match &pass.saved.outputs {
            Some(saved) => part(saved),
            None => self.outputs(params, &pass.x, block),
        });
        BlockValues { probabilities, outputs }
    }

    /// The logits of a block, saved or computed again: `[.., batch, count, neuron]`.
    fn block_logits(&self, params: &Params, pass: &LayerPass, block: Span) -> Option<Tensor> {
        match pass.saved.logits.get((block.start / pass.plan.block) as usize) {
            Some(z) => Some(z.shallow_clone()),
            None => self.selection.as_ref().map(|selection| {
                let noise = pass.noise.as_ref();
                self.softmax_logits(params, selection, &pass.selector_input, block, noise)
            }),
        }
    }

    /// Writes the gradient of a block's logits and what follows from it: p_k δ (h_k - Σ_j p_j h_j),
    /// or δ y (`1[k selected]` - p_k) where only the selected output is known.
    fn write_softmax_gradient(
        &self,
        model: &mut ParamsAndGradients,
        pass: &LayerPass,
        upstream: &Upstream,
        block: Span,
        values: &BlockValues,
        path: Option<&mut Accumulator>,
    ) {
        let (Some(selection), SelectorCache::Softmax { mean, .. }, Some(p)) =
            (&self.selection, &pass.selector, &values.probabilities)
        else {
            return;
        };
        let mut dz = match (&upstream.delta_output, mean, &values.outputs) {
            (Some(delta_output), ..) => {
                let mut dz = p.neg();
                _ = dz.g_add_(&self.one_hot(upstream.choice, block));
                dz.g_mul_(&delta_output.unsqueeze(-2))
            }
            (None, Some(mean), Some(h)) => {
                (h - mean.unsqueeze(-2)) * p * upstream.delta.unsqueeze(-2)
            }
            (None, None, _) | (None, _, None) => return,
        };
        self.add_aux_loss_gradient(&mut dz, p, upstream.choice);
        let rows = block.times(self.shape.neurons);
        selection.backward(model, rows, &dz.flatten(-2, -1), &pass.selector_input, path);
    }

    /// Writes the gradient of the half-spaces' logits, all at once.
    fn write_half_space_gradient(
        &self,
        model: &mut ParamsAndGradients,
        pass: &LayerPass,
        upstream: &Upstream,
        path: Option<&mut Accumulator>,
    ) {
        let (Some(selection), Some(tree), SelectorCache::HalfSpaces { q, slopes }) =
            (&self.selection, &self.tree, &pass.selector)
        else {
            return;
        };
        let dz = match (&upstream.delta_output, slopes) {
            (Some(delta_output), _) => {
                let choice = upstream.choice.to_kind(Kind::Int64);
                tree.selected_slopes(q, &choice) * delta_output.unsqueeze(-2)
            }
            (None, Some(slopes)) => {
                slopes * (upstream.delta * self.shape.sign.factor()).unsqueeze(-2)
            }
            (None, None) => return,
        };
        selection.backward(model, selection.all(), &dz.flatten(-2, -1), &pass.selector_input, path);
    }

    /// ∂L/∂(w x + b) of a block's computation neurons: `[.., batch, count, neuron]`.
    fn block_gradient(&self, upstream: &Upstream, block: Span, values: &BlockValues) -> Tensor {
        match (self.mixes(), &values.probabilities, &values.outputs) {
            (true, Some(p), Some(h)) => {
                let dh = p * upstream.delta.unsqueeze(-2);
                match self.options.inner {
                    Inner::Relu => h.threshold_backward(&dh, 0.0),
                    Inner::Identity => dh,
                }
            }
            _ if self.shape.choices == 1 => upstream.to_selected.unsqueeze(-2),
            _ => upstream.to_selected.unsqueeze(-2) * self.one_hot(upstream.choice, block),
        }
    }
}

/// Where the selector's path to the input adds up: at the projection, where the selector sees one,
/// else at the input itself, unless the rule leaves the path out.
fn selector_path<'a>(
    to_projection: &'a mut Option<Accumulator>,
    dx: &'a mut Option<Accumulator>,
    through: bool,
) -> Option<&'a mut Accumulator> {
    match to_projection {
        Some(sum) => Some(sum),
        None => dx.as_mut().filter(|_| through),
    }
}
