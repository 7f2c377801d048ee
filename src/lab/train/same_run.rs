//! Whether what goes on is the run that was begun: its settings, its data, its checkpoints.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::lab::cli::settings::RESUMABLE;
use crate::lab::cli::{Spec, layers};
use crate::lab::store::checkpoint::Checkpoint;
use crate::lab::store::folder::RunFolder;
use crate::lab::store::record::{Provenance, RecordFile, Status, Summary};
use crate::lab::tensor::optim::schedule::ScheduleKind;

/// The key of the data's name or path.
pub(super) const DATA: &str = "data";

/// The learning-rate schedule of a configuration, in a word, where the end of the run sets it. An
/// experiment without the lab's schedule has none.
pub(super) fn schedule_to_the_end(saved: &Map<String, Value>) -> Option<&str> {
    let schedule = saved.get("schedule")?;
    let kind = ScheduleKind::deserialize(schedule).ok()?;
    let decay_steps = saved.get("decay_steps").and_then(Value::as_u64);
    kind.ends_with_the_run(decay_steps).then(|| schedule.as_str()).flatten()
}

/// The first key that two configurations do not agree in, and that changes what is computed.
///
/// - data_too: whether the data must be at the same place
pub(super) fn difference<'a>(
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
    data_too: bool,
) -> Option<(&'a str, &'a Value, &'a Value)> {
    old.iter()
        .filter(|(key, _)| !RESUMABLE.contains(&key.as_str()) && (data_too || *key != DATA))
        .filter_map(|(key, old)| Some((key.as_str(), old, new.get(key)?)))
        .find(|(_, old, new)| old != new)
}

/// Checks that a checkpoint is of a run of this experiment with this configuration.
///
/// - same_data: the name of a run whose data are known to be the same wherever they are
///
/// # Errors
/// Where it is of another one, with what differs.
pub(super) fn is_of_run(
    checkpoint: &Checkpoint,
    spec: &Spec,
    config: &Map<String, Value>,
    same_data: Option<&str>,
) -> Result<()> {
    let (manifest, name) = (&checkpoint.manifest, checkpoint.path.display());
    let (found, expected) = (&manifest.experiment, spec.name);
    ensure!(found == expected, "{name} is a checkpoint of {found}, not of {expected}");
    let mut saved = manifest.config.clone();
    layers::forget_unused_data(spec, &mut saved);
    let data_too = same_data != Some(manifest.run.as_str());
    if let Some((key, old, new)) = difference(&saved, config, data_too) {
        anyhow::bail!("{name} is of another run: {key} is {old} there and {new} here");
    }
    Ok(())
}

/// The files in an experiment's record of its data, each with its SHA-256, in order.
fn files(record: &Value) -> Vec<(&str, &str)> {
    match record {
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            match (text("file"), text("sha256")) {
                (Some(file), Some(sha256)) => vec![(file, sha256)],
                _ => map.values().flat_map(files).collect(),
            }
        }
        Value::Array(list) => list.iter().flat_map(files).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Whether the data are files at a path that the user gave, as their record says: those of a data
/// set that is known by name are elsewhere.
pub(super) fn are_at(record: &Value, data: &Value) -> bool {
    let Some(path) = data.as_str() else { return false };
    let files = files(record);
    !files.is_empty() && files.iter().all(|(file, _)| Path::new(file).starts_with(path))
}

/// Whether two records are of the same content: by the hashes of its files, wherever they are, or
/// word for word where there are no files.
pub(super) fn same_content(then: &Value, now: &Value) -> bool {
    let hashes = |record| files(record).into_iter().map(|(_, sha256)| sha256).collect::<Vec<_>>();
    match (hashes(then), hashes(now)) {
        (then_hashes, now_hashes) if then_hashes.is_empty() || now_hashes.is_empty() => then == now,
        (then_hashes, now_hashes) => then_hashes == now_hashes,
    }
}

/// Refuses to begin a run anew whose checkpoints were there once.
///
/// - alone: tensors without a manifest
///
/// # Errors
/// Where that is so, with what to do.
pub(super) fn refuse_where_lost(
    folder: &RunFolder,
    record: Option<&Provenance>,
    alone: &[PathBuf],
) -> Result<()> {
    // A process that is killed while it saves leaves no more than one without a manifest.
    let lost = had_checkpoint(&folder.path, record) || alone.len() > 1;
    let (run, home) = (folder.path.display(), folder.checkpoints.display());
    ensure!(
        !lost || alone.is_empty(),
        "{run} can't go on: {home} has its tensors, but not their manifests step-*.json: bring those \
         back, or start a new run under another --name"
    );
    ensure!(
        !lost,
        "{run} can't go on: there is no checkpoint of it in {home}: say with --checkpoints where they \
         are, or start a new run under another --name"
    );
    Ok(())
}

/// Whether the record of a run says that a process of it saved a checkpoint.
fn had_checkpoint(run: &Path, record: Option<&Provenance>) -> bool {
    let went_on = record.is_some_and(|record| record.resumed.iter().any(|later| later.step > 0));
    let saved = Summary::read(run).is_ok_and(|summary| match summary.status {
        // These are saved at their last step.
        Status::Done | Status::Interrupted | Status::Stopped => summary.steps > 0,
        Status::Running | Status::NonFinite | Status::Failed | Status::Crashed => {
            summary.checkpoint.is_some()
        }
    });
    went_on || saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_are_the_same_by_their_hashes() {
        let record = |folder: &str, hash: &str| {
            let file = |name: &str| json!({"file": format!("{folder}/{name}"), "sha256": hash});
            json!({"data": {"name": folder, "files": [file("a"), file("b")]}})
        };
        let (then, now) = (record("set", "1"), record("/other/set", "1"));
        assert!(are_at(&then, &json!("set")) && are_at(&now, &json!("/other/set/")));
        assert!(!are_at(&then, &json!("other")) && !are_at(&then, &json!(null)));
        assert!(!are_at(&record("data/known", "1"), &json!("known")));
        assert!(same_content(&then, &now));
        assert!(!same_content(&then, &record("set", "2")));
        let none = json!("none: two coordinates and a formula");
        assert!(same_content(&none, &none) && !same_content(&none, &then));
        assert!(!are_at(&none, &json!("none")));
    }

    #[test]
    fn the_record_says_whether_there_was_a_checkpoint() {
        let run = tempfile::tempdir().unwrap();
        let had = |summary: Value| {
            let text = summary.to_string();
            std::fs::write(run.path().join(Summary::FILE), text).unwrap();
            had_checkpoint(run.path(), None)
        };
        assert!(!had_checkpoint(run.path(), None));
        assert!(had(json!({"status": "done", "steps": 100})));
        assert!(had(json!({"status": "interrupted", "steps": 7})));
        assert!(had(json!({"status": "running", "steps": 7, "checkpoint": "step-00000007"})));
        assert!(!had(json!({"status": "running", "steps": 0})));
        assert!(!had(json!({"status": "failed", "steps": 5})));
        let resumed = vec![crate::lab::store::record::Resumption { step: 3, ..Default::default() }];
        let record = Provenance { resumed, ..Provenance::default() };
        assert!(had_checkpoint(run.path(), Some(&record)));
    }
}
