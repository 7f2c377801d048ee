//! The experiment `one_neuron`: a grid of neurons, each row trained for itself.

use anyhow::{Context, Result};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::batches::Batches;
use super::config::{Engine, Generators, OneNeuronConfig, PRESETS};
use super::grid::{self, Point};
use super::group::{self, Group};
use super::report;
use super::streams::{self, Streams};
use super::task::INPUTS;
use crate::lab::error::{Failure, refuse};
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Records whose mean is the result of a run: the last 2000 steps of the package's 100.
pub const LAST: i64 = 20;

/// Samples of a seed that are drawn for one call, at most, unless a single batch has more.
const SAMPLES: u64 = 1 << 16;

/// A grid of neurons in training.
pub struct OneNeuron {
    pub(super) config: OneNeuronConfig,
    /// The points of the grid.
    pub(super) points: Vec<Point>,
    pub(super) groups: Vec<Group>,
    pub(super) replicates: usize,
    pub(super) seed: u64,
    /// The last records: [point, replicate, LAST], NaN before the first.
    pub(super) records: Tensor,
    /// Sum of the losses since the last record: [point, replicate].
    loss_sums: Tensor,
    /// Whether every step so far was finite, for the tensors' steps: [] bool.
    finite: Tensor,
    streams: Streams,
    device: Device,
    plan: Plan,
}

impl Experiment for OneNeuron {
    const NAME: &'static str = "one_neuron";
    const ABOUT: &'static str =
        "Trains one neuron by the gradient and by averages of its factors (docs/one_neuron.md)";
    const DEFAULTS: &'static str = r#"{"steps": 40000}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &["train/end", "eval/loss", "eval/accuracy"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = OneNeuronConfig;

    fn resolve(settings: &mut Settings<OneNeuronConfig>) -> Result<()> {
        let (run, config) = (&settings.run, &settings.experiment);
        if run.steps.unwrap_or(0) == 0 {
            return Err(refuse("--steps: expected 1 or more"));
        }
        let last = run.seed.saturating_add(u64::from(run.replicates) - 1);
        if config.rng == Generators::Package && last > u64::from(u32::MAX) {
            let seed = run.seed;
            return Err(refuse(format!(
                "--seed {seed}: NumPy's generator takes seeds up to 4294967295 with --rng package"
            )));
        }
        if config.engine == Engine::Rows && run.device.starts_with("cuda") {
            return Err(refuse("--engine rows is for the CPU: use --engine tensors on CUDA"));
        }
        config.validate()
    }

    fn build(settings: &Settings<OneNeuronConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let points = grid::points(&config);
        let seeds: Vec<u64> =
            (0..u64::from(run.replicates)).map(|r| run.seed.wrapping_add(r)).collect();
        let groups = group::groups(&config, &points, device, |rule| {
            seeds.iter().map(|seed| streams::initial(&config, rule, *seed).0).collect()
        });
        let sizes: Vec<usize> = points.iter().map(|point| point.batch_size).collect();
        let streams = Streams::new(&config, seeds, &sizes)?;
        let shape = [points.len() as i64, i64::from(run.replicates)];
        let options = (Kind::Double, device);
        let steps = run.steps.context("the number of steps")?;
        Ok(Self {
            records: Tensor::full([shape[0], shape[1], LAST], f64::NAN, options),
            loss_sums: Tensor::zeros(shape, options),
            finite: Tensor::full([], 1, (Kind::Bool, device)),
            replicates: run.replicates as usize,
            seed: run.seed,
            plan: Plan { steps, evaluate_every: config.evaluate_every },
            config,
            points,
            groups,
            streams,
            device,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn block(&self, step: u64) -> u64 {
        // Batches are drawn a call at a time: large ones a few at a time, whatever they are.
        let largest = self.points.iter().map(|point| point.batch_size).max().unwrap_or(1);
        (self.next_record(step) - step).min((SAMPLES / largest as u64).max(1))
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let (first, end) = (step.index, step.index + step.count);
        step.time(Phase::Data, || self.streams.draw(first..end));
        if self.on_rows() {
            if let Some(bad) = step.time(Phase::Forward, || self.run_rows(first))? {
                return Err(Failure::NonFinite { step: first + bad as u64 + 1 }.into());
            }
        } else {
            let good = step.time(Phase::Forward, || self.run_tensors(first))?;
            let _ = self.finite.logical_and_(&good.eq(step.count as i64));
            if let Err(error) = step.finite(&self.finite) {
                // Of the steps of this call, the one that was not finite.
                let named = matches!(error.downcast_ref(), Some(Failure::NonFinite { .. }));
                let exact = Failure::NonFinite { step: first + to_host::scalar(&good)? as u64 + 1 };
                return Err(if named { exact.into() } else { error });
            }
        }
        if end == self.next_record(first) {
            self.record(step);
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        Ok(Some(report::report(self, evaluation)?))
    }

    fn state(&self) -> State {
        let mut state: State =
            self.groups.iter().flat_map(|group| group.state(&self.points)).collect();
        state.push(("state.records".into(), self.records.shallow_clone()));
        state.push(("state.loss_sums".into(), self.loss_sums.shallow_clone()));
        state.extend(self.streams.state());
        state
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.streams.restored(checkpoint)
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

impl OneNeuron {
    fn on_rows(&self) -> bool {
        match self.config.engine {
            Engine::Auto => self.device == Device::Cpu,
            Engine::Rows => true,
            Engine::Tensors => false,
        }
    }

    /// The step at whose end the next record is made. With the package's quirk the first is made
    /// after one step.
    fn next_record(&self, step: u64) -> u64 {
        let shift = u64::from(self.config.first_record_quirk);
        let every = self.config.record_every;
        (step + every - shift) / every * every + shift
    }

    fn run_rows(&mut self, first: u64) -> Result<Option<usize>> {
        let mut sums = to_host::values(&self.loss_sums)?;
        let mut bad: Option<usize> = None;
        for group in &mut self.groups {
            let stream = self.streams.of(group.batch_size)?;
            let stopped = group.run_rows(first, stream, &mut sums)?;
            bad = bad.into_iter().chain(stopped).min();
        }
        if bad.is_none() {
            self.loss_sums.copy_(&Tensor::from_slice(&sums).view_as(&self.loss_sums));
        }
        Ok(bad)
    }

    /// Takes steps in tensor operations; gives back how many were finite: [] i64.
    fn run_tensors(&mut self, first: u64) -> Result<Tensor> {
        let mut good = Tensor::full([], i64::MAX, (Kind::Int64, self.device));
        for group in &mut self.groups {
            let (streams, size) = (self.streams.of(group.batch_size)?, group.batch_size as i64);
            let stack = |part: fn(&Batches) -> &[f64], shape: &[i64]| {
                let each = streams.iter().map(|stream| part(&stream.batches));
                let each: Vec<Tensor> =
                    each.map(|values| Tensor::from_slice(values).view(shape)).collect();
                Tensor::stack(&each, 1).to_device(self.device)
            };
            let inputs = stack(|batches| &batches.inputs, &[-1, INPUTS as i64, size]);
            let labels = stack(|batches| &batches.labels, &[-1, size]);
            let index: Vec<i64> = group.points.iter().map(|point| *point as i64).collect();
            let index = Tensor::from_slice(&index).to_device(self.device);
            let sums = self.loss_sums.index_select(0, &index);
            let batches = (&inputs, &labels);
            let (sums, steps) = group.run_tensors(first, batches, &sums, &self.finite);
            let _ = self.loss_sums.index_copy_(0, &index, &sums);
            good = good.minimum(&steps);
        }
        Ok(good)
    }

    /// Ends a record: the mean of the losses since the last one.
    fn record(&mut self, step: &mut Step) {
        let record = &self.loss_sums / self.config.record_every as f64;
        let _ = self.loss_sums.zero_();
        let kept = self.records.narrow(2, 1, LAST - 1);
        let records = Tensor::cat(&[kept, record.unsqueeze(-1)], 2);
        self.records.copy_(&records);
        for (k, point) in self.points.iter().enumerate() {
            let record = record.get(k as i64);
            let record = if self.replicates == 1 { record.get(0) } else { record };
            step.last(&point.tag("train/loss"), &record);
        }
    }
}
