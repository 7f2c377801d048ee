use std::fs;
use std::path::Path;

use serde_json::Map;
use tch::{Device, Kind, Tensor};

use super::*;

fn state(value: f64) -> State {
    let options = (Kind::Float, Device::Cpu);
    vec![
        ("layer.weight".into(), Tensor::full([2, 3], value, options)),
        ("optim.step".into(), Tensor::from(value as i64)),
        ("state.flags".into(), Tensor::from_slice(&[true, false])),
    ]
}

fn manifest(step: u64, best: bool) -> Manifest {
    Manifest {
        format: 1,
        experiment: "toy".into(),
        run: "a".into(),
        step,
        file: String::new(),
        bytes: 0,
        sha256: String::new(),
        best,
        score: None,
        config: Map::new(),
        device: "cpu".into(),
        threads: 1,
        libtorch: "2".into(),
        neuron_lab: "0".into(),
        seconds: 0.0,
        saved: String::new(),
    }
}

fn save_step(folder: &Path, step: u64, best: bool) {
    save(folder, &mut manifest(step, best), &state(step as f64)).unwrap();
}

#[test]
fn what_is_saved_is_restored_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 7, true);
    let (checkpoint, skipped) = Checkpoint::newest(folder.path(), |_| Ok(())).unwrap();
    let live = state(0.0);
    checkpoint.unwrap().restore(&live, |_| true).unwrap();
    for ((name, live), (_, saved)) in live.iter().zip(&state(7.0)) {
        assert_eq!(live, saved, "{name}");
    }
    assert!(skipped.is_empty());
}

#[test]
fn bytes_are_the_same_for_the_same_state() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    save_step(a.path(), 7, true);
    save_step(b.path(), 7, true);
    let read = |folder: &Path| fs::read(folder.join(file_name(7))).unwrap();
    assert_eq!(read(a.path()), read(b.path()));
}

#[test]
fn every_damage_falls_back_to_the_older_one() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 1, false);
    save_step(folder.path(), 2, true);
    let path = folder.path().join(file_name(2));
    let whole = fs::read(&path).unwrap();
    let mut damages: Vec<Vec<u8>> =
        (0..10).map(|tenth| whole[..whole.len() * tenth / 10].to_vec()).collect();
    for position in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        damages.push(flipped);
    }
    damages.push(b"something else".to_vec());
    for damage in damages {
        fs::write(&path, damage).unwrap();
        let (found, skipped) = Checkpoint::newest(folder.path(), |_| Ok(())).unwrap();
        assert_eq!(found.unwrap().manifest.step, 1);
        assert!(skipped[0].1.contains("step-00000002"), "{skipped:?}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap().manifest.step, 1);
}

#[test]
fn a_damaged_manifest_falls_back_too() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 1, false);
    save_step(folder.path(), 2, true);
    let path = folder.path().join("step-00000002.json");
    let whole = fs::read(&path).unwrap();
    let newer = String::from_utf8(whole.clone()).unwrap().replace("\"format\": 1", "\"format\": 9");
    for damage in [&whole[..whole.len() / 2], b"", b"{}", b"[1]", newer.as_bytes()] {
        fs::write(&path, damage).unwrap();
        assert_eq!(
            Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap().manifest.step,
            1
        );
    }
}

#[test]
fn a_wrong_shape_kind_or_key_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 7, true);
    let checkpoint = Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap();
    let options = (Kind::Float, Device::Cpu);
    let mut shape = state(0.0);
    shape[0].1 = Tensor::zeros([1, 3], options);
    let mut kind = state(0.0);
    kind[0].1 = Tensor::zeros([2, 3], (Kind::Double, Device::Cpu));
    let mut missing = state(0.0);
    missing.push(("layer.bias".into(), Tensor::zeros([2], options)));
    let mut extra = state(0.0);
    drop(extra.remove(2));
    let cases = [
        (shape, "layer.weight is [2, 3], this model needs [1, 3]"),
        (kind, "layer.weight is Float, this model needs Double"),
        (missing, "lacks tensor layer.bias"),
        (extra, "has a tensor state.flags that this model lacks"),
    ];
    for (live, expected) in cases {
        let error = checkpoint.restore(&live, |_| true).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        for (name, tensor) in &live {
            assert_eq!(tensor.to_kind(Kind::Double).abs().sum(Kind::Double).double_value(&[]), {
                if name == "state.flags" { 1.0 } else { 0.0 }
            });
        }
    }
}

#[test]
fn only_the_newest_and_the_best_are_kept_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    for (step, best) in [(1, true), (2, true), (3, false), (4, false), (5, false)] {
        save_step(folder.path(), step, best);
    }
    fs::write(folder.path().join("step-00000009.safetensors"), b"no manifest").unwrap();
    prune(folder.path(), 2).unwrap();
    let manifests: Vec<Manifest> =
        Manifest::list(folder.path()).iter().map(|path| Manifest::read(path).unwrap()).collect();
    let found: Vec<(u64, bool)> = manifests.iter().map(|m| (m.step, m.best)).collect();
    assert_eq!(found, [(5, false), (4, false), (2, true)]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
    let best = find(folder.path(), true).unwrap();
    assert!(best.ends_with("step-00000002.json"));
}

#[test]
fn a_save_that_fails_keeps_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 1, true);
    // A folder where the next file should go makes the rename fail.
    fs::create_dir(folder.path().join(file_name(2))).unwrap();
    assert!(save(folder.path(), &mut manifest(2, true), &state(2.0)).is_err());
    assert_eq!(Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap().manifest.step, 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}
