//! A run as if its process had died.

use std::fs;
use std::path::Path;

use neuron_lab::lab::store::checkpoint::{Checkpoint, find};

/// Copies a run and its checkpoint of `step` alone to a run `name`, beside it, that has no end yet.
/// `home` is the folder with `runs/` and `checkpoints/`.
pub fn after_step(home: &Path, experiment: &str, whole: &str, name: &str, step: u64) {
    let ending = format!("{step:08}");
    for kind in ["runs", "checkpoints"] {
        let from = home.join(kind).join(experiment).join(whole);
        let to = home.join(kind).join(experiment).join(name);
        fs::create_dir_all(to.join("figures")).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let file = entry.file_name().into_string().unwrap();
            let wanted = !file.starts_with("step-") || file.contains(&ending);
            if wanted && entry.path().is_file() && file != "summary.json" {
                fs::copy(entry.path(), to.join(&file)).unwrap();
            }
        }
    }
    let config = home.join("runs").join(experiment).join(name).join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    let (old, new) = (format!("\"name\": \"{whole}\""), format!("\"name\": \"{name}\""));
    fs::write(&config, text.replace(&old, &new)).unwrap();
}

/// The newest checkpoint of a run.
pub fn last(home: &Path, experiment: &str, name: &str) -> Checkpoint {
    let folder = home.join("checkpoints").join(experiment).join(name);
    Checkpoint::read(&find(&folder, false).unwrap()).unwrap()
}

/// Asserts that two runs ended in the same bits.
#[track_caller]
pub fn assert_same(home: &Path, experiment: &str, whole: &str, name: &str) {
    let (a, b) = (last(home, experiment, whole), last(home, experiment, name));
    assert_eq!(a.manifest.step, b.manifest.step, "{name}");
    assert_eq!(a.tensors.len(), b.tensors.len(), "{name}");
    for (key, tensor) in &a.tensors {
        // Values to come are NaN, which equals nothing.
        let same = tensor
            .eq_tensor(&b.tensors[key])
            .logical_or(&tensor.isnan().logical_and(&b.tensors[key].isnan()));
        assert!(bool::try_from(same.all()).unwrap(), "{name}: {key} differs");
    }
}
