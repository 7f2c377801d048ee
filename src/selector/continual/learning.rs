//! What a step computes and changes.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::state::SelectorContinual;
use crate::lab::tensor::nn::cross_entropy_with_gradient;
use crate::lab::train::experiment::Step;
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::selector::network::NetworkPass;
use crate::selector::task_sequence::batches::{WeightedBatch, sample};
use crate::selector::task_sequence::evaluation::{TaskScores, test};
use crate::selector::task_sequence::penalty::{add_square, pull_norm};
use crate::selector::task_sequence::tasks::TASKS;

/// The forward pass of a step's parts, weighted.
pub(super) struct WeightedPass {
    /// The parts one after another.
    pub(super) pass: NetworkPass,
    /// Their weighted loss: `[]` or `[replicate]`.
    pub(super) loss: Tensor,
    /// The loss's gradient in the logits: `[.., batch, class]`.
    pub(super) delta: Tensor,
}

impl SelectorContinual {
    /// The forward pass of a step's parts at once.
    pub(super) fn pass(&self, parts: &[WeightedBatch]) -> WeightedPass {
        let _guard = no_grad_guard();
        let images: Vec<&Tensor> = parts.iter().map(|part| &part.batch.images).collect();
        let images = match images.as_slice() {
            [only] => only.shallow_clone(),
            many => Tensor::cat(many, -2),
        };
        let pass = self.network.forward(&self.learner.params, &images, |_| None);
        let mut start = 0;
        let each = parts.iter().map(|WeightedBatch { weight, batch }| {
            let rows = batch.images.size()[batch.images.dim() - 2];
            let logits = pass.logits.narrow(-2, start, rows);
            start += rows;
            let judged = self.tasks.judged(&logits, &batch.tasks);
            let (loss, delta) = cross_entropy_with_gradient(&judged, &batch.targets);
            (loss * *weight, delta * *weight)
        });
        let (losses, deltas): (Vec<Tensor>, Vec<Tensor>) = each.unzip();
        WeightedPass { pass, loss: losses.iter().sum(), delta: Tensor::cat(&deltas, -2) }
    }

    /// Updates the parameters, with what the penalty adds.
    ///
    /// # Errors
    /// A loss or a gradient that is not finite.
    pub(super) fn descend(&mut self, step: &mut Step, loss: &Tensor) -> Result<()> {
        let Self { penalty, learner, .. } = self;
        let Some(penalty) = penalty else {
            return learner.apply(step, loss).map(drop);
        };
        let before = learner.params.values.copy();
        if step.logging {
            step.last("penalty/gradient_norm", &pull_norm(&penalty.gradient(&before)));
        }
        if let Some(pull) = penalty.before_step(&before) {
            let _ = learner.gradients.values.g_add_(&pull);
        }
        let applies = learner.apply(step, loss)?.map(|found| found.applies());
        let lr = learner.lr(step.index);
        let Learner { params, gradients, .. } = learner;
        step.time(Phase::Optimizer, || {
            penalty.after_step(params, gradients, &before, lr, applies.as_ref());
        });
        Ok(())
    }

    /// Runs the first `limit` test images of every task, or all of them.
    ///
    /// # Errors
    /// A task without test images.
    pub(super) fn test(&self, limit: Option<i64>) -> Result<TaskScores> {
        let (params, images) = (&self.learner.params, &self.data.test);
        test(&self.network, params, &self.tasks, images, self.seeds.count, limit)
    }

    /// Logs accuracies on some test images of every task while one is being learnt.
    ///
    /// # Errors
    /// A task without test images.
    pub(super) fn probe(&self, step: &mut Step) -> Result<()> {
        let limit = Some(self.config.probe_samples);
        let scores = self.test(limit)?;
        for task in 0..TASKS {
            step.last(&format!("within/task{}", task + 1), &scores.accuracy.select(1, task));
        }
        let total = scores.answers.sum_dim_intlist(1, false, Kind::Double);
        step.last("within/largest_share", &(scores.answers.amax(1, false) / total));
        Ok(())
    }

    /// Takes along into the penalty what it needs of a task that ends.
    pub(super) fn consolidate(&mut self, task: i64) {
        let Some(mut penalty) = self.penalty.take() else { return };
        let fisher = penalty.needs_fisher().then(|| self.fisher(task));
        penalty.consolidate(&self.learner.params.values, fisher.as_ref());
        self.penalty = Some(penalty);
    }

    /// The diagonal of a task's Fisher information: the mean square of the gradient of the
    /// log-likelihood of the right answer, image by image: `[replicate, parameter]`.
    fn fisher(&mut self, task: i64) -> Tensor {
        let count = self.config.fisher_samples;
        let places = sample(&self.tasks, task, count, self.seeds, "fisher");
        let images = places.size()[1];
        let mut sum = self.learner.params.values.zeros_like();
        for i in 0..images {
            let place = places.narrow(1, i, 1);
            let batch = self.tasks.batch(&self.data.train, &place, &place.full_like(task));
            let WeightedPass { pass, delta, .. } =
                self.pass(&[WeightedBatch { weight: 1.0, batch }]);
            let Learner { params, gradients, .. } = &mut self.learner;
            self.network.backward(params, gradients, &pass, &delta);
            add_square(&mut sum, &gradients.values);
        }
        sum / images as f64
    }
}
