//! Data and receptive fields from the command line: what is wrong is one line, and an analysis
//! leaves its figures and tables.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tch::Tensor;

/// A run of one step of a few neurons, with its folders in `folder`.
fn run(folder: &Path, flags: &[&str]) -> Output {
    run_steps(folder, "1", flags)
}

/// A run of so many steps.
fn run_steps(folder: &Path, steps: &str, flags: &[&str]) -> Output {
    let small = ["--steps", steps, "--neurons", "4", "--batch-size", "4", "--eval-patches", "16"];
    Command::new(env!("CARGO_BIN_EXE_efficient_coding"))
        .args(["--kernel-size", "6", "--covariance-batches", "1", "--threads", "1", "--quiet"])
        .args(small)
        .args(flags)
        .current_dir(folder)
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap()
}

/// The exit code and the one line of an error.
fn refusal(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stderr).trim_end().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: ") && text.len() < 300, "{text}");
    (output.status.code().unwrap(), text)
}

#[test]
fn what_is_wrong_with_the_data_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let picture = image::RgbImage::from_fn(20, 5, |x, y| image::Rgb([(9 * x + y) as u8; 3]));
    let whole = include_bytes!("reference/kyoto_compressed.mat");
    fs::write(path("cut.mat"), &whole[..200]).unwrap();
    fs::write(path("other.mat"), "not a mat file").unwrap();
    for folder in ["whole", "small"] {
        fs::create_dir(path(folder)).unwrap();
    }
    fs::write(path("whole/a.mat"), whole).unwrap();
    fs::write(path("whole/b.mat"), whole).unwrap();
    picture.save(path("small/a.png")).unwrap();
    picture.save(path("small/b.png")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::create_dir(path("empty")).unwrap();
    picture.save(path("folder/a.png")).unwrap();
    fs::write(path("folder/b.jpg"), b"\xff\xd8\xff\xe0\0\x10JFIF, and no more").unwrap();
    let jpeg = include_bytes!("reference/progressive.jpg");
    fs::write(path("cut.jpg"), &jpeg[..jpeg.len() * 9 / 10]).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path("pipe.jpg"), fifo, mode, 0).unwrap();
    for (data, code, parts) in [
        ("folder", 1, ["b.jpg", "not a whole picture"]),
        ("cut.jpg", 1, ["cut.jpg", "not a whole picture: the file ends before"]),
        ("pipe.jpg", 1, ["pipe.jpg", "not a regular file"]),
        ("other.mat", 1, ["other.mat", "not a MATLAB 5 file"]),
        ("cut.mat", 1, ["cut.mat", "cut short"]),
        ("empty", 1, ["empty", "no .jpg, .png or .mat file"]),
        ("whole", 2, ["--kernel-size 6", "5 x 3 pixels"]),
        ("small", 2, ["--kernel-size 6", "20 x 5 pixels"]),
        ("small/a.png", 1, ["small/a.png: a single picture", "give a folder of two or more"]),
        ("gausian", 2, ["--data gausian", "did you mean \"gaussian\"?"]),
        ("photos", 1, ["Aqua.jpg", "scripts/data photos"]),
    ] {
        let (found, line) = refusal(&run(folder.path(), &["--data", data]));
        assert_eq!(found, code, "{line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    for (flags, part) in [
        (["--shape", "difference-of-gausians"], "did you mean \"difference-of-gaussian\"?"),
        (["--slope", "5"], "--slope 5"),
        (["--image-size", "4"], "--kernel-size 6"),
        (["--contrast-spread", "3"], "--contrast-spread 3"),
    ] {
        let (code, line) =
            refusal(&run(folder.path(), &[&flags[..], &["--data", "contrast"]].concat()));
        assert!(code == 2 && line.contains(part), "{line}");
    }
    assert!(!path("runs").exists(), "a refused run leaves a folder");
}

#[test]
fn a_folder_as_people_have_it_is_trained_on_and_only_the_run_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir_all(images.join("holidays.jpg")).unwrap();
    fs::write(images.join("a.jpg"), include_bytes!("reference/turned.jpg")).unwrap();
    fs::write(images.join("b.mat"), include_bytes!("reference/kyoto_mixed.mat")).unwrap();
    fs::write(images.join("._a.jpg"), b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_efficient_coding"))
        .args(["--data", "images", "--kernel-size", "3", "--neurons", "4", "--batch-size", "4"])
        .args(["--steps", "1", "--eval-patches", "16", "--covariance-batches", "1"])
        .args(["--threads", "1", "--name", "a", "--json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["status"], "done");
    let provenance = folder.path().join("runs/efficient_coding/a/provenance.json");
    let provenance = fs::read_to_string(provenance).unwrap();
    let provenance: serde_json::Value = serde_json::from_str(&provenance).unwrap();
    let files = provenance["data"]["data"]["files"].as_array().unwrap();
    let held_out: Vec<&serde_json::Value> = files.iter().map(|file| &file["held_out"]).collect();
    assert_eq!(held_out, [false, true]);
    let widths: Vec<u64> = files.iter().map(|file| file["width"].as_u64().unwrap()).collect();
    assert_eq!(widths, [48, 5], "the picture lies on its side, or a file is taken for a picture");
}

/// The log of a run on `images`, by the tag, one value a line of it; and C_x of its checkpoint.
fn log_of_run(folder: &Path, name: &str) -> (BTreeMap<String, Vec<f64>>, Tensor) {
    let flags = ["--data", "images", "--name", name, "--log-every", "1", "--image-every", "0"];
    let output = run_steps(folder, "3", &[&flags[..], &["--constraint", "exact"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let home = folder.join("runs/efficient_coding").join(name);
    let mut log: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in fs::read_to_string(home.join("metrics.jsonl")).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for (tag, value) in line["values"].as_object().unwrap() {
            log.entry(tag.clone()).or_default().extend(value.as_f64());
        }
    }
    let checkpoint = folder.join(format!("checkpoints/efficient_coding/{name}"));
    let tensors = checkpoint.join("step-00000003.safetensors");
    let tensors = Tensor::read_safetensors(tensors).unwrap();
    let (_, covariance) = tensors.into_iter().find(|(name, _)| name == "state.covariance").unwrap();
    (log, covariance)
}

/// A picture that is held out changes what is evaluated and nothing that is trained; one to learn
/// from changes both.
#[test]
fn no_number_of_the_training_is_of_a_picture_that_is_held_out() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    let save = |name: &str, factor: u32| {
        let picture = image::RgbImage::from_fn(24, 20, |x, y| {
            image::Rgb([((factor * (x + 3) * (y + 5)) % 251) as u8; 3])
        });
        picture.save(images.join(name)).unwrap();
    };
    for (name, factor) in [("a.png", 7), ("b.png", 11), ("c.png", 13)] {
        save(name, factor);
    }
    let (log, covariance) = log_of_run(folder.path(), "first");
    let trained = |tag: &str| tag.starts_with("terms/") || tag.starts_with("train/");
    save("c.png", 17);
    let (held_out, same) = log_of_run(folder.path(), "other-held-out");
    assert_eq!(covariance, same);
    for (tag, values) in log.iter().filter(|(tag, _)| trained(tag)) {
        assert_eq!(values, &held_out[tag], "{tag}");
    }
    for tag in ["eval/KL", "eval/own_KL", "eval/rate_rms", "covariance/off_diagonal"] {
        assert!(log[tag] != held_out[tag], "{tag}");
    }
    save("a.png", 19);
    let (trained_on, other) = log_of_run(folder.path(), "other-training");
    assert_ne!(covariance, other);
    assert_ne!(trained_on["terms/KL"], log["terms/KL"]);
}

#[test]
fn every_shape_on_every_ensemble_can_be_trained_and_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_fn(24, 16, |x, y| {
        image::Rgb([(10 * x) as u8, (255 - 13 * y) as u8, (7 * (x ^ y)) as u8])
    });
    fs::create_dir(folder.path().join("own")).unwrap();
    picture.save(folder.path().join("own/a.png")).unwrap();
    picture.save(folder.path().join("own/b.png")).unwrap();
    for (data, shape, colours) in [
        ("own", "difference-of-t", "3"),
        ("dead-leaves", "difference-of-gaussian", "1"),
        ("contrast", "single-t", "1"),
    ] {
        let own = ["--data", data, "--shape", shape, "--colours", colours, "--name", shape];
        let output = run(folder.path(), &[&own[..], &["--image-size", "32"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let checkpoint = format!("checkpoints/efficient_coding/{shape}");
        let output = Command::new(env!("CARGO_BIN_EXE_efficient_coding"))
            .args(["--analyse", &checkpoint, "--json"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = numbers["on"].as_f64().unwrap() + numbers["off"].as_f64().unwrap();
        assert_eq!((count, numbers["step"].as_u64()), (4.0, Some(1)));
        let out = folder.path().join(format!("runs/efficient_coding/{shape}/receptive_fields"));
        let table = fs::read_to_string(out.join("receptive_fields.csv")).unwrap();
        // The figures of the run's end are of the same filters.
        let figures = folder.path().join(format!("runs/efficient_coding/{shape}/figures"));
        assert_eq!(table, fs::read_to_string(figures.join("receptive_fields.csv")).unwrap());
        for name in ["receptive_fields.png", "profiles.png", "mosaic.png", "receptive_fields.json"]
        {
            assert!(out.join(name).exists(), "{name}");
        }
        assert!(figures.join("patches.png").exists());
        let provenance =
            folder.path().join(format!("runs/efficient_coding/{shape}/provenance.json"));
        let provenance = fs::read_to_string(provenance).unwrap();
        assert!(provenance.contains("\"covariance\": \"exact: "), "{provenance}");
    }
}

#[test]
fn the_information_is_between_two_bounds_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--name", "a", "--constraint", "exact"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let estimate = |flags: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_efficient_coding"))
            .args(["--information", "checkpoints/efficient_coding/a"])
            .args(flags)
            .current_dir(folder.path())
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    };
    let output = estimate(&["--samples", "1000", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let bits = |name: &str| numbers[name]["bits"].as_f64().unwrap();
    let error = 4.0 * numbers["lower"]["standard_error"].as_f64().unwrap();
    assert!(bits("lower") <= bits("upper") && bits("upper") - bits("lower") < 0.1, "{numbers}");
    // Four softplus neurons at one spike each: KL/2 is near what they tell, and neither is nothing.
    assert!(bits("lower") > error, "{numbers}");
    assert!((bits("linearised") - bits("lower")).abs() < 0.5 * bits("lower") + error, "{numbers}");

    let (code, line) = refusal(&estimate(&["--samples", "2", "--tolerance", "0.001"]));
    assert!(code == 1 && line.contains("has not converged: between"), "{line}");
    assert!(line.contains("raise --samples"), "{line}");
    for (flags, part) in [
        (["--samples", "0"], "--samples 0: expected 1 to 1048576"),
        (["--tolerance", "0"], "--tolerance 0: expected bits above 0"),
    ] {
        let (code, line) = refusal(&estimate(&flags));
        assert!(code == 2 && line.contains(part), "{line}");
    }
}

#[test]
fn an_analysis_of_what_is_no_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let analyse = |flags: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_efficient_coding");
        let mut command = Command::new(binary);
        command
            .args(flags)
            .current_dir(folder.path())
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap()
    };
    let (code, line) = refusal(&analyse(&["--analyse", "none"]));
    assert!(code == 1 && line.contains("none"), "{line}");
    let (code, line) = refusal(&analyse(&["--analyse", "none", "--steps", "3"]));
    assert!(code == 2 && line.contains("--steps"), "{line}");
    let help = analyse(&["--analyse", "x", "--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--out"));
}
