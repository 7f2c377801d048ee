//! What each step learns from: images of the task, of a memory, or of all tasks.

use tch::{Device, Kind, Tensor};

use super::tasks::{TASKS, TaskBatch, Tasks};
use crate::data::LabelledImages;
use crate::lab::tensor::nn::epoch_order;
use crate::lab::tensor::rng::{self, Seeds};
use crate::lab::tensor::to_device::upload;

/// Where the images of a step come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSource {
    /// The task under way.
    Task,
    /// The task under way, and a memory of this many images of each earlier task.
    Replay {
        /// Images that are kept of each task.
        memory: i64,
    },
    /// All tasks.
    Joint,
}

/// A part of a step's images, with the weight of its loss.
#[derive(Debug)]
pub struct WeightedBatch {
    /// The weights of a step's parts add up to 1.
    pub weight: f64,
    /// The images.
    pub batch: TaskBatch,
}

/// The order of one pass through a task's images.
#[derive(Debug)]
struct PassOrder {
    /// The task, or [`TASKS`] for all of them at once.
    task: i64,
    /// The pass through its images, from 0.
    pass: u64,
    /// Numbers among the task's images: `[replicate, sample]` i64.
    indices: Tensor,
}

/// Images of several tasks.
#[derive(Debug)]
struct TaskPlaces {
    /// Places in the data set: `[sample]` or `[replicate, sample]` i64.
    places: Tensor,
    /// The task of each, like `places`.
    tasks: Tensor,
}

/// Draws the batches of a run, from (seed, stream, step) alone.
#[derive(Debug)]
pub struct Batches {
    batch_size: i64,
    seeds: Seeds,
    device: Device,
    /// Steps of every task.
    pub task_steps: u64,
    /// The order of the pass under way, once one has begun.
    order: Option<PassOrder>,
    /// For replay, places of the images that are kept of each task: `[replicate, task, image]`.
    memory: Option<Tensor>,
    /// For joint, every image of every task.
    all: Option<TaskPlaces>,
}

impl Batches {
    /// The batches of `epochs` passes through the mean size of a task: every task has the same
    /// number of steps.
    pub fn new(
        source: BatchSource,
        batch_size: i64,
        tasks: &Tasks,
        epochs: u64,
        seeds: Seeds,
        device: Device,
    ) -> Self {
        let images: i64 = (0..TASKS).map(|task| tasks.train_len(task)).sum();
        let of_all = (TASKS as u64).saturating_mul(batch_size as u64);
        let task_steps = (images as u64).saturating_mul(epochs).div_ceil(of_all);
        let (memory, all) = match source {
            BatchSource::Task => (None, None),
            BatchSource::Replay { memory } => (Some(draw_memory(tasks, memory, seeds)), None),
            BatchSource::Joint => (None, Some(all_images(tasks))),
        };
        Self { batch_size, seeds, device, task_steps, order: None, memory, all }
    }

    /// The task of a step, from 0.
    pub fn task(&self, step: u64) -> i64 {
        (step / self.task_steps) as i64
    }

    /// The parts that a step learns from.
    pub fn step(&mut self, tasks: &Tasks, split: &LabelledImages, step: u64) -> Vec<WeightedBatch> {
        let task = self.task(step);
        if let Some(TaskPlaces { places, tasks: owners }) = &self.all {
            let (places, owners) = (places.shallow_clone(), owners.shallow_clone());
            let at = self.next(places.numel() as i64, TASKS, step);
            let pick = |of: &Tensor| of.index_select(0, &at.reshape([-1])).view_as(&at);
            let batch = tasks.batch(split, &pick(&places), &pick(&owners));
            return vec![WeightedBatch { weight: 1.0, batch }];
        }
        let own = tasks.train_places(task);
        let at = self.next(own.numel() as i64, task, step % self.task_steps);
        let places = own.index_select(0, &at.reshape([-1])).view_as(&at);
        let new = tasks.batch(split, &places, &places.full_like(task));
        let Some(memory) = self.memory.as_ref().filter(|_| task > 0) else {
            return vec![WeightedBatch { weight: 1.0, batch: new }];
        };
        // Every task that has been seen counts the same (van de Ven and Tolias 2018).
        let share = 1.0 / (task + 1) as f64;
        let earlier = self.replay(memory, task, step);
        let old = tasks.batch(split, &earlier.places, &earlier.tasks);
        vec![
            WeightedBatch { weight: share, batch: new },
            WeightedBatch { weight: 1.0 - share, batch: old },
        ]
    }

    /// The samples of step `within` of passes through `samples`: `[replicate, batch]`, of which the
    /// last of a pass may be smaller.
    fn next(&mut self, samples: i64, task: i64, within: u64) -> Tensor {
        let pass_steps = (samples as u64).div_ceil(self.batch_size as u64);
        let (pass, at) = (within / pass_steps, within % pass_steps);
        let order = match self.order.take() {
            Some(order) if (order.task, order.pass) == (task, pass) => order,
            _ => {
                let draw = (task as u64) << 32 | pass;
                let Seeds { first, count } = self.seeds;
                let indices = epoch_order(first, count, samples, draw, self.device);
                PassOrder { task, pass, indices }
            }
        };
        let start = at as i64 * self.batch_size;
        let batch = order.indices.narrow(1, start, self.batch_size.min(samples - start));
        self.order = Some(order);
        batch
    }

    /// Images from the memory of the tasks before this one: `[replicate, batch]`.
    fn replay(&self, memory: &Tensor, task: i64, step: u64) -> TaskPlaces {
        let kept = memory.size()[2];
        let draw = |replicate: u64| {
            rng::seed_torch(self.seeds.first.wrapping_add(replicate), "replay", step);
            Tensor::randint(task * kept, [self.batch_size], (Kind::Int64, Device::Cpu))
        };
        let rows: Vec<Tensor> = (0..self.seeds.count as u64).map(draw).collect();
        let at = upload(&Tensor::stack(&rows, 0), self.device);
        let earlier = memory.narrow(1, 0, task).reshape([self.seeds.count, -1]);
        TaskPlaces { places: earlier.gather(1, &at, false), tasks: at.floor_divide_scalar(kept) }
    }
}

/// Places of the images that replay keeps of each task, as many of each:
/// `[replicate, task, image]` i64.
fn draw_memory(tasks: &Tasks, memory: i64, seeds: Seeds) -> Tensor {
    let kept = (0..TASKS).map(|task| tasks.train_len(task)).fold(memory, i64::min);
    let of_task = |task: i64| sample(tasks, task, kept, seeds, "memory");
    Tensor::stack(&(0..TASKS).map(of_task).collect::<Vec<_>>(), 1)
}

fn all_images(tasks: &Tasks) -> TaskPlaces {
    let places: Vec<Tensor> =
        (0..TASKS).map(|task| tasks.train_places(task).shallow_clone()).collect();
    let owners: Vec<Tensor> =
        (0i64..).zip(&places).map(|(task, places)| places.full_like(task)).collect();
    TaskPlaces { places: Tensor::cat(&places, 0), tasks: Tensor::cat(&owners, 0) }
}

/// Places of some training images of a task, other ones for every replicate: `[replicate, sample]`
/// i64.
pub fn sample(tasks: &Tasks, task: i64, count: i64, seeds: Seeds, stream: &str) -> Tensor {
    let places = tasks.train_places(task);
    let length = places.numel() as i64;
    let draw = |replicate: u64| {
        let seed = seeds.first.wrapping_add(replicate);
        let order = rng::permutation(length, seed, stream, task as u64);
        places.index_select(0, &upload(&order.narrow(0, 0, count.min(length)), places.device()))
    };
    Tensor::stack(&(0..seeds.count as u64).map(draw).collect::<Vec<_>>(), 0)
}
