//! What each step learns from: images of the task, of a memory, or of all tasks.

use tch::{Device, Kind, Tensor};

use super::config::{ContinualConfig, Method, TASKS};
use super::tasks::{Batch, Tasks};
use crate::data::LabelledImages;
use crate::lab::tensor::nn::epoch_order;
use crate::lab::tensor::rng;

/// Draws the batches of a run, from (seed, stream, step) alone.
#[derive(Debug)]
pub struct Batches {
    batch: i64,
    seed: u64,
    replicates: i64,
    device: Device,
    /// Steps of every task.
    pub task_steps: u64,
    /// The order of the pass under way: the task (or [`TASKS`] for all), its pass, and
    /// [replicate, sample] i64.
    order: Option<(i64, u64, Tensor)>,
    /// For replay, places of the images that are kept of each task: [replicate, task, image].
    memory: Option<Tensor>,
    /// For joint, place and task of every image of every task: [sample] each.
    all: Option<(Tensor, Tensor)>,
}

impl Batches {
    /// The batches of `epochs` passes through the mean size of a task: every task has the same
    /// number of steps.
    pub fn new(
        config: &ContinualConfig,
        tasks: &Tasks,
        epochs: u64,
        (seed, replicates): (u64, i64),
        device: Device,
    ) -> Self {
        let (method, batch) = (config.method, config.model.batch_size);
        let images: i64 = (0..TASKS).map(|task| tasks.train_len(task)).sum();
        let task_steps = (images as u64 * epochs).div_ceil(TASKS as u64 * batch as u64);
        let memory = (method == Method::Replay).then(|| {
            let kept = (0..TASKS).map(|t| tasks.train_len(t)).fold(config.memory, i64::min);
            let of_task = |task: i64| sample(tasks, task, kept, (seed, replicates), "memory");
            Tensor::stack(&(0..TASKS).map(of_task).collect::<Vec<_>>(), 1)
        });
        let all = (method == Method::Joint).then(|| {
            let parts: Vec<Tensor> =
                (0..TASKS).map(|t| tasks.train_places(t).shallow_clone()).collect();
            let owners: Vec<Tensor> = (0i64..).zip(&parts).map(|(t, p)| p.full_like(t)).collect();
            (Tensor::cat(&parts, 0), Tensor::cat(&owners, 0))
        });
        Self { batch, seed, replicates, device, task_steps, order: None, memory, all }
    }

    /// The task of a step, from 0.
    pub fn task(&self, step: u64) -> i64 {
        (step / self.task_steps) as i64
    }

    /// What a step learns from, with the weight of each part's loss.
    pub fn step(&mut self, tasks: &Tasks, split: &LabelledImages, step: u64) -> Vec<(f64, Batch)> {
        let task = self.task(step);
        if let Some((places, owners)) = &self.all {
            let (places, owners) = (places.shallow_clone(), owners.shallow_clone());
            let at = self.next(places.numel() as i64, TASKS, step);
            let pick = |of: &Tensor| of.index_select(0, &at.reshape([-1])).view_as(&at);
            return vec![(1.0, tasks.batch(split, &pick(&places), &pick(&owners)))];
        }
        let mine = tasks.train_places(task);
        let at = self.next(mine.numel() as i64, task, step % self.task_steps);
        let places = mine.index_select(0, &at.reshape([-1])).view_as(&at);
        let new = tasks.batch(split, &places, &places.full_like(task));
        let Some(memory) = self.memory.as_ref().filter(|_| task > 0) else {
            return vec![(1.0, new)];
        };
        // Every task that has been seen counts the same (van de Ven and Tolias 2018).
        let share = 1.0 / (task + 1) as f64;
        let old = self.remember(tasks, split, memory, (task, step));
        vec![(share, new), (1.0 - share, old)]
    }

    /// The samples of step `within` of passes through `samples`: [replicate, batch], of which the
    /// last of a pass may be smaller.
    fn next(&mut self, samples: i64, task: i64, within: u64) -> Tensor {
        let pass_steps = (samples as u64).div_ceil(self.batch as u64);
        let (pass, at) = (within / pass_steps, within % pass_steps);
        let known = self.order.as_ref().is_some_and(|(t, p, _)| (*t, *p) == (task, pass));
        if !known {
            let draw = (task as u64) << 32 | pass;
            let order = epoch_order(self.seed, self.replicates, samples, draw, self.device);
            self.order = Some((task, pass, order));
        }
        let Some((_, _, order)) = &self.order else { unreachable!("the order was just made") };
        let start = at as i64 * self.batch;
        order.narrow(1, start, self.batch.min(samples - start))
    }

    /// A batch from the memory of the tasks before this one.
    fn remember(
        &self,
        tasks: &Tasks,
        split: &LabelledImages,
        memory: &Tensor,
        (task, step): (i64, u64),
    ) -> Batch {
        let kept = memory.size()[2];
        let draw = |replicate: u64| {
            rng::seed_torch(self.seed.wrapping_add(replicate), "replay", step);
            Tensor::randint(task * kept, [self.batch], (Kind::Int64, Device::Cpu))
        };
        let rows: Vec<Tensor> = (0..self.replicates as u64).map(draw).collect();
        let at = Tensor::stack(&rows, 0).to_device(self.device);
        let places = memory.narrow(1, 0, task).reshape([self.replicates, -1]).gather(1, &at, false);
        tasks.batch(split, &places, &at.floor_divide_scalar(kept))
    }
}

/// Some training images of a task, other ones for every replicate: [replicate, sample] places.
pub fn sample(
    tasks: &Tasks,
    task: i64,
    count: i64,
    (seed, replicates): (u64, i64),
    stream: &str,
) -> Tensor {
    let places = tasks.train_places(task);
    let length = places.numel() as i64;
    let draw = |replicate: u64| {
        let order = rng::permutation(length, seed.wrapping_add(replicate), stream, task as u64);
        places.index_select(0, &order.narrow(0, 0, count.min(length)).to_device(places.device()))
    };
    Tensor::stack(&(0..replicates as u64).map(draw).collect::<Vec<_>>(), 0)
}
