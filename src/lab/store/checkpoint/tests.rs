use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Map;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::lab::store::{Persist, Purpose, StateReader, StateWriter};

/// State with a part of each kind.
struct Toy {
    weight: Tensor,
    flags: Tensor,
    updates: i64,
}

impl Persist for Toy {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        writer.model("layer.weight", &self.weight);
        writer.auxiliary("state.flags", &self.flags);
        writer.number("optim.step", &self.updates);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        reader.model("layer.weight", &self.weight)?;
        reader.auxiliary("state.flags", &self.flags)?;
        reader.number("optim.step", &mut self.updates)
    }
}

fn toy(value: f64) -> Toy {
    Toy {
        weight: Tensor::full([2, 3], value, (Kind::Float, Device::Cpu)),
        flags: Tensor::from_slice(&[value != 0.0, false]),
        updates: value as i64,
    }
}

fn state(value: f64) -> StateWriter {
    let mut writer = StateWriter::default();
    toy(value).save(&mut writer).unwrap();
    writer
}

/// Loads a checkpoint into `toy`, with nothing left over.
fn load(toy: &mut Toy, checkpoint: &Checkpoint, purpose: Purpose) -> Result<()> {
    let mut reader = StateReader::new(checkpoint, purpose);
    toy.load(&mut reader)?;
    reader.finish()
}

fn manifest(step: u64, best: bool) -> Manifest {
    Manifest {
        format: FORMAT,
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
        numbers: Map::new(),
        manifest_sha256: String::new(),
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
    let checkpoint = checkpoint.unwrap();
    for (purpose, updates, flag) in
        [(Purpose::Resume, 7, true), (Purpose::Evaluate, 7, true), (Purpose::Initialise, 0, false)]
    {
        let mut live = toy(0.0);
        load(&mut live, &checkpoint, purpose).unwrap();
        assert_eq!(live.weight, toy(7.0).weight);
        assert_eq!(live.flags, Tensor::from_slice(&[flag, false]));
        assert_eq!(live.updates, updates);
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
    let text = String::from_utf8(whole.clone()).unwrap();
    let newer = text.replace("\"format\": 2", "\"format\": 9");
    let older = text.replace("\"format\": 2", "\"format\": 1");
    let number = text.replace("\"optim.step\": 2", "\"optim.step\": 3");
    let more = text.replacen('{', "{\n  \"note\": 1,", 1);
    assert!(newer != text && older != text && number != text);
    let damaged = [newer.as_bytes(), older.as_bytes(), number.as_bytes(), more.as_bytes()];
    for damage in [&whole[..whole.len() / 2], b"", b"{}", b"[1]"].into_iter().chain(damaged) {
        fs::write(&path, damage).unwrap();
        assert_eq!(
            Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap().manifest.step,
            1
        );
    }
}

#[test]
fn a_manifest_under_another_steps_name_and_a_key_too_much_are_named() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 1, false);
    let (whole, copy) =
        (folder.path().join("step-00000001.json"), folder.path().join("step-00000002.json"));
    fs::copy(&whole, &copy).unwrap();
    let error = Manifest::read(&copy).unwrap_err().to_string();
    assert!(
        error.ends_with("step-00000002.json is the manifest of step 1: it was renamed or copied")
    );
    let text = fs::read_to_string(&whole).unwrap();
    fs::write(&whole, text.replacen('{', "{\"note\": 1,", 1)).unwrap();
    let error = format!("{:#}", Manifest::read(&whole).unwrap_err());
    assert!(error.contains("is damaged: unknown field `note`"), "{error}");
}

#[test]
fn a_score_that_is_not_finite_is_read_again_and_beats_none() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let folder = tempfile::tempdir().unwrap();
        for higher_is_better in [true, false] {
            let score = Score { tag: "eval/loss".into(), value, higher_is_better };
            assert!(!score.beats(0.0), "{value}");
            let mut scored = Manifest { score: Some(score), ..manifest(3, false) };
            save(folder.path(), &mut scored, &state(3.0)).unwrap();
            let read = Manifest::read(&folder.path().join("step-00000003.json")).unwrap();
            assert!(read.score.unwrap().value.is_nan());
        }
    }
}

#[test]
fn a_wrong_shape_kind_or_name_is_named() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 7, true);
    let checkpoint = Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap();
    let options = (Kind::Float, Device::Cpu);
    let shape = Toy { weight: Tensor::zeros([1, 3], options), ..toy(0.0) };
    let kind = Toy { weight: Tensor::zeros([2, 3], (Kind::Double, Device::Cpu)), ..toy(0.0) };
    let cases = [
        (shape, "layer.weight is [2, 3], this model needs [1, 3]"),
        (kind, "layer.weight is Float, this model needs Double"),
    ];
    for (mut live, expected) in cases {
        for purpose in [Purpose::Resume, Purpose::Evaluate, Purpose::Initialise] {
            let error = load(&mut live, &checkpoint, purpose).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(live.weight.abs().sum(Kind::Double).double_value(&[]), 0.0);
        }
    }
    let mut reader = StateReader::new(&checkpoint, Purpose::Resume);
    let error = reader.tensor("layer.bias").unwrap_err();
    assert!(error.to_string().contains("lacks tensor layer.bias"), "{error}");
    let error = reader.number("optim.steps", &mut 0.0).unwrap_err();
    assert!(error.to_string().contains("lacks the number optim.steps"), "{error}");
    let error = reader.number("optim.step", &mut String::new()).unwrap_err();
    assert!(error.to_string().contains("optim.step can't be 7"), "{error}");
    reader.model("layer.bias", &Tensor::zeros([2], options)).unwrap();
    reader.model("layer.weight", &Tensor::zeros([6], options)).unwrap();
    let error = reader.finish().unwrap_err().to_string();
    let all = ["lacks tensor layer.bias", "layer.weight is [2, 3]", "state.flags", "optim.step"];
    assert!(all.iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn what_was_not_read_is_left_over_only_where_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 7, true);
    let checkpoint = Checkpoint::newest(folder.path(), |_| Ok(())).unwrap().0.unwrap();
    let live = toy(0.0);
    for (purpose, with_model, allowed) in [
        (Purpose::Resume, true, false),
        (Purpose::Evaluate, true, true),
        (Purpose::Initialise, true, true),
        (Purpose::Evaluate, false, false),
        (Purpose::Initialise, false, false),
    ] {
        let mut reader = StateReader::new(&checkpoint, purpose);
        if with_model {
            reader.model("layer.weight", &live.weight).unwrap();
        }
        assert_eq!(reader.finish().is_ok(), allowed, "{purpose:?} {with_model}");
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
    // Tensors whose manifest was lost are nobody's to delete.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7);
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

#[test]
fn a_folder_is_read_again_while_a_run_deletes_from_it() {
    let folder = tempfile::tempdir().unwrap();
    save_step(folder.path(), 1, true);
    let run = || {
        for step in 2..80 {
            save_step(folder.path(), step, true);
            prune(folder.path(), 1).unwrap();
        }
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(run);
        let mut reads = 0;
        while !run.is_finished() || reads == 0 {
            for best in [true, false] {
                Checkpoint::open(folder.path(), best).unwrap();
                reads += 1;
            }
        }
        run.join().unwrap();
    });
    assert_eq!(Checkpoint::open(folder.path(), true).unwrap().manifest.step, 79);
}
