//! When a run is saved, and what happens when that fails.

use std::time::Instant;

use anyhow::Result;
use serde_json::Map;

use super::experiment::Experiment;
use super::failed_saves::FailedSaves;
use super::finite::weights_are_finite;
use super::phase::Phase;
use super::session::Session;
use crate::lab::error::{Failure, one_line};
use crate::lab::store::checkpoint::{self, Manifest, Score};
use crate::lab::store::record::{RecordFile, Status, libtorch_version};
use crate::lab::store::{Persist, StateWriter};
use crate::lab::tensor::device;

impl<E: Experiment> Session<E> {
    /// Warns where the disk has no room for the checkpoints of the run.
    pub(super) fn check_disk(&self) {
        let Ok(state) = self.state() else { return };
        let each = checkpoint::estimate_bytes(&state);
        let needed = each.saturating_mul(u64::from(self.settings.run.keep) + 2);
        let folder = &self.folder.checkpoints;
        if let Some(free) = checkpoint::free_bytes(folder).filter(|free| *free < needed) {
            let (needed, free) = (needed >> 20, free >> 20);
            let folder = folder.display();
            self.console.warn(&format!(
                "{folder} has {free} MiB free, and the checkpoints of this run take {needed} MiB"
            ));
        }
    }

    /// Saves a checkpoint unless this step has one already. A failure is a warning, until it is the
    /// third in a row and more than a minute after the first, or `last` says that there won't be
    /// another chance.
    pub(super) fn save(&mut self, last: bool) -> Result<()> {
        if self.saved_step == Some(self.progress.step) {
            return Ok(());
        }
        self.verify_finite()?;
        let state = self.state()?;
        if !weights_are_finite(&state)? {
            // The update overflowed: the next loss would say so, but a checkpoint would by then
            // have pushed a good one out.
            return Err(Failure::NonFinite { step: self.progress.step + 1 }.into());
        }
        let start = Instant::now();
        // What is logged up to this step is not logged again once its checkpoint counts.
        self.log.sync();
        let result = self.write_checkpoint(&state);
        self.clock.add(Phase::Checkpoint, start.elapsed());
        self.saved = Instant::now();
        match result {
            Ok(()) => {
                let first = self.saved_step.replace(self.progress.step).is_none();
                self.failed_saves = FailedSaves::default();
                if first {
                    // So that a run whose checkpoints are lost later is not begun anew. One that
                    // can't be written is said at the end of the run.
                    let _ = self.summary(Status::Running).write(&self.folder.path);
                }
                Ok(())
            }
            Err(error) => {
                let now = Instant::now();
                if self.failed_saves.add(now) || last {
                    return Err(error.context("the checkpoint couldn't be saved"));
                }
                if self.failed_saves.warns(now) {
                    self.console.warn(&format!("{}; will try again", one_line(&error)));
                }
                Ok(())
            }
        }
    }

    fn write_checkpoint(&self, state: &StateWriter) -> Result<()> {
        let step = self.progress.step;
        let is_now = |(_, at): &&(Score, u64)| *at == step;
        let mut manifest = Manifest {
            format: checkpoint::FORMAT,
            experiment: E::SPEC.name.into(),
            run: self.folder.name.clone(),
            step,
            file: String::new(),
            bytes: 0,
            sha256: String::new(),
            best: self.progress.best.as_ref().filter(is_now).is_some(),
            score: self.scored.as_ref().filter(is_now).map(|(score, _)| score.clone()),
            config: self.config.clone(),
            device: device::name(self.device),
            threads: tch::get_num_threads(),
            libtorch: libtorch_version(),
            neuron_lab: env!("CARGO_PKG_VERSION").into(),
            seconds: self.seconds(),
            saved: jiff::Timestamp::now().to_string(),
            numbers: Map::new(),
            manifest_sha256: String::new(),
        };
        checkpoint::save(&self.folder.checkpoints, &mut manifest, state)?;
        checkpoint::prune(&self.folder.checkpoints, self.settings.run.keep as usize)
    }

    /// The experiment's state, and the loop's own under `state.lab.`.
    fn state(&self) -> Result<StateWriter> {
        let mut writer = StateWriter::default();
        self.experiment.save(&mut writer)?;
        self.progress.save(&mut writer)?;
        self.metrics.save(&mut writer)?;
        Ok(writer)
    }
}
