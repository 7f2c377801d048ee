//! A complete experiment: a linear neuron learns from a noisy teacher. docs/new_experiment.md.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use neuron_lab::lab::figure::{LineFigure, Series};
use neuron_lab::lab::tensor::nn::{draw_params, linear_samplers};
use neuron_lab::lab::tensor::{rng, to_host};
use neuron_lab::lab::{
    Absent, Chart, Config, Evaluation, Experiment, Figures, Learner, LearnerConfig, Log, Persist,
    Phase, Preset, Refusals, RunConfig, RunSchedule, Score, Settings, Spec, StateReader,
    StateWriter, Step, StepWork, launch,
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
    steps: u64,
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
        let draw = |columns| Tensor::randn([self.config.batch_size, columns], options);
        let (x, noise) = (draw(self.config.inputs), draw(1) * self.config.noise);
        let x = x.to_device(self.device);
        let y = x.matmul(&self.truth.tr()) + noise.to_device(self.device);
        (x, y)
    }
}

const CLEAN: Preset =
    Preset { name: "clean", reason: "a teacher without noise", values: r#"{"noise": 0.0}"# };

impl Config for TeacherConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        let sizes = self.inputs.min(self.batch_size);
        refusals.unless(sizes > 0, || "--inputs, --batch-size: expected 1 or more".into());
        refusals.unless(self.noise >= 0.0, || "--noise: expected 0 or more".into());
        self.learner.validate(refusals);
    }
}

impl Experiment for Teacher {
    type Config = TeacherConfig;

    const SPEC: Spec = Spec {
        name: "teacher",
        about: "A linear neuron learns from a noisy teacher",
        defaults: r#"{"steps": 300, "log_every": 20}"#,
        presets: &[CLEAN],
        metrics: &["eval/error"],
        tags: &[("train/loss", "squared error"), ("eval/error", "distance to the teacher")],
        absent: &[
            Absent { key: "replicates", reason: "one neuron learns alone; use --seed" },
            Absent { key: "epochs", reason: "there is no data set; use --steps" },
            Absent { key: "data", reason: "the teacher draws its samples" },
            Absent { key: "data_dir", reason: "the teacher draws its samples" },
        ],
        ..Spec::EMPTY
    };

    // One product of the batch and its gradient, and the operators around them.
    fn step_work(settings: &Settings<TeacherConfig>) -> StepWork {
        let config = &settings.experiment;
        StepWork::training(config.inputs, config.batch_size, 30.0)
    }

    fn build(settings: &Settings<TeacherConfig>, device: Device) -> Result<Self> {
        let (config, seed) = (settings.experiment.clone(), settings.run.seed);
        let steps = settings.run.steps.unwrap_or(300);
        rng::seed_torch(seed, "teacher", 0);
        let truth = Tensor::randn([1, config.inputs], (Kind::Float, Device::Cpu)).to_device(device);
        let (weight, _) = linear_samplers(&[1, config.inputs]);
        let params = draw_params(seed, 1, &[("weight".into(), weight)], device)?;
        let learner = Learner::new(&config.learner, params, steps);
        Ok(Self { config, seed, steps, device, truth, learner })
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, 50)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let t = step.index;
        let (x, y) = step.time(Phase::Data, || self.batch(t));
        let weight = self.learner.params.get("weight")?;
        let loss =
            step.time(Phase::Forward, || (x.matmul(&weight.tr()) - y).square().mean(Kind::Float));
        self.learner.descend(step, &loss)?;
        step.mean("train/loss", &loss);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let error = to_host::scalar(&(self.learner.params.get("weight")? - &self.truth).norm())?;
        evaluation.say(&format!("step {}: distance to the teacher {error:.4}", evaluation.step));
        evaluation.scalar("eval/error", vec![error]);
        self.learner.observe(error);
        Ok(Some(Score { tag: "eval/error".into(), value: error, higher_is_better: false }))
    }
}

impl Persist for Teacher {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.learner.save(writer)
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.learner.load(reader)
    }
}

impl Figures for Teacher {
    fn charts(&self) -> Vec<Chart> {
        vec![Chart::lines("learning", "loss", &["train/loss", "eval/error"])]
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let (x, y) = log.history("eval/error").iter().map(|(t, e)| (*t as f64, *e)).unzip();
        let curves = vec![Series::new("learned", x, y)];
        let figure = LineFigure::new("A neuron learns", "step", "distance of the weights", curves);
        log.draw("learning", step, &figure);
        Ok(())
    }
}

fn main() -> ExitCode {
    launch::<Teacher>()
}
