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
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Settings, Spec, StepWork};

/// Why a run ends before its last step.
const ALL_EXPLODED: &str = "every run has exploded: stopped";

impl Experiment for ApicalTrain {
    type Config = ApicalTrainConfig;

    const SPEC: Spec = Spec {
        name: "apical_train",
        about: "Trains networks by apical multipliers and the offload of their weights (docs/apical.md)",
        defaults: r#"{"data": "mnist", "epochs": 100}"#,
        presets: presets::PRESETS,
        metrics: report::METRICS,
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &["hidden", "lr-a", "lr-w", "batch-size", "replicates"],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<ApicalTrainConfig>) -> StepWork {
        settings.experiment.step_work(&settings.run)
    }

    fn build(settings: &Settings<ApicalTrainConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let cycle = config.cycle(run.epochs);
        let mut built = Self::new(config, data, cycle, run.seed, run.replicates, device)?;
        built.steps = run.steps.unwrap_or(built.steps);
        Ok(built)
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, self.cycle.steps_per_phase)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let position = self.cycle.position(step.index);
        if step.index == 0 {
            let results = step.time(Phase::Evaluation, || self.results(position));
            self.previous_results.copy_(&results);
        }
        // The host learns at the end of a phase that every run has exploded. One that is resumed
        // within the phase goes on to its end too, or its log would have other steps.
        if self.all_exploded && position.step_in_phase == 0 {
            step.end_run(ALL_EXPLODED);
            return Ok(());
        }
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
        let results = self.results(position);
        if at_end {
            self.mark_exploded(&results, position);
        }
        let readings = Readings::take(self, &results, position, at_end)?;
        if at_end {
            self.previous_results.copy_(&results);
            self.set_alive(readings.alive.clone());
            if self.all_exploded {
                evaluation.end_run(ALL_EXPLODED);
            }
        }
        Ok(report::report(self, evaluation, &readings))
    }

    fn data_provenance(&self) -> Value {
        self.data_source.clone()
    }
}

impl Figures for ApicalTrain {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self.trainer.network.layers.len(), self.rates.len())
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step);
        Ok(())
    }
}

impl ApicalTrain {
    /// Takes the gradient of a part of D_A; the last step of the phase moves the multipliers.
    fn phase1_step(&mut self, step: &mut Step, position: PhasePosition) {
        if position.step_in_phase == 0 {
            self.trainer.begin_phase1(position.is_first_phase1);
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
