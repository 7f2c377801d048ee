//! The experiment `selector_continual`: five tasks one after another.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::batches::{Batches, sample};
use super::config::{ContinualConfig, Method, PRESETS, TASKS};
use super::eval::test;
use super::penalty::{Penalty, add_square, pull_norm};
use super::report;
use super::tasks::{Batch, Tasks};
use crate::data::{self, ImageData};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Checkpoint, Score, State};
use crate::lab::tensor::nn::cross_entropy_with_gradient;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};
use crate::selector::model::{NetworkPass, SelectorNetwork, parameters};

/// A network that learns five tasks one after another.
pub struct SelectorContinual {
    pub(super) config: ContinualConfig,
    pub(super) data: ImageData,
    pub(super) tasks: Tasks,
    pub(super) network: SelectorNetwork,
    pub(super) learner: Learner,
    pub(super) replicates: i64,
    pub(super) plan: Plan,
    pub(super) record: Record,
    penalty: Option<Penalty>,
    batches: Batches,
    seed: u64,
}

/// What was found after every task; of tasks to come NaN.
pub(super) struct Record {
    /// Accuracy on task j after task i: [replicate, i, j] f64.
    pub accuracy: Tensor,
    /// The same where the network is told the task.
    pub told: Tensor,
    /// How often each class was answered: [replicate, i, class] f64.
    pub answers: Tensor,
}

impl Record {
    fn new(replicates: i64, outputs: i64, device: Device) -> Self {
        let empty = |columns: i64| {
            Tensor::full([replicates, TASKS, columns], f64::NAN, (Kind::Double, device))
        };
        Self { accuracy: empty(TASKS), told: empty(TASKS), answers: empty(outputs) }
    }

    /// Views without the axis of replicates where there is one.
    fn state(&self) -> State {
        let parts =
            [("accuracy", &self.accuracy), ("told", &self.told), ("answers", &self.answers)];
        let view = |tensor: &Tensor| match tensor.size()[0] {
            1 => tensor.select(0, 0),
            _ => tensor.shallow_clone(),
        };
        parts.map(|(name, tensor)| (format!("state.{name}"), view(tensor))).into()
    }
}

impl Experiment for SelectorContinual {
    const NAME: &'static str = "selector_continual";
    const ABOUT: &'static str =
        "Learns five tasks one after another, and forgets (docs/selector_continual.md)";
    const DEFAULTS: &'static str = r#"{"log_every": 20}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] =
        &["eval/average_accuracy", "eval/forgetting", "eval/backward_transfer"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = ContinualConfig;

    fn resolve(settings: &mut Settings<ContinualConfig>) -> Result<()> {
        if let Some(steps) = settings.run.steps {
            return Err(refuse(format!(
                "--steps {steps}: the length is in passes through each task, --epochs"
            )));
        }
        if settings.run.epochs == 0 {
            return Err(refuse("--epochs 0: expected 1 or more"));
        }
        if settings.run.patience > 0 {
            let patience = settings.run.patience;
            return Err(refuse(format!(
                "--patience {patience}: a run learns all its tasks; expected 0"
            )));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<ContinualConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let (seed, replicates) = (run.seed, i64::from(run.replicates));
        let tasks = Tasks::new(&config, &data, (seed, replicates), device)?;
        let sizes = (data.height * data.width, tasks.outputs);
        let params = parameters(&config.model, sizes, (seed, replicates), device)?;
        let network = SelectorNetwork::new(&config.model, sizes.0, &params, device)?;
        let batches = Batches::new(&config, &tasks, run.epochs, (seed, replicates), device);
        let evaluate_every = batches.task_steps;
        let plan = Plan { steps: evaluate_every * TASKS as u64, evaluate_every };
        let penalty = config.method.has_penalty().then(|| Penalty::new(&config, &params.values));
        let learner = Learner::new(&config.model.learner, params, plan.steps);
        let record = Record::new(replicates, tasks.outputs, device);
        Ok(Self {
            config,
            data,
            tasks,
            network,
            learner,
            replicates,
            plan,
            record,
            penalty,
            batches,
            seed,
        })
    }

    fn plan(&self) -> Plan {
        self.plan
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let index = step.index;
        let Self { batches, tasks, data, .. } = self;
        let parts = step.time(Phase::Data, || batches.step(tasks, &data.train, index));
        let (pass, loss, delta) = step.time(Phase::Forward, || self.pass(&parts));
        let network = &self.network;
        step.time(Phase::Backward, || network.backward(&pass, &delta));
        self.descend(step, &loss)?;
        step.mean("train/loss", &loss);
        if step.logging {
            self.probe(step)?;
        }
        if (index + 1).is_multiple_of(self.batches.task_steps) {
            let task = self.batches.task(index);
            step.time(Phase::Backward, || self.consolidate(task));
        }
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let found = test(&self.network, &self.tasks, &self.data.test, self.replicates, None)?;
        let row = evaluation.number as i64 - 1;
        if row < 0 {
            return report::report_checkpoint(self, evaluation, &found);
        }
        let _guard = no_grad_guard();
        self.record.accuracy.select(1, row).copy_(&found.accuracy);
        self.record.told.select(1, row).copy_(&found.told);
        self.record.answers.select(1, row).copy_(&found.answers);
        report::report(self, evaluation)
    }

    fn state(&self) -> State {
        let mut state = self.learner.state();
        state.extend(self.record.state());
        if let Some(penalty) = &self.penalty {
            state.extend(penalty.state(&self.learner.params));
        }
        state
    }

    fn restored(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.learner.restored(checkpoint)
    }

    fn source(&self) -> Value {
        self.data.source.clone()
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts(self.tasks.own_outputs())
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

impl SelectorContinual {
    /// The forward pass of a step's batches at once, with the loss, [] or [replicate], and its
    /// gradient in the logits: [.., batch, class].
    fn pass(&self, parts: &[(f64, Batch)]) -> (NetworkPass, Tensor, Tensor) {
        let _guard = no_grad_guard();
        let images: Vec<&Tensor> = parts.iter().map(|(_, batch)| &batch.images).collect();
        let images = match images.as_slice() {
            [only] => only.shallow_clone(),
            many => Tensor::cat(many, -2),
        };
        let pass = self.network.run(&images, |_| None);
        let mut start = 0;
        let each = parts.iter().map(|(weight, batch)| {
            let rows = batch.images.size()[batch.images.dim() - 2];
            let logits = pass.logits.narrow(-2, start, rows);
            start += rows;
            let judged = self.tasks.judged(&logits, &batch.tasks);
            let (loss, delta) = cross_entropy_with_gradient(&judged, &batch.targets);
            (loss * *weight, delta * *weight)
        });
        let (losses, deltas): (Vec<Tensor>, Vec<Tensor>) = each.unzip();
        (pass, losses.iter().sum(), Tensor::cat(&deltas, -2))
    }

    /// The update, with what the penalty adds to it.
    fn descend(&mut self, step: &mut Step, loss: &Tensor) -> Result<()> {
        let Some(penalty) = &self.penalty else {
            return self.learner.apply(step, loss).map(drop);
        };
        let params = &mut self.learner.params;
        let before = params.values.copy();
        if let Some(pull) = penalty.added(&params.values) {
            let _ = params.gradient.g_add_(&pull);
        }
        let apply = self.learner.apply(step, loss)?;
        let (lr, params) = (self.learner.lr(step.index), &self.learner.params);
        step.time(Phase::Optimizer, || penalty.after(params, &before, lr, apply.as_ref()));
        if step.logging {
            step.last("penalty/gradient_norm", &pull_norm(&penalty.gradient(&params.values)));
        }
        Ok(())
    }

    /// Accuracies on some test images of every task while one is being learnt.
    fn probe(&self, step: &mut Step) -> Result<()> {
        let limit = Some(self.config.probe_samples);
        let found = test(&self.network, &self.tasks, &self.data.test, self.replicates, limit)?;
        for task in 0..TASKS {
            step.last(&format!("within/task{}", task + 1), &found.accuracy.select(1, task));
        }
        let total = found.answers.sum_dim_intlist(1, false, Kind::Double);
        step.last("within/largest_share", &(found.answers.amax(1, false) / total));
        Ok(())
    }

    /// What a penalty takes along from a task that ends.
    fn consolidate(&mut self, task: i64) {
        let Some(mut penalty) = self.penalty.take() else { return };
        let fisher = penalty.needs_fisher().then(|| self.fisher(task));
        penalty.consolidate(&self.learner.params.values, fisher.as_ref());
        self.penalty = Some(penalty);
    }

    /// The diagonal of a task's Fisher information: the mean square of the gradient of the
    /// log-likelihood of the right answer, image by image. [replicate, parameter].
    fn fisher(&self, task: i64) -> Tensor {
        let (count, seeds) = (self.config.fisher_samples, (self.seed, self.replicates));
        let places = sample(&self.tasks, task, count, seeds, "fisher");
        let images = places.size()[1];
        let params = &self.learner.params;
        let mut sum = params.values.zeros_like();
        for i in 0..images {
            let place = places.narrow(1, i, 1);
            let batch = self.tasks.batch(&self.data.train, &place, &place.full_like(task));
            let (pass, _, delta) = self.pass(&[(1.0, batch)]);
            self.network.backward(&pass, &delta);
            add_square(&mut sum, &params.gradient);
        }
        sum / images as f64
    }

    /// What was run, in a few words.
    pub(super) fn title(&self) -> String {
        let count = self.learner.params.count();
        let method = match self.config.method {
            Method::Base => "no method".to_string(),
            other => other.to_possible_value().map_or_else(String::new, |v| v.get_name().into()),
        };
        format!("{method}, {count} parameters")
    }
}
