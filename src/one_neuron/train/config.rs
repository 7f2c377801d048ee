//! Settings of `one_neuron`.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::lab::{Config, Refusals, RunConfig, StepWork};
use crate::one_neuron::data::batches::Normalise;
use crate::one_neuron::data::task::Columns;
use crate::one_neuron::learning::update::{EpsPlace, UpdateKind};
use crate::one_neuron::model::architecture::Model;
use crate::one_neuron::model::rule::{GradientRule, Sign};

/// The most samples in a batch.
const MAX_BATCH: u32 = 65_536;
/// The most steps between two records or two evaluations.
const MAX_INTERVAL: u64 = 1_000_000_000_000;

/// Seconds that a neuron takes a thread of the CPU for each sample, of the table's row of
/// `docs/performance.md`.
const SECONDS_A_SAMPLE: f64 = 15e-9;
/// Launches of a step for the neurons that share a rule, an optimizer and a batch size.
const LAUNCHES_A_GROUP: f64 = 45.0;

/// Where the random numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generators {
    /// The lab's: every step's numbers come from the seed and the step
    Native,
    /// The package's: Python's and NumPy's Mersenne Twisters, draw for draw
    Package,
}

impl Generators {
    /// The largest seed that they take.
    fn largest_seed(self) -> u64 {
        match self {
            Self::Native => u64::MAX,
            Self::Package => u64::from(u32::MAX),
        }
    }
}

/// What computes the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Rows on the CPU, tensors on CUDA
    Auto,
    /// One neuron or network (a row) after the other, in Rust, on the CPU
    Rows,
    /// All of them at once in tensor operations, on any device
    Tensors,
}

impl Engine {
    /// Notes an engine that does not compute on CUDA where the device is one.
    pub(super) fn check(self, on_cuda: bool, refusals: &mut Refusals) {
        let fits = match self {
            Self::Auto | Self::Tensors => true,
            Self::Rows => !on_cuda,
        };
        refusals.unless(fits, || {
            "--engine rows is for the CPU: use --engine tensors on CUDA, or --device cpu".into()
        });
    }
}

/// A positive number of the command line.
fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim().parse().map_err(|_| "expected a positive number".to_string())?;
    let good = value.is_finite() && value > 0.0;
    good.then_some(value).ok_or_else(|| "expected a positive number".into())
}

/// Settings of one neuron, or of many side by side: every list is an axis of a grid.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct OneNeuronConfig {
    /// One sigmoid neuron, or the package's network of 4-2-1 sigmoid neurons
    #[arg(long, value_enum, default_value = "one")]
    pub model: Model,
    /// How the gradient of a batch is made; a list is an axis of the grid
    #[arg(long, value_enum, value_delimiter = ',', default_value = "correct")]
    pub gradient: Vec<GradientRule>,
    /// Factor of the gradient, 1 or 2 (the square's derivative); by default the rule's own: 2 for
    /// correct and averaged-x2, else 1
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub factor: Option<u8>,
    /// Direction of the step; by default the rule's own: weights-only (weights ascend, the bias
    /// descends) for one neuron by per-sample-1.1.3 and package-1.1.5, else descend
    #[arg(long, value_enum)]
    pub sign: Option<Sign>,
    /// Update rule; a list is an axis of the grid
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sgd")]
    pub optimizer: Vec<UpdateKind>,
    /// Learning rate; a list is an axis of the grid
    #[arg(long, value_delimiter = ',', value_parser = positive, default_value = "0.001")]
    pub lr: Vec<f64>,
    /// Samples in a batch; a list is an axis of the grid
    #[arg(long, value_delimiter = ',', default_value = "8",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BATCH)))]
    pub batch_size: Vec<u32>,
    /// Momentum of sgd-plus
    #[arg(long, default_value_t = 0.9)]
    pub momentum: f64,
    /// Adam's decay of the mean gradient
    #[arg(long, default_value_t = 0.9)]
    pub beta1: f64,
    /// Adam's decay of the mean square (PyTorch: 0.999)
    #[arg(long, default_value_t = 0.99)]
    pub beta2: f64,
    /// Adam's epsilon (PyTorch: 1e-8, outside the root)
    #[arg(long, default_value_t = 1e-4)]
    pub adam_eps: f64,
    /// Whether Adam's epsilon is added under the square root or to it
    #[arg(long, value_enum, default_value = "inside-root")]
    pub adam_eps_place: EpsPlace,
    /// Steps whose mean loss is one record
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=MAX_INTERVAL))]
    pub record_every: u64,
    /// Record as the package does up to 1.1.4: the first record is the first loss over record-every
    #[arg(long)]
    pub first_record_quirk: bool,
    /// Normalisation of a batch
    #[arg(long, value_enum, default_value = "batch-max")]
    pub normalise: Normalise,
    /// Source of the random numbers
    #[arg(long, value_enum, default_value = "native")]
    pub rng: Generators,
    /// Which column of the data meets which variable
    #[arg(long, value_enum, default_value = "canonical")]
    pub columns: Columns,
    /// What computes the steps; equal to 1e-12
    #[arg(long, value_enum, default_value = "auto")]
    pub engine: Engine,
    /// Steps between two evaluations
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MAX_INTERVAL))]
    pub evaluate_every: u64,
}

impl Config for OneNeuronConfig {
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals) {
        refusals.unless(run.steps.is_some(), || {
            "the length of this experiment is --steps, 1 or more".into()
        });
        let (seed, further) = (run.seed, u64::from(run.replicates).saturating_sub(1));
        let too_large = seed.saturating_add(further) > self.rng.largest_seed();
        refusals.unless(!too_large, || {
            format!(
                "--seed {seed}: NumPy's generator takes seeds up to 4294967295 with --rng package"
            )
        });
        // Which device `auto` is, is known only when the model is built, which checks again.
        self.engine.check(run.device.starts_with("cuda"), refusals);
        self.validate_lists(refusals);
        self.validate_numbers(refusals);
        self.validate_rules(refusals);
    }
}

impl OneNeuronConfig {
    /// What a step of all rows asks for.
    pub fn step_work(&self, run: &RunConfig) -> StepWork {
        match self.engine {
            Engine::Rows => return StepWork::OnHost("--engine rows is the CPU's"),
            Engine::Auto | Engine::Tensors => {}
        }
        let rules = (self.gradient.len() * self.optimizer.len()) as f64;
        let samples = self.batch_size.iter().map(|size| f64::from(*size)).sum::<f64>();
        let samples = samples * rules * self.lr.len() as f64 * f64::from(run.replicates);
        let launches = LAUNCHES_A_GROUP * rules * self.batch_size.len() as f64;
        StepWork::Operators { cpu_seconds: SECONDS_A_SAMPLE * samples, launches }
    }

    fn validate_lists(&self, refusals: &mut Refusals) {
        for (flag, length) in [
            ("gradient", self.gradient.len()),
            ("optimizer", self.optimizer.len()),
            ("lr", self.lr.len()),
            ("batch-size", self.batch_size.len()),
        ] {
            refusals.unless(length > 0, || {
                format!("--{flag}: the list is empty, expected at least one value")
            });
        }
        if let Some(lr) = self.lr.iter().find(|lr| !(lr.is_finite() && **lr > 0.0)) {
            refusals.add(format!("--lr {lr}: expected a positive number"));
        }
    }

    fn validate_numbers(&self, refusals: &mut Refusals) {
        if let Some(size) = self.batch_size.iter().find(|size| !(1..=MAX_BATCH).contains(*size)) {
            refusals.add(format!("--batch-size {size}: expected 1 to {MAX_BATCH}"));
        }
        for (flag, steps) in
            [("record-every", self.record_every), ("evaluate-every", self.evaluate_every)]
        {
            refusals.unless((1..=MAX_INTERVAL).contains(&steps), || {
                format!("--{flag} {steps}: expected 1 to {MAX_INTERVAL}")
            });
        }
        for (flag, share) in
            [("momentum", self.momentum), ("beta1", self.beta1), ("beta2", self.beta2)]
        {
            refusals.unless((0.0..1.0).contains(&share), || {
                format!("--{flag} {share}: expected a number in [0, 1)")
            });
        }
        let eps = self.adam_eps;
        refusals.unless(eps.is_finite() && eps > 0.0, || {
            format!("--adam-eps {eps}: expected a positive number")
        });
    }

    fn validate_rules(&self, refusals: &mut Refusals) {
        if let Some(factor @ (0 | 3..)) = self.factor {
            refusals.add(format!("--factor {factor}: expected 1 or 2"));
        }
        let halved = self.factor == Some(1) && self.gradient.contains(&GradientRule::AveragedX2);
        refusals.unless(!halved, || {
            "--factor 1: averaged-x2 is averaged with factor 2; use averaged".into()
        });
        let has_rules = self.gradient.iter().all(|rule| self.model.has_rule(*rule));
        refusals.unless(has_rules, || {
            "--gradient per-sample-1.1.3 is a rule of one neuron: with --model multi use correct, \
             averaged or package-1.1.5"
                .into()
        });
        let has_order = match (self.model, self.rng) {
            (Model::Multi, Generators::Package) => false,
            (Model::Multi, Generators::Native) => true,
            (Model::One, Generators::Native | Generators::Package) => true,
        };
        refusals.unless(has_order, || {
            "--rng package with --model multi: the package draws that network's parameters in the \
             order of a Python set, which no seed fixes; use --rng native"
                .into()
        });
    }
}
