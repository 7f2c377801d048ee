//! One of two computation neurons by the side of a half-space and the straight-through estimator: the
//! notebook's neuron, in few operations. The three maps of a neuron are rows of one product.

use tch::Tensor;

use super::noise::Noise;
use super::options::{Inner, SteSign};
use super::plan::ComputePlan;
use super::saved::{LayerPass, SavedForBackward, SelectionResult, SelectorCache};
use super::selector_layer::SelectorLayer;
use crate::lab::tensor::params::Params;
use crate::selector::linear::{JoinedMaps, ParamsAndGradients};

/// Parts of `[.., batch, 3 neuron]`: of A and B, and of the half-space.
struct Parts {
    a: Tensor,
    b: Tensor,
    /// A and B.
    both: Tensor,
    z: Tensor,
    /// B and the half-space.
    b_and_z: Tensor,
}

impl Parts {
    fn of(all: &Tensor, neurons: i64) -> Self {
        let part = |from: i64, count: i64| all.narrow(-1, from * neurons, count * neurons);
        let (a, b, both) = (part(0, 1), part(1, 1), part(0, 2));
        Self { a, b, both, z: part(2, 1), b_and_z: part(1, 2) }
    }
}

impl SelectorLayer {
    /// The maps of A, B and the half-space, where the plan and the rule let this module select.
    pub(super) fn selects_of_two(&self, plan: ComputePlan) -> Option<&JoinedMaps> {
        let rule = self.options.rule;
        self.of_two.as_ref().filter(|_| plan.save_all && rule.is_straight_through())
    }

    /// The selection.
    ///
    /// # Shapes
    /// - x: `[.., batch, input]`
    pub(super) fn select_of_two(
        &self,
        params: &Params,
        maps: &JoinedMaps,
        x: &Tensor,
        noise: Option<&Noise>,
    ) -> SelectionResult {
        let all = maps.outputs(params, x);
        let Parts { a, mut b, mut both, mut z, b_and_z } = Parts::of(&all, self.shape.neurons);
        match self.options.inner {
            Inner::Relu => _ = both.relu_(),
            Inner::Identity => {}
        }
        if let Some(noise) = noise {
            let noise = noise.like(&z.unsqueeze(-2), 0, !self.leading.is_empty(), true);
            _ = z.g_add_(&noise.squeeze_dim(-2));
        }
        let choice = z.ge(0.0);
        let selected = b.where_self(&choice, &a);
        // All that the backward pass needs of both is h_B - h_A, which goes in the place of h_B.
        match self.shape.sign {
            SteSign::Consistent => _ = b.g_sub_(&a),
            SteSign::AsPrinted => _ = a.sub_out(&b, &b),
        }
        SelectionResult {
            choice,
            selected: Some(selected),
            mixture: None,
            selected_probability: None,
            selector: SelectorCache::OfTwo { difference_and_logit: b_and_z },
            saved: SavedForBackward::default(),
        }
    }

    /// The backward pass: writes the gradients, and gives ∂L/∂x where `to_input` asks for it. That of z
    /// is δ (h_B - h_A) q (1 - q) with q = sigmoid(z), what `glu` gives its gate.
    ///
    /// # Shapes
    /// - delta, to_selected: ∂L/∂y, and ∂L/∂(w x + b) of the selected one, `[.., batch, neuron]`
    /// - difference_and_logit: `[.., batch, 2 neuron]`
    pub(super) fn backward_of_two(
        &self,
        model: &mut ParamsAndGradients,
        pass: &LayerPass,
        [delta, to_selected, difference_and_logit]: [&Tensor; 3],
        to_input: bool,
    ) -> Option<Tensor> {
        let Some(maps) = &self.of_two else { panic!("the pass is of another layer") };
        let neurons = self.shape.neurons;
        let size = delta.size();
        let size = [&size[..size.len() - 1], &[3 * neurons]].concat();
        let all = Tensor::empty(size, (delta.kind(), delta.device()));
        let Parts { a, b, b_and_z, .. } = Parts::of(&all, neurons);
        _ = difference_and_logit.glu_backward_grad_input(&b_and_z, delta, -1);
        // What the gate's other side got is overwritten.
        _ = to_selected.mul_out(&b, &pass.choice);
        _ = to_selected.sub_out(&a, &b);
        maps.write_gradients(model.gradients, &all, &pass.x);
        let through = if self.options.rule.has_selector_path() { 3 } else { 2 };
        to_input.then(|| maps.to_input(model.params, &all, through * neurons))
    }
}
