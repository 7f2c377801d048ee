//! Which checkpoints stay.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::durable::TEMPORARY;
use super::manifest::{Manifest, step_of};

/// What a manifest is called while its checkpoint is deleted: whoever finds it knows that the tensors
/// of that step are to go, and were not left alone by a manifest that was lost.
fn pruned(manifest: &Path) -> PathBuf {
    let name = manifest.file_name().unwrap_or_default().to_string_lossy();
    manifest.with_file_name(format!("{TEMPORARY}-pruned-{name}"))
}

/// The steps to delete of `steps` (newest first), so that the newest `keep` and `best` stay.
fn to_delete(steps: &[u64], best: Option<u64>, keep: usize) -> Vec<u64> {
    steps.iter().skip(keep.max(1)).copied().filter(|step| Some(*step) != best).collect()
}

/// Deletes all but the newest `keep` checkpoints and the best one, the newest that is marked so, and
/// takes that mark from the others. Tensors without a manifest stay.
///
/// # Errors
/// Where a file can't be deleted or rewritten; the checkpoints that stay are whole.
pub fn prune(folder: &Path, keep: usize) -> Result<()> {
    let manifests = Manifest::list(folder);
    let steps: Vec<u64> = manifests.iter().filter_map(|path| step_of(path)).collect();
    // From the files and not from the run's memory: a better one may have failed to be saved.
    let is_best = |path: &&PathBuf| Manifest::read(path).is_ok_and(|manifest| manifest.best);
    let best = manifests.iter().find(is_best).and_then(|path| step_of(path));
    let doomed = to_delete(&steps, best, keep);
    for (path, step) in manifests.iter().zip(&steps) {
        if doomed.contains(step) {
            // The manifest first: without it, the tensors no longer count.
            fs::rename(path, pruned(path))?;
            delete(path)?;
        } else if Some(*step) != best {
            unmark(path)?;
        }
    }
    Ok(())
}

/// Deletes the checkpoints whose deletion a killed process had begun.
pub fn finish_pruning(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let manifest = name.strip_prefix(&format!("{TEMPORARY}-pruned-"));
        let manifest = manifest.map(|name| folder.join(name));
        if let Some(path) = manifest.filter(|path| step_of(path).is_some() && !path.exists()) {
            // What can't be deleted now is no worse than before.
            let _ = delete(&path);
        }
    }
}

/// Deletes the tensors of a checkpoint whose manifest is called [`pruned`] by now, and that.
fn delete(manifest: &Path) -> std::io::Result<()> {
    match fs::remove_file(manifest.with_extension("safetensors")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => fs::remove_file(pruned(manifest)),
    }
}

/// The tensors of steps that have no manifest.
pub fn without_manifest(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_alone = |path: &PathBuf| {
        let tensors = path.extension().is_some_and(|extension| extension == "safetensors");
        tensors && step_of(path).is_some() && !path.with_extension("json").exists()
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_alone).collect();
    paths.sort();
    paths
}

fn unmark(path: &Path) -> Result<()> {
    match Manifest::read(path) {
        Ok(mut manifest) if manifest.best => {
            manifest.best = false;
            manifest.write(path.parent().unwrap_or(Path::new(".")))
        }
        // One that can't be read is left for whoever looks into what happened.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_best_stay() {
        assert_eq!(to_delete(&[50, 40, 30, 20, 10], Some(20), 2), [30, 10]);
        assert_eq!(to_delete(&[50, 40], Some(50), 2), [0u64; 0]);
        assert_eq!(to_delete(&[50, 40], None, 1), [40]);
    }

    #[test]
    fn what_a_killed_process_was_deleting_is_deleted_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = ["step-00000001.safetensors", ".tmp-pruned-step-00000001.json"];
        let others = ["step-00000002.safetensors", "step-00000003.json", "notes.txt"];
        let again = ["step-00000004.safetensors", "step-00000004.json"];
        for name in names.iter().chain(&others).chain(&again) {
            fs::write(path(name), b"x").unwrap();
        }
        // A step that was saved again meanwhile is no longer to be deleted.
        fs::write(path(".tmp-pruned-step-00000004.json"), b"x").unwrap();
        finish_pruning(folder.path());
        assert!(names.iter().all(|name| !path(name).exists()));
        assert!(others.iter().chain(&again).all(|name| path(name).exists()));
        assert_eq!(without_manifest(folder.path()), [path(others[0])]);
    }

    #[test]
    fn never_deletes_everything() {
        for keep in 0..4 {
            for count in 1..6u64 {
                let steps: Vec<u64> = (0..count).rev().collect();
                assert!(to_delete(&steps, None, keep).len() < steps.len());
            }
        }
    }
}
