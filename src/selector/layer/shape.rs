//! The size of a layer, and how its parameters are initialised.

use super::options::SteSign;
use super::selector_kind::SelectorKind;
use crate::lab::tensor::nn::{Sampler, linear_samplers};

/// The size of a layer, and how its neurons select.
#[derive(Debug, Clone, Copy)]
pub struct LayerShape {
    /// Inputs (D).
    pub inputs: i64,
    /// Neurons (N).
    pub neurons: i64,
    /// Computation neurons of each neuron (K).
    pub choices: i64,
    /// How a neuron selects.
    pub selector: SelectorKind,
    /// Which way the selectors' straight-through gradient goes.
    pub sign: SteSign,
    /// Numbers that the low-rank selector reduces the input to (r). The other selectors ignore it.
    pub rank: i64,
}

impl LayerShape {
    /// Logits of each neuron's selector.
    pub fn logits(&self) -> i64 {
        self.selector.logits(self.choices)
    }

    /// Numbers that the selector sees: D, or r where it sees a projection of the input.
    pub fn selector_inputs(&self) -> i64 {
        if self.selector.projects_input() { self.rank } else { self.inputs }
    }

    /// Numbers in all parameters; for sizes of which no layer can be made, the largest number there is.
    pub fn parameter_count(&self) -> i64 {
        let projects = self.selector.projects_input();
        let projection = if projects { self.rank.saturating_mul(self.inputs) } else { 0 };
        let selection = self.selector_inputs().saturating_add(1).saturating_mul(self.logits());
        let computation = self.inputs.saturating_add(1).saturating_mul(self.choices);
        let each = selection.saturating_add(computation);
        each.saturating_mul(self.neurons).saturating_add(projection)
    }

    /// The names of the parameters of the layer called `name`, with what draws their initial values.
    ///
    /// # Shapes
    /// - `<name>.projection.weight`: `[rank, input]`, of the low-rank selector only
    /// - `<name>.selection.weight`: `[neuron, input]` for the threshold, `[logit, neuron, input]`
    ///   for the others, with the rank in the place of the inputs for low-rank;
    ///   `<name>.selection.bias` without the last axis
    /// - `<name>.computation.weight`: `[computation, neuron, input]`; `<name>.computation.bias`:
    ///   `[computation, neuron]`
    pub fn parameters(&self, name: &str) -> Vec<(String, Sampler)> {
        let mut parameters = Vec::new();
        if self.selector.projects_input() {
            let (weight, _) = linear_samplers(&[self.rank, self.inputs]);
            parameters.push((format!("{name}.projection.weight"), weight));
        }
        let selection = self.selector.selection_axes(self.choices, self.neurons);
        let parts = [
            ("selection", selection.map(|axes| (axes, self.selector_inputs()))),
            ("computation", Some((vec![self.choices, self.neurons], self.inputs))),
        ];
        for (part, axes) in parts {
            let Some((mut shape, inputs)) = axes else { continue };
            shape.push(inputs);
            let (weight, bias) = linear_samplers(&shape);
            parameters.push((format!("{name}.{part}.weight"), weight));
            parameters.push((format!("{name}.{part}.bias"), bias));
        }
        parameters
    }
}
