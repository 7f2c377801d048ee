//! Points of the grid that differ in nothing but numbers: one optimizer, one rule, one batch size.
//! They are one computation.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::config::OneNeuronConfig;
use super::grid::Point;
use super::model::Model;
use super::rows::{Row, RowState};
use super::rule::Gradient;
use super::streams::Stream;
use super::tensors;
use super::update::Update;
use crate::lab::store::checkpoint::State;
use crate::lab::tensor::to_host;

/// Points that are computed together.
#[derive(Debug)]
pub struct Group {
    /// Which points of the grid.
    pub points: Vec<usize>,
    /// Samples in a batch.
    pub batch_size: usize,
    /// Parameters: [point, replicate, parameter].
    pub params: Tensor,
    model: Model,
    rule: Gradient,
    update: Update,
    buffers: Vec<Tensor>,
    lr: Vec<f64>,
    /// What multiplies half the gradient: [point][parameter].
    scale: Vec<Vec<f64>>,
}

/// Sorts the points of a grid into groups, all points of a rule with its initial parameters.
///
/// - initial: by rule, [replicate][parameter]
pub fn groups(
    config: &OneNeuronConfig,
    points: &[Point],
    device: Device,
    initial: impl Fn(Gradient) -> Vec<Vec<f64>>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let rule = point.gradient.rule();
        let fits = |group: &&mut Group| {
            (group.rule, group.update.kind, group.batch_size)
                == (rule, point.optimizer, point.batch_size)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.points.push(index),
            None => groups.push(Group {
                points: vec![index],
                batch_size: point.batch_size,
                params: Tensor::new(),
                model: config.model,
                rule,
                update: Update {
                    kind: point.optimizer,
                    momentum: config.momentum,
                    betas: (config.beta1, config.beta2),
                    eps: config.adam_eps,
                    eps_place: config.adam_eps_place,
                },
                buffers: Vec::new(),
                lr: Vec::new(),
                scale: Vec::new(),
            }),
        }
    }
    for group in &mut groups {
        let members: Vec<&Point> = group.points.iter().map(|index| &points[*index]).collect();
        group.lr = members.iter().map(|point| point.lr).collect();
        group.scale =
            members.iter().map(|point| config.model.scale(point.factor, point.sign)).collect();
        let start = initial(group.rule);
        let shape = [1, start.len() as i64, config.model.parameters() as i64];
        let start = Tensor::from_slice(&start.concat()).view(shape).to_device(device);
        group.params = start.repeat([members.len() as i64, 1, 1]);
        let buffers = group.update.kind.buffers().iter();
        group.buffers = buffers.map(|_| group.params.zeros_like()).collect();
    }
    groups
}

impl Group {
    /// Takes steps in plain Rust. `loss_sums`: [point of the grid, replicate], flat. Says at which
    /// step, from 0, something stopped being finite; nothing has changed then.
    ///
    /// - streams: [replicate], of this group's batch size
    ///
    /// # Errors
    /// Where the tensors can't be read.
    pub fn run_rows(
        &mut self,
        first: u64,
        streams: &[Stream],
        loss_sums: &mut [f64],
    ) -> Result<Option<usize>> {
        let (replicates, width) = (streams.len(), self.model.parameters());
        let count = streams.first().map_or(0, |stream| stream.batches.len()) as u64;
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
            let row = Row { model: self.model, rule: self.rule, update: &self.update, lr, scale };
            for (r, stream) in streams.iter().enumerate() {
                let at = (k * replicates + r) * width;
                let mut state = RowState {
                    params: &mut params[at..at + width],
                    buffers: &mut buffers[depth * at..depth * (at + width)],
                    loss_sum: &mut loss_sums[point * replicates + r],
                };
                let stopped = row.run(&mut state, &stream.batches, &corrections);
                bad = bad.into_iter().chain(stopped).min();
            }
        }
        if bad.is_none() {
            let write = |tensor: &mut Tensor, values: &[f64]| {
                tensor.copy_(&Tensor::from_slice(values).view_as(tensor));
            };
            write(&mut self.params, &params);
            for (b, buffer) in self.buffers.iter_mut().enumerate() {
                let rows = buffers.chunks_exact(depth * width);
                let values: Vec<f64> =
                    rows.flat_map(|row| &row[b * width..(b + 1) * width]).copied().collect();
                write(buffer, &values);
            }
        }
        Ok(bad)
    }

    /// Takes steps in tensor operations. Gives back the sums of the losses and how many steps were
    /// finite ([] i64); from the first that was not, nothing changes.
    ///
    /// - ok: [] bool, whether all has been finite so far
    /// - inputs: [step, replicate, input, sample]; labels: [step, replicate, sample]
    /// - loss_sums: [point of this group, replicate], before these steps
    pub fn run_tensors(
        &mut self,
        first: u64,
        (inputs, labels): (&Tensor, &Tensor),
        loss_sums: &Tensor,
        ok: &Tensor,
    ) -> (Tensor, Tensor) {
        let device = self.params.device();
        let lr = Tensor::from_slice(&self.lr).to_device(device).view([-1, 1, 1]);
        let width = self.model.parameters() as i64;
        let scale = Tensor::from_slice(&self.scale.concat()).to_device(device);
        let scale = scale.view([-1, 1, width]);
        let mut sums = loss_sums.copy();
        let mut ok = ok.shallow_clone();
        let mut good = Tensor::zeros([], (Kind::Int64, device));
        for t in 0..inputs.size()[0] {
            let (x, labels) = (inputs.get(t), labels.get(t));
            let (loss, gradient) =
                tensors::gradient(self.model, self.rule, &self.params, &x, &labels);
            let (params, buffers) = self.update.tensors(
                &self.params,
                &self.buffers,
                &(gradient * &scale),
                &lr,
                self.update.corrections(first + t as u64),
            );
            ok = ok.logical_and(&params.isfinite().all().logical_and(&loss.isfinite().all()));
            sums += loss;
            good += &ok;
            let new = params.where_self(&ok, &self.params);
            self.params.copy_(&new);
            for (buffer, new) in self.buffers.iter_mut().zip(buffers) {
                let new = new.where_self(&ok, buffer);
                buffer.copy_(&new);
            }
        }
        (sums, good)
    }

    /// Parameters and optimizer state as live views, by the points' names.
    pub fn state(&self, points: &[Point]) -> State {
        let mut state = State::new();
        let names = self.update.kind.buffers().iter().map(|name| format!("optim.{name}."));
        let names = std::iter::once(String::new()).chain(names);
        for (prefix, buffer) in names.zip(std::iter::once(&self.params).chain(&self.buffers)) {
            for (k, index) in self.points.iter().enumerate() {
                let name = &points[*index].name;
                let name = if name.is_empty() { String::new() } else { format!("{name}.") };
                for (part, start, shape) in self.model.parts() {
                    let view = view(&buffer.get(k as i64), *start, shape);
                    state.push((format!("{prefix}{name}{part}"), view));
                }
            }
        }
        state
    }
}

/// A part of [replicate, parameter] as [replicate, shape], or as [shape] of the only replicate.
fn view(rows: &Tensor, start: i64, shape: &[i64]) -> Tensor {
    let replicates = rows.size()[0];
    let part = rows.narrow(1, start, shape.iter().product());
    let whole: Vec<i64> = [replicates].iter().chain(shape).copied().collect();
    part.view(if replicates == 1 { shape } else { &whole })
}

/// From buffers of [row, parameter] each to [row, buffer, parameter].
fn interleave(buffers: &[Vec<f64>], joint: &mut [f64], width: usize) {
    let depth = buffers.len();
    for (b, buffer) in buffers.iter().enumerate() {
        for (row, values) in buffer.chunks_exact(width).enumerate() {
            let at = (row * depth + b) * width;
            joint[at..at + width].copy_from_slice(values);
        }
    }
}
