//! Which phase a training step belongs to.

use super::config::{ApicalTrainConfig, LrSchedule};

/// The order of the phases.
#[derive(Debug, Clone, Copy)]
pub struct Cycle {
    /// Training steps in a phase.
    pub steps: u64,
    /// Phases 2 after each phase 1.
    second: u64,
    single: bool,
    epochs: u64,
    schedule: LrSchedule,
}

/// Where in the training a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The number of the phase, from 0, of either kind.
    pub phase: u64,
    /// Whether it is a phase 1.
    pub first: bool,
    /// How many phases 2 came before it.
    pub passes: u64,
    /// The step within the phase.
    pub within: u64,
    /// Factor of both learning rates.
    pub factor: f64,
}

impl Cycle {
    /// The order of a run of so many epochs.
    pub fn new(config: &ApicalTrainConfig, epochs: u64) -> Self {
        let (second, single) = (config.phase2_per_phase1, config.single_phase1);
        Self { steps: config.steps_per_phase, second, single, epochs, schedule: config.schedule }
    }

    /// Training steps in all.
    pub fn total(&self) -> u64 {
        let phases = match self.single {
            true => self.epochs.saturating_add(1),
            false => self.epochs.saturating_mul(self.second + 1),
        };
        phases.saturating_mul(self.steps)
    }

    /// The place of a step.
    pub fn place(&self, step: u64) -> Place {
        let (phase, within) = (step / self.steps, step % self.steps);
        let (first, passes, epoch) = if self.single {
            (phase == 0, phase.saturating_sub(1), phase.saturating_sub(1))
        } else {
            let (epoch, at) = (phase / (self.second + 1), phase % (self.second + 1));
            (at == 0, epoch * self.second + at.saturating_sub(1), epoch)
        };
        let factor = match self.schedule {
            LrSchedule::Constant => 1.0,
            LrSchedule::Cosine => {
                let share = epoch as f64 / self.epochs as f64;
                (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
            }
        };
        Place { phase, first, passes, within, factor }
    }

    /// The part of `count` things that a step of a phase does: from, to.
    pub fn part(&self, within: u64, count: i64) -> (i64, i64) {
        let edge = |step: u64| (step as i128 * i128::from(count) / i128::from(self.steps)) as i64;
        (edge(within), edge(within + 1))
    }
}
