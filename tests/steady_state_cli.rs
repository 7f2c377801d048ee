//! The program `steady_state`: resuming, batches, runs that diverge, and what it refuses.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use neuron_lab::lab::store::checkpoint::{Checkpoint, find};
use serde_json::Value;
use tch::Kind;

const SMALL: &str = "--replicates 3 --expansions 1,3 --gammas 0.02,0.1 --pretrain-seconds 105 \
                     --train-seconds 120 --steady-seconds 120 --loss-seconds 100";

fn run(home: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steady_state"));
    command.env_remove("RUST_BACKTRACE");
    command.args(line.split_whitespace()).current_dir(home).output().unwrap()
}

#[track_caller]
fn succeeds(home: &Path, line: &str) {
    let output = run(home, &format!("{line} --quiet"));
    assert!(output.status.success(), "{output:?}");
}

fn checkpoint(home: &Path, name: &str) -> Checkpoint {
    let folder = home.join("checkpoints/steady_state").join(name);
    Checkpoint::read(&find(&folder, false).unwrap()).unwrap()
}

/// Stopped after every step of every stage, a run continues to the same bits.
#[test]
fn resume_is_bit_for_bit() {
    for pretrain in ["lms", "gd-iterated", "gd-closed-form", "exact"] {
        let home = tempfile::tempdir().unwrap();
        let line = format!("{SMALL} --pretrain {pretrain} --keep 50 --checkpoint-every 1");
        succeeds(home.path(), &format!("{line} --name whole"));
        let folder = home.path().join("checkpoints/steady_state/whole");
        let manifests: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        let last = checkpoint(home.path(), "whole");
        let steps = last.manifest.step;
        assert_eq!(steps, if pretrain == "lms" || pretrain == "gd-iterated" { 9 } else { 7 });
        let every = if pretrain == "lms" { 1 } else { 5 };
        for step in (1..steps).step_by(every) {
            // As if the process had died after this step.
            let (name, ending) = (format!("cut{step}"), format!("{step:08}"));
            for kind in ["runs", "checkpoints"] {
                let from = home.path().join(kind).join("steady_state/whole");
                let to = home.path().join(kind).join("steady_state").join(&name);
                fs::create_dir_all(&to).unwrap();
                for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
                    let file = entry.file_name().into_string().unwrap();
                    let wanted = !file.starts_with("step-") || file.contains(&ending);
                    if wanted && entry.path().is_file() && file != "summary.json" {
                        fs::copy(entry.path(), to.join(&file)).unwrap();
                    }
                }
                fs::create_dir_all(to.join("figures")).unwrap();
            }
            let config = home.path().join("runs/steady_state").join(&name).join("config.json");
            let text = fs::read_to_string(&config).unwrap();
            fs::write(
                &config,
                text.replace("\"name\": \"whole\"", &format!("\"name\": \"{name}\"")),
            )
            .unwrap();
            succeeds(home.path(), &format!("--resume {name}"));
            let resumed = checkpoint(home.path(), &name);
            assert_eq!(resumed.manifest.step, steps);
            for (key, tensor) in &last.tensors {
                assert_eq!(tensor, &resumed.tensors[key], "{pretrain} step {step}: {key}");
            }
            let table = |name: &str| {
                let file = format!("runs/steady_state/{name}/figures/tradeoff.csv");
                fs::read(home.path().join(file)).unwrap()
            };
            assert!(table("whole") == table(&name), "{pretrain} step {step}: the table differs");
        }
        assert_eq!(manifests.len() as u64, steps);
    }
}

/// The other programs of the family, with their own defaults where none is given.
#[test]
fn predictions_and_initialisations_run() {
    let home = tempfile::tempdir().unwrap();
    for (program, name, line, figures) in [
        (
            env!("CARGO_BIN_EXE_steady_state_theory"),
            "steady_state_theory",
            "--replicates 2 --train-seconds 60 --steady-seconds 120 --loss-seconds 100",
            ["published", "predicted"],
        ),
        (
            env!("CARGO_BIN_EXE_steady_state_init"),
            "steady_state_init",
            "--replicates 12 --pretrain-seconds 120 --loss-seconds 100",
            ["direction", "examples"],
        ),
    ] {
        let mut command = Command::new(program);
        command.args(line.split_whitespace()).args(["--quiet", "--name", "a"]);
        let output = command.current_dir(home.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let folder = home.path().join("runs").join(name).join("a");
        for figure in figures {
            let data = fs::read_to_string(folder.join(format!("figures/{figure}.csv"))).unwrap();
            assert!(data.lines().count() > 10, "{figure}: {data}");
        }
        let config = fs::read_to_string(folder.join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let sizes = if name == "steady_state_init" { "[1]" } else { "[1,3,9]" };
        assert_eq!(config["expansions"].to_string(), sizes);
    }
}

/// The numbers do not depend on which runs are computed together.
#[test]
fn batches_do_not_matter() {
    let home = tempfile::tempdir().unwrap();
    succeeds(home.path(), &format!("{SMALL} --name all"));
    succeeds(home.path(), &format!("{SMALL} --name split --batch-runs 1"));
    let one = SMALL.replace("--replicates 3", "--replicates 1 --seed 2");
    succeeds(home.path(), &format!("{one} --name seed"));
    let size = SMALL.replace("--expansions 1,3", "--expansions 1");
    succeeds(home.path(), &format!("{size} --name size"));
    let all = checkpoint(home.path(), "all");
    let begin = all.tensors["train.loss"].select(4, 0).max().double_value(&[]);
    for (name, seed, sizes) in [("split", None, 2), ("seed", Some(2), 2), ("size", None, 1)] {
        let part = checkpoint(home.path(), name);
        for key in ["pretrain.loss", "train.loss", "steady.loss"] {
            let whole = &all.tensors[key];
            let whole = seed.map_or(whole.shallow_clone(), |seed| whole.narrow(0, seed, 1));
            let difference = (whole.narrow(1, 0, sizes) - &part.tensors[key]).abs().max();
            let difference = difference.double_value(&[]) / begin;
            println!("{name} {key}: {difference:.1e} of the initial loss");
            assert!(difference < 1e-12);
        }
    }
}

#[test]
fn a_run_that_diverges_is_marked_and_left_out() {
    let home = tempfile::tempdir().unwrap();
    let line = SMALL.replace("--gammas 0.02,0.1", "--gammas 0.02,50");
    succeeds(home.path(), &format!("{line} --name wild"));
    let wild = checkpoint(home.path(), "wild");
    let calm = SMALL.replace("--gammas 0.02,0.1", "--gammas 0.02");
    succeeds(home.path(), &format!("{calm} --name calm"));
    let calm = checkpoint(home.path(), "calm");
    // Rules: without noise at 0.02 and 50, with noise at 0.02 and 50.
    let diverged = &wild.tensors["train.diverged"];
    assert!(diverged.select(3, 1).ge(1).all().int64_value(&[]) == 1);
    assert!(diverged.select(3, 0).eq(-1).all().int64_value(&[]) == 1);
    let kept = wild.tensors["train.loss"].select(3, 0);
    let difference = (kept - calm.tensors["train.loss"].select(3, 0)).abs().max();
    assert!(difference.double_value(&[]) < 1e-14);
    assert!(wild.tensors["train.loss"].isfinite().all().int64_value(&[]) == 1);
    let metrics = home.path().join("runs/steady_state/wild/metrics.jsonl");
    let metrics = fs::read_to_string(metrics).unwrap();
    assert!(!metrics.contains("null") && metrics.contains("\"runs/diverged\":0.5"), "{metrics}");
    let lost = line.replace("--loss-seconds", "--pretrain-gamma 50 --loss-seconds");
    succeeds(home.path(), &format!("{lost} --name lost"));
    let lost = checkpoint(home.path(), "lost");
    assert!(lost.tensors["steady.diverged"].eq(0).all().int64_value(&[]) == 1);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    for (line, said) in [
        ("--snr 0", "--snr 0: expected none or a number above 0"),
        ("--snr inf", "--snr inf"),
        ("--snr 3,3.0", "each value once"),
        ("--gammas 0", "--gammas 0"),
        ("--gammas=-0.1", "--gammas -0.1"),
        ("--gammas 0.1,nan", "--gammas 0.1,nan: expected a finite number"),
        ("--gammas=", "--gammas"),
        ("--expansions 0", "--expansions 0"),
        ("--cutoff 0", "--cutoff 0"),
        ("--cutoff 50", "--cutoff 50: its period"),
        ("--lookahead=-1", "--lookahead -1"),
        ("--window-start 0.4", "--window-start 0.4 and --window-end 0.5"),
        ("--window-start 1.5", "--window-start 1.5"),
        ("--window-end 0.33", "--window-end 0.33: expected a whole number of steps"),
        ("--window-start 1e-10 --window-end 0", "expected a step of --dt 0.05 s or more between"),
        ("--dt 0.3", "--dt 0.3: expected a second to be a whole number of such steps"),
        ("--dt 0", "--dt 0: expected 0.0001 to 1"),
        ("--dt 1e-300", "--dt"),
        ("--dt 0.00005", "--dt 0.00005: expected 0.0001 to 1"),
        ("--lookahead 1e14 --reference ou", "--lookahead 100000000000000: expected a number above"),
        ("--cutoff 10 --dt 0.001 --reference ou", "--cutoff 10: expected less than 10"),
        ("--delay 1", "--delay 1"),
        ("--kp=-9", "not stable"),
        ("--kp 1e308 --kd 1e308", "--kp, --ki, --kd, --rc: the closed loop's gains are too large"),
        ("--kd 1e200 --rc 1e200", "--kp, --ki, --kd, --rc: the closed loop's gains are too large"),
        ("--kp 1e20 --replicates 1 --expansions 1", "--kp"),
        ("--repeats 0", "--repeats 0"),
        ("--steady-window 500", "--steady-window 500"),
        ("--cut 1", "--cut 1: expected 0 or more, below 1"),
        ("--steps 5", "--steps"),
        ("--pretrain gd-closed-form --pretrain-gamma 30 --replicates 1", "2/λ_max"),
        ("--pretrain gd", "gd-iterated"),
        ("--gamas 0.1", "--gammas"),
    ] {
        let output = run(home.path(), line);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains(said) && text.lines().count() == 1, "{line}: {text}");
        assert!(!home.path().join("runs").exists(), "{line}");
    }
}

/// Of every line that has it, the loss of a stage's size is the mean over the runs of what the
/// checkpoint has after so many updates: those of closed forms after all of them.
#[test]
fn logged_losses_are_those_after_the_updates_that_are_done() {
    for (method, steps) in [("lms", 3), ("gd-iterated", 3), ("gd-closed-form", 1), ("exact", 1)] {
        let home = tempfile::tempdir().unwrap();
        let line = format!("{SMALL} --pretrain {method} --repeats 2 --name a");
        succeeds(home.path(), &line);
        let last = checkpoint(home.path(), "a");
        let text = fs::read_to_string(home.path().join("runs/steady_state/a/metrics.jsonl"));
        let mut found = 0;
        for line in text.unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let step = entry["step"].as_i64().unwrap();
            let (stage, updates) = match step {
                step if step < steps => ("pretrain", 50 * step),
                step if step == steps => ("pretrain", 105),
                step if step <= steps + 3 => ("train", (50 * (step - steps)).min(120)),
                step => ("steady", (50 * (step - steps - 3)).min(120)),
            };
            for (size, q) in [(0, 1), (1, 3)] {
                let Some(logged) = entry["values"][format!("{stage}/loss/q{q}")].as_f64() else {
                    continue;
                };
                let losses = last.tensors[&format!("{stage}.loss")].select(1, size);
                let known = losses.select(3, updates).mean(Kind::Double).double_value(&[]);
                assert!(
                    (logged - known).abs() < 1e-12 * known,
                    "{method} {step}: {logged} {known}"
                );
                found += 1;
            }
        }
        assert_eq!(found, 2 * (steps + 6), "{method}");
        // The figure's weights of the first cells: where they began, and where they ended.
        let trace = &last.tensors["trace.weight"];
        if method == "exact" {
            let rest = trace.narrow(1, 1, trace.size()[1] - 1);
            assert!((&rest - rest.narrow(1, 0, 1)).abs().max().double_value(&[]) == 0.0);
            assert!(rest.abs().max().double_value(&[]) > 0.0);
        }
    }
}
