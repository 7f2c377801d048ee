//! The experiment `apical_toy`: many toy layers in one batch.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::census::{Census, Counts, LAWS, Sizes, draw};
use super::layer::ToyLayer;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Time steps between two counts of the trials.
const COUNT_EVERY: u64 = 100;

/// Settings of `apical_toy`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct ToyConfig {
    /// Learning rate η of the rule
    #[arg(long, default_value_t = 0.01)]
    pub eta: f64,
    /// Neurons of the layer
    #[arg(long, default_value_t = 2)]
    pub neurons: i64,
    /// Inputs of the layer
    #[arg(long, default_value_t = 2)]
    pub inputs: i64,
    /// Random layers for each law of the multipliers
    #[arg(long, default_value_t = 20_000)]
    pub trials: i64,
    /// A trial has converged where every |ΔW| is below this
    #[arg(long, default_value_t = 1e-6)]
    pub threshold: f64,
}

/// Toy layers under the rule.
pub struct Toy {
    pub(super) config: ToyConfig,
    /// One for each activation, with axes [law, trial, ..].
    pub(super) layers: Vec<ToyLayer>,
    /// The same layers at time 0.
    pub(super) start: Vec<ToyLayer>,
    census: Vec<Census>,
    pub(super) steps: u64,
}

impl Toy {
    /// Sizes of the batch.
    pub fn sizes(config: &ToyConfig) -> Sizes {
        Sizes { trials: config.trials, neurons: config.neurons, inputs: config.inputs }
    }

    fn report(&self, evaluation: &mut Evaluation, layer: &ToyLayer, counts: &[Counts]) {
        let name = layer.activation.name();
        let trials = self.config.trials as f64;
        for (law, counts) in LAWS.iter().zip(counts) {
            for (what, share) in [
                ("silent", counts.silent),
                ("converged", counts.converged),
                ("grown", counts.grown),
                ("falling", counts.falling),
            ] {
                evaluation.scalar(&format!("{what}/{name}/{law}"), vec![share]);
                let error = (share * (1.0 - share) / trials).sqrt();
                evaluation.scalar(&format!("{what}_se/{name}/{law}"), vec![error]);
            }
            evaluation.scalar(&format!("closed_form_error/{name}/{law}"), vec![counts.error]);
            evaluation.say(&format!(
                "step {}: {name}, a {law}: silent {:.2} %, |ΔW| < {:e} {:.2} %, grown {:.2} %, \
                 never rising {:.2} %; from the closed form {:.1e}",
                evaluation.step,
                100.0 * counts.silent,
                self.config.threshold,
                100.0 * counts.converged,
                100.0 * counts.grown,
                100.0 * counts.falling,
                counts.error,
            ));
        }
    }
}

impl Experiment for Toy {
    const NAME: &'static str = "apical_toy";
    const ABOUT: &'static str =
        "Follows the weight changes of one layer under the apical learning rule (docs/apical.md)";
    const DEFAULTS: &'static str = r#"{"steps": 1000}"#;
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "learning-rule",
            reason: "the notebook's layer (the defaults): a in [0, 1) always goes to zero, a from \
                     a Gaussian not always",
            values: "{}",
        },
        Preset {
            name: "large-step",
            reason: "eta 1: where the bound on the step matters; linear layers diverge at a < 1, \
                     rectified ones never",
            values: r#"{"eta": 1.0}"#,
        },
    ];
    const METRICS: &'static [&'static str] = &[
        "grown/relu/uniform",
        "grown/relu/gaussian",
        "grown/linear/gaussian",
        "converged/relu/uniform",
    ];
    const TAGS: &'static [(&'static str, &'static str)] = &[
        ("silent/*", "share of trials in which no weight changes at time 0"),
        ("converged/*", "share of trials whose every |ΔW| is below the threshold now"),
        (
            "grown/*",
            "share of trials in which some neuron's largest |ΔW| is above that of time 0 now",
        ),
        ("falling/*", "share of trials in which no neuron's largest |ΔW| has risen in any step"),
        ("silent_se/*", "standard error of silent/*, binomial"),
        ("converged_se/*", "standard error of converged/*, binomial"),
        ("grown_se/*", "standard error of grown/*, binomial"),
        ("falling_se/*", "standard error of falling/*, binomial"),
        (
            "closed_form_error/*",
            "largest distance of ΔW from the closed form, over the neuron's largest |ΔW|, over all \
             trials that stay finite; 0 for tanh, which has none",
        ),
        ("time/*", "milliseconds of each phase in a step, and steps a second"),
        ("figures/*", "the figures of the run's end"),
    ];
    type Config = ToyConfig;

    fn resolve(settings: &mut Settings<ToyConfig>) -> Result<()> {
        let (own, run) = (&settings.experiment, &settings.run);
        for (flag, value) in
            [("neurons", own.neurons), ("inputs", own.inputs), ("trials", own.trials)]
        {
            if value < 1 {
                return Err(refuse(format!("--{flag} {value}: expected 1 or more")));
            }
        }
        for (flag, value) in [("eta", own.eta), ("threshold", own.threshold)] {
            if value.is_nan() || value <= 0.0 {
                return Err(refuse(format!("--{flag} {value}: expected a positive number")));
            }
        }
        if run.steps.is_none_or(|steps| steps == 0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        if run.replicates != 1 {
            let asked = run.replicates;
            return Err(refuse(format!("--replicates {asked}: use --trials for more layers")));
        }
        Ok(())
    }

    fn build(settings: &Settings<ToyConfig>, device: Device) -> Result<Self> {
        let (config, seed) = (settings.experiment.clone(), settings.run.seed);
        let sizes = Self::sizes(&config);
        let layers = draw(seed, sizes, device);
        let census = layers.iter().map(Census::new).collect();
        let steps = settings.run.steps.unwrap_or(1000);
        Ok(Self { start: draw(seed, sizes, device), config, layers, census, steps })
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: COUNT_EVERY }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let (t, eta) = (step.index, self.config.eta);
        for ((layer, start), census) in
            self.layers.iter_mut().zip(&self.start).zip(&mut self.census)
        {
            let change = step.time(Phase::Optimizer, || layer.step(eta));
            step.time(Phase::Logging, || {
                census.take(t, &change, start.closed_form(eta, t as i64).as_ref());
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        for (layer, census) in self.layers.iter().zip(&self.census) {
            let counts = census.counts(self.config.threshold)?;
            self.report(evaluation, layer, &counts);
        }
        Ok(None)
    }

    fn state(&self) -> State {
        let mut state = State::new();
        for (layer, census) in self.layers.iter().zip(&self.census) {
            let name = layer.activation.name();
            // Under `state.`, since weights that diverge may leave the range of f64.
            let tensors: [(&str, &Tensor); 8] = [
                ("weight", &layer.weight),
                ("input", &layer.input),
                ("apical", &layer.apical),
                ("first", &census.first),
                ("last", &census.last),
                ("falling", &census.falling),
                ("error", &census.error),
                ("largest", &census.largest),
            ];
            state
                .extend(tensors.map(|(what, tensor)| {
                    (format!("state.{name}.{what}"), tensor.shallow_clone())
                }));
        }
        state
    }

    fn charts(&self) -> Vec<Chart> {
        let shares = ["silent", "converged", "grown", "falling"];
        let mut charts: Vec<Chart> = shares
            .iter()
            .map(|what| Chart::pattern("trials", what, &format!("^{what}/.*$")))
            .collect();
        charts.push(Chart::pattern("time", "milliseconds a step", "^time/.*_ms$"));
        charts
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}
