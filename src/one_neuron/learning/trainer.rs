//! The loop over rows in plain Rust: a row is one point of the grid with one seed. A batch has eight
//! samples of four numbers, which is nothing for a tensor operation and little for a loop.

use super::batches::Batches;
use super::model::Model;
use super::rule::Gradient;
use super::update::{Corrections, Update};

/// What does not change along a row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What is trained.
    pub model: Model,
    /// How the gradient is made.
    pub rule: Gradient,
    /// How it is applied.
    pub update: &'a Update,
    /// The learning rate.
    pub lr: f64,
    /// What multiplies half the gradient: [parameter].
    pub scale: &'a [f64],
}

/// What changes along a row.
#[derive(Debug)]
pub struct RowState<'a> {
    /// Parameters: [parameter].
    pub params: &'a mut [f64],
    /// The update's state: [buffer, parameter], flat.
    pub buffers: &'a mut [f64],
    /// Sum of the losses since the last record.
    pub loss_sum: &'a mut f64,
}

impl Row<'_> {
    /// Takes one step for each of the batches. Says at which of them, from 0, the loss or a
    /// parameter stopped being finite, if at one.
    ///
    /// - corrections: of each step
    pub fn run(
        &self,
        state: &mut RowState,
        batches: &Batches,
        corrections: &[Corrections],
    ) -> Option<usize> {
        let mut outputs = vec![0.0; batches.size];
        let mut gradient = vec![0.0; self.model.parameters()];
        for (t, corrections) in corrections.iter().enumerate() {
            let batch = batches.get(t);
            let loss =
                self.model.gradient(self.rule, state.params, batch, &mut outputs, &mut gradient);
            *state.loss_sum += loss;
            gradient.iter_mut().zip(self.scale).for_each(|(g, scale)| *g *= scale);
            self.update.row(state.params, state.buffers, &gradient, self.lr, *corrections);
            if !(loss.is_finite() && state.params.iter().all(|p| p.is_finite())) {
                return Some(t);
            }
        }
        None
    }
}
