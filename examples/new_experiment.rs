//! A complete experiment: a linear neuron learns from a noisy teacher. docs/new_experiment.md.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use neuron_lab::lab::error::refuse;
use neuron_lab::lab::figure::{LineFigure, Series};
use neuron_lab::lab::log::run_log::Log;
use neuron_lab::lab::log::tensorboard::Chart;
use neuron_lab::lab::store::checkpoint::{Checkpoint, Score, State};
use neuron_lab::lab::tensor::nn::{draw, linear, linear_samplers};
use neuron_lab::lab::tensor::params::ParamsBuilder;
use neuron_lab::lab::tensor::{rng, to_host};
use neuron_lab::lab::train::phase::Phase;
use neuron_lab::lab::{
    Evaluation, Experiment, Learner, LearnerConfig, Plan, Preset, Settings, Step, launch,
};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

/// The experiment's own flags; each is a key of config.json, and its comment the help text.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
struct TeacherConfig {
    /// Inputs of the neuron
    #[arg(long, default_value_t = 20)]
    inputs: i64,
    /// Standard deviation of the noise in the teacher's answers
    #[arg(long, default_value_t = 0.1)]
    noise: f64,
    /// Samples in a batch
    #[arg(long, default_value_t = 32)]
    batch_size: i64,
    /// Gradient descent: --lr, --optimizer, --schedule, --clip-norm, ...
    #[command(flatten)]
    #[serde(flatten)]
    learner: LearnerConfig,
}

struct Teacher {
    config: TeacherConfig,
    seed: u64,
    plan: Plan,
    device: Device,
    /// The weights to be found: [1, input].
    truth: Tensor,
    learner: Learner,
}

impl Teacher {
    /// The batch of step t, drawn from (seed, "samples", t): a resumed run sees the same numbers.
    fn batch(&self, t: u64) -> (Tensor, Tensor) {
        rng::seed_torch(self.seed, "samples", t);
        let options = (Kind::Float, Device::Cpu);
        let x = Tensor::randn([self.config.batch_size, self.config.inputs], options);
        let noise = Tensor::randn([self.config.batch_size, 1], options) * self.config.noise;
        let x = x.to_device(self.device);
        let y = x.matmul(&self.truth.tr()) + noise.to_device(self.device);
        (x, y)
    }
}

impl Experiment for Teacher {
    const NAME: &'static str = "teacher";
    const ABOUT: &'static str = "A linear neuron learns from a noisy teacher";
    const DEFAULTS: &'static str = r#"{"steps": 300, "log_every": 20}"#;
    const PRESETS: &'static [Preset] =
        &[Preset { name: "clean", reason: "a teacher without noise", values: r#"{"noise": 0.0}"# }];
    const METRICS: &'static [&'static str] = &["eval/error"];
    const TAGS: &'static [(&'static str, &'static str)] =
        &[("train/loss", "squared error"), ("eval/error", "distance to the teacher's weights")];
    type Config = TeacherConfig;

    fn resolve(settings: &mut Settings<TeacherConfig>) -> Result<()> {
        let (own, run) = (&settings.experiment, &settings.run);
        if own.inputs < 1 || own.batch_size < 1 || own.noise < 0.0 || run.replicates != 1 {
            return Err(refuse("--inputs, --batch-size >= 1, --noise >= 0, one replicate"));
        }
        own.learner.validate()
    }

    fn build(settings: &Settings<TeacherConfig>, device: Device) -> Result<Self> {
        let (config, seed) = (settings.experiment.clone(), settings.run.seed);
        let steps = settings.run.steps.unwrap_or(300);
        rng::seed_torch(seed, "teacher", 0);
        let truth = Tensor::randn([1, config.inputs], (Kind::Float, Device::Cpu)).to_device(device);
        let (weight, bias) = linear_samplers(&[1, config.inputs]);
        let mut params = ParamsBuilder::default();
        for (name, value) in draw(seed, 1, &[("weight".into(), weight), ("bias".into(), bias)])? {
            params.add(name, value);
        }
        let learner = Learner::new(&config.learner, params.build(device)?, steps);
        let plan = Plan { steps, evaluate_every: 50 };
        Ok(Self { config, seed, plan, device, truth, learner })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let t = step.index;
        let (x, y) = step.time(Phase::Data, || self.batch(t));
        let (weight, bias) = (self.learner.params.get("weight")?, self.learner.params.get("bias")?);
        let loss = step
            .time(Phase::Forward, || (linear(&x, &weight, &bias) - y).square().mean(Kind::Float));
        self.learner.descend(step, &loss)?;
        step.mean("train/loss", &loss);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let weight = self.learner.params.get("weight")?;
        let error = to_host::scalar(&(&weight - &self.truth).norm())?;
        evaluation.say(&format!("step {}: distance to the teacher {error:.4}", evaluation.step));
        evaluation.scalar("eval/error", vec![error]);
        Ok(Some(Score { tag: "eval/error".into(), value: error, higher_is_better: false }))
    }

    fn state(&self) -> State {
        self.learner.state()
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restored(checkpoint)
    }

    fn charts(&self) -> Vec<Chart> {
        vec![Chart::lines("learning", "loss", &["train/loss", "eval/error"])]
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let (x, y) = log.history("eval/error").iter().map(|(t, e)| (*t as f64, *e)).unzip();
        let figure = LineFigure {
            title: "A neuron learns from its teacher".into(),
            x_label: "step".into(),
            y_label: "distance between the weights".into(),
            series: vec![Series::new("learned", x, y)],
            ..Default::default()
        };
        log.figure("learning", step, &figure.render()?, &figure.to_csv());
        Ok(())
    }
}

fn main() -> ExitCode {
    launch::<Teacher>()
}
