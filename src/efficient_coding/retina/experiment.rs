//! How `efficient_coding` is built, takes a step and is evaluated.

use std::rc::Rc;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::analyse::ANALYSE;
use super::config::EfficientCodingConfig;
use super::legacy::Legacy;
use super::parameters::{GAIN, Parameters};
use super::presets::PRESETS;
use super::sampled::INFORMATION;
use super::state::{EfficientCoding, NAME};
use super::terms::{self, BatchTerms};
use super::{figures, report};
use crate::efficient_coding::coding::controller::Controller;
use crate::efficient_coding::coding::gradient::BatchPass;
use crate::efficient_coding::coding::information::{Information, entropy};
use crate::efficient_coding::coding::pixel_grid::PixelGrid;
use crate::efficient_coding::coding::rule::Direction;
use crate::efficient_coding::data;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};

/// Steps of a run that doesn't say how many: the notebook's.
const STEPS: u64 = 1_000_000;

/// Launches of a step, about, whatever the constraint.
const LAUNCHES: f64 = 80.0;

impl Experiment for EfficientCoding {
    type Config = EfficientCodingConfig;

    const SPEC: Spec = Spec {
        name: NAME,
        about: "Trains noisy neurons to tell as much as they can of natural images \
                within a budget of spikes (docs/efficient_coding.md)",
        defaults: r#"{"data": "gaussian", "steps": 1000000, "lr": 0.001,
                                       "clip_norm": 20, "log_every": 10}"#,
        presets: PRESETS,
        metrics: &["eval/MI", "eval/bits_per_spike", "terms/KL"],
        tags: report::TAGS,
        sizes: &["neurons", "kernel-size", "batch-size", "eval-patches", "replicates"],
        absent: &[Absent {
            key: "epochs",
            reason: "patches are drawn anew at every step; use --steps",
        }],
        actions: &[ANALYSE, INFORMATION],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<EfficientCodingConfig>) -> StepWork {
        let config = &settings.experiment;
        let (samples, neurons) = (config.batch_size as f64, config.neurons as f64);
        let inputs = config.patch().inputs() as f64;
        // Of a sample: two covariances factorised and inverted, and its outputs with the way back.
        let of_sample = 2.0 * neurons.powi(3) + 4.0 * inputs * neurons;
        let shared = 2.0 * inputs * neurons * (inputs + 4.0 * neurons);
        let replicates = f64::from(settings.run.replicates);
        StepWork::products(replicates * (samples * of_sample + shared), replicates * LAUNCHES)
    }

    fn build(settings: &Settings<EfficientCodingConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let patch = config.patch();
        let source = data::open(&run.data, &run.data_dir, patch, &config.ensemble(), run.seed)?;
        let exact = source.covariance()?;
        let bits = entropy(&exact, patch.kernel * patch.kernel).map_err(|_| {
            anyhow!(
                "the covariance of {} is not positive definite: more or other patches, or a \
                 smaller --kernel-size",
                run.data
            )
        })?;
        let covariance = exact.to_kind(Kind::Float).to_device(device);
        let steps = run.steps.unwrap_or(STEPS);
        let seeds: Vec<u64> =
            (0..u64::from(run.replicates)).map(|i| run.seed.wrapping_add(i)).collect();
        let parameters = Parameters::new(&config, &seeds, steps, device)?;
        let evaluate_every = config.measuring.evaluate_every;
        let legacy = config.measuring.legacy_logging.then(|| Legacy::new(&config, bits, device));
        Ok(Self {
            constants: Rc::new(config.constants(&covariance)),
            rule: config.rule(),
            grid: PixelGrid::new(patch, (Kind::Float, device)),
            controller: Controller::new(config.controller(), &parameters.get(GAIN)?),
            schedule: RunSchedule {
                evaluate_first: true,
                ..RunSchedule::new(steps, evaluate_every)
                    .with_samples(config.batch_size, i64::from(run.replicates))
            },
            seeds,
            log_every: run.log_every,
            legacy,
            config,
            source,
            parameters,
            device,
            covariance,
        })
    }

    fn schedule(&self) -> RunSchedule {
        self.schedule
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let index = step.index;
        let noisy = step.time(Phase::Data, || self.of_each(|i| self.batch(i, index)))?;
        let neurons = self.of_each(|i| self.parameters.neurons(i))?;
        let constants = Rc::clone(&self.constants);
        let eliminates = self.rule.constraint.eliminates_gain();
        let passes: Vec<BatchPass> = step.time(Phase::Forward, || {
            let models = neurons.iter().zip(&noisy);
            let pass = |(neurons, noisy)| BatchPass::new(&constants, neurons, noisy, eliminates);
            models.map(pass).collect()
        });
        let of_passes: Vec<Information> = step.time(Phase::Factorization, || {
            passes.iter().map(|pass| Information::new(&pass.shared, &pass.slopes)).collect()
        });
        let formula = self.formula_step(&passes, index)?;
        let batches = passes.iter().zip(&of_passes).enumerate();
        let batches: Vec<BatchTerms> = batches
            .map(|(replicate, (pass, information))| BatchTerms {
                pass,
                information,
                multiplier: self.multiplier_of(&formula, replicate),
            })
            .collect();
        let centres = self.config.placing.centres_at(index);
        let directions: Vec<Direction> = step.time(Phase::Backward, || {
            let directions = batches.iter().zip(&neurons).map(|(batch, neurons)| {
                let BatchTerms { pass, information, multiplier } = batch;
                let mut direction =
                    self.rule.direction(pass, information, multiplier.as_ref(), index);
                if centres {
                    self.add_centring(&neurons.filters, &mut direction);
                }
                direction
            });
            directions.collect()
        });
        let losses = batches.iter().zip(&neurons).map(|(batch, neurons)| {
            let BatchTerms { pass, information, multiplier } = batch;
            let loss = self.rule.loss(pass, information, multiplier.as_ref());
            if centres { loss + self.centring_loss(&neurons.filters) } else { loss }
        });
        let losses: Vec<Tensor> = losses.collect();
        if step.logging {
            terms::log(self, step, &batches, &losses);
        }
        let apply = self.descend(step, directions, &losses, &formula)?;
        let apply = apply.as_ref();
        self.set_by_formula(&formula, apply)?;
        if let (Some(legacy), [pass]) = (&mut self.legacy, passes.as_slice()) {
            legacy.add(pass, apply);
        }
        if self.has_rates_to_compare(step) {
            terms::log_rate_step(self, step, &batches)?;
        }
        self.jitter_filters(index, apply)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let pictured = self.has_pictures(evaluation.step);
        let legacy = self.legacy.as_mut().filter(|_| pictured).map(Legacy::take);
        report::report(self, evaluation, legacy.as_ref()).map(Some)
    }

    fn data_provenance(&self) -> Value {
        json!({"data": self.source.provenance()})
    }
}

impl Figures for EfficientCoding {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self.rule.constraint.follows_rates() || self.rule.moves_rates(0))
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let _guard = no_grad_guard();
        match self.config.measuring.image_every {
            0 => Ok(()),
            _ => figures::draw(self, log, step),
        }
    }
}

impl EfficientCoding {
    /// Whether KL before and after a rate step is logged at this step. Under `alternate` that is
    /// the last step with one before the log entry.
    fn has_rates_to_compare(&self, step: &Step) -> bool {
        let soon = !self.rule.moves_rates(step.index + 1)
            && (step.index + 2).is_multiple_of(self.log_every);
        (self.rule.constraint.follows_rates() && step.logging)
            || (self.rule.moves_rates(step.index) && (step.logging || soon))
    }
}
