//! What the log writes, and what it leaves out.

use std::fs;

use super::*;
use crate::lab::figure::{LineFigure, RgbImage, Series};

fn reading(tag: &str, values: &[f64]) -> Reading {
    Reading { tag: tag.into(), values: values.to_vec() }
}

#[test]
fn lines_after_the_checkpoint_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path(), None);
    for step in [10, 20, 30] {
        log.scalars(step, 0.5, &[reading("loss", &[step as f64])]);
    }
    log.close(Some(true));
    let path = folder.path().join("metrics.jsonl");
    let mut torn = fs::read(&path).unwrap();
    torn.extend(b"{\"step\": 40, \"va");
    fs::write(&path, torn).unwrap();

    let mut log = Log::open(folder.path(), Some(20));
    log.scalars(21, 0.6, &[reading("loss", &[f64::NAN])]);
    log.close(Some(true));
    let text = fs::read_to_string(&path).unwrap();
    let steps: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    assert_eq!(steps.iter().map(|l| l["step"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 20, 21]);
    assert!(steps[2]["values"]["loss"].is_null());
    assert_eq!(log.history("loss").len(), 3);
    assert!(log.failure().is_none());
}

#[test]
fn a_line_without_its_end_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    fs::write(&path, "{\"step\":1,\"values\":{}}\n{\"step\":2,\"values\":{}}").unwrap();
    let mut log = Log::open(folder.path(), Some(2));
    log.scalars(3, 0.0, &[]);
    log.close(Some(true));
    let text = fs::read_to_string(&path).unwrap();
    let steps = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(steps.map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn replicates_become_mean_spread_and_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path(), None);
    log.scalars(1, 0.0, &[reading("loss", &[1.0, 3.0])]);
    log.close(Some(true));
    let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let line: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({"loss": 2.0, "loss/r0": 1.0, "loss/r1": 3.0, "loss/sd": 2f64.sqrt()});
    assert_eq!(line["values"], expected);
    let resumed = Log::open(folder.path(), Some(1));
    assert_eq!(resumed.latest(), log.latest());
}

#[test]
fn a_folder_that_is_gone_is_one_warning() {
    let mut log = Log::open(Path::new("/nonexistent/run"), None);
    log.scalars(1, 0.0, &[reading("loss", &[1.0])]);
    log.flush();
    let warnings = log.take_warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("goes on without a log"));
    assert!(log.take_warnings().is_empty());
}

#[test]
fn a_folder_that_comes_back_gets_everything_that_waited() {
    let home = tempfile::tempdir().unwrap();
    let (folder, later) = (home.path().join("run"), home.path().join("later"));
    fs::create_dir(&folder).unwrap();
    let mut log = Log::open(&folder, None);
    log.scalars(1, 0.0, &[reading("loss", &[1.0])]);
    log.close(None);

    let mut log = Log::open(&later, Some(1));
    log.scalars(2, 0.0, &[reading("loss", &[2.0])]);
    log.flush();
    log.text("note", 2, "text");
    assert!(log.failure().is_some());
    fs::rename(&folder, &later).unwrap();
    log.scalars(3, 0.0, &[reading("loss", &[3.0])]);
    log.flush();
    assert_eq!(log.take_warnings().len(), 1);
    assert!(log.failure().unwrap().starts_with("note is not in the log"), "{:?}", log.failure());
    assert_eq!(log.history("loss"), [(1, 1.0), (2, 2.0), (3, 3.0)]);
    let lines = fs::read_to_string(later.join("metrics.jsonl")).unwrap();
    let steps = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(steps.map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn figures_show_the_same_of_a_run_that_was_resumed() {
    let (mut log, folder) = in_a_folder();
    log.scalars(1, 0.0, &[reading("loss", &[f64::INFINITY])]);
    log.close(None);
    let recalled = Log::open(folder.path(), Some(1));
    for log in [&log, &recalled] {
        assert!(matches!(log.history("loss"), [(1, value)] if value.is_nan()));
    }
}

#[test]
fn a_muted_log_writes_files_and_nothing_to_tensorboard() {
    let (mut log, folder) = in_a_folder();
    let events = || {
        let files = fs::read_dir(folder.path()).unwrap().flatten();
        let sizes = files.filter(|file| file.file_name().to_string_lossy().starts_with("events"));
        sizes.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    log.flush();
    let before = events();
    log.mute(true);
    log.text("note", 1, "text");
    log.histogram("weights", 1, &[1.0]);
    log.tensors("kept", &vec![("values".to_string(), tch::Tensor::from(1.0))]);
    log.mute(false);
    log.flush();
    assert_eq!(events(), before);
    assert!(folder.path().join("figures/kept.safetensors").exists());
    log.text("note", 1, "text");
    log.flush();
    assert!(events() > before);
}

/// A log, and its folder with a place for figures.
fn in_a_folder() -> (Log, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("figures")).unwrap();
    (Log::open(folder.path(), None), folder)
}

/// That an entry was left out with one warning that says this, and that the log goes on.
#[track_caller]
fn assert_left_out(log: &mut Log, folder: &Path, said: &str) {
    let warnings = log.take_warnings();
    assert!(warnings.len() == 1 && warnings[0].contains(said), "{warnings:?}");
    assert!(warnings[0].ends_with("the run goes on"), "{warnings:?}");
    assert!(log.failure().unwrap().contains(said), "{:?}", log.failure());
    log.scalars(9, 0.0, &[reading("after", &[1.0])]);
    log.flush();
    let lines = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert!(lines.lines().last().unwrap().contains("after"), "{lines}");
    assert!(log.take_warnings().is_empty());
}

#[test]
fn a_picture_that_can_not_be_encoded_costs_itself_and_one_warning() {
    let pixels = vec![0; 12];
    for (width, height) in [(0, 4), (4, 0), (3, 2)] {
        let (mut log, folder) = in_a_folder();
        let bad = RgbImage { width, height, pixels: pixels.clone() };
        for step in 1..4 {
            log.image("matrix", step, &bad);
        }
        let said = format!("matrix is not in the log: an image of {width} x {height} pixels");
        assert_left_out(&mut log, folder.path(), &said);
    }
}

fn curve(y: Vec<f64>) -> LineFigure {
    LineFigure::new("t", "x", "y", vec![Series::new("", vec![1.0], y)])
}

#[test]
fn a_figure_that_can_not_be_drawn_costs_itself() {
    let (mut log, folder) = in_a_folder();
    log.draw("uneven", 4, &curve(vec![1.0, 2.0]));
    assert_left_out(&mut log, folder.path(), "figures/uneven is not in the log");
    log.draw("even", 4, &curve(vec![1.0]));
    assert!(log.take_warnings().is_empty());
    assert!(folder.path().join("figures/even.png").exists());
}

#[test]
fn a_figure_whose_file_can_not_be_written_costs_that_file() {
    let (mut log, folder) = in_a_folder();
    // A folder stands where the numbers should go.
    fs::create_dir(folder.path().join("figures/learning.csv")).unwrap();
    log.draw("learning", 4, &curve(vec![1.0]));
    assert_left_out(&mut log, folder.path(), "learning.csv");
    for whole in ["learning.png", "learning.json"] {
        assert!(folder.path().join("figures").join(whole).exists());
    }
}

#[test]
fn a_figure_has_the_formats_that_are_asked_for_and_those_that_are_there() {
    let (mut log, folder) = in_a_folder();
    let names = || {
        let files = fs::read_dir(folder.path().join("figures")).unwrap().flatten();
        let mut names: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    log.draw_as(&[Format::Pdf]);
    log.draw("a.b", 4, &curve(vec![1.0]));
    assert_eq!(names(), ["a.b.csv", "a.b.json", "a.b.pdf"]);
    let earlier = fs::read(folder.path().join("figures/a.b.pdf")).unwrap();
    log.draw_as(&[Format::Png, Format::Svg]);
    log.draw("a.b", 5, &curve(vec![2.0]));
    assert_eq!(names(), ["a.b.csv", "a.b.json", "a.b.pdf", "a.b.png", "a.b.svg"]);
    assert!(fs::read(folder.path().join("figures/a.b.pdf")).unwrap() != earlier);
    assert!(log.take_warnings().is_empty());
}

#[test]
fn tensors_that_no_file_can_hold_cost_themselves() {
    let (mut log, folder) = in_a_folder();
    let complex = tch::Tensor::zeros([2], (tch::Kind::ComplexFloat, tch::Device::Cpu));
    log.tensors("spectrum", &vec![("values".to_string(), complex)]);
    assert_left_out(&mut log, folder.path(), "figures/spectrum is not in the log");
    assert!(!folder.path().join("figures/spectrum.safetensors").exists());
}

#[test]
fn a_text_that_is_too_large_costs_itself() {
    let (mut log, folder) = in_a_folder();
    log.text("config", 0, &"x".repeat((64 << 20) + 1));
    assert_left_out(&mut log, folder.path(), "config is not in the log");
}

#[test]
fn values_that_are_not_finite_are_logged() {
    let (mut log, folder) = in_a_folder();
    for values in [&[][..], &[f32::NAN], &[f32::INFINITY, f32::MAX, f32::MIN, 0.0]] {
        log.histogram("weights", 1, values);
    }
    log.scalars(1, 0.0, &[reading("loss", &[f64::NAN, f64::INFINITY])]);
    log.flush();
    assert!(log.take_warnings().is_empty() && log.failure().is_none());
    let line = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["values"]["loss/r0"].is_null() && line["values"]["loss/r1"].is_null());
}
