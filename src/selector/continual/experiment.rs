//! The experiment `selector_continual`: five tasks one after another.

use anyhow::Result;
use serde_json::Value;
use tch::Device;

use super::config::ContinualConfig;
use super::learning::WeightedPass;
use super::presets::PRESETS;
use super::state::{Record, SelectorContinual};
use super::{figures, report};
use crate::data;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::Score;
use crate::lab::tensor::rng::Seeds;
use crate::lab::train::experiment::{Evaluation, Experiment, Figures, RunSchedule, Step};
use crate::lab::train::learner::Learner;
use crate::lab::train::phase::Phase;
use crate::lab::{Absent, Settings, Spec, StepWork};
use crate::selector::config::refuse_invalid;
use crate::selector::network::SelectorNetwork;
use crate::selector::task_sequence::batches::Batches;
use crate::selector::task_sequence::penalty::Penalty;
use crate::selector::task_sequence::tasks::{TASKS, Tasks};

impl Experiment for SelectorContinual {
    type Config = ContinualConfig;

    const SPEC: Spec = Spec {
        name: "selector_continual",
        about: "Learns five tasks one after another, and forgets (docs/selector_continual.md)",
        defaults: r#"{"log_every": 20, "data": "mnist"}"#,
        presets: PRESETS,
        metrics: &["eval/average_accuracy", "eval/forgetting", "eval/backward_transfer"],
        tags: report::TAGS,
        loss: Some("train/loss"),
        sizes: &["hidden", "num-computation", "batch-size", "memory", "replicates"],
        absent: &[
            Absent { key: "steps", reason: "the length is in passes through each task, --epochs" },
            Absent { key: "patience", reason: "a run learns all its tasks" },
        ],
        ..Spec::EMPTY
    };

    fn step_work(settings: &Settings<ContinualConfig>) -> StepWork {
        settings.experiment.network.step_work(&settings.run)
    }

    fn build(settings: &Settings<ContinualConfig>, device: Device) -> Result<Self> {
        let (run, config) = (&settings.run, settings.experiment.clone());
        let data = data::load(&run.data, &run.data_dir, device)?;
        let seeds = Seeds { first: run.seed, count: i64::from(run.replicates) };
        let tasks = Tasks::new(config.benchmark, config.scenario(), &data, seeds, device)?;
        let shape = config.network.shape(data.height * data.width, tasks.outputs);
        let params = shape.parameters(seeds, device)?;
        let network = SelectorNetwork::new(&shape, config.network.options(), &params, device);
        let network = network.map_err(refuse_invalid)?;
        let batch_size = config.network.batch_size;
        let source = config.batch_source();
        let batches = Batches::new(source, batch_size, &tasks, run.epochs, seeds, device);
        let evaluate_every = batches.task_steps;
        let steps = evaluate_every.saturating_mul(TASKS as u64);
        let schedule =
            RunSchedule::new(steps, evaluate_every).with_samples(batch_size, seeds.count);
        let penalty = config.penalty().map(|options| Penalty::new(options, &params));
        let learner = Learner::new(&config.network.learner, params, schedule.steps);
        let record = Record::new(seeds.count, tasks.outputs, device);
        Ok(Self {
            config,
            data,
            tasks,
            network,
            learner,
            seeds,
            schedule,
            record,
            penalty,
            batches,
        })
    }

    fn schedule(&self) -> RunSchedule {
        self.schedule
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let index = step.index;
        let Self { batches, tasks, data, .. } = self;
        let parts = step.time(Phase::Data, || batches.step(tasks, &data.train, index));
        let WeightedPass { pass, loss, delta } = step.time(Phase::Forward, || self.pass(&parts));
        let Learner { params, gradients, .. } = &mut self.learner;
        let network = &self.network;
        step.time(Phase::Backward, || network.backward(params, gradients, &pass, &delta));
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
        let scores = self.test(None)?;
        if evaluation.number == 0 {
            report::report_checkpoint(self, evaluation, &scores)?;
        } else {
            self.record.write(evaluation.number as i64 - 1, &scores);
            report::report(self, evaluation)?;
        }
        Ok(None)
    }

    fn data_provenance(&self) -> Value {
        self.data.source.clone()
    }
}

impl Figures for SelectorContinual {
    fn charts(&self) -> Vec<Chart> {
        report::charts(self)
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        figures::draw(self, log, step)
    }
}
