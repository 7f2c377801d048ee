//! The steps of `apical_train`.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, no_grad_guard};

use super::config::ApicalTrainConfig;
use super::readings::Readings;
use super::state::ApicalTrain;
use super::{figures, presets, report};
use crate::apical::learning::cycle::PhasePosition;
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

impl Experiment for ApicalTrain {
    const NAME: &'static str = "apical_train";
    const ABOUT: &'static str =
        "Trains networks by apical multipliers and the offload of their weights (docs/apical.md)";
    const DEFAULTS: &'static str = r#"{"epochs": 100}"#;
    const PRESETS: &'static [Preset] = presets::PRESETS;
    const METRICS: &'static [&'static str] = report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = ApicalTrainConfig;

    fn resolve(settings: &mut Settings<ApicalTrainConfig>) -> Result<()> {
        if settings.run.steps.is_none() && settings.run.epochs == 0 {
            return Err(refuse("--epochs 0: expected 1 or more"));
        }
        if settings.run.steps == Some(0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        settings.experiment.validate()
    }

    fn build(settings: &Settings<ApicalTrainConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let cycle = config.cycle(run.epochs);
        let mut built = Self::new(config, data, cycle, run.seed, run.replicates, device)?;
        built.steps = run.steps.unwrap_or(built.steps);
        Ok(built)
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: self.cycle.steps_per_phase }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        if step.index == 0 {
            let results = step.time(Phase::Evaluation, || self.results());
            self.previous_results.copy_(&results);
        }
        if self.all_exploded {
            return Ok(());
        }
        let position = self.cycle.position(step.index);
        if position.is_phase1 {
            self.phase1_step(step, position);
        } else {
            self.phase2_step(step, position);
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let step = evaluation.step;
        let position = self.cycle.position(step.saturating_sub(1));
        let at_end = step.is_multiple_of(self.cycle.steps_per_phase) && evaluation.number > 0;
        let results = self.results();
        if at_end {
            self.mark_exploded(&results, position);
        }
        let readings = Readings::take(self, &results, position, at_end)?;
        if at_end {
            self.previous_results.copy_(&results);
            self.set_alive(readings.alive.clone());
        }
        Ok(report::report(self, evaluation, &readings))
    }

    fn state(&self) -> State {
        self.tensors()
    }

    fn restored(&mut self, _checkpoint: &Checkpoint) -> Result<()> {
        self.read_alive()
    }

    fn source(&self) -> Value {
        self.data_source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(self.rates.len())
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}

impl ApicalTrain {
    /// Takes the gradient of a part of D_A; the last step of the phase moves the multipliers.
    fn phase1_step(&mut self, step: &mut Step, position: PhasePosition) {
        if position.step_in_phase == 0 {
            self.trainer.begin_phase1();
            let _ = self.loss_a.zero_();
        }
        let range = self.cycle.range_of_step(position.step_in_phase, self.split.a.len());
        if !range.is_empty() {
            let loss = step
                .time(Phase::Backward, || self.trainer.accumulate_gradient(&self.split.a, range));
            let _ = self.loss_a.g_add_(&loss);
        }
        if position.step_in_phase + 1 == self.cycle.steps_per_phase {
            step.time(Phase::Optimizer, || {
                self.trainer.update_multipliers(position.lr_factor, position.passes as f64);
            });
        }
    }

    /// Applies the rule to some of the batches of a pass over D_W.
    fn phase2_step(&mut self, step: &mut Step, position: PhasePosition) {
        if position.step_in_phase == 0 {
            self.trainer.begin_phase2();
        }
        let (samples, batch) = (self.split.w.len(), self.config.batch_size);
        let batches = (samples + batch - 1) / batch;
        let range = self.cycle.range_of_step(position.step_in_phase, batches);
        if range.is_empty() {
            return;
        }
        let order = step.time(Phase::Data, || {
            let (from, to) = (range.start * batch, (range.end * batch).min(samples));
            self.order_of_pass(position.passes).narrow(0, from, to - from)
        });
        let loss = step.time(Phase::Optimizer, || {
            self.trainer.learn_weights(&self.split.w, &order, position.lr_factor)
        });
        let share = (position.step_in_phase + 1) as f64 / self.cycle.steps_per_phase as f64;
        let live = &mut self.trainer.live;
        live.record_ends(position.passes as f64 + share);
        step.mean("train/loss", &(live.sum(&loss) / live.count().clamp_min(1.0)));
    }
}
