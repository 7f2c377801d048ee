//! Which phase a training step belongs to.

use std::ops::Range;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How both learning rates change with the epoch e of E.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrSchedule {
    /// Not at all
    Constant,
    /// times (1 + cos(π e / E)) / 2
    Cosine,
}

/// The order of the phases.
#[derive(Debug, Clone, Copy)]
pub struct Cycle {
    /// Training steps in a phase.
    pub steps_per_phase: u64,
    /// Phases 1 in a row, with which an epoch begins.
    pub phase1_per_epoch: u64,
    /// Phases 2 of an epoch, which follow.
    pub phase2_per_epoch: u64,
    /// Phase 1 comes once, and all other phases are phases 2, an epoch each.
    pub single_phase1: bool,
    /// E, the epochs of the run.
    pub epochs: u64,
    /// How the learning rates change.
    pub schedule: LrSchedule,
}

/// Where in the cycle a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhasePosition {
    /// Whether the step belongs to a phase 1.
    pub is_phase1: bool,
    /// Whether that is the first phase 1 of its epoch.
    pub is_first_phase1: bool,
    /// How many phases 2 came before this phase.
    pub passes: u64,
    /// The step within the phase, from 0.
    pub step_in_phase: u64,
    /// The factor of both learning rates.
    pub lr_factor: f64,
}

impl Cycle {
    /// Phases in an epoch. A single phase 1 comes before the first epoch.
    pub fn phases_per_epoch(&self) -> u64 {
        match self.single_phase1 {
            true => 1,
            false => self.phase1_per_epoch + self.phase2_per_epoch,
        }
    }

    /// Training steps in all.
    pub fn total_steps(&self) -> u64 {
        let phases = self.epochs.saturating_mul(self.phases_per_epoch());
        phases.saturating_add(self.single_phase1.into()).saturating_mul(self.steps_per_phase)
    }

    /// The position of a step, which counts from 0.
    pub fn position(&self, step: u64) -> PhasePosition {
        let (phase, step_in_phase) = (step / self.steps_per_phase, step % self.steps_per_phase);
        let (epoch, within) = match self.single_phase1 {
            true => (phase.saturating_sub(1), phase.min(1)),
            false => (phase / self.phases_per_epoch(), phase % self.phases_per_epoch()),
        };
        let passes = match self.single_phase1 {
            true => epoch,
            false => epoch * self.phase2_per_epoch + within.saturating_sub(self.phase1_per_epoch),
        };
        let lr_factor = match self.schedule {
            LrSchedule::Constant => 1.0,
            LrSchedule::Cosine => {
                let share = epoch as f64 / self.epochs as f64;
                (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
            }
        };
        PhasePosition {
            is_phase1: within < self.phase1_per_epoch,
            is_first_phase1: within == 0,
            passes,
            step_in_phase,
            lr_factor,
        }
    }

    /// Which of a phase's `count` samples or batches a step of it works on.
    pub fn range_of_step(&self, step_in_phase: u64, count: i64) -> Range<i64> {
        let steps = i128::from(self.steps_per_phase);
        let edge = |step: u64| (i128::from(step) * i128::from(count) / steps) as i64;
        edge(step_in_phase)..edge(step_in_phase + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(phase1_per_epoch: u64, phase2_per_epoch: u64, single_phase1: bool) -> Cycle {
        Cycle {
            steps_per_phase: 4,
            phase1_per_epoch,
            phase2_per_epoch,
            single_phase1,
            epochs: 10,
            schedule: LrSchedule::Cosine,
        }
    }

    #[test]
    fn phases_follow_each_other_in_order() {
        let several = cycle(1, 2, false);
        assert_eq!(several.total_steps(), 120);
        let kinds: Vec<(bool, u64)> = (0..6)
            .map(|phase| several.position(4 * phase + 3))
            .map(|position| (position.is_phase1, position.passes))
            .collect();
        let expected = [(true, 0), (false, 0), (false, 1), (true, 2), (false, 2), (false, 3)];
        assert_eq!(kinds, expected);
        let single = cycle(1, 1, true);
        assert_eq!(single.total_steps(), 44);
        assert!(single.position(3).is_phase1 && !single.position(4).is_phase1);
        assert_eq!(single.position(43).passes, 9);
        // Half of the epochs: (1 + cos(π / 2)) / 2.
        assert!((single.position(4 + 5 * 4).lr_factor - 0.5).abs() < 1e-15);
    }

    #[test]
    fn several_phases_1_come_first_and_belong_to_one_epoch() {
        let several = cycle(3, 2, false);
        assert_eq!(several.total_steps(), 200);
        let positions: Vec<_> = (0..7).map(|phase| several.position(4 * phase + 1)).collect();
        let is_phase1 = positions.iter().map(|position| position.is_phase1);
        assert_eq!(is_phase1.collect::<Vec<_>>(), [true, true, true, false, false, true, true]);
        let is_first = positions.iter().map(|position| position.is_first_phase1);
        assert_eq!(is_first.collect::<Vec<_>>(), [true, false, false, false, false, true, false]);
        let passes = positions.iter().map(|position| position.passes);
        assert_eq!(passes.collect::<Vec<_>>(), [0, 0, 0, 0, 1, 2, 2]);
        assert!(positions.iter().all(|position| position.step_in_phase == 1));
        let factors: Vec<f64> = positions.iter().map(|position| position.lr_factor).collect();
        assert!(factors[..5].iter().all(|factor| *factor == 1.0), "{factors:?}");
        assert!(factors[5] < 1.0 && factors[5] == factors[6], "{factors:?}");
    }

    #[test]
    fn the_steps_of_a_phase_work_on_everything_once() {
        let ranges: Vec<_> =
            (0..4).map(|step| cycle(1, 1, false).range_of_step(step, 10)).collect();
        assert_eq!(ranges, [0..2, 2..5, 5..7, 7..10]);
    }
}
