//! The steps of `apical_characterize`: one phase 1 over a map of steps, then one pass of phase 2
//! with its direction beside that of the gradient.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::CharacterizeConfig;
use super::state::Characterize;
use super::{figures, presets, report};
use crate::apical::analysis::direction::direction;
use crate::apical::learning::rule;
use crate::data;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

impl Experiment for Characterize {
    type Config = CharacterizeConfig;

    const SPEC: Spec = Spec {
        name: "apical_characterize",
        about: "Maps what one phase 1 and one phase 2 do to the loss (docs/apical.md)",
        defaults: r#"{"data": "mnist", "log_every": 1}"#,
        presets: presets::PRESETS,
        metrics: report::METRICS,
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &["hidden", "grid-lr", "grid-batch", "batch-size", "replicates"],
        absent: &[
            Absent { key: "epochs", reason: "a run is one pass of phase 2; --steps shortens it" },
            Absent {
                key: "patience",
                reason: "a run is one pass of phase 2, with one evaluation at its end",
            },
            Absent { key: "init_from", reason: "the networks are drawn from --seed" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<CharacterizeConfig>) -> StepWork {
        let (run, config) = (&settings.run, &settings.experiment);
        let weights = config.model.weight_count(&run.data) * f64::from(run.replicates);
        let launches = 68.0 + 44.0 * config.model.hidden.len() as f64;
        StepWork::products(8.0 * weights * config.batch_size as f64, launches)
    }

    fn build(settings: &Settings<CharacterizeConfig>, device: Device) -> Result<Self> {
        let _guard = no_grad_guard();
        let run = &settings.run;
        let data = data::load(&run.data, &run.data_dir, device)?;
        let seeds = (0..u64::from(run.replicates)).map(|i| run.seed.wrapping_add(i));
        let seeds: Vec<u64> = seeds.collect();
        let mut built = Self::new(settings.experiment.clone(), data, &seeds, device)?;
        built.steps = run.steps.unwrap_or(built.steps).min(built.steps);
        Ok(built)
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, self.steps)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let (batch, data) = (self.config.batch_size, &self.split.w);
        let from = step.index as i64 * batch;
        let length = batch.min(data.len() - from);
        let order = self.order.narrow(0, from, length);
        let x = data.images.index_select(0, &order);
        let target = data.target.index_select(0, &order);
        let options = (Kind::Float, x.device());
        let (loss, lr_w) = (self.config.model.loss, self.config.lr_w);
        let eta = Tensor::full([1, 1, 1], lr_w / length as f64, options);
        let changes = step.time(Phase::Forward, || {
            rule::moving(&self.network, &x, length, self.config.pre, &eta)
        });
        let batch_loss = loss.mean(changes.rates.output(), &target);
        // Networks that diverge keep the weights that they had before this batch.
        self.live.require(&batch_loss.le(self.config.cap));
        self.live.record_ends((step.index + 1) as f64);
        step.mean("train/loss", &self.mean_of_live(&batch_loss));
        let weight = Tensor::full([], 1.0 / length as f64, options);
        let delta = loss.gradient(changes.rates.output(), &target, &weight);
        let slopes = step.time(Phase::Backward, || {
            self.network.backward(&x, &changes.rates, delta, true).weight
        });
        for (k, slope) in slopes.iter().enumerate() {
            let found = direction(&changes.weight_change(k), slope);
            step.last(&format!("rule/norm/layer{k}"), &self.mean_of_live(&(found.norm / lr_w)));
            step.last(&format!("rule/cosine/layer{k}"), &self.mean_of_live(&found.cosine));
        }
        step.last("train/live_networks", &self.live.count());
        let diverged = self.live.alive.logical_not().view([-1, 1, 1]);
        step.time(Phase::Optimizer, || changes.apply(&self.network, &diverged));
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        report::report(self, evaluation)?;
        Ok(None)
    }

    fn data_provenance(&self) -> Value {
        self.data_source.clone()
    }
}

impl Figures for Characterize {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self.network.layers.len())
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step);
        Ok(())
    }
}
