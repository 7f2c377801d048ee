//! Where a session begins: at step 0, or where a checkpoint was saved.

use anyhow::{Result, ensure};
use tch::Device;

use super::experiment::Experiment;
use super::progress::Progress;
use crate::lab::log::metrics::Metrics;
use crate::lab::store::checkpoint::Checkpoint;
use crate::lab::store::{Persist, Purpose, StateReader};

/// An experiment with what the loop itself carries on.
pub struct Beginning<E: Experiment> {
    /// The experiment, in the state of that step.
    pub experiment: E,
    /// What the loop itself carries on.
    pub progress: Progress,
    /// Values since the last log entry and the last evaluation.
    pub metrics: Metrics,
    /// Seconds that earlier processes of this run took.
    pub earlier: f64,
    /// The step of the checkpoint, where there is one.
    pub saved_step: Option<u64>,
}

impl<E: Experiment> Beginning<E> {
    /// The start of a new run.
    pub fn new(experiment: E, replicates: u32, device: Device) -> Self {
        let metrics = Metrics::new(i64::from(replicates), device);
        Self { experiment, progress: Progress::default(), metrics, earlier: 0.0, saved_step: None }
    }

    /// Takes on the state of a checkpoint.
    ///
    /// # Errors
    /// Where the checkpoint lacks a part of the state, has it in another shape or kind, has
    /// something that this experiment lacks, or counts other steps than its manifest.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let mut reader = StateReader::new(checkpoint, Purpose::Resume);
        self.experiment.load(&mut reader)?;
        self.progress.load(&mut reader)?;
        self.metrics.load(&mut reader)?;
        reader.finish()?;
        let (step, counted) = (checkpoint.manifest.step, self.progress.step);
        let name = checkpoint.path.display();
        ensure!(step == counted, "{name} is of step {counted}, its manifest says {step}");
        self.earlier = checkpoint.manifest.seconds;
        self.saved_step = Some(step);
        Ok(())
    }
}
