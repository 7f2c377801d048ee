//! Training steps of a group of points, in plain Rust or in tensor operations.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::group::PointGroup;
use crate::lab::tensor::to_device::upload;
use crate::lab::tensor::to_host;
use crate::one_neuron::data::batches::Batches;
use crate::one_neuron::learning::trainer::{Trainer, TrainerState};
use crate::one_neuron::model::tensors::{self, BatchGradient};

/// Batches in a row as tensors.
#[derive(Debug)]
pub struct TensorBatches {
    /// Normalised inputs: `[step, replicate, input, sample]`.
    pub inputs: Tensor,
    /// Labels: `[step, replicate, sample]`.
    pub labels: Tensor,
}

/// What came of steps in tensor operations.
#[derive(Debug)]
pub struct DeviceSteps {
    /// Sums of the losses: `[point of this group, replicate]`.
    pub loss_sums: Tensor,
    /// How many steps were finite: `[]` i64.
    pub finite_steps: Tensor,
}

impl PointGroup {
    /// Takes steps in plain Rust, one for every batch. Gives back the step, counted from 0, at which
    /// something stopped being finite; parameters and buffers have not changed then.
    ///
    /// # Shapes
    /// - batches: those of this group's size, `[replicate]`
    /// - loss_sums: `[point of the grid, replicate]`, flat
    ///
    /// # Errors
    /// Fails if the device's tensors can't be copied to the host.
    pub fn run_on_host(
        &mut self,
        first: u64,
        batches: &[&Batches],
        loss_sums: &mut [f64],
    ) -> Result<Option<usize>> {
        let (replicates, width) = (batches.len(), self.model.width());
        let count = batches.first().map_or(0, |batches| batches.len()) as u64;
        let corrections: Vec<_> =
            (first..first + count).map(|step| self.update.corrections(step)).collect();
        let mut params = to_host::values(&self.params)?;
        let depth = self.buffers.len();
        let host: Vec<Vec<f64>> =
            self.buffers.iter().map(to_host::values).collect::<Result<_>>()?;
        let mut buffers = vec![0.0; depth * params.len()];
        interleave(&host, &mut buffers, width);
        let mut bad: Option<usize> = None;
        for (k, point) in self.points.iter().enumerate() {
            let (lr, scale) = (self.lr[k], self.scale[k].as_slice());
            let (model, rule, update) = (self.model, self.rule, &self.update);
            let trainer = Trainer { model, rule, update, lr, scale };
            for (r, batches) in batches.iter().enumerate() {
                let at = (k * replicates + r) * width;
                let mut state = TrainerState {
                    params: &mut params[at..at + width],
                    buffers: &mut buffers[depth * at..depth * (at + width)],
                    loss_sum: &mut loss_sums[point * replicates + r],
                };
                let stopped = trainer.run(&mut state, batches, &corrections);
                bad = bad.into_iter().chain(stopped).min();
            }
        }
        if bad.is_none() {
            self.write(&params, &buffers);
        }
        Ok(bad)
    }

    /// Writes parameters and buffers into the group's tensors.
    ///
    /// # Shapes
    /// - params: `[run, parameter]`, flat
    /// - buffers: `[run, buffer, parameter]`, flat
    fn write(&mut self, params: &[f64], buffers: &[f64]) {
        let (depth, width) = (self.buffers.len(), self.model.width());
        let write = |tensor: &mut Tensor, values: &[f64]| {
            tensor.copy_(&Tensor::from_slice(values).view_as(tensor));
        };
        write(&mut self.params, params);
        for (b, buffer) in self.buffers.iter_mut().enumerate() {
            let runs = buffers.chunks_exact(depth * width);
            let values: Vec<f64> =
                runs.flat_map(|run| &run[b * width..(b + 1) * width]).copied().collect();
            write(buffer, &values);
        }
    }

    /// Takes steps in tensor operations, one for every batch. From the first step that is not finite
    /// on, nothing changes.
    ///
    /// # Shapes
    /// - loss_sums: before these steps, `[point of this group, replicate]`
    /// - ok: whether all has been finite so far, `[]` bool
    pub fn run_on_device(
        &mut self,
        first: u64,
        batches: &TensorBatches,
        loss_sums: &Tensor,
        ok: &Tensor,
    ) -> DeviceSteps {
        let TensorBatches { inputs, labels } = batches;
        let device = self.params.device();
        let lr = upload(&Tensor::from_slice(&self.lr), device).view([-1, 1, 1]);
        let width = self.model.width() as i64;
        let scale = upload(&Tensor::from_slice(&self.scale.concat()), device);
        let scale = scale.view([-1, 1, width]);
        let mut sums = loss_sums.copy();
        let mut ok = ok.shallow_clone();
        let mut good = Tensor::zeros([], (Kind::Int64, device));
        for t in 0..inputs.size()[0] {
            let (x, labels) = (inputs.get(t), labels.get(t));
            let BatchGradient { loss, gradient } =
                tensors::gradient(self.model, self.rule, &self.params, &x, &labels);
            let updated = self.update.updated(
                &self.params,
                &self.buffers,
                &(gradient * &scale),
                &lr,
                self.update.corrections(first + t as u64),
            );
            ok = ok
                .logical_and(&updated.params.isfinite().all().logical_and(&loss.isfinite().all()));
            sums += loss;
            good += &ok;
            let new = updated.params.where_self(&ok, &self.params);
            self.params.copy_(&new);
            for (buffer, new) in self.buffers.iter_mut().zip(updated.buffers) {
                let new = new.where_self(&ok, buffer);
                buffer.copy_(&new);
            }
        }
        DeviceSteps { loss_sums: sums, finite_steps: good }
    }
}

/// Joins buffers of `[run, parameter]` each to `[run, buffer, parameter]`.
fn interleave(buffers: &[Vec<f64>], joint: &mut [f64], width: usize) {
    let depth = buffers.len();
    for (b, buffer) in buffers.iter().enumerate() {
        for (run, values) in buffer.chunks_exact(width).enumerate() {
            let at = (run * depth + b) * width;
            joint[at..at + width].copy_from_slice(values);
        }
    }
}
