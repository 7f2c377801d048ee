//! A network of `tch::nn` learns a sine, with the lab for everything else.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use neuron_lab::lab::tensor::params::Params;
use neuron_lab::lab::tensor::{rng, to_host};
use neuron_lab::lab::{
    Absent, Chart, Config, Evaluation, Experiment, Figures, Learner, LearnerConfig, Log, Persist,
    Phase, Refusals, RunConfig, RunSchedule, Score, Settings, Spec, StateReader, StateWriter, Step,
    StepWork, launch,
};
use serde::{Deserialize, Serialize};
use tch::nn::{self, Module};
use tch::{Device, Kind, Tensor};

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
struct SineConfig {
    /// Hidden neurons
    #[arg(long, default_value_t = 32)]
    hidden: i64,
    /// Gradient descent
    #[command(flatten)]
    #[serde(flatten)]
    learner: LearnerConfig,
}

impl Config for SineConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        refusals.unless(self.hidden > 0, || format!("--hidden {}: expected 1 or more", self.hidden));
        self.learner.validate(refusals);
    }
}

struct Sine {
    network: nn::Sequential,
    learner: Learner,
    device: Device,
    steps: u64,
    seed: u64,
}

impl Sine {
    /// The mean square error on numbers from -3 to 3: [].
    ///
    /// - x: `[sample, 1]`
    fn loss(&self, x: &Tensor) -> Tensor {
        (self.network.forward(x) - x.sin()).square().mean(Kind::Float)
    }
}

impl Experiment for Sine {
    type Config = SineConfig;

    const SPEC: Spec = Spec {
        name: "sine",
        about: "A small network learns a sine",
        package: neuron_lab::package!(),
        defaults: r#"{"steps": 300, "optimizer": "adam", "lr": 0.01}"#,
        metrics: &["eval/loss"],
        tags: &[("train/loss", "square error"), ("eval/loss", "square error on a fixed grid")],
        loss: Some("train/loss"),
        absent: &[
            Absent { key: "replicates", reason: "one network learns alone; use --seed" },
            Absent { key: "epochs", reason: "there is no data set; use --steps" },
            Absent { key: "data", reason: "the samples are drawn" },
            Absent { key: "data_dir", reason: "the samples are drawn" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<SineConfig>) -> StepWork {
        StepWork::training(3 * settings.experiment.hidden, 64, 40.0)
    }

    fn build(settings: &Settings<SineConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, &settings.experiment);
        rng::seed_torch(run.seed, "init", 0);
        let store = nn::VarStore::new(device);
        let hidden = nn::linear(store.root() / "hidden", 1, config.hidden, Default::default());
        let output = nn::linear(store.root() / "output", config.hidden, 1, Default::default());
        let network = nn::seq().add(hidden).add_fn(|x| x.tanh()).add(output);
        let steps = run.steps.unwrap_or(300);
        let learner = Learner::new(&config.learner, Params::from_var_store(&store)?, steps);
        Ok(Self { network, learner, device, steps, seed: run.seed })
    }

    fn schedule(&self) -> RunSchedule {
        RunSchedule::new(self.steps, 100)
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        rng::seed_torch(self.seed, "samples", step.index);
        let x = Tensor::rand([64, 1], (Kind::Float, Device::Cpu)).to_device(self.device) * 6 - 3;
        let loss = step.time(Phase::Forward, || self.loss(&x));
        self.learner.descend(step, &loss)?;
        step.mean("train/loss", &loss);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let grid = Tensor::linspace(-3, 3, 100, (Kind::Float, self.device)).unsqueeze(1);
        let loss = to_host::scalar(&self.loss(&grid))?;
        evaluation.say(&format!("step {}: loss {loss:.5}", evaluation.step));
        evaluation.scalar("eval/loss", vec![loss]);
        self.learner.observe(loss);
        Ok(Some(Score { tag: "eval/loss".into(), value: loss, higher_is_better: false }))
    }
}

impl Persist for Sine {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.learner.save(writer)
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.learner.load(reader)
    }
}

impl Figures for Sine {
    fn charts(&self) -> Vec<Chart> {
        vec![Chart::lines("learning", "loss", &["train/loss", "eval/loss"])]
    }

    fn figures(&mut self, _log: &mut Log, _step: u64) -> Result<()> {
        Ok(())
    }
}

fn main() -> ExitCode {
    launch::<Sine>()
}
