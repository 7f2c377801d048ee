//! The experiment `efficient_coding`: neurons learn to tell of images within a budget of spikes.

use std::rc::Rc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::{Constraint, EfficientCodingConfig};
use super::constraint::Rule;
use super::controller::Controller;
use super::data::{self, PatchSource};
use super::gradient::{Pass, Surroundings};
use super::information::{Information, entropy};
use super::legacy::Legacy;
use super::parameters::{GAIN, MULTIPLIER, Parameters};
use super::placing::Grid;
use super::presets::PRESETS;
use super::{report, terms};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::rng;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Steps of a run that doesn't say: the notebook's.
const STEPS: u64 = 1_000_000;

/// Noisy neurons in training.
pub struct EfficientCoding {
    pub(super) config: EfficientCodingConfig,
    pub(super) source: Box<dyn PatchSource>,
    pub(super) surroundings: Rc<Surroundings>,
    pub(super) parameters: Parameters,
    pub(super) rule: Rule,
    pub(super) grid: Grid,
    pub(super) legacy: Option<Legacy>,
    pub(super) seed: u64,
    pub(super) device: Device,
    /// C_x as it is trained with: [input, input].
    covariance: Tensor,
    pub(super) controller: Controller,
    plan: Plan,
    log_every: u64,
}

impl Experiment for EfficientCoding {
    const NAME: &'static str = "efficient_coding";
    const ABOUT: &'static str = "Trains noisy neurons to tell as much as they can of natural images \
                                 within a budget of spikes (docs/efficient_coding.md)";
    const DEFAULTS: &'static str = r#"{"data": "gaussian", "steps": 1000000, "lr": 0.001,
                                       "clip_norm": 20, "log_every": 10}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["eval/MI", "eval/bits_per_spike", "terms/KL"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = EfficientCodingConfig;

    fn resolve(settings: &mut Settings<EfficientCodingConfig>) -> Result<()> {
        let run = &settings.run;
        if run.steps == Some(0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        if run.replicates != 1 {
            return Err(refuse(format!(
                "--replicates {}: the factorisations fill the machine with one model; start a run \
                 for each --seed",
                run.replicates
            )));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<EfficientCodingConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let patch = config.patch();
        let source = data::open(&run.data, &run.data_dir, patch, &config.data, run.seed)?;
        let exact = source.covariance()?;
        let bits = entropy(&exact, patch.kernel * patch.kernel).with_context(|| {
            format!(
                "the covariance of {} is not positive definite: more or other patches, or a \
                 smaller --kernel-size",
                run.data
            )
        })?;
        let covariance = exact.to_kind(Kind::Float).to_device(device);
        let steps = run.steps.unwrap_or(STEPS);
        let parameters = Parameters::new(&config, run.seed, steps, device)?;
        let evaluate_every = config.measuring.evaluate_every;
        let legacy = config.measuring.legacy_logging.then(|| Legacy::new(&config, bits, device));
        Ok(Self {
            surroundings: Rc::new(surroundings(&config, &covariance)),
            rule: Rule::of(&config),
            grid: Grid::new(patch, (Kind::Float, device)),
            controller: Controller::new(&config, &parameters.get(GAIN)?),
            plan: Plan { steps, evaluate_every },
            seed: run.seed,
            log_every: run.log_every,
            legacy,
            config,
            source,
            parameters,
            device,
            covariance,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn evaluates_first(&self) -> bool {
        true
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let index = step.index;
        let noisy = step.time(Phase::Data, || self.batch("patches", index))?;
        let neurons = self.parameters.neurons()?;
        let surroundings = Rc::clone(&self.surroundings);
        let pass = step.time(Phase::Forward, || {
            Pass::new(&surroundings, &neurons, &noisy, self.rule.eliminates())
        });
        let information =
            step.time(Phase::Factorization, || Information::new(&pass.shared, &pass.slopes));
        let multiplier = self.multiplier(&pass)?;
        let multiplier = multiplier.as_ref();
        let mut direction = step
            .time(Phase::Backward, || self.rule.direction(&pass, &information, multiplier, index));
        self.centre(&neurons.filters, &mut direction, index);
        let loss = terms::loss(&self.rule, &pass, &information, multiplier);
        if step.logging {
            terms::log(self, step, (&pass, &information, &loss), multiplier, &neurons.filters);
        }
        if let Some(legacy) = &mut self.legacy {
            legacy.add(&pass);
        }
        let before = self.descend(step, direction, &loss)?;
        self.follow(&pass, before.as_ref())?;
        if self.has_rates_to_compare(step) {
            terms::log_rate_step(self, step, &pass, &information)?;
        }
        self.shake(index)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        report::report(self, evaluation).map(Some)
    }

    fn state(&self) -> State {
        let mut state = self.parameters.state();
        state.extend(self.controller.state());
        state.extend(self.legacy.iter().flat_map(Legacy::state));
        state.push(("state.covariance".into(), self.covariance.shallow_clone()));
        state
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.surroundings = Rc::new(surroundings(&self.config, &self.covariance));
        self.parameters.restored(checkpoint)
    }

    fn source(&self) -> Value {
        json!({"data": self.source.source()})
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(self.rule.follows_rates() || self.rule.moves_rates(0))
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let _guard = no_grad_guard();
        match self.config.measuring.image_every {
            0 => Ok(()),
            _ => super::figures::draw(self, log, step),
        }
    }
}

fn surroundings(config: &EfficientCodingConfig, covariance: &Tensor) -> Surroundings {
    let inputs = covariance.size()[0];
    let noise = Tensor::eye(inputs, (covariance.kind(), covariance.device()));
    Surroundings {
        covariance: covariance + noise * config.input_noise.powi(2),
        input_noise: config.input_noise,
        output_noise: config.output_noise,
        nonlinearity: config.nonlinearity,
        target: config.firing_rate,
    }
}

impl EfficientCoding {
    /// A batch of [`EfficientCoding::noisy`] patches.
    pub(super) fn batch(&self, stream: &str, t: u64) -> Result<Tensor> {
        self.noisy(self.config.batch_size, stream, t)
    }

    /// The patches of evaluations, as [`EfficientCoding::noisy`] has them.
    pub(super) fn held_out(&self) -> Result<Tensor> {
        self.noisy(self.config.measuring.eval_patches, "held-out", 0)
    }

    /// Patches with the noise of their pixels, drawn from (seed, stream, t): [patch, input].
    fn noisy(&self, count: i64, stream: &str, t: u64) -> Result<Tensor> {
        let patches = self.source.patches(count, self.seed, stream, t)?;
        rng::seed_torch(self.seed, &format!("{stream}-noise"), t);
        let noise = patches.randn_like() * self.config.input_noise;
        Ok((patches + noise).to_device(self.device))
    }

    /// Whether the evaluation after so many steps comes with images and histograms.
    pub(super) fn has_pictures(&self, step: u64) -> bool {
        let every = self.config.measuring.image_every;
        every > 0 && (step == 1 || step == self.plan.steps || step.is_multiple_of(every))
    }

    /// The gradient that the filters descend at a step, by the filters: [input, neuron].
    pub(super) fn filter_direction(&self, step: u64) -> Result<Tensor> {
        let noisy = self.batch("patches", step)?;
        let neurons = self.parameters.neurons()?;
        let pass = Pass::new(&self.surroundings, &neurons, &noisy, self.rule.eliminates());
        let information = Information::new(&pass.shared, &pass.slopes);
        let multiplier = match self.parameters.get(MULTIPLIER) {
            Ok(start) => Some(self.controller.steady(&start)),
            Err(_) => None,
        };
        // Where filters and rates alternate, filters move at odd steps.
        let mut direction = self.rule.direction(&pass, &information, multiplier.as_ref(), 1);
        self.centre(&neurons.filters, &mut direction, step);
        direction.filters.context("every rule moves the filters at odd steps")
    }

    fn multiplier(&mut self, pass: &Pass) -> Result<Option<Tensor>> {
        match self.rule.constraint {
            Constraint::Lagrange => self.parameters.get(MULTIPLIER).map(Some),
            Constraint::Pi => {
                let start = self.parameters.get(MULTIPLIER)?;
                Ok(Some(self.controller.multiplier(&pass.excess(), &start)))
            }
            _ => Ok(None),
        }
    }

    /// Whether KL before and after a rate step is logged at this step. Under `alternate` that is
    /// the last step with one before the log entry.
    fn has_rates_to_compare(&self, step: &Step) -> bool {
        let soon = !self.rule.moves_rates(step.index + 1)
            && (step.index + 2).is_multiple_of(self.log_every);
        (self.rule.follows_rates() && step.logging)
            || (self.rule.moves_rates(step.index) && (step.logging || soon))
    }
}
