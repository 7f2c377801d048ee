//! Accuracies on every task, and which classes are answered.

use anyhow::{Context, Result};
use tch::{Kind, Tensor, no_grad_guard};

use super::tasks::{TASKS, Tasks};
use crate::data::LabelledImages;
use crate::lab::tensor::params::Params;
use crate::selector::network::SelectorNetwork;

/// Test images that go through the network at once.
const CHUNK: i64 = 1000;

/// How a network does on every task, on the device.
#[derive(Debug)]
pub struct TaskScores {
    /// Share of correct answers: `[replicate, task]` f64.
    pub accuracy: Tensor,
    /// The accuracy where the network is told the task: `[replicate, task]` f64. It differs only
    /// where tasks have outputs of their own and the scenario doesn't tell the task.
    pub told: Tensor,
    /// How often each class was answered over all tasks: `[replicate, class]` f64.
    pub answers: Tensor,
}

/// Runs the first `limit` test images of every task, or all of them.
///
/// # Errors
/// A task without test images.
pub fn test(
    network: &SelectorNetwork,
    params: &Params,
    tasks: &Tasks,
    split: &LabelledImages,
    replicates: i64,
    limit: Option<i64>,
) -> Result<TaskScores> {
    let _guard = no_grad_guard();
    let (mut accuracy, mut told, mut answers) = (Vec::new(), Vec::new(), None);
    for task in 0..TASKS {
        let places = tasks.test_places(task);
        let count = limit.unwrap_or(i64::MAX).min(places.numel() as i64);
        let mut sums: Option<(Tensor, Tensor)> = None;
        for start in (0..count).step_by(CHUNK as usize) {
            let length = CHUNK.min(count - start);
            let places = places.narrow(0, start, length).expand([replicates, length], false);
            let batch = tasks.batch(split, &places, &places.full_like(task));
            let (logits, _) = network.infer(params, &batch.images);
            let judge = |logits: &Tensor| {
                let answer = logits.argmax(-1, false);
                let hits = answer.eq_tensor(&batch.targets).view([replicates, -1]);
                (answer, hits.sum_dim_intlist(1, false, Kind::Double))
            };
            let (answer, correct) = judge(&tasks.judged(&logits, &batch.tasks));
            let correct_told = match tasks.own_outputs() {
                true => judge(&tasks.told(&logits, &batch.tasks)).1,
                false => correct.shallow_clone(),
            };
            let counts = answer.view([replicates, -1]).one_hot(tasks.outputs).to_kind(Kind::Double);
            let counts = counts.sum_dim_intlist(1, false, Kind::Double);
            answers = Some(answers.map_or(counts.shallow_clone(), |sum: Tensor| sum + counts));
            sums = Some(match sums {
                None => (correct, correct_told),
                Some((a, b)) => (a + correct, b + correct_told),
            });
        }
        let (correct, correct_told) = sums.context("a task has no test images")?;
        accuracy.push(correct / count as f64);
        told.push(correct_told / count as f64);
    }
    Ok(TaskScores {
        accuracy: Tensor::stack(&accuracy, 1),
        told: Tensor::stack(&told, 1),
        answers: answers.context("no test images")?,
    })
}
