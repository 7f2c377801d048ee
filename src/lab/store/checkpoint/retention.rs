//! Which checkpoints stay.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::manifest::{Manifest, step_of};

/// The steps to delete of `steps` (newest first), so that the newest `keep` and `best` stay.
fn to_delete(steps: &[u64], best: Option<u64>, keep: usize) -> Vec<u64> {
    steps.iter().skip(keep.max(1)).copied().filter(|step| Some(*step) != best).collect()
}

/// Deletes all but the newest `keep` checkpoints and the best one, the newest that is marked so;
/// takes that mark from the others, and removes tensors that never got a manifest.
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
            fs::remove_file(path)?;
            match fs::remove_file(path.with_extension("safetensors")) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        } else if Some(*step) != best {
            unmark(path)?;
        }
    }
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        let tensors = path.extension().is_some_and(|extension| extension == "safetensors");
        if tensors && step_of(&path).is_some() && !path.with_extension("json").exists() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
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
    fn never_deletes_everything() {
        for keep in 0..4 {
            for count in 1..6u64 {
                let steps: Vec<u64> = (0..count).rev().collect();
                assert!(to_delete(&steps, None, keep).len() < steps.len());
            }
        }
    }
}
