//! A network that learns five tasks, and the tensors that a checkpoint has of it.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::{ContinualConfig, Method};
use crate::data::ImageData;
use crate::lab::counts::counted;
use crate::lab::store::{NamedTensors, Persist, StateReader, StateWriter};
use crate::lab::tensor::rng::Seeds;
use crate::lab::train::experiment::RunSchedule;
use crate::lab::train::learner::Learner;
use crate::selector::config::flag_value;
use crate::selector::network::SelectorNetwork;
use crate::selector::task_sequence::batches::Batches;
use crate::selector::task_sequence::evaluation::TaskScores;
use crate::selector::task_sequence::penalty::Penalty;
use crate::selector::task_sequence::tasks::{TASKS, Tasks};

/// A network that learns five tasks one after another.
pub struct SelectorContinual {
    pub(super) config: ContinualConfig,
    pub(super) data: ImageData,
    pub(super) tasks: Tasks,
    pub(super) network: SelectorNetwork,
    pub(super) learner: Learner,
    pub(super) seeds: Seeds,
    pub(super) schedule: RunSchedule,
    pub(super) record: Record,
    pub(super) penalty: Option<Penalty>,
    pub(super) batches: Batches,
}

/// What was found after every task; NaN for tasks to come.
pub(super) struct Record {
    /// Accuracy on task j after task i: `[replicate, i, j]` f64.
    pub(super) accuracy: Tensor,
    /// Accuracy on task j after task i where the network is told the task: `[replicate, i, j]` f64.
    pub(super) told: Tensor,
    /// How often each class was answered: `[replicate, i, class]` f64.
    pub(super) answers: Tensor,
}

impl Record {
    pub(super) fn new(replicates: i64, outputs: i64, device: Device) -> Self {
        let empty = |columns: i64| {
            Tensor::full([replicates, TASKS, columns], f64::NAN, (Kind::Double, device))
        };
        Self { accuracy: empty(TASKS), told: empty(TASKS), answers: empty(outputs) }
    }

    /// Writes what was found after a task.
    pub(super) fn write(&mut self, task: i64, scores: &TaskScores) {
        let _guard = no_grad_guard();
        self.accuracy.select(1, task).copy_(&scores.accuracy);
        self.told.select(1, task).copy_(&scores.told);
        self.answers.select(1, task).copy_(&scores.answers);
    }

    /// `state.accuracy`, `state.told` and `state.answers`, with the axis of replicates where there
    /// are several.
    fn named(&self) -> NamedTensors {
        let parts =
            [("accuracy", &self.accuracy), ("told", &self.told), ("answers", &self.answers)];
        let view = |tensor: &Tensor| match tensor.size()[0] {
            1 => tensor.select(0, 0),
            _ => tensor.shallow_clone(),
        };
        parts.map(|(name, tensor)| (format!("state.{name}"), view(tensor))).into()
    }
}

impl SelectorContinual {
    /// What only the steps to come need, by name: the record, and what the penalty gathers.
    fn named_for_steps(&self) -> NamedTensors {
        let mut named = self.record.named();
        if let Some(penalty) = &self.penalty {
            named.extend(penalty.named(&self.learner.params));
        }
        named
    }

    /// What was run, in a few words.
    pub(super) fn title(&self) -> String {
        let count = self.learner.params.count();
        let method = match self.config.method {
            Method::Base => "no method".to_string(),
            method @ (Method::Ewc
            | Method::EwcOnline
            | Method::Si
            | Method::Replay
            | Method::Joint) => flag_value(method),
        };
        format!("{method}, {}", counted(count, "parameter"))
    }
}

impl Persist for SelectorContinual {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.learner.save(writer)?;
        self.named_for_steps().iter().for_each(|(name, tensor)| writer.auxiliary(name, tensor));
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.learner.load(reader)?;
        if !reader.resumes() {
            return Ok(());
        }
        self.named_for_steps().iter().try_for_each(|(name, tensor)| reader.auxiliary(name, tensor))
    }
}
