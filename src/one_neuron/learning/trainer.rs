//! The training loop in plain Rust. A batch has eight samples of four numbers, which is nothing for a
//! tensor operation and little for a loop.

use super::update::{BiasCorrections, Update};
use crate::one_neuron::data::batches::Batches;
use crate::one_neuron::model::architecture::Model;
use crate::one_neuron::model::rule::GradientRule;

/// How one neuron or network is trained.
#[derive(Debug, Clone, Copy)]
pub struct Trainer<'a> {
    /// What is trained.
    pub model: Model,
    /// How the gradient is made.
    pub rule: GradientRule,
    /// How the gradient is applied.
    pub update: &'a Update,
    /// The learning rate.
    pub lr: f64,
    /// What half the gradient is multiplied by: `[parameter]`.
    pub scale: &'a [f64],
}

/// What the training changes.
#[derive(Debug)]
pub struct TrainerState<'a> {
    /// Parameters: `[parameter]`.
    pub params: &'a mut [f64],
    /// The update's state: `[buffer, parameter]`, flat.
    pub buffers: &'a mut [f64],
    /// Sum of the losses since the last record.
    pub loss_sum: &'a mut f64,
}

impl Trainer<'_> {
    /// Takes one step for each of the batches, with the bias corrections of each step. Gives back the
    /// batch, counted from 0, at which the loss or a parameter stopped being finite.
    pub fn run(
        &self,
        state: &mut TrainerState,
        batches: &Batches,
        corrections: &[BiasCorrections],
    ) -> Option<usize> {
        let mut outputs = vec![0.0; batches.size];
        let mut gradient = vec![0.0; self.model.width()];
        for (t, corrections) in corrections.iter().enumerate() {
            let batch = batches.get(t);
            let loss =
                self.model.gradient(self.rule, state.params, batch, &mut outputs, &mut gradient);
            *state.loss_sum += loss;
            gradient.iter_mut().zip(self.scale).for_each(|(g, scale)| *g *= scale);
            self.update.apply(state.params, state.buffers, &gradient, self.lr, *corrections);
            if !(loss.is_finite() && state.params.iter().all(|p| p.is_finite())) {
                return Some(t);
            }
        }
        None
    }
}
