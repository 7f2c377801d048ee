//! How a run begins and ends: what is written once, and what is said about it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value};

use super::experiment::Experiment;
use super::phase;
use super::session::Session;
use crate::lab::cli::settings::is_bookkeeping;
use crate::lab::counts::counted;
use crate::lab::error::{Failure, one_line};
use crate::lab::log::tags::SYSTEM;
use crate::lab::measured::{number, with_spread};
use crate::lab::store::checkpoint::{Manifest, find};
use crate::lab::store::record::{Best, EarlyStop, RecordFile, Status, Summary};
use crate::lab::tensor::device;

/// A word of a command as a POSIX shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The status of a run in a folder that ended so.
pub fn status(ended: &Result<()>, folder: &Path) -> Status {
    match ended {
        Ok(()) => Status::Done,
        Err(error) => match error.downcast_ref::<Failure>() {
            Some(Failure::NonFinite { .. }) => Status::NonFinite,
            Some(Failure::Interrupted { .. }) if EarlyStop::is_in(folder) => Status::Stopped,
            Some(Failure::Interrupted { .. }) => Status::Interrupted,
            Some(Failure::Refused(_)) | None => Status::Failed,
        },
    }
}

impl<E: Experiment> Session<E> {
    /// Says and writes what is true of the whole run: hyper-parameters, chart layout, what each tag
    /// means.
    pub fn introduce(&mut self, changed: &Map<String, Value>) {
        let (run, steps) = (&self.settings().run, self.experiment.schedule().steps);
        let (threads, steps) = (counted(run.threads, "thread"), counted(steps, "step"));
        let (device, path) = (device::name(self.device), self.folder.path.display());
        self.console.report(&format!("{} on {device}, {threads}: {steps}, {path}", E::SPEC.name));
        for line in self.experiment.summary_lines() {
            self.console.report(&line);
        }
        let config = self.config().clone();
        // What sets this run apart comes first: TensorBoard's table shows the first columns alone.
        let first = changed.keys().map(String::as_str).chain(["seed"]);
        let mut hparams: Map<String, Value> =
            first.filter_map(|key| Some((key.into(), config.get(key)?.clone()))).collect();
        let others = config.iter().filter(|(key, _)| !is_bookkeeping(key));
        for (key, value) in others {
            hparams.entry(key).or_insert(value.clone());
        }
        self.log.hparams(&hparams, E::SPEC.metrics);
        // Sections of one name would be one section, where several experiments are looked at.
        let mut charts = self.experiment.charts();
        charts.extend(phase::charts());
        for chart in &mut charts {
            chart.category = format!("{}: {}", E::SPEC.name, chart.category);
        }
        self.log.charts(&charts);
        let tags = E::SPEC.tags.iter().copied().chain(SYSTEM);
        let rows = tags.map(|(tag, meaning)| format!("| `{tag}` | {meaning} |\n"));
        let table: String = rows.collect();
        self.log.text("tags", 0, &format!("| tag | meaning |\n|---|---|\n{table}"));
        let rows = config.iter().map(|(key, value)| format!("| `{key}` | `{value}` |\n"));
        let table: String = rows.collect();
        self.log.text("config", 0, &format!("| key | value |\n|---|---|\n{table}"));
        self.log.flush();
    }

    /// Writes a summary that says that the run is under way: one that is killed says so for ever,
    /// and nobody takes the end of an earlier process for its own.
    pub fn record_start(&self) {
        self.write_summary(&self.summary(Status::Running));
    }

    /// Closes the log and writes `summary.json`, which is given back. A run that is done has drawn
    /// its figures before.
    pub fn finish(&mut self, status: Status, exit_code: u8) -> Summary {
        self.console.end();
        let mut phases = self.phase_seconds();
        phases.insert("figures".into(), self.drawing.as_secs_f64().into());
        self.log.close(status.outcome());
        self.warn_of_log();
        let summary = Summary {
            exit_code: Some(exit_code),
            phase_seconds: phases,
            metrics: self.log.latest().clone(),
            ..self.summary(status)
        };
        self.write_summary(&summary);
        summary
    }

    /// What can be said of the run at any time.
    pub(super) fn summary(&self, status: Status) -> Summary {
        let best = self.progress.best.as_ref();
        let best = best.map(|(score, step)| Best {
            tag: score.tag.clone(),
            value: Some(score.value),
            step: *step,
        });
        Summary {
            experiment: E::SPEC.name.into(),
            run: self.folder.name.clone(),
            status,
            exit_code: None,
            steps: self.progress.step,
            wall_seconds: self.seconds(),
            phase_seconds: Map::new(),
            metrics: Map::new(),
            best,
            folder: self.folder.path.clone(),
            checkpoint: self.checkpoint(false),
            best_checkpoint: self.checkpoint(true),
            log_failure: self.log.failure().map(Into::into),
            process: Some(self.process.clone()),
        }
    }

    /// A summary that can't be written is a warning: the run itself is not worse for it.
    fn write_summary(&self, summary: &Summary) {
        if let Err(error) = summary.write(&self.folder.path) {
            self.console.warn(&one_line(&error));
        }
    }

    /// The tensors' file of the newest checkpoint, or of the best.
    fn checkpoint(&self, best: bool) -> Option<PathBuf> {
        let manifest = find(&self.folder.checkpoints, best).ok()?;
        let file = Manifest::read(&manifest).ok()?.file;
        Some(manifest.with_file_name(file))
    }

    /// The last lines of a run that is done.
    pub fn say_where_everything_is(&self) {
        let result =
            E::SPEC.metrics.iter().find_map(|tag| Some((tag, self.log.latest().get(*tag)?)));
        if let Some((tag, value)) = result {
            let best = self.progress.best.as_ref().filter(|(score, _)| score.tag == *tag);
            let value = value.as_f64().unwrap_or(f64::NAN);
            let sd = self.log.latest().get(&format!("{tag}/sd")).and_then(Value::as_f64);
            let value = match sd {
                Some(sd) => {
                    let networks = counted(self.settings().run.replicates, "network");
                    format!(
                        "{} (mean and standard deviation of {networks})",
                        with_spread(value, sd)
                    )
                }
                None => number(value),
            };
            let best = best
                .map(|(score, step)| format!(", best {} at step {step}", number(score.value)))
                .unwrap_or_default();
            self.console.report(&format!("result       {tag} {value}{best}"));
        }
        self.console.report(&format!("took         {:.1} s", self.seconds()));
        let path = self.folder.path.display();
        self.console.report(&format!("run          {path}"));
        self.console.report(&format!("figures      {path}/figures"));
        if self.log.failure().is_some() {
            let name = &self.folder.name;
            self.console.report(&format!("incomplete   --resume {name} draws the figures again"));
        }
        if let Some(checkpoint) = self.checkpoint(true) {
            self.console.report(&format!("checkpoint   {} (the best)", checkpoint.display()));
        }
        let home = self.folder.path.parent().unwrap_or(&self.folder.path).display();
        self.console.report(&format!("TensorBoard  scripts/tensorboard {home}"));
    }

    /// The last line of a run that was interrupted.
    pub fn say_how_to_resume(&self) {
        let program = std::env::args_os()
            .next()
            .map_or(E::SPEC.name.into(), |word| word.to_string_lossy().into_owned());
        let run = &self.settings().run;
        let path = quoted(&self.folder.path.display().to_string());
        let mut command = format!("{} --resume {path}", quoted(&program));
        if run.checkpoints != std::path::Path::new("checkpoints") {
            command +=
                &format!(" --checkpoints {}", quoted(&run.checkpoints.display().to_string()));
        }
        let step = self.progress.step;
        self.console.note(&format!("stopped after step {step}; continue with: {command}"));
    }

    /// The last line of a run that failed.
    pub fn say_where_checkpoint_is(&self) {
        if let Some(checkpoint) = self.checkpoint(false) {
            self.console.note(&format!("last good checkpoint: {}", checkpoint.display()));
        }
    }
}
