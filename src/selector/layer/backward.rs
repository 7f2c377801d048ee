//! The backward pass, written out.

use tch::{Kind, Tensor, no_grad_guard};

use super::half_space_tree::HalfSpaceTree;
use super::options::{Inner, RuleOutput, SelectorGradient, SteSign};
use super::saved::{LayerPass, SelectorCache};
use super::selector::Selector;
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::{Gradients, Params};
use crate::selector::linear::{Accumulator, Linear, ParamsAndGradients, Span};

/// What comes to a backward pass from above: `[.., batch, neuron]` each.
struct Upstream<'a> {
    /// δ = ∂L/∂y
    delta: &'a Tensor,
    /// δ as the selectors see it where they learn by all outputs: with the sign of the estimator.
    signed_delta: Tensor,
    /// δ y, by which the selector learns where it needs the selected output alone.
    delta_output: Option<Tensor>,
    /// ∂L/∂(w x + b) of the selected computation neuron.
    to_selected: Tensor,
    /// Which computation neuron was selected.
    choice: &'a Tensor,
}

/// Probabilities and outputs of some computation neurons, where the rule needs them:
/// `[.., batch, count, neuron]` each.
struct BlockValues {
    block: Span,
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
        if let SelectorCache::OfTwo { difference_and_logit } = &pass.selector {
            let given = [delta, &upstream.to_selected, difference_and_logit];
            return self.backward_of_two(model, pass, given, to_input);
        }
        let mut dx = to_input.then(Accumulator::default);
        // Where the selector sees a projection, its path to the input adds up there.
        let mut to_projection = Accumulator::default();
        let through = self.options.rule.has_selector_path();
        match &self.selector {
            Selector::HalfSpaces { tree, selection } => {
                let path = dx.as_mut().filter(|_| through);
                self.write_half_space_gradient(model, pass, &upstream, tree, selection, path);
            }
            Selector::One | Selector::Softmax { .. } | Selector::LowRank { .. } => {}
        }
        for block in pass.plan.blocks(self.shape.choices) {
            let values = self.recompute_block(params, pass, block);
            let mut write = |selection, path| {
                self.write_softmax_gradient(model, pass, &upstream, selection, &values, path);
            };
            match &self.selector {
                Selector::Softmax { selection } => {
                    write(selection, dx.as_mut().filter(|_| through));
                }
                Selector::LowRank { selection, .. } => write(selection, Some(&mut to_projection)),
                Selector::One | Selector::HalfSpaces { .. } => {}
            }
            if !pass.plan.gathers() {
                let dh = self.block_gradient(&upstream, &values);
                let rows = block.times(self.shape.neurons);
                self.computation.backward(model, rows, &dh.flatten(-2, -1), &pass.x, dx.as_mut());
            }
        }
        if pass.plan.gathers() {
            let (choice, delta) = (upstream.choice, &upstream.to_selected);
            self.scatter_gradients(model, &pass.x, choice, delta, dx.as_mut());
        }
        match &self.selector {
            Selector::LowRank { projection, .. } => {
                let sum = to_projection.or_zeros_like(&pass.selector_input);
                let path = dx.as_mut().filter(|_| through);
                projection.backward(model, &sum, &pass.x, path);
            }
            Selector::One | Selector::Softmax { .. } | Selector::HalfSpaces { .. } => {}
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
        let signed_delta = match self.shape.sign {
            SteSign::Consistent => delta.shallow_clone(),
            SteSign::AsPrinted => delta.neg(),
        };
        Upstream { delta, signed_delta, delta_output, to_selected, choice: &pass.choice }
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
        let (probabilities, needs_outputs) = match &self.selector {
            Selector::One => (None, false),
            Selector::Softmax { selection } | Selector::LowRank { selection, .. } => {
                let p = self.recompute_softmax(params, selection, pass, block);
                (p, self.options.rule.needs_all_outputs())
            }
            Selector::HalfSpaces { tree, .. } => match &pass.selector {
                SelectorCache::HalfSpaces { q, .. } if self.mixes() => {
                    (Some(tree.probabilities(q, block)), true)
                }
                SelectorCache::HalfSpaces { .. }
                | SelectorCache::OfTwo { .. }
                | SelectorCache::Softmax
                | SelectorCache::RunningSoftmax { .. }
                | SelectorCache::None => (None, false),
            },
        };
        let outputs = needs_outputs.then(|| match &pass.saved.outputs {
            Some(saved) => saved.shallow_clone(),
            None => self.outputs(params, &pass.x, block),
        });
        BlockValues { block, probabilities, outputs }
    }

    /// Writes the gradient of a block's logits and what follows from it: p_k (δ h_k - Σ_j p_j δ h_j),
    /// or δ y (`1[k selected]` - p_k) where only the selected output is known.
    fn write_softmax_gradient(
        &self,
        model: &mut ParamsAndGradients,
        pass: &LayerPass,
        upstream: &Upstream,
        selection: &Linear,
        values: &BlockValues,
        path: Option<&mut Accumulator>,
    ) {
        let mean = match &pass.selector {
            SelectorCache::Softmax => None,
            SelectorCache::RunningSoftmax { mean, .. } => mean.as_ref(),
            SelectorCache::None => return,
            SelectorCache::HalfSpaces { .. } | SelectorCache::OfTwo { .. } => {
                panic!("the pass is of a layer of half-spaces")
            }
        };
        let Some(p) = &values.probabilities else {
            unreachable!("a softmax that learns has its probabilities")
        };
        let mut dz = match (&upstream.delta_output, mean, &values.outputs) {
            (Some(delta_output), ..) => {
                let mut dz = p.neg();
                _ = dz.g_add_(&self.one_hot(upstream.choice, values.block));
                dz.g_mul_(&delta_output.unsqueeze(-2))
            }
            (None, Some(mean), Some(h)) => {
                (h - mean.unsqueeze(-2)) * p * upstream.signed_delta.unsqueeze(-2)
            }
            (None, None, Some(h)) => {
                let delta = &upstream.signed_delta;
                self.logit_gradient_by_kernel(p, h, delta).unwrap_or_else(|| {
                    let to_p = h * delta.unsqueeze(-2);
                    Tensor::internal_softmax_backward_data(&to_p, p, -2, p.kind())
                })
            }
            (None, _, None) => {
                unreachable!("a softmax that learns has outputs or the selected output's gradient")
            }
        };
        self.add_aux_loss_gradient(&mut dz, p, upstream.choice);
        let rows = values.block.times(self.shape.neurons);
        selection.backward(model, rows, &dz.flatten(-2, -1), &pass.selector_input, path);
    }

    /// Writes the gradient of the half-spaces' logits, all at once.
    fn write_half_space_gradient(
        &self,
        model: &mut ParamsAndGradients,
        pass: &LayerPass,
        upstream: &Upstream,
        tree: &HalfSpaceTree,
        selection: &Linear,
        path: Option<&mut Accumulator>,
    ) {
        let (q, slopes) = match &pass.selector {
            SelectorCache::HalfSpaces { q, slopes } => (q, slopes),
            SelectorCache::None => return,
            SelectorCache::OfTwo { .. } => unreachable!("these have a backward pass of their own"),
            SelectorCache::Softmax | SelectorCache::RunningSoftmax { .. } => {
                panic!("the pass is of a layer with a softmax")
            }
        };
        let dz = match (&upstream.delta_output, slopes) {
            (Some(delta_output), _) => {
                let choice = upstream.choice.to_kind(Kind::Int64);
                tree.selected_slopes(q, &choice) * delta_output.unsqueeze(-2)
            }
            (None, Some(slopes)) => slopes * upstream.signed_delta.unsqueeze(-2),
            (None, None) => {
                unreachable!("half-spaces that learn have slopes or the selected output's gradient")
            }
        };
        selection.backward(model, selection.all(), &dz.flatten(-2, -1), &pass.selector_input, path);
    }

    /// ∂L/∂(w x + b) of a block's computation neurons: `[.., batch, count, neuron]`.
    fn block_gradient(&self, upstream: &Upstream, values: &BlockValues) -> Tensor {
        match (self.mixes(), &values.probabilities, &values.outputs) {
            (true, Some(p), Some(h)) => {
                let dh = p * upstream.delta.unsqueeze(-2);
                match self.options.inner {
                    Inner::Relu => h.threshold_backward(&dh, 0.0),
                    Inner::Identity => dh,
                }
            }
            (false, ..) | (true, None, _) | (true, _, None) => {
                let delta = &upstream.to_selected;
                if self.shape.choices == 1 {
                    return delta.unsqueeze(-2);
                }
                let whole = values.block.count == self.shape.choices;
                let by_kernel = || self.selected_gradient_by_kernel(upstream.choice, delta);
                whole.then(by_kernel).flatten().unwrap_or_else(|| {
                    delta.unsqueeze(-2) * self.one_hot(upstream.choice, values.block)
                })
            }
        }
    }
}
