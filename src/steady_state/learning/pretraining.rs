//! Pre-training: how w* is found, the weights from which the steady-state runs begin.

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::axes::{StepSizes, SweepAxes};
use super::descent::Descent;
use super::expansion_mask::ExpansionMask;
use super::stage::{SEGMENT_UPDATES, SeedGroup, Stage};
use super::task::Task;

/// Cells whose weights are kept over the pre-training, for the figures.
pub const TRACED_CELLS: i64 = 7;

/// How the weights w* are found from which the steady-state runs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PretrainMethod {
    /// Online LMS without noise
    Lms,
    /// Gradient descent on the task loss by its closed form, one step a second
    GdClosedForm,
    /// Gradient descent on the task loss, step by step
    GdIterated,
    /// The minimum itself: the pseudo-inverse of H with --cut
    Exact,
}

impl PretrainMethod {
    /// Whether the method is gradient descent, which diverges from a critical step on.
    pub fn is_descent(self) -> bool {
        match self {
            Self::GdClosedForm | Self::GdIterated => true,
            Self::Lms | Self::Exact => false,
        }
    }
}

/// What a pre-training does.
#[derive(Debug, Clone, Copy)]
pub struct PretrainingSpec {
    /// How w* is found.
    pub method: PretrainMethod,
    /// Learning step at q = 1.
    pub gamma: f64,
    /// Length of the pre-training, s.
    pub seconds: i64,
    /// w* is the mean of the weights after the last this many updates.
    pub mean: i64,
    /// Eigenvalues of H below this share of the largest do not count for the minimum.
    pub cut: f64,
}

/// The pre-training of every network.
#[derive(Debug)]
pub struct Pretraining {
    /// Losses and weights, with one run for each network.
    pub stage: Stage,
    /// Learning step of every expansion.
    pub gammas: Vec<f64>,
    /// w*, the mean of the last weights: `[seed, q, cell]`.
    pub optimum: Tensor,
    /// Weights of the first cells at the beginning of each step, and at the end of the last:
    /// `[seed, step + 1, q, TRACED_CELLS]`.
    pub trace: Tensor,
    spec: PretrainingSpec,
}

impl Pretraining {
    /// A pre-training before its first step.
    pub fn new(spec: PretrainingSpec, axes: &SweepAxes, device: Device) -> Self {
        let [seeds, sizes, ..] = axes.shape();
        let gammas: Vec<f64> = (0..sizes as usize).map(|q| axes.scaled(spec.gamma, q)).collect();
        let gamma = Tensor::from_slice(&gammas).view([sizes, 1]).to_device(device);
        let steps = StepSizes { eta: gamma.zeros_like(), gamma };
        let shape = [seeds, sizes, 1, 1];
        let stage = Stage::new("pretrain", spec.seconds, steps, false, shape, axes.cells());
        let options = (Kind::Double, device);
        let rows = stage.steps() as i64 + 1;
        Self {
            stage,
            gammas,
            optimum: Tensor::zeros([seeds, sizes, axes.cells()], options),
            trace: Tensor::zeros([seeds, rows, sizes, TRACED_CELLS], options),
            spec,
        }
    }

    /// Steps that the pre-training takes. What is known in closed form takes one.
    pub fn steps(&self) -> u64 {
        match self.spec.method {
            PretrainMethod::Lms | PretrainMethod::GdIterated => self.stage.steps(),
            PretrainMethod::GdClosedForm | PretrainMethod::Exact => 1,
        }
    }

    /// Takes step `index`.
    ///
    /// # Errors
    /// As [`Task::modes`].
    pub fn step(&mut self, groups: &[SeedGroup], mask: &ExpansionMask, index: i64) -> Result<()> {
        let first = index * SEGMENT_UPDATES;
        self.record_trace(index);
        match self.spec.method {
            PretrainMethod::Lms => self.lms_step(groups, mask, first),
            PretrainMethod::GdIterated => self.descent_step(groups, mask, first)?,
            PretrainMethod::GdClosedForm => self.descend_in_closed_form(groups, mask)?,
            PretrainMethod::Exact => self.set_to_minimum(groups, mask)?,
        }
        let last = self.steps() as i64 == index + 1;
        self.record_trace(if last { self.trace.size()[1] - 1 } else { index + 1 });
        Ok(())
    }

    /// Keeps the present weights as row `row` of the trace.
    fn record_trace(&self, row: i64) {
        self.trace.select(1, row).copy_(&self.weights().narrow(2, 0, TRACED_CELLS));
    }

    /// The weights that the pre-training has reached: `[seed, q, cell]`.
    fn weights(&self) -> Tensor {
        self.stage.runs.weights.squeeze_dim(3).squeeze_dim(2)
    }

    /// How many of the last weights w* is the mean of.
    fn averaged(&self) -> i64 {
        self.spec.mean.min(self.stage.seconds)
    }

    /// Whether the weights after update `count` belong to the mean that is w*.
    fn in_mean(&self, count: i64) -> bool {
        count > self.stage.seconds - self.averaged()
    }

    /// Online LMS: at once as far as no weights belong to the mean, then update by update.
    fn lms_step(&mut self, groups: &[SeedGroup], mask: &ExpansionMask, first: i64) {
        let (end, share) = (first + self.stage.length(first), 1.0 / self.averaged() as f64);
        let before = (first..end).take_while(|k| !self.in_mean(k + 1)).count() as i64;
        if before > 0 {
            self.stage.advance(groups, mask, first, before);
        }
        for k in first + before..end {
            self.stage.advance(groups, mask, k, 1);
            self.optimum += self.weights() * share;
        }
    }

    /// Gradient descent, step by step.
    fn descent_step(&self, groups: &[SeedGroup], mask: &ExpansionMask, first: i64) -> Result<()> {
        let (blocks, share) = (self.stage.length(first), 1.0 / self.averaged() as f64);
        self.for_each_size(groups, mask, |views| {
            let SizeViews { task, gamma, mut weights, losses, mut optimum, .. } = views;
            for k in first..first + blocks {
                let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
                let _ = weights.g_sub_(&(gradient * gamma));
                losses.select(1, k + 1).copy_(&task.loss(&weights));
                if self.in_mean(k + 1) {
                    let _ = optimum.g_add_(&(&weights * share));
                }
            }
            Ok(())
        })
    }

    /// The whole of gradient descent by its closed form.
    fn descend_in_closed_form(&self, groups: &[SeedGroup], mask: &ExpansionMask) -> Result<()> {
        let (seconds, device) = (self.stage.seconds, mask.values.device());
        self.for_each_size(groups, mask, |views| {
            let SizeViews { task, gamma, initial, mut weights, losses, mut optimum, trace } = views;
            let descent = Descent::new(&task, &initial, gamma)?;
            for first in (0..seconds).step_by(SEGMENT_UPDATES as usize) {
                let last = seconds.min(first + SEGMENT_UPDATES);
                let counts = Tensor::arange_start(first + 1, last + 1, (Kind::Double, device));
                losses.narrow(1, first + 1, last - first).copy_(&descent.losses(&counts));
                let mut row = trace.select(1, first / SEGMENT_UPDATES + 1);
                row.copy_(&descent.weights(last as f64).narrow(1, 0, TRACED_CELLS));
            }
            for k in seconds - self.averaged() + 1..=seconds {
                let _ = optimum.g_add_(&(descent.weights(k as f64) / self.averaged() as f64));
            }
            weights.copy_(&descent.weights(seconds as f64));
            Ok(())
        })
    }

    /// Puts the weights at the minimum of the task loss.
    fn set_to_minimum(&self, groups: &[SeedGroup], mask: &ExpansionMask) -> Result<()> {
        self.for_each_size(groups, mask, |views| {
            let SizeViews { task, initial, mut weights, losses, mut optimum, trace, .. } = views;
            weights.copy_(&task.minimum(&initial, self.spec.cut)?.weights);
            optimum.copy_(&weights);
            let loss = task.loss(&weights).unsqueeze(1);
            let mut rest = losses.narrow(1, 1, self.stage.seconds);
            rest.copy_(&loss.expand_as(&rest));
            let mut rest = trace.narrow(1, 1, trace.size()[1] - 1);
            rest.copy_(&weights.narrow(1, 0, TRACED_CELLS).unsqueeze(1).expand_as(&rest));
            Ok(())
        })
    }

    /// Calls `work` for every network size of every group.
    fn for_each_size(
        &self,
        groups: &[SeedGroup],
        mask: &ExpansionMask,
        mut work: impl FnMut(SizeViews) -> Result<()>,
    ) -> Result<()> {
        for group in groups {
            let count = group.seeds.len() as i64;
            for (size, &cells) in mask.cells.iter().enumerate() {
                let pick =
                    |tensor: &Tensor| tensor.narrow(0, group.first, count).select(1, size as i64);
                let run = |tensor: &Tensor| pick(tensor).select(1, 0).select(1, 0);
                work(SizeViews {
                    task: group.task.leading(cells),
                    gamma: self.gammas[size],
                    initial: group.setup.granule.initial.narrow(1, 0, cells),
                    weights: run(&self.stage.runs.weights).narrow(1, 0, cells),
                    losses: run(&self.stage.losses),
                    optimum: pick(&self.optimum).narrow(1, 0, cells),
                    trace: self.trace.narrow(0, group.first, count).select(2, size as i64),
                })?;
            }
        }
        Ok(())
    }
}

/// The networks of one size of a group. Weights, losses, w* and trace are views of the
/// pre-training's tensors, so that what is written into them stays.
struct SizeViews {
    task: Task,
    /// Learning step γ.
    gamma: f64,
    /// Weights before learning: `[seed, cell]`.
    initial: Tensor,
    /// Present weights: `[seed, cell]`.
    weights: Tensor,
    /// Task losses: `[seed, second + 1]`.
    losses: Tensor,
    /// w*: `[seed, cell]`.
    optimum: Tensor,
    /// Weights of the first cells: `[seed, step + 1, traced cell]`.
    trace: Tensor,
}
