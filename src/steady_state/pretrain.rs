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
use crate::lab::read;

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
            let gamma = self.config.scaled(asked, *q);
            for group in &self.groups {
                let start = group.world.granule.initial.narrow(1, 0, q * CELLS);
                let limit = Descent::new(&group.task.leading(q * CELLS), &start, gamma).limit();
                let limit = read::scalar(&limit.min())?;
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
        let weights = self.pretrain.runs.weights.squeeze_dim(3).squeeze_dim(2);
        self.trace.get(index).copy_(&weights.get(0));
        match self.config.pretrain {
            Pretrain::Lms => self.pretrain.advance(&self.groups, &self.mask, first),
            Pretrain::GdIterated => self.descend(first),
            Pretrain::GdClosedForm => self.descend_at_once(),
            Pretrain::Exact => self.jump(),
        }
        let weights = self.pretrain.runs.weights.squeeze_dim(3).squeeze_dim(2);
        let seen = (self.pretrain_steps() as i64 == index + 1).then_some(self.trace.size()[0] - 1);
        self.trace.get(seen.unwrap_or(index + 1)).copy_(&weights.get(0));
        self.optimum.copy_(&weights);
    }

    /// Calls `work` for every network size of every group: index of the size, whether the group has
    /// the first seed, the task, views of the weights [seed, cell] and of the losses [seed,
    /// second + 1] of the pre-training, and its start.
    fn each_size(&self, mut work: impl FnMut(usize, bool, &Task, Tensor, Tensor, Tensor)) {
        for group in &self.groups {
            let count = group.seeds.len() as i64;
            for (size, q) in self.grid.expansions.iter().enumerate() {
                let cells = q * CELLS;
                let pick = |tensor: &Tensor| {
                    let part = tensor.narrow(0, group.first, count).select(1, size as i64);
                    part.select(1, 0).select(1, 0)
                };
                let weights = pick(&self.pretrain.runs.weights).narrow(1, 0, cells);
                let initial = group.world.granule.initial.narrow(1, 0, cells);
                let losses = pick(&self.pretrain.losses);
                let task = group.task.leading(cells);
                work(size, group.first == 0, &task, weights, losses, initial);
            }
        }
    }

    /// The learning step of gradient descent for a network size.
    fn rate(&self, size: usize) -> f64 {
        let asked = self.config.pretrain_gamma.unwrap_or_default();
        self.config.scaled(asked, self.grid.expansions[size])
    }

    fn descend(&self, first: i64) {
        let blocks = UPDATES.min(self.pretrain.seconds - first);
        self.each_size(|size, _, task, mut weights, losses, _| {
            for k in 0..blocks {
                let gradient = task.gradient(&weights.unsqueeze(1)).squeeze_dim(1);
                let _ = weights.g_sub_(&(gradient * self.rate(size)));
                losses.select(1, first + k + 1).copy_(&task.loss(&weights));
            }
        });
    }

    /// The whole of gradient descent by its closed form.
    fn descend_at_once(&self) {
        let (seconds, device) = (self.pretrain.seconds, self.mask.device());
        self.each_size(|size, has_first, task, mut weights, losses, initial| {
            let descent = Descent::new(task, &initial, self.rate(size));
            for first in (0..seconds).step_by(UPDATES as usize) {
                let last = seconds.min(first + UPDATES);
                let counts = Tensor::arange_start(first + 1, last + 1, (Kind::Double, device));
                losses.narrow(1, first + 1, last - first).copy_(&descent.losses(&counts));
                if has_first {
                    let row = self.trace.get(first / UPDATES + 1).get(size as i64);
                    let now = descent.weights(last as f64).get(0);
                    row.narrow(0, 0, now.numel() as i64).copy_(&now);
                }
            }
            weights.copy_(&descent.weights(seconds as f64));
        });
    }

    fn jump(&self) {
        self.each_size(|_, _, task, mut weights, losses, initial| {
            weights.copy_(&task.minimum(&initial, self.config.cut).0);
            let loss = task.loss(&weights).unsqueeze(1);
            let mut rest = losses.narrow(1, 1, self.pretrain.seconds);
            rest.copy_(&loss.expand_as(&rest));
        });
    }
}
