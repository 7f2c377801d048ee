//! All runs of a sweep over expansions, learning steps, noise and seeds: pre-training, learning from
//! the initial weights, and learning from w*.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::axes::SweepAxes;
use super::expansion_mask::ExpansionMask;
use super::pretraining::{Pretraining, PretrainingSpec};
use super::stage::{SEGMENT_UPDATES, SeedGroup, Stage};
use crate::steady_state::plant::granule::{CELLS, Granule};
use crate::steady_state::plant::setup::Setup;

/// What a sweep does along its axes.
#[derive(Debug, Clone, Copy)]
pub struct SweepSpec {
    /// How w* is found.
    pub pretraining: PretrainingSpec,
    /// Length of learning from the initial weights, s.
    pub train_seconds: i64,
    /// Length of learning from w*, s.
    pub steady_seconds: i64,
    /// Length of the trajectory that the task loss is of, s.
    pub loss_seconds: i64,
    /// Runs that are computed together at most.
    pub batch_runs: i64,
}

/// A sweep and what came of it so far.
#[derive(Debug)]
pub struct Sweep {
    /// Which runs there are.
    pub axes: SweepAxes,
    /// Granule layers and references of all seeds, on the CPU.
    pub granule: Granule,
    /// The seeds in groups that are computed together.
    pub groups: Vec<SeedGroup>,
    /// The cells of every expansion.
    pub mask: ExpansionMask,
    /// The search for w*.
    pub pretraining: Pretraining,
    /// Learning from the initial weights.
    pub train: Stage,
    /// Learning from w*.
    pub steady: Stage,
}

/// The stages of a sweep in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageKind {
    /// The search for w*.
    Pretraining,
    /// Learning from the initial weights.
    Train,
    /// Learning from w*.
    Steady,
}

impl Sweep {
    /// A sweep before its first step, of a set-up with all its seeds on the CPU.
    pub fn new(setup: Setup, axes: SweepAxes, spec: &SweepSpec, device: Device) -> Self {
        let [seeds, sizes, repeats, rules] = axes.shape();
        let group_seeds = (spec.batch_runs / (sizes * repeats * rules)).clamp(1, seeds);
        let groups = SeedGroup::divide(&setup, &axes.seeds, group_seeds, spec.loss_seconds, device);
        let noisy = axes.ratios.iter().any(|ratio| ratio.is_finite());
        let stage = |name, seconds| {
            Stage::new(name, seconds, axes.step_sizes(device), noisy, axes.shape(), axes.cells())
        };
        let mut sweep = Self {
            groups,
            granule: setup.granule,
            mask: ExpansionMask::new(&axes.expansions, CELLS, device),
            pretraining: Pretraining::new(spec.pretraining, &axes, device),
            train: stage("train", spec.train_seconds),
            steady: stage("steady", spec.steady_seconds),
            axes,
        };
        let (initial, none) = (sweep.initial(), sweep.none_diverged());
        sweep.pretraining.stage.begin(&sweep.groups, &initial, &none);
        sweep
    }

    /// Steps of the whole sweep; each is a segment of updates of one stage.
    pub fn steps(&self) -> u64 {
        self.pretraining.steps() + self.train.steps() + self.steady.steps()
    }

    /// The stage that step `index` belongs to, and the update after which the step begins.
    pub fn locate(&self, index: u64) -> (StageKind, i64) {
        let train = self.pretraining.steps();
        let steady = train + self.train.steps();
        let (kind, begin) = match index {
            index if index < train => (StageKind::Pretraining, 0),
            index if index < steady => (StageKind::Train, train),
            _ => (StageKind::Steady, steady),
        };
        (kind, (index - begin) as i64 * SEGMENT_UPDATES)
    }

    /// Updates of its stage that are done after step `index`. A pre-training that is known in closed
    /// form takes all of them in one step.
    pub fn done_after(&self, index: u64) -> i64 {
        let (kind, first) = self.locate(index);
        let stage = self.stage(kind);
        match kind {
            StageKind::Pretraining if index + 1 == self.pretraining.steps() => stage.seconds,
            StageKind::Pretraining | StageKind::Train | StageKind::Steady => {
                first + stage.length(first)
            }
        }
    }

    /// A stage of the sweep.
    pub fn stage(&self, kind: StageKind) -> &Stage {
        match kind {
            StageKind::Pretraining => &self.pretraining.stage,
            StageKind::Train => &self.train,
            StageKind::Steady => &self.steady,
        }
    }

    /// Takes step `index`.
    ///
    /// # Errors
    /// As [`Pretraining::step`].
    pub fn step(&mut self, index: u64) -> Result<()> {
        let (kind, first) = self.locate(index);
        if first == 0 {
            self.begin(kind);
        }
        let stage = match kind {
            StageKind::Pretraining => {
                return self.pretraining.step(&self.groups, &self.mask, index as i64);
            }
            StageKind::Train => &mut self.train,
            StageKind::Steady => &mut self.steady,
        };
        stage.advance(&self.groups, &self.mask, first, stage.length(first));
        Ok(())
    }

    /// Puts the runs of a stage at their start. Those of the pre-training are there from the
    /// beginning.
    fn begin(&mut self, kind: StageKind) {
        match kind {
            StageKind::Pretraining => {}
            StageKind::Train => {
                let (start, none) = (self.initial(), self.none_diverged());
                self.train.begin(&self.groups, &start, &none);
            }
            StageKind::Steady => {
                let [seeds, sizes, ..] = self.axes.shape();
                let diverged = self.pretraining.stage.diverged.ge(0).view([seeds, sizes]);
                self.steady.begin(&self.groups, &self.pretraining.optimum, &diverged);
            }
        }
    }

    /// Weights before learning: `[seed, q, cell]`.
    pub fn initial(&self) -> Tensor {
        let initial = self.granule.initial.to_device(self.mask.values.device());
        initial.unsqueeze(1) * &self.mask.values
    }

    /// No network without a start: `[seed, q]` bool.
    fn none_diverged(&self) -> Tensor {
        let [seeds, sizes, ..] = self.axes.shape();
        Tensor::zeros([seeds, sizes], (Kind::Bool, self.mask.values.device()))
    }
}
