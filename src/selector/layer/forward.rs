//! The forward pass without a graph.

use tch::{Kind, Tensor, no_grad_guard};

use super::noise::Noise;
use super::options::RuleOutput;
use super::saved::{LayerPass, SavedForBackward, SelectionResult, SelectorCache};
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;
use crate::selector::linear::Span;

impl SelectorLayer {
    /// The forward pass, whose backward pass is [`SelectorLayer::backward`]. Its output is bit for
    /// bit that of the selected computation neuron, but for `switch` and `soft`.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`; several leading axes must be made one before
    ///
    /// # Panics
    /// Where `x` is of another shape, or of another kind or device than the layer's parameters, or
    /// `params` are those of another model.
    pub fn forward(&self, params: &Params, x: &Tensor, noise: Option<Noise>) -> LayerPass {
        let _guard = no_grad_guard();
        let x = x.detach();
        self.expect("input", &x, self.shape.inputs);
        let plan = self.plan(x.size()[x.dim() - 2]);
        let selector_input = self.selector_input(params, &x);
        let result = match (&self.selection, &self.tree) {
            (None, _) => self.without_selector(params, &x),
            (Some(selection), None) => {
                let noise = noise.as_ref();
                self.select_by_softmax(params, selection, &x, &selector_input, plan, noise)
            }
            (Some(selection), Some(tree)) => {
                let noise = noise.as_ref();
                let z = self.half_space_logits(params, selection, &selector_input, noise);
                self.select_by_half_spaces(params, tree, &z, &x, plan)
            }
        };
        let choice = result.choice;
        let selected = match result.selected {
            Some(selected) => selected,
            None => self.gather_outputs(params, &x, &choice),
        };
        let output = match self.options.rule.output() {
            RuleOutput::Selected => selected,
            RuleOutput::Scaled => match &result.selected_probability {
                Some(probability) => selected * probability,
                None => selected,
            },
            RuleOutput::Mixture => result.mixture.unwrap_or(selected),
        };
        LayerPass {
            output,
            choice: choice.to_kind(self.indices.kind()),
            x,
            selector_input,
            selector: result.selector,
            selected_probability: result.selected_probability,
            saved: result.saved,
            plan,
            noise,
        }
    }

    /// Panics unless a tensor is `[.., batch, width]` of the parameters' kind and device.
    pub(super) fn expect(&self, what: &str, found: &Tensor, width: i64) {
        let (kind, device, size) = (self.kind, self.indices.device(), found.size());
        let fits = match size.split_last_chunk() {
            Some((leading, [_, last])) => leading == self.leading && *last == width,
            None => false,
        };
        assert!(
            fits && found.kind() == kind && found.device() == device,
            "the {what} of a selector layer is {:?} {size:?} on {:?}: expected {kind:?} \
             {:?} + [batch, {width}] on {device:?}",
            found.kind(),
            found.device(),
            self.leading,
        );
    }

    /// The result of a layer with one computation neuron.
    fn without_selector(&self, params: &Params, x: &Tensor) -> SelectionResult {
        let output = self.outputs(params, x, Span { start: 0, count: 1 }).squeeze_dim(-2);
        SelectionResult {
            choice: output.zeros_like().to_kind(Kind::Int64),
            mixture: None,
            selected: Some(output),
            selector: SelectorCache::None,
            selected_probability: None,
            saved: SavedForBackward::default(),
        }
    }
}
