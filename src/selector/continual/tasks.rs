//! The five tasks: which images each has, what their labels mean, and what is permuted.

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

use super::config::{Benchmark, ContinualConfig, Scenario, TASKS};
use crate::data::ImageData;
use crate::lab::tensor::{rng, to_host};

/// Samples of tasks, ready for a network. Axes: [.., batch]; that of replicates is there for more
/// than one.
#[derive(Debug)]
pub struct Batch {
    /// [.., batch, pixel]
    pub images: Tensor,
    /// The output that is right: [.., batch] i64.
    pub targets: Tensor,
    /// Number of the task, from 0: [.., batch] i64.
    pub tasks: Tensor,
}

/// The tasks of a run.
#[derive(Debug)]
pub struct Tasks {
    /// Outputs of the network.
    pub outputs: i64,
    scenario: Scenario,
    replicates: i64,
    /// Places of each task's images in the data set, in its order: [sample] i64.
    train: Vec<Tensor>,
    test: Vec<Tensor>,
    /// 0 for the outputs of a task, else -inf: [task, output].
    allowed: Tensor,
    /// Where each pixel comes from: [replicate * task, pixel] i64.
    sources: Option<Tensor>,
}

impl Tasks {
    /// The tasks of a data set.
    ///
    /// # Errors
    /// Where the data set has not ten classes, or none of the images of a task.
    pub fn new(
        config: &ContinualConfig,
        data: &ImageData,
        (seed, replicates): (u64, i64),
        device: Device,
    ) -> Result<Self> {
        let classes = 2 * TASKS;
        let (name, found) = (&data.name, data.num_classes);
        ensure!(found == classes, "{name} has {found} classes, and the five tasks need {classes}");
        let scenario = config.scenario();
        let outputs = match (config.benchmark, scenario) {
            (Benchmark::Split, Scenario::Domain) => 2,
            _ => classes,
        };
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (labels, parts) in [(&data.train.labels, &mut train), (&data.test.labels, &mut test)] {
            *parts = places(&to_host::values(labels)?, config.benchmark, device);
            let empty = parts.iter().position(|part| part.numel() == 0);
            ensure!(empty.is_none(), "{name} has no images of task {}", empty.unwrap_or(0) + 1);
        }
        let task = Tensor::arange(TASKS, (Kind::Int64, device)).unsqueeze(1);
        let owner = Tensor::arange(outputs, (Kind::Int64, device)).floor_divide_scalar(2);
        let allowed = Tensor::zeros([TASKS, outputs], (Kind::Float, device));
        let allowed = allowed.masked_fill(&owner.ne_tensor(&task), f64::NEG_INFINITY);
        let pixels = data.height * data.width;
        let sources = (config.benchmark == Benchmark::Permuted)
            .then(|| sources(pixels, (seed, replicates)).to_device(device));
        Ok(Self { outputs, scenario, replicates, train, test, allowed, sources })
    }

    /// Images of a task to learn from.
    pub fn train_len(&self, task: i64) -> i64 {
        self.train[task as usize].numel() as i64
    }

    /// The places of a task's training images in the data set: [sample] i64.
    pub fn train_places(&self, task: i64) -> &Tensor {
        &self.train[task as usize]
    }

    /// The places of a task's test images in the data set: [sample] i64.
    pub fn test_places(&self, task: i64) -> &Tensor {
        &self.test[task as usize]
    }

    /// The samples of a split at these places, as those tasks have them.
    ///
    /// - places, tasks: [replicate, batch] i64
    pub fn batch(
        &self,
        split: &crate::data::LabelledImages,
        places: &Tensor,
        tasks: &Tensor,
    ) -> Batch {
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
        Batch { images, targets, tasks }
    }

    /// Logits as the scenario has them: with the task told, those of other tasks' outputs are -inf.
    pub fn judged(&self, logits: &Tensor, tasks: &Tensor) -> Tensor {
        match self.scenario {
            Scenario::Task => self.told(logits, tasks),
            _ => logits.shallow_clone(),
        }
    }

    /// Logits of a network that is told the task, where tasks have outputs of their own.
    pub fn told(&self, logits: &Tensor, tasks: &Tensor) -> Tensor {
        let allowed = self.allowed.index_select(0, &tasks.reshape([-1]));
        logits + allowed.view_as(logits)
    }

    /// Whether tasks have outputs of their own.
    pub fn own_outputs(&self) -> bool {
        self.outputs == 2 * TASKS && self.sources.is_none()
    }
}

/// The places of each task's images.
fn places(labels: &[f64], benchmark: Benchmark, device: Device) -> Vec<Tensor> {
    let of_task = |task: i64| {
        let mine = |label: f64| benchmark == Benchmark::Permuted || label as i64 / 2 == task;
        let found: Vec<i64> =
            (0i64..).zip(labels).filter(|(_, label)| mine(**label)).map(|(i, _)| i).collect();
        Tensor::from_slice(&found).to_device(device)
    };
    (0..TASKS).map(of_task).collect()
}

/// The order of pixels in every task of every replicate: [replicate * task, pixel]. The first task
/// has them as they are.
fn sources(pixels: i64, (seed, replicates): (u64, i64)) -> Tensor {
    let mut rows = Vec::new();
    for replicate in 0..replicates as u64 {
        rows.push(Tensor::arange(pixels, (Kind::Int64, Device::Cpu)));
        for task in 1..TASKS as u64 {
            rows.push(rng::permutation(pixels, seed.wrapping_add(replicate), "pixels", task));
        }
    }
    Tensor::stack(&rows, 0)
}
