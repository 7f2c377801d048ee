//! The program `efficient_coding`: resuming under every constraint, what it refuses, what a step
//! reads, and what its tags mean.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::Random;
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::retina::report;
use neuron_lab::lab::log::tags;
use neuron_lab::lab::open_session;
use neuron_lab::lab::store::checkpoint::{Checkpoint, Manifest, find};
use neuron_lab::lab::tensor::to_host;
use neuron_lab::lab::train::finite::FinitePolicy;
use serde_json::Value;
use tch::{Kind, Tensor};

const TINY: &str = "--device cpu --kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 \
                    --covariance-batches 2 --image-every 0 --log-every 7 --evaluate-every 50 \
                    --lr 0.02";

/// Every constraint, and what else has a state of its own.
const CONSTRAINTS: [&str; 15] = [
    "lagrange",
    "gamma-v1",
    "gamma-v2",
    "none",
    "two-losses --variant alternate --rate-lr-multiplier 10",
    "two-losses --variant leak",
    "two-losses --variant clean --optimizer adam",
    "project",
    "total-derivative",
    "exact --legacy-logging",
    "pi --optimizer momentum",
    "lagrange --shape difference-of-gaussian --colours 3 --jitter-stop 200 --jitter-interval 13",
    "exact --jitter-stop 200 --jitter-interval 13 --centring-stop 150 --data contrast",
    "pi --optimizer adam --replicates 2",
    "two-losses --replicates 3 --jitter-stop 200 --jitter-interval 13",
];

fn command(home: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_efficient_coding"));
    command.args(line.split_whitespace()).current_dir(home).stdin(Stdio::null());
    command.env_remove("RUST_BACKTRACE");
    command
}

fn run(home: &Path, line: &str) -> Output {
    command(home, line).output().unwrap()
}

#[track_caller]
fn succeeds(home: &Path, line: &str) {
    let output = run(home, &format!("{line} --quiet"));
    assert!(output.status.success(), "{line}: {output:?}");
}

#[track_caller]
fn refused(home: &Path, line: &str, code: i32, part: &str) {
    let output = run(home, line);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.contains(part), "{line}: {said}");
    assert!(said.lines().count() == 1 && said.len() < 400, "{line}: {said}");
}

fn metrics(home: &Path, name: &str) -> Vec<Value> {
    let path = home.join("runs/efficient_coding").join(name).join("metrics.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let clean = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry.as_object_mut().unwrap().shift_remove("time");
        let values = entry["values"].as_object_mut().unwrap();
        values.retain(|tag, _| !tags::is_of_machine(tag));
        entry
    };
    text.lines().map(clean).collect()
}

fn last(home: &Path, name: &str, step: u64) -> Vec<u8> {
    let folder = home.join("checkpoints/efficient_coding").join(name);
    fs::read(folder.join(format!("step-{step:08}.safetensors"))).unwrap()
}

/// Killed at a random moment and resumed, every constraint ends in the same bits.
#[test]
fn resume_is_bit_for_bit_under_every_constraint() {
    let (home, mut random) = (tempfile::tempdir().unwrap(), Random::new());
    let steps = 260;
    for (i, constraint) in CONSTRAINTS.iter().enumerate() {
        let line = format!("{TINY} --constraint {constraint} --steps {steps} --keep 3");
        let line = format!("{line} --checkpoint-every 11");
        let whole = format!("whole{i}");
        succeeds(home.path(), &format!("{line} --name {whole}"));
        let (cut, least) = common::in_time(|attempt| {
            let cut = format!("cut{i}-{attempt}");
            let mut child = command(home.path(), &format!("{line} --name {cut} --quiet"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let folder = home.path().join("checkpoints/efficient_coding").join(&cut);
            // Anywhere in the run, and well before its end.
            let least = random.below(steps - 60);
            let newest = || anyhow::Ok(Manifest::read(&find(&folder, false)?)?.step);
            common::wait_until("a checkpoint", || newest().is_ok_and(|step| step > least));
            std::thread::sleep(Duration::from_millis(random.below(20)));
            child.kill().unwrap();
            let killed = child.wait().unwrap().signal() == Some(9);
            killed.then_some((cut, least))
        });
        succeeds(home.path(), &format!("--resume {cut}"));
        let context = format!("{constraint}, seed {}, after step {least}", random.seed);
        let same = last(home.path(), &whole, steps) == last(home.path(), &cut, steps);
        assert!(same, "{context}");
        assert_eq!(metrics(home.path(), &whole), metrics(home.path(), &cut), "{context}");
    }
}

/// The tensors of a checkpoint, or of a file in the folder of a run's figures.
fn tensors(path: &Path) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// The numbers behind an evaluation's pictures: the rates are those whose rms it logs, and a step along
/// the gradient is the step that the run takes next.
#[test]
fn what_is_behind_the_pictures_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let line = TINY.replace("--image-every 0", "--image-every 1");
    let line = line.replace("--evaluate-every 50", "--evaluate-every 1");
    for (name, steps) in [("a", 2), ("b", 3)] {
        succeeds(home.path(), &format!("{line} --steps {steps} --name {name}"));
    }
    let weights = |name: &str| {
        let folder = home.path().join("checkpoints/efficient_coding").join(name);
        Checkpoint::read(&find(&folder, false).unwrap()).unwrap().tensors
    };
    let (before, after) = (weights("a"), weights("b"));
    let figures = home.path().join("runs/efficient_coding/a/figures");
    let gradients = tensors(&figures.join("gradients.safetensors"));
    let moved = &before["encoder.W"] - &gradients["W_grad"] * 0.02;
    let moved = &moved / moved.norm_scalaropt_dim(2.0, 0, true);
    assert!(moved.allclose(&after["encoder.W"], 1e-5, 1e-6, false));
    assert!(!before["encoder.W"].allclose(&after["encoder.W"], 1e-5, 1e-6, false));
    let neurons = tensors(&figures.join("neurons.safetensors"));
    let rms = (&neurons["r"] - 1.0).square().mean(Kind::Double).sqrt().double_value(&[]);
    let logged =
        metrics(home.path(), "a").last().unwrap()["values"]["eval/rate_rms"].as_f64().unwrap();
    assert!((rms - logged).abs() < 1e-5, "{rms} {logged}");
    assert!(neurons["gain"].allclose(&before["encoder.logA"].exp(), 1e-5, 1e-6, false));
}

#[test]
fn a_checkpoint_holds_its_covariance() {
    let home = tempfile::tempdir().unwrap();
    succeeds(home.path(), &format!("{TINY} --steps 3 --name a"));
    let folder = home.path().join("checkpoints/efficient_coding/a");
    let checkpoint = Checkpoint::read(&find(&folder, false).unwrap()).unwrap();
    for (name, size) in [
        ("encoder.W", vec![36, 7]),
        ("encoder.logA", vec![7]),
        ("encoder.logB", vec![7]),
        ("Lambda", vec![7]),
        ("state.covariance", vec![36, 36]),
    ] {
        assert_eq!(checkpoint.tensors[name].size(), size, "{name}");
    }
    let covariances = home.path().join("runs/efficient_coding/a/figures/covariances.safetensors");
    let bytes = fs::read(covariances).unwrap();
    let parsed = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for name in [
        "MI_numerator",
        "MI_numerator.standard_error",
        "MI_numerator.first_batch",
        "MI_denominator",
        "WCxW",
    ] {
        assert_eq!(parsed.tensor(name).unwrap().shape(), [7, 7], "{name}");
    }
}

#[test]
fn bad_values_are_one_line() {
    let home = tempfile::tempdir().unwrap();
    for (flags, part) in [
        ("--input-noise -0.1", "--input-noise -0.1"),
        ("--output-noise 0", "--output-noise 0"),
        ("--kernel-size 100", "64 pixels"),
        ("--kernel-size 6 --neurons 37", "--neurons 37: more than the 36 inputs"),
        ("--colours 2", "--colours 2"),
        ("--firing-rate nan", "--firing-rate nan"),
        ("--variant leak", "two-losses"),
        ("--schedule plateau", "--schedule plateau: an evaluation measures information"),
        ("--rate-lr-multiplier 10", "--constraint two-losses"),
        ("--lr 1e37 --constraint project --rate-lr-multiplier 100", "a product <3.4e38"),
        ("--replicates 2 --data dead-leaves", "--replicates 2"),
        ("--data nothing", "--data nothing"),
        ("--shape round", "--shape round"),
        ("--constraint lagrang", "lagrange"),
        ("--kernel-size 4611686018427387904", "--kernel-size 4611686018427387904: expected 1 to"),
        ("--kernel-size 3037000500", "--kernel-size 3037000500: expected 1 to 128"),
        ("--colours 4611686018427387904", "expected 1 or 3"),
        ("--batch-size 4611686018427387904", "expected 1 to 1000000"),
        ("--eval-patches 100000000000000", "--eval-patches 100000000000000: expected 1 to 1000000"),
        ("--covariance-batches 4611686018427387904", "expected 1 to 1000000"),
        ("--neurons 0", "--neurons 0: expected 1 or more"),
        ("--centres hexagonal", "--centres hexagonal: free filters have no centres"),
        ("--shared-shape", "--shared-shape: free filters have no shape"),
        ("--mosaics 2", "--mosaics 2: expected 1, or more with --centres hexagonal"),
        (
            "--shape gaussian --centres hexagonal --mosaics 2 --neurons 5",
            "--mosaics 2: --neurons 5 is no multiple of it",
        ),
        (
            "--shape gaussian --centres hexagonal --jitter-stop 9",
            "jitter would move what stands still",
        ),
        ("--gain-smoothing 0.9", "--gain-smoothing 0.9: it goes with --constraint exact only"),
        ("--constraint exact --gain-smoothing 1", "--gain-smoothing 1: expected 0 to below 1"),
    ] {
        refused(home.path(), flags, 2, part);
    }
}

/// The limits of flags hold for a configuration file too.
#[test]
fn bad_values_of_a_file_are_one_line() {
    let home = tempfile::tempdir().unwrap();
    for (values, part) in [
        (r#"{"downsample": 0}"#, "--downsample 0: expected 1 to 64"),
        (r#"{"image_size": 1}"#, "--image-size 1: expected 2 to 4096"),
        (r#"{"leaf_images": -3}"#, "--leaf-images -3: expected 1 to 10000"),
        (r#"{"evaluate_every": 0}"#, "--evaluate-every 0: expected 1 or more"),
    ] {
        fs::write(home.path().join("a.json"), values).unwrap();
        refused(home.path(), "--config a.json", 2, part);
    }
}

#[test]
fn bad_files_are_one_line() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("pictures");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.jpg"), b"\xff\xd8\xff\xe0 not a picture").unwrap();
    refused(home.path(), "--kernel-size 6 --neurons 7 --data pictures", 1, "a.jpg");
    fs::write(home.path().join("b.mat"), b"no MATLAB file").unwrap();
    refused(home.path(), "--kernel-size 3 --neurons 7 --data b.mat", 1, "b.mat");
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/kyoto.mat"));
    fs::write(home.path().join("c.mat"), &whole.unwrap()[..300]).unwrap();
    refused(home.path(), "--kernel-size 3 --neurons 7 --data c.mat", 1, "c.mat");
    // Four patches have no covariance of 144 inputs.
    let picture = image::RgbImage::from_fn(13, 13, |x, y| image::Rgb([(x * y) as u8; 3]));
    fs::create_dir(home.path().join("few")).unwrap();
    picture.save(home.path().join("few/d.png")).unwrap();
    let single =
        "--data few: a single picture, and evaluations need one that nothing is learnt from";
    refused(home.path(), "--kernel-size 12 --neurons 7 --data few", 1, single);
    let single = "--data few/d.png: a single picture";
    refused(home.path(), "--kernel-size 12 --neurons 7 --data few/d.png", 1, single);
    picture.save(home.path().join("few/e.png")).unwrap();
    refused(home.path(), "--kernel-size 12 --neurons 7 --data few", 1, "few is not positive");
}

#[test]
fn a_step_reads_nothing_from_the_device() {
    let home = tempfile::tempdir().unwrap();
    tch::set_num_threads(1);
    for (i, constraint) in CONSTRAINTS.iter().enumerate() {
        let line = format!("efficient_coding {TINY} --log-every 4 --constraint {constraint}");
        let line = line.replacen("--log-every 7", "", 1);
        let (runs, checkpoints) = (home.path().join("runs"), home.path().join("checkpoints"));
        let words = line.split_whitespace().map(OsString::from);
        let places = ["--runs".into(), runs.into(), "--checkpoints".into(), checkpoints.into()];
        let name = ["--name".into(), format!("reads{i}").into()];
        let mut session = open_session::<EfficientCoding>(words.chain(places).chain(name)).unwrap();
        session.set_finite_policy(FinitePolicy::WhenLogging);
        let found: Vec<u64> = (0..8)
            .map(|_| {
                let before = to_host::count();
                session.one_step().unwrap();
                to_host::count() - before
            })
            .collect();
        // Step 1 is logged, since an evaluation follows it.
        assert_eq!(found, [1, 0, 0, 1, 0, 0, 0, 1], "{constraint}");
    }
}

#[test]
fn every_tag_is_explained() {
    let home = tempfile::tempdir().unwrap();
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/efficient_coding.md"))
            .unwrap();
    for (tag, _) in report::TAGS {
        assert!(page.contains(&format!("| `{tag}` |")), "docs/efficient_coding.md lacks {tag}");
    }
    for (i, constraint) in ["lagrange", "two-losses", "exact --legacy-logging"].iter().enumerate() {
        succeeds(
            home.path(),
            &format!("{TINY} --constraint {constraint} --steps 14 --name tags{i}"),
        );
        for entry in metrics(home.path(), &format!("tags{i}")) {
            for tag in entry["values"].as_object().unwrap().keys() {
                assert!(tags::meaning(report::TAGS, tag).is_some(), "{tag}");
            }
        }
    }
}
