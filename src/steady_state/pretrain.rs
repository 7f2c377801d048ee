//! Pre-training: how w* is found.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::config::Pretrain;
use super::descent::Descent;
use super::granule::CELLS;
use super::stage::UPDATES;
use super::task::Task;
use super::train::SteadyState;
use crate::lab::error::refuse;
use crate::lab::tensor::to_host;

/// Cells whose weights are kept over the pre-training, for the figures.
pub(super) const TRACED: i64 = 7;

impl SteadyState {
    /// What is known in closed form takes one step.
    pub(super) fn pretrain_steps(&self) -> u64 {
        match self.config.pretrain {
            Pretrain::Lms | Pretrain::GdIterated => self.pretrain.steps(),
            Pretrain::GdClosedForm | Pretrain::Exact => 1,
        }
    }

    /// Refuses gradient descent with a step that diverges.
    pub(super) fn check_descent(&self) -> Result<()> {
        if !matches!(self.config.pretrain, Pretrain::GdClosedForm | Pretrain::GdIterated) {
            return Ok(());
        }
        let asked = self.config.pretrain_gamma.unwrap_or_default();
        for q in &self.grid.expansions {
            let gamma = self.config.pretrain_rate(*q);
            for group in &self.groups {
                let start = group.world.granule.initial.narrow(1, 0, q * CELLS);
                let limit = Descent::new(&group.task.leading(q * CELLS), &start, gamma).limit();
                let limit = to_host::scalar(&limit.min())?;
                if gamma >= limit {
                    return Err(refuse(format!(
                        "--pretrain-gamma {asked}: gradient descent diverges at expansion {q}, \
                         where its step is {gamma:.4} and 2/λ_max is {limit:.4}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// One step of the pre-training.
    pub(super) fn pretrain_step(&mut self, index: i64) {
        let first = index * UPDATES;
        self.note(index);
        match self.config.pretrain {
            Pretrain::Lms => self.learn(first),
            Pretrain::GdIterated => self.descend(first),
            Pretrain::GdClosedForm => self.descend_at_once(),
            Pretrain::Exact => self.jump(),
        }
        let seen = (self.pretrain_steps() as i64 == index + 1).then_some(self.trace.size()[1] - 1);
        self.note(seen.unwrap_or(index + 1));
    }

    /// Keeps the weights of now as row `row` of the trace.
    fn note(&self, row: i64) {
        self.trace.select(1, row).copy_(&self.pretrained().narrow(2, 0, TRACED));
    }

    /// The weights that the pre-training has reached: [seed, q, cell].
    fn pretrained(&self) -> Tensor {
        self.pretrain.runs.weights.squeeze_dim(3).squeeze_dim(2)
    }

    /// How many of the last weights w* is the mean of.
    fn averaged(&self) -> i64 {
        self.config.pretrain_mean.min(self.pretrain.seconds)
    }

    /// Whether the weights after update `count` belong to the mean that is w*.
    fn counts(&self, count: i64) -> bool {
        count > self.pretrain.seconds - self.averaged()
    }

    /// Online LMS: at once as far as no weights are wanted, then update by update.
    fn learn(&mut self, first: i64) {
        let (end, share) = (first + self.pretrain.length(first), 1.0 / self.averaged() as f64);
        let plain = (first..end).take_while(|k| !self.counts(k + 1)).count() as i64;
        if plain > 0 {
            self.pretrain.advance(&self.groups, &self.nested, first, plain);
        }
        for k in first + plain..end {
            self.pretrain.advance(&self.groups, &self.nested, k, 1);
            self.optimum += self.pretrained() * share;
        }
    }

    /// Calls `work` for every network size of every group.
    fn each_size(&self, mut work: impl FnMut(Networks)) {
        for group in &self.groups {
            let count = group.seeds.len() as i64;
            for (size, q) in self.grid.expansions.iter().enumerate() {
                let cells = q * CELLS;
                let pick =
                    |tensor: &Tensor| tensor.narrow(0, group.first, count).select(1, size as i64);
                let run = |tensor: &Tensor| pick(tensor).select(1, 0).select(1, 0);
                work(Networks {
                    size,
                    task: group.task.leading(cells),
                    initial: group.world.granule.initial.narrow(1, 0, cells),
                    weights: run(&self.pretrain.runs.weights).narrow(1, 0, cells),
                    losses: run(&self.pretrain.losses),
                    optimum: pick(&self.optimum).narrow(1, 0, cells),
                    trace: self.trace.narrow(0, group.first, count).select(2, size as i64),
                });
            }
        }
    }

    /// The learning step of gradient descent for a network size.
    fn rate(&self, size: usize) -> f64 {
        self.config.pretrain_rate(self.grid.expansions[size])
    }

    fn descend(&self, first: i64) {
        let (blocks, share) = (self.pretrain.length(first), 1.0 / self.averaged() as f64);
        self.each_size(|Networks { size, task, mut weights, losses, mut optimum, .. }| {
            for k in first..first + blocks {
                let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
                let _ = weights.g_sub_(&(gradient * self.rate(size)));
                losses.select(1, k + 1).copy_(&task.loss(&weights));
                if self.counts(k + 1) {
                    let _ = optimum.g_add_(&(&weights * share));
                }
            }
        });
    }

    /// The whole of gradient descent by its closed form.
    fn descend_at_once(&self) {
        let (seconds, device) = (self.pretrain.seconds, self.nested.mask.device());
        self.each_size(|networks| {
            let Networks { size, task, mut weights, losses, mut optimum, .. } = networks;
            let descent = Descent::new(&task, &networks.initial, self.rate(size));
            for first in (0..seconds).step_by(UPDATES as usize) {
                let last = seconds.min(first + UPDATES);
                let counts = Tensor::arange_start(first + 1, last + 1, (Kind::Double, device));
                losses.narrow(1, first + 1, last - first).copy_(&descent.losses(&counts));
                let mut row = networks.trace.select(1, first / UPDATES + 1);
                row.copy_(&descent.weights(last as f64).narrow(1, 0, TRACED));
            }
            for k in seconds - self.averaged() + 1..=seconds {
                let _ = optimum.g_add_(&(descent.weights(k as f64) / self.averaged() as f64));
            }
            weights.copy_(&descent.weights(seconds as f64));
        });
    }

    fn jump(&self) {
        self.each_size(|Networks { task, initial, mut weights, losses, mut optimum, .. }| {
            weights.copy_(&task.minimum(&initial, self.config.cut).0);
            optimum.copy_(&weights);
            let loss = task.loss(&weights).unsqueeze(1);
            let mut rest = losses.narrow(1, 1, self.pretrain.seconds);
            rest.copy_(&loss.expand_as(&rest));
        });
    }
}

/// The networks of one size of a group; weights, losses and w* are views of the sweep's.
struct Networks {
    /// Index of the size.
    size: usize,
    task: Task,
    /// [seed, cell], as weights and w*.
    initial: Tensor,
    weights: Tensor,
    /// [seed, second + 1].
    losses: Tensor,
    optimum: Tensor,
    /// [seed, step + 1, traced cell].
    trace: Tensor,
}
