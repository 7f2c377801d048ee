//! The forward pass without a graph.

use tch::{Device, Kind, Tensor, no_grad_guard};

use super::noise::Noise;
use super::options::RuleOutput;
use super::saved::LayerPass;
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;

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
        let result = self.select(params, &x, &selector_input, plan, noise.as_ref());
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
            choice: match (choice.kind(), choice.device()) {
                (Kind::Bool, _) => choice.view_dtype(Kind::Uint8),
                // On a GPU a launch is dearer than the memory that it saves.
                (_, Device::Cuda(_)) => choice,
                _ => choice.to_kind(self.indices.kind()),
            },
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
}
