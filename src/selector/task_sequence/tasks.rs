//! The five tasks: which images each has, what their labels mean, and what is permuted.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::data::{ImageData, LabelledImages};
use crate::lab::tensor::rng::{self, Seeds};
use crate::lab::tensor::to_host;

/// Tasks of a run.
pub const TASKS: i64 = 5;

/// What the tasks are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    /// The ten classes in five pairs: 0 and 1, 2 and 3, ...
    Split,
    /// All ten classes five times, the pixels in another order each time; the first in their own
    Permuted,
}

/// What a network has to tell apart, and what it is told (van de Ven and Tolias 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// All classes of all tasks, without being told the task
    Class,
    /// The classes within a task, with the same outputs for every task, without being told it
    Domain,
    /// The classes within a task that it is told: only that task's outputs count
    Task,
}

/// Samples of tasks, ready for a network. In front of the axis of the batch is one of replicates,
/// where there are several.
#[derive(Debug)]
pub struct TaskBatch {
    /// `[.., batch, pixel]`
    pub images: Tensor,
    /// The right output of each: `[.., batch]` i64.
    pub targets: Tensor,
    /// Number of the task, from 0: `[.., batch]` i64.
    pub tasks: Tensor,
}

/// The tasks of a run.
#[derive(Debug)]
pub struct Tasks {
    /// Outputs of the network.
    pub outputs: i64,
    scenario: Scenario,
    replicates: i64,
    /// Places of each task's images in the data set, in its order: `[sample]` i64.
    train: Vec<Tensor>,
    test: Vec<Tensor>,
    /// 0 for the outputs of a task, else -inf: `[task, output]`.
    allowed: Tensor,
    /// Where each pixel comes from: `[replicate * task, pixel]` i64.
    sources: Option<Tensor>,
}

impl Tasks {
    /// The tasks of a data set.
    ///
    /// # Errors
    /// A data set that doesn't have ten classes, or that has no images of a task; labels that can't
    /// be read from the device.
    pub fn new(
        benchmark: Benchmark,
        scenario: Scenario,
        data: &ImageData,
        seeds: Seeds,
        device: Device,
    ) -> Result<Self> {
        let classes = 2 * TASKS;
        let (name, found) = (&data.name, data.num_classes);
        ensure!(found == classes, "{name} has {found} classes, and the five tasks need {classes}");
        let outputs = match (benchmark, scenario) {
            (Benchmark::Split, Scenario::Domain) => 2,
            (Benchmark::Split, Scenario::Class | Scenario::Task) | (Benchmark::Permuted, _) => {
                classes
            }
        };
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (labels, parts) in [(&data.train.labels, &mut train), (&data.test.labels, &mut test)] {
            *parts = places(&to_host::values(labels)?, benchmark, device);
            let empty = parts.iter().position(|part| part.numel() == 0);
            ensure!(empty.is_none(), "{name} has no images of task {}", empty.unwrap_or(0) + 1);
        }
        let task = Tensor::arange(TASKS, (Kind::Int64, device)).unsqueeze(1);
        let owner = Tensor::arange(outputs, (Kind::Int64, device)).floor_divide_scalar(2);
        let allowed = Tensor::zeros([TASKS, outputs], (Kind::Float, device));
        let allowed = allowed.masked_fill(&owner.ne_tensor(&task), f64::NEG_INFINITY);
        let pixels = data.height * data.width;
        let sources = match benchmark {
            Benchmark::Split => None,
            Benchmark::Permuted => Some(pixel_sources(pixels, seeds).to_device(device)),
        };
        let replicates = seeds.count;
        Ok(Self { outputs, scenario, replicates, train, test, allowed, sources })
    }

    /// Images of a task to learn from.
    pub fn train_len(&self, task: i64) -> i64 {
        self.train[task as usize].numel() as i64
    }

    /// The places of a task's training images in the data set: `[sample]` i64.
    pub fn train_places(&self, task: i64) -> &Tensor {
        &self.train[task as usize]
    }

    /// The places of a task's test images in the data set: `[sample]` i64.
    pub fn test_places(&self, task: i64) -> &Tensor {
        &self.test[task as usize]
    }

    /// The samples of a split at these places, as those tasks have them.
    ///
    /// # Shapes
    /// - places, tasks: `[replicate, batch]` i64
    pub fn batch(&self, split: &LabelledImages, places: &Tensor, tasks: &Tensor) -> TaskBatch {
        let (mut images, mut targets) = split.batch(&places.reshape([-1]));
        if let Some(sources) = &self.sources {
            let replicate = Tensor::arange(self.replicates, (Kind::Int64, tasks.device()));
            let rows = tasks + replicate.unsqueeze(1) * TASKS;
            images = images.gather(1, &sources.index_select(0, &rows.reshape([-1])), false);
        }
        let mut tasks = tasks.reshape([-1]);
        if self.outputs == 2 {
            targets -= &tasks * 2;
        }
        if self.replicates > 1 {
            images = images.view([self.replicates, -1, images.size()[1]]);
            targets = targets.view([self.replicates, -1]);
            tasks = tasks.view([self.replicates, -1]);
        }
        TaskBatch { images, targets, tasks }
    }

    /// Logits as the scenario has them: with the task told, those of other tasks' outputs are -inf.
    ///
    /// # Shapes
    /// - logits: `[.., batch, output]`
    /// - tasks: `[.., batch]` i64
    pub fn judged(&self, logits: &Tensor, tasks: &Tensor) -> Tensor {
        match self.scenario {
            Scenario::Task => self.told(logits, tasks),
            Scenario::Class | Scenario::Domain => logits.shallow_clone(),
        }
    }

    /// Logits of a network that is told the task, where tasks have outputs of their own.
    ///
    /// # Shapes
    /// - logits: `[.., batch, output]`
    /// - tasks: `[.., batch]` i64
    pub fn told(&self, logits: &Tensor, tasks: &Tensor) -> Tensor {
        let allowed = self.allowed.index_select(0, &tasks.reshape([-1]));
        logits + allowed.view_as(logits)
    }

    /// Whether tasks have outputs of their own.
    pub fn own_outputs(&self) -> bool {
        self.outputs == 2 * TASKS && self.sources.is_none()
    }
}

/// The places of each task's images in the data set: `[sample]` i64 each.
fn places(labels: &[f64], benchmark: Benchmark, device: Device) -> Vec<Tensor> {
    let of_task = |task: i64| {
        let belongs = |label: f64| match benchmark {
            Benchmark::Split => label as i64 / 2 == task,
            Benchmark::Permuted => true,
        };
        let places: Vec<i64> =
            (0i64..).zip(labels).filter(|(_, label)| belongs(**label)).map(|(i, _)| i).collect();
        Tensor::from_slice(&places).to_device(device)
    };
    (0..TASKS).map(of_task).collect()
}

/// Where each pixel comes from in every task of every replicate: `[replicate * task, pixel]`. The
/// first task has the pixels in their own order.
fn pixel_sources(pixels: i64, seeds: Seeds) -> Tensor {
    let mut rows = Vec::new();
    for replicate in 0..seeds.count as u64 {
        rows.push(Tensor::arange(pixels, (Kind::Int64, Device::Cpu)));
        for task in 1..TASKS as u64 {
            let seed = seeds.first.wrapping_add(replicate);
            rows.push(rng::permutation(pixels, seed, "pixels", task));
        }
    }
    Tensor::stack(&rows, 0)
}
