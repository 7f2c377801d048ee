//! The state of `one_neuron`: the grid's parameters, records and random streams.

use std::ops::Range;

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::config::{Engine, OneNeuronConfig};
use super::group::{PointGroup, groups};
use super::group_steps::TensorBatches;
use super::points::{Point, points};
use super::streams::{Streams, initial};
use crate::lab::Refusals;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_device::upload;
use crate::lab::tensor::to_host;
use crate::one_neuron::data::batches::Batches;
use crate::one_neuron::data::task::INPUTS;

/// Records whose mean is the result of a run: the last 2000 steps of the package's 100.
pub const LAST: i64 = 20;

/// Samples of a seed that are drawn for one call at most, unless a single batch has more.
const SAMPLES: u64 = 1 << 16;

/// A grid of neurons in training.
pub struct OneNeuron {
    /// The resolved settings.
    pub config: OneNeuronConfig,
    /// The points of the grid.
    pub points: Vec<Point>,
    /// The points in groups that are computed together.
    pub(super) groups: Vec<PointGroup>,
    /// Seeds that every point is trained with.
    pub replicates: usize,
    /// The first seed.
    pub seed: u64,
    /// The last records: `[point, replicate, LAST]`, NaN before the first.
    pub records: Tensor,
    /// Sum of the losses since the last record: `[point, replicate]`.
    loss_sums: Tensor,
    /// Whether every step so far was finite, for the tensors' steps: `[]` bool.
    finite: Tensor,
    streams: Streams,
    device: Device,
    /// Steps of the whole run.
    pub steps: u64,
}

/// As many seeds as there are replicates, from the first on.
fn seeds(first: u64, replicates: usize) -> impl Iterator<Item = u64> {
    (0..replicates as u64).map(move |replicate| first.wrapping_add(replicate))
}

impl OneNeuron {
    /// A grid of neurons before its first step, with seeds `seed`, `seed` + 1, ...
    ///
    /// # Errors
    /// Exit code 2 where the engine doesn't compute on the device; 1 where libtorch can't give back the
    /// random numbers of the data.
    pub fn new(
        config: OneNeuronConfig,
        seed: u64,
        replicates: u32,
        steps: u64,
        device: Device,
    ) -> Result<Self> {
        let mut refusals = Refusals::default();
        config.engine.check(device.is_cuda(), &mut refusals);
        refusals.finish()?;
        let points = points(&config);
        let seeds: Vec<u64> = seeds(seed, replicates as usize).collect();
        let groups = groups(&config, &points, device, |rule| {
            seeds.iter().map(|seed| initial(&config, rule, *seed).0).collect()
        });
        let sizes: Vec<usize> = points.iter().map(|point| point.batch_size).collect();
        let streams = Streams::new(&config, seeds, &sizes)?;
        let shape = [points.len() as i64, i64::from(replicates)];
        let options = (Kind::Double, device);
        Ok(Self {
            records: Tensor::full([shape[0], shape[1], LAST], f64::NAN, options),
            loss_sums: Tensor::zeros(shape, options),
            finite: Tensor::full([], 1, (Kind::Bool, device)),
            replicates: replicates as usize,
            seed,
            steps,
            config,
            points,
            groups,
            streams,
            device,
        })
    }

    /// The seeds of the replicates.
    pub(super) fn seeds(&self) -> impl Iterator<Item = u64> {
        seeds(self.seed, self.replicates)
    }

    /// Steps that one call takes from `step` on: up to the next record. Batches are drawn a call at a
    /// time, large ones a few at a time, but at least one.
    pub(super) fn steps_at_once(&self, step: u64) -> u64 {
        let largest = self.points.iter().map(|point| point.batch_size).max().unwrap_or(1);
        (self.next_record(step) - step).min((SAMPLES / largest as u64).max(1))
    }

    /// Draws the batches of some steps.
    pub(super) fn draw(&mut self, steps: Range<u64>) {
        self.streams.draw(steps);
    }

    /// Notes whether as many steps were finite as have been taken.
    pub(super) fn note_finite(&mut self, good: &Tensor, steps: u64) {
        let _ = self.finite.logical_and_(&good.eq(steps as i64));
    }

    /// Whether steps are taken in plain Rust.
    pub(super) fn on_host(&self) -> bool {
        match self.config.engine {
            Engine::Auto => match self.device {
                Device::Cpu => true,
                Device::Cuda(_) | Device::Mps | Device::Vulkan => false,
            },
            Engine::Rows => true,
            Engine::Tensors => false,
        }
    }

    /// The step at whose end the next record is made. With the package's quirk the first is made
    /// after one step.
    pub(super) fn next_record(&self, step: u64) -> u64 {
        let shift = u64::from(self.config.first_record_quirk);
        let every = self.config.record_every;
        (step + every - shift) / every * every + shift
    }

    /// Takes steps in plain Rust. Gives back the step, counted from 0, at which something stopped
    /// being finite.
    pub(super) fn run_on_host(&mut self, first: u64) -> Result<Option<usize>> {
        let mut sums = to_host::values(&self.loss_sums)?;
        let mut bad: Option<usize> = None;
        for group in &mut self.groups {
            let batches = self.streams.batches(group.batch_size)?;
            let stopped = group.run_on_host(first, &batches, &mut sums)?;
            bad = bad.into_iter().chain(stopped).min();
        }
        if bad.is_none() {
            self.loss_sums.copy_(&Tensor::from_slice(&sums).view_as(&self.loss_sums));
        }
        Ok(bad)
    }

    /// Takes steps in tensor operations, and gives back how many were finite: `[]` i64.
    pub(super) fn run_on_device(&mut self, first: u64) -> Result<Tensor> {
        let mut good = Tensor::full([], i64::MAX, (Kind::Int64, self.device));
        for group in &mut self.groups {
            let (batches, size) =
                (self.streams.batches(group.batch_size)?, group.batch_size as i64);
            let stack = |part: fn(&Batches) -> &[f64], shape: &[i64]| {
                let each = batches.iter().map(|batches| part(batches));
                let each: Vec<Tensor> =
                    each.map(|values| Tensor::from_slice(values).view(shape)).collect();
                upload(&Tensor::stack(&each, 1), self.device)
            };
            let batches = TensorBatches {
                inputs: stack(|batches| &batches.inputs, &[-1, INPUTS as i64, size]),
                labels: stack(|batches| &batches.labels, &[-1, size]),
            };
            let index: Vec<i64> = group.points.iter().map(|point| *point as i64).collect();
            let index = upload(&Tensor::from_slice(&index), self.device);
            let sums = self.loss_sums.index_select(0, &index);
            let steps = group.run_on_device(first, &batches, &sums, &self.finite);
            let _ = self.loss_sums.index_copy_(0, &index, &steps.loss_sums);
            good = good.minimum(&steps.finite_steps);
        }
        Ok(good)
    }

    /// Ends a record, the mean of the losses since the last one, and gives it back:
    /// `[point, replicate]`.
    pub(super) fn end_record(&mut self) -> Tensor {
        let record = &self.loss_sums / self.config.record_every as f64;
        let _ = self.loss_sums.zero_();
        let kept = self.records.narrow(2, 1, LAST - 1);
        let records = Tensor::cat(&[kept, record.unsqueeze(-1)], 2);
        self.records.copy_(&records);
        record
    }
}

impl Persist for OneNeuron {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        for group in &self.groups {
            group.parameters(&self.points).iter().for_each(|(name, t)| writer.model(name, t));
            group.buffers(&self.points).iter().for_each(|(name, t)| writer.auxiliary(name, t));
        }
        writer.auxiliary("state.records", &self.records);
        writer.auxiliary("state.loss_sums", &self.loss_sums);
        self.streams.save(writer)
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        for group in &self.groups {
            let parameters = group.parameters(&self.points);
            parameters.iter().try_for_each(|(name, tensor)| reader.model(name, tensor))?;
            let buffers = group.buffers(&self.points);
            buffers.iter().try_for_each(|(name, tensor)| reader.auxiliary(name, tensor))?;
        }
        reader.auxiliary("state.records", &self.records)?;
        reader.auxiliary("state.loss_sums", &self.loss_sums)?;
        self.streams.load(reader)
    }
}
