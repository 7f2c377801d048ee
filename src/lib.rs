//! How neurons learn, as fast, reproducible experiments on libtorch.
//!
//! An experiment is a struct that knows how to take step *t* and what its state is. [`lab`] does
//! the rest for all of them in one way: the command line, the run folder, the seed, the device,
//! logging, checkpoints, signals, figures, and the check that every number is finite.
//!
//! # Where things are
//!
//! - [`lab`] is the bench: it knows no experiment. In it, `cli` has flags, presets and
//!   configuration files, `train` the loop, `store` run folders and checkpoints, `log` metrics and
//!   TensorBoard, `tensor` parameters, random streams and optimizers, and `figure` drawing.
//! - [`data`] loads what experiments learn from: digits, images, text.
//! - Every other module is a family of experiments, but for that of the program `lab`, which finds,
//!   compares and sweeps runs. A family has its science, which knows no flags, files or logs, and a
//!   folder for each experiment with the rooms `config`, `presets`, `state`, `experiment`, `report`
//!   and `figures`. No family imports another. "The notebook" in its comments is the
//!   research document that the family rebuilds; `docs/credits.md` lists the five.
//! - The binaries are one line each: [`lab::launch`] with the experiment's type.
//!
//! # An experiment
//!
//! A weight that descends to 3. It trains, logs, saves and resumes; `--help` lists what it takes.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use anyhow::Result;
//! use neuron_lab::lab::tensor::params::ParamsBuilder;
//! use neuron_lab::lab::tensor::to_host;
//! use neuron_lab::lab::{
//!     Chart, Config, Evaluation, Experiment, Figures, Learner, LearnerConfig, Log, Persist, Refusals,
//!     RunConfig, RunSchedule, Score, Settings, Spec, StateReader, StateWriter, Step, StepWork,
//!     launch,
//! };
//! use tch::{Device, Kind, Tensor};
//!
//! #[derive(Debug, Clone, clap::Args, serde::Serialize, serde::Deserialize)]
//! struct DescentConfig {
//!     #[command(flatten)]
//!     #[serde(flatten)]
//!     learner: LearnerConfig,
//! }
//!
//! impl Config for DescentConfig {
//!     fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
//!         self.learner.validate(refusals);
//!     }
//! }
//!
//! struct Descent {
//!     steps: u64,
//!     learner: Learner,
//! }
//!
//! impl Experiment for Descent {
//!     type Config = DescentConfig;
//!
//!     const SPEC: Spec = Spec {
//!         name: "descent",
//!         about: "A weight descends to 3",
//!         metrics: &["eval/distance"],
//!         tags: &[("train/loss", "squared distance"), ("eval/distance", "distance from 3")],
//!         loss: Some("train/loss"),
//!         ..Spec::EMPTY
//!     };
//!
//!     fn step_work(_settings: &Settings<DescentConfig>) -> StepWork {
//!         StepWork::training(1, 1, 20.0)
//!     }
//!
//!     fn build(settings: &Settings<DescentConfig>, device: Device) -> Result<Self> {
//!         let steps = settings.run.steps.unwrap_or(100);
//!         let mut params = ParamsBuilder::default();
//!         params.add("weight", Tensor::zeros([1, 1], (Kind::Float, Device::Cpu)));
//!         let learner = &settings.experiment.learner;
//!         Ok(Self { steps, learner: Learner::new(learner, params.build(device)?, steps) })
//!     }
//!
//!     fn schedule(&self) -> RunSchedule {
//!         RunSchedule::new(self.steps, 50)
//!     }
//!
//!     fn step(&mut self, step: &mut Step) -> Result<()> {
//!         let loss = (self.learner.params.get("weight")? - 3.0).square().mean(Kind::Float);
//!         self.learner.descend(step, &loss)?;
//!         step.mean("train/loss", &loss);
//!         Ok(())
//!     }
//!
//!     fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
//!         let weight = self.learner.params.get("weight")?.detach();
//!         let distance = to_host::scalar(&(weight - 3.0).abs().mean(Kind::Float))?;
//!         evaluation.scalar("eval/distance", vec![distance]);
//!         Ok(Some(Score { tag: "eval/distance".into(), value: distance, higher_is_better: false }))
//!     }
//! }
//!
//! impl Persist for Descent {
//!     fn save(&self, writer: &mut StateWriter) -> Result<()> {
//!         self.learner.save(writer)
//!     }
//!
//!     fn load(&mut self, reader: &mut StateReader) -> Result<()> {
//!         self.learner.load(reader)
//!     }
//! }
//!
//! impl Figures for Descent {
//!     fn charts(&self) -> Vec<Chart> {
//!         vec![Chart::lines("learning", "distance", &["train/loss", "eval/distance"])]
//!     }
//!
//!     fn figures(&mut self, _log: &mut Log, _step: u64) -> Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     launch::<Descent>()
//! }
//! ```
//!
//! `examples/new_experiment.rs` is a fuller one, with flags, a preset and a figure of its own.
//!
//! # What holds for all
//!
//! - **Random numbers** of step *t* come from (seed, stream, *t*): a run that was stopped or killed
//!   resumes to the same bits on the CPU.
//! - **Replicates**: small models are trained for many seeds at once, along a leading axis of every
//!   tensor, which is there for more than one.
//! - **Units and shapes** are in the documentation of each item: `[replicate, neuron]` is a tensor
//!   with these two axes; a tensor of f32 where nothing is said.
//! - **Errors** are one line that says what was wrong, with which value, and what to do. A step
//!   whose numbers are not finite changes nothing and ends the run.

pub mod apical;
pub mod data;
pub mod depth_width;
pub mod efficient_coding;
pub mod lab;
pub mod lab_program;
pub mod one_neuron;
pub mod selector;
pub mod steady_state;
