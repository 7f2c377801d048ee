//! The experiment `apical_train`.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::ApicalTrainConfig;
use super::cycle::{Cycle, Place};
use super::report;
use super::trainer::Trainer;
use crate::apical::presets::TRAIN;
use crate::apical::split::Split;
use crate::data;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::{rng, to_host};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Networks with apical multipliers in training.
pub struct ApicalTrain {
    pub(super) config: ApicalTrainConfig,
    pub(super) cycle: Cycle,
    pub(super) split: Split,
    pub(super) trainer: Trainer,
    /// (lr_a, lr_w) of each run.
    pub(super) rates: Vec<(f64, f64)>,
    /// Results of the last evaluation at the end of a phase, or at the start of the run:
    /// [loss and accuracy on D_W, loss and accuracy on D_test][run] f64.
    pub(super) before: Tensor,
    /// Sum of the losses of phase 1's samples so far: [run] f64.
    pub(super) loss_a: Tensor,
    /// Every run has exploded.
    pub(super) over: bool,
    /// Loss of the best predictor that ignores its input, on D_test.
    pub(super) constant: f64,
    pub(super) name: String,
    source: Value,
    seed: u64,
    plan: Plan,
    /// The order of D_W in the pass under way: its number, and [sample] i64.
    order: Option<(u64, Tensor)>,
}

impl Experiment for ApicalTrain {
    const NAME: &'static str = "apical_train";
    const ABOUT: &'static str =
        "Trains networks by apical multipliers and the offload of their weights (docs/apical.md)";
    const DEFAULTS: &'static str = r#"{"epochs": 100}"#;
    const PRESETS: &'static [Preset] = TRAIN;
    const METRICS: &'static [&'static str] = &["eval/loss", "eval/accuracy", "eval/best_loss"];
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
        let split = Split::new(&data, config.samples_a, run.seed, device)?;
        let smaller = split.a.samples().min(split.w.samples());
        if config.batch_size > smaller {
            let batch = config.batch_size;
            return Err(refuse(format!(
                "--batch-size {batch}: D_A and D_W have {} and {} images",
                split.a.samples(),
                split.w.samples()
            )));
        }
        let (rates, seeds) = runs(&config, run.seed, run.replicates);
        let network = config.model.network(&data, &seeds, device);
        let cycle = Cycle::new(&config, run.epochs);
        let steps = run.steps.unwrap_or(cycle.total());
        let plan = Plan { steps, evaluate_every: cycle.steps };
        let count = rates.len() as i64;
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Double, device));
        let constant =
            to_host::scalar(&config.model.loss.of_constant(&split.test.labels, data.num_classes))?;
        Ok(Self {
            trainer: Trainer::new(network, &config, &rates),
            before: zeros(&[4, count]),
            loss_a: zeros(&[count]),
            over: false,
            order: None,
            name: data.name,
            source: data.source,
            seed: run.seed,
            constant,
            config,
            cycle,
            split,
            rates,
            plan,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        if step.index == 0 {
            let results = step.time(Phase::Evaluation, || self.results());
            self.before.copy_(&results);
        }
        if self.over {
            return Ok(());
        }
        let place = self.cycle.place(step.index);
        if place.first { self.first(step, place) } else { self.second(step, place) }
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        report::report(self, evaluation)
    }

    fn state(&self) -> State {
        let mut state = self.trainer.state();
        state.push(("state.before".into(), self.before.shallow_clone()));
        state.push(("state.loss_a".into(), self.loss_a.shallow_clone()));
        state
    }

    fn restored(&mut self, _checkpoint: &Checkpoint) -> Result<()> {
        let alive = to_host::values(&self.trainer.alive.to_kind(Kind::Double))?;
        self.over = !self.trainer.know(alive.iter().map(|live| *live == 1.0).collect());
        Ok(())
    }

    fn source(&self) -> Value {
        self.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(self.rates.len())
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

/// The learning rates and the seed of every run. Runs are pairs of learning rates for the first
/// seed, then for the next; the seeds count up from run to run, or from one set of pairs to the
/// next where the pairs share their initial weights.
fn runs(config: &ApicalTrainConfig, seed: u64, replicates: u32) -> (Vec<(f64, f64)>, Vec<u64>) {
    let pairs = config.pairs();
    let (mut rates, mut seeds) = (Vec::new(), Vec::new());
    for replicate in 0..u64::from(replicates) {
        for (i, pair) in pairs.iter().enumerate() {
            rates.push(*pair);
            let fresh = replicate * pairs.len() as u64 + i as u64;
            let offset = if config.common_init { replicate } else { fresh };
            seeds.push(seed.wrapping_add(offset));
        }
    }
    (rates, seeds)
}

impl ApicalTrain {
    /// Loss and accuracy on D_W and on D_test now: [4, run] f64.
    pub(super) fn results(&self) -> Tensor {
        let modulated = self.trainer.modulated();
        let parts = [&self.split.w, &self.split.test].map(|part| match self.config.eval_samples {
            Some(samples) => part.first(samples),
            None => part.first(part.samples()),
        });
        Tensor::cat(&parts.map(|part| self.trainer.test(&part, modulated)), 0)
    }

    fn first(&mut self, step: &mut Step, place: Place) -> Result<()> {
        if place.within == 0 {
            self.trainer.begin_first();
            let _ = self.loss_a.zero_();
        }
        let range = self.cycle.part(place.within, self.split.a.samples());
        if range.1 > range.0 {
            let loss = step.time(Phase::Backward, || self.trainer.accumulate(&self.split.a, range));
            let _ = self.loss_a.g_add_(&loss);
        }
        if place.within + 1 == self.cycle.steps {
            step.time(Phase::Optimizer, || {
                self.trainer.update_multipliers(place.factor, place.passes as f64);
            });
        }
        Ok(())
    }

    fn second(&mut self, step: &mut Step, place: Place) -> Result<()> {
        if place.within == 0 {
            self.trainer.begin_second();
        }
        let (samples, batch) = (self.split.w.samples(), self.config.batch_size);
        let batches = (samples + batch - 1) / batch;
        let (from, to) = self.cycle.part(place.within, batches);
        if to == from {
            return Ok(());
        }
        let order = step.time(Phase::Data, || {
            let end = (to * batch).min(samples);
            self.order(place.passes).narrow(0, from * batch, end - from * batch)
        });
        let mean =
            step.time(Phase::Optimizer, || self.trainer.learn(&self.split.w, &order, place.factor));
        let share = (place.within + 1) as f64 / self.cycle.steps as f64;
        self.trainer.mark(place.passes as f64 + share);
        let live = self.trainer.alive.to_kind(Kind::Double);
        let sum = mean.masked_fill(&self.trainer.alive.logical_not(), 0.0).sum(Kind::Double);
        step.mean("train/loss", &(sum / live.sum(Kind::Double).clamp_min(1.0)));
        Ok(())
    }

    /// The order of D_W in a pass of phase 2: [sample] i64.
    fn order(&mut self, pass: u64) -> Tensor {
        if self.order.as_ref().is_none_or(|(known, _)| *known != pass) {
            let order = rng::permutation(self.split.w.samples(), self.seed, "data", pass);
            self.order = Some((pass, order.to_device(self.trainer.device())));
        }
        let Some((_, order)) = &self.order else { unreachable!("the order was just made") };
        order.shallow_clone()
    }
}
