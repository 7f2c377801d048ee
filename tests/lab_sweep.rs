//! Sweeps that are refused, killed, resumed, and what is left of them.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use common::{Bench, Outcome, wait_until, words};
use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const GRID: &str = "--grid lr=0.02,0.2 --grid seed=0..4";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

fn spawn(bench: &Bench, line: &str) -> Child {
    bench.spawn_quietly(LAB, line)
}

fn runs(bench: &Bench) -> Vec<Value> {
    let out = lab(bench, "runs --json").expect(0);
    let whole: Value = serde_json::from_str(&out.stdout).unwrap();
    whole["runs"].as_array().unwrap().clone()
}

/// Names of the runs that are done, with the time of their summary.
fn done(bench: &Bench, sweep: &str) -> Vec<(String, SystemTime)> {
    let home = format!("runs/sweeps/{sweep}/selector_mnist");
    let time = |name: &String| {
        let path = bench.path(format!("{home}/{name}/summary.json"));
        let summary: Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let is_done = summary["status"] == "done";
        is_done.then(|| fs::metadata(&path).unwrap().modified().unwrap())
    };
    let names = bench.names_or_none(&home);
    names.iter().filter_map(|name| Some((name.clone(), time(name)?))).collect()
}

#[test]
fn killed_twice_and_resumed_it_ends_with_ten_runs() {
    let bench = Bench::new();
    let line = "--data digits --epochs 40 --hidden 8 --device cpu --log-every 20";
    let begin =
        format!("sweep selector_mnist {line} {GRID} --jobs 2 --name s --checkpoint-every 25");
    let mut process = spawn(&bench, &begin);
    wait_until("two runs are done", || done(&bench, "s").len() >= 2);
    process.kill().unwrap();
    process.wait().unwrap();
    let first = done(&bench, "s");
    assert!(first.len() < 10, "the sweep was over before it was killed");
    // What the killed sweep left running saves and ends; the next one waits for it.
    let mut process = spawn(&bench, "sweep --resume s --jobs 2");
    wait_until("five runs are done", || done(&bench, "s").len() >= 5);
    // One member is killed as well.
    let running = runs(&bench).into_iter().find(|run| run["status"] == "running");
    if let Some(run) = running {
        let lock = bench.path(run["path"].as_str().unwrap()).join(".lock");
        let holder = fs::read_to_string(lock).unwrap();
        let pid = holder.split_whitespace().next().unwrap();
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let second = done(&bench, "s");
    assert!(second.len() < 10, "the sweep was over before it was killed");
    let out = lab(&bench, "sweep --resume s --jobs 2").expect(0);
    let third = done(&bench, "s");
    assert_eq!(third.len(), 10);
    for earlier in first.iter().chain(&second) {
        assert!(third.contains(earlier), "{earlier:?} was run again");
    }
    assert!(out.stdout.contains("5 of 5") && out.stdout.contains("±"), "{out:#?}");
    for name in [
        "table.md",
        "table.csv",
        "figures/curves.png",
        "figures/response.png",
        "figures/response.csv",
    ] {
        assert!(bench.path("runs/sweeps/s").join(name).is_file(), "{name}");
    }
    let all = runs(&bench);
    assert_eq!(all.len(), 10);
    for run in &all {
        assert_eq!(run["status"], "done");
        let log =
            fs::read_to_string(bench.path(run["path"].as_str().unwrap()).join("metrics.jsonl"));
        let steps: Vec<u64> = log
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap())
            .collect();
        assert!(steps.is_sorted() && steps.last() == Some(&(40 * 23)), "{steps:?}");
    }
    // A point is the run that it would be alone, however often it was interrupted.
    bench.run(&format!("{line} --lr 0.2 --seed 3 --name alone --quiet")).expect(0);
    let point = bench.json("runs/sweeps/s/selector_mnist/lr=0.2,seed=3/summary.json");
    let alone = bench.summary("alone");
    assert_eq!(point["metrics"]["eval/loss"], alone["metrics"]["eval/loss"]);
    assert_eq!(point["best"], alone["best"]);
    let again = lab(&bench, "sweep --resume s").expect(0);
    assert!(again.stdout.contains("5 of 5") && again.stdout.contains("\nbest         lr 0."));
    let shown = lab(&bench, "show s").expect(2);
    assert!(shown.error().contains("s is a sweep of 10 runs"), "{shown:#?}");
    assert_eq!(done(&bench, "s"), third);
}

#[test]
fn nothing_starts_where_a_point_is_refused() {
    let bench = Bench::new();
    for (line, words) in [
        ("selector_mnist --data digits --grid lr=0.1,-1", "1 of 2 points"),
        ("selector_mnist --data digits --grid batch-size=5000", "1 of 1 points"),
        ("selector_mnist --data digits --grid lrr=1", "1 of 1 points"),
        ("selector_mnist --data mnist --data-dir nowhere --grid lr=1", "1 of 1 points"),
        ("selector_mnist --data digits --grid lr", "--grid lr"),
        ("selector_mnist --data digits", "--grid"),
        ("selector_mnits --grid lr=1", "did you mean \"selector_mnist\""),
        ("selector_mnist --grid lr=1 --name a/b", "a/b"),
        ("selector_mnist --grid lr=1 --eval x", "--eval"),
        ("selector_mnist --data digits --grid name=a,b", "--name is not for a sweep"),
        ("selector_mnist --data digits --grid lr=0.1,1e-1", "lr=1e-1 has the settings of lr=0.1"),
        ("--resume nothing", "no sweep nothing"),
        ("--resume", "--resume needs the name of a sweep"),
        ("statsu s", "statsu: no such program"),
        ("selector_mnist --data digits --grid seed=0,2 --together", "--together"),
        ("selector_mnist --grid seed=0..99999 --grid lr=1,2", "100000 x 2 points"),
        ("selector_mnist --data digits --grid lr=0.1 --per-gpu 0", "--per-gpu"),
        ("selector_mnist --data digits --grid lr=0.1 --device cuda:1", "--device cuda --gpus 1"),
    ] {
        let out = lab(&bench, &format!("sweep {line}")).expect(2);
        assert!(out.error().contains(words), "{line}: {out:#?}");
    }
    assert!(!bench.path("runs").exists());
    let line = "sweep selector_mnist --data digits --epochs 2 --grid lr=0.1,0.2 --dry-run";
    let out = lab(&bench, line).expect(0);
    assert!(out.stdout.contains("lr=0.2  46 steps") && out.stderr.is_empty(), "{out:#?}");
    assert!(!bench.path("runs").exists());
}

#[test]
fn a_point_that_fails_is_named_and_the_others_go_on() {
    let bench = Bench::new();
    let line = "--data digits --epochs 2 --hidden 8 --device cpu --log-every 5";
    let out =
        lab(&bench, &format!("sweep selector_mnist {line} --grid lr=0.1,1e30 --name s")).expect(1);
    assert!(out.stderr.contains("lr=1e30: non-finite"), "{out:#?}");
    assert_eq!(done(&bench, "s").len(), 1);
    // What is not finite would not be so the next time either.
    let again = lab(&bench, "sweep --resume s").expect(1);
    assert!(again.stderr.contains("lr=1e30: non-finite"), "{again:#?}");
    assert_eq!(bench.names("runs/sweeps/s/logs"), ["lr=0.1.txt", "lr=1e30.txt"]);
    let refused =
        lab(&bench, &format!("sweep selector_mnist {line} --grid lr=0.1 --name s")).expect(2);
    assert!(refused.error().contains("--resume s"));
}

#[test]
fn seeds_that_are_trained_together_have_the_same_spread() {
    let bench = Bench::new();
    let line = "sweep selector_mnist --data digits --epochs 4 --hidden 8 --device cpu";
    lab(&bench, &format!("{line} {GRID} --name apart")).expect(0);
    lab(&bench, &format!("{line} {GRID} --name together --together")).expect(0);
    assert_eq!(bench.names("runs/sweeps/together/selector_mnist").len(), 2);
    let table = |name: &str| {
        let text = fs::read_to_string(bench.path(format!("runs/sweeps/{name}/table.csv"))).unwrap();
        let cells = |line: &str| line.split(',').skip(2).map(str::to_string).collect::<Vec<_>>();
        text.lines().skip(1).map(cells).collect::<Vec<_>>()
    };
    let (apart, together) = (table("apart"), table("together"));
    assert_eq!(apart.len(), 2);
    for (a, b) in apart.iter().flatten().zip(together.iter().flatten()) {
        let numbers = |text: &str| -> Vec<f64> {
            text.split(" ± ").map(|number| number.parse().unwrap()).collect()
        };
        // The spread has two digits, and the mean ends where it does.
        let (a, b) = (numbers(a), numbers(b));
        let room = 0.1 * a.get(1).map_or(a[0].abs(), |spread| *spread);
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= room + 1e-12, "{apart:?} {together:?}");
        }
    }
}

#[test]
fn many_seeds_have_a_spread_however_long_the_lines_of_their_log_are() {
    let bench = Bench::new();
    let line = "selector_mnist --data digits --steps 3 --hidden 4 --device cpu --grid lr=0.1";
    lab(&bench, &format!("sweep {line} --grid seed=0..127 --together --name s --quiet")).expect(0);
    let log = bench.path("runs/sweeps/s/selector_mnist/lr=0.1/metrics.jsonl");
    let log = fs::read_to_string(log);
    assert!(log.unwrap().lines().any(|line| line.len() > 1 << 16), "the lines are short");
    let table = fs::read_to_string(bench.path("runs/sweeps/s/table.csv")).unwrap();
    assert_eq!(table.matches('±').count(), 3, "{table}");
}

#[test]
fn a_sweep_goes_on_where_its_folder_is_now() {
    let bench = Bench::new();
    let line = "selector_mnist --data digits --epochs 2 --hidden 8 --device cpu --grid seed=0..1";
    let inside = |folder: &str, line: &str| {
        let line = format!("cd {folder} && {LAB} {line}");
        bench.execute("sh", &["-c", &line]).expect(0)
    };
    fs::create_dir(bench.path("old")).unwrap();
    inside("old", &format!("sweep {line} --name s --quiet"));
    // One point is not over.
    let point = "runs/sweeps/s/selector_mnist/seed=1";
    fs::remove_dir_all(bench.path("old").join(point)).unwrap();
    fs::remove_dir_all(bench.path("old/checkpoints/sweeps/s/selector_mnist/seed=1")).unwrap();
    fs::rename(bench.path("old"), bench.path("new")).unwrap();
    assert!(inside("new", "sweep status s").stdout.contains("1 of 2 are over"));
    inside("new", "sweep --resume s --quiet");
    assert!(!bench.path("old").exists() && bench.path("new").join(point).is_dir());
    let shown = inside("new", "show --json seed=0").stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["checkpoints"].as_array().unwrap().len(), 2, "{shown}");
    // The folder of the sweep alone.
    fs::rename(bench.path("new/runs/sweeps/s"), bench.path("alone")).unwrap();
    fs::remove_dir_all(bench.path("alone/selector_mnist/seed=0")).unwrap();
    inside(".", "sweep --resume alone --quiet");
    assert!(inside(".", "sweep status alone").stdout.contains("2 of 2 are over"));
    assert!(!bench.path("new/runs/sweeps/s").exists());
}

/// Puts a shell script into the place of a program.
fn stand_in(bench: &Bench, name: &str, script: &str) {
    let path = bench.path("tools").join(name);
    fs::create_dir_all(bench.path("tools")).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_that_is_killed_while_it_is_asked_is_named_with_how_it_ended() {
    let bench = Bench::new();
    stand_in(&bench, "killed", "kill -9 $$");
    let path = format!("{}:{}", bench.path("tools").display(), std::env::var("PATH").unwrap());
    let line = format!("PATH={path} {LAB} sweep killed --grid lr=1");
    let out = bench.execute("sh", &["-c", &line]).expect(1);
    assert!(
        out.error()
            .ends_with("tools/killed is no experiment that can be swept: signal: 9 (SIGKILL)"),
        "{out:#?}"
    );
}

#[test]
fn a_task_goes_back_into_the_queue_once_slurm_answers() {
    let bench = Bench::new();
    // The first question and the first order find a controller that does not answer.
    stand_in(&bench, "sbatch", "echo 7");
    stand_in(&bench, "squeue", "[ -e asked ] && echo RUNNING && exit 0; : >asked; exit 1");
    stand_in(&bench, "scontrol", "echo \"$*\" >>told; [ \"$(wc -l <told)\" = 2 ]");
    let path = format!("{}:{}", bench.path("tools").display(), std::env::var("PATH").unwrap());
    let line = "selector_mnist --data digits --epochs 100000 --hidden 8 --device cpu --grid seed=0";
    let line = format!("PATH={path} {LAB} sweep {line} --checkpoint-every 20 --name s");
    bench.execute("sh", &["-c", &format!("{line} --launcher slurm --quiet")]).expect(0);
    let mut task = Command::new("bash");
    task.arg("runs/sweeps/s/slurm/sweep.sbatch").current_dir(bench.path("")).env("PATH", path);
    task.env("SLURM_ARRAY_JOB_ID", "7").env("SLURM_ARRAY_TASK_ID", "0").stdin(Stdio::null());
    let mut task = task.stderr(Stdio::null()).spawn().unwrap();
    let saved = || bench.names_or_none("checkpoints/sweeps/s/selector_mnist/seed=0");
    wait_until("the run has saved", || saved().iter().any(|name| name.ends_with(".json")));
    Command::new("kill").args(["-USR1", &task.id().to_string()]).status().unwrap();
    assert_eq!(task.wait().unwrap().code(), Some(138));
    assert_eq!(fs::read_to_string(bench.path("told")).unwrap(), "requeue 7_0\nrequeue 7_0\n");
}

#[test]
fn the_files_of_a_sweep_on_slurm_say_how_it_stands_where_there_is_no_slurm() {
    let bench = Bench::new();
    stand_in(&bench, "sbatch", "echo 7");
    let path = format!("{}:{}", bench.path("tools").display(), std::env::var("PATH").unwrap());
    let line = "selector_mnist --data digits --epochs 2 --hidden 8 --device cpu --grid seed=0..1";
    let submit = |rest: &str| {
        let line = format!("PATH={path} {LAB} sweep {line} --launcher slurm --quiet {rest}");
        bench.execute("sh", &["-c", &line])
    };
    // A line of the script begins with the path of the sweep's folder, and Slurm fills in %j.
    for runs in ["\"$(printf 'a\\n#SBATCH --wrap=b')\"", "a%j"] {
        let refused = submit(&format!("--name s --runs {runs}")).expect(2);
        assert!(refused.error().contains("no path for a job script"), "{refused:#?}");
        assert_eq!(bench.names(""), ["tools"]);
    }
    submit("--name s").expect(0);
    lab(&bench, "member runs/sweeps/s 1").expect(0);
    let out = lab(&bench, "sweep status s").expect(0);
    assert!(out.stdout.contains("not begun") && out.stdout.contains("1 of 2 are over"), "{out:#?}");
    assert!(out.warnings()[0].contains("squeue"), "{out:#?}");
    // Who submits has to know what is in the queue.
    let refused = lab(&bench, "sweep --resume s --launcher slurm").expect(1);
    assert!(refused.error().contains("squeue"), "{refused:#?}");
    lab(&bench, "sweep --resume s --dry-run").expect(0);
    assert_eq!(bench.names("runs/sweeps/s/selector_mnist"), ["seed=1"]);
}

#[test]
fn interrupted_it_saves_every_run_and_says_how_to_go_on() {
    let bench = Bench::new();
    let line = "sweep selector_mnist --data digits --epochs 500 --hidden 8 --device cpu";
    let mut process = spawn(&bench, &format!("{line} --grid seed=0..1 --jobs 2 --name s"));
    let saved = |point: &str| {
        let names = bench.names_or_none(&format!("checkpoints/sweeps/s/selector_mnist/{point}"));
        names.iter().any(|name| name.ends_with(".json"))
    };
    wait_until("both runs have saved", || saved("seed=0") && saved("seed=1"));
    Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130));
    let statuses: Vec<Value> = runs(&bench).iter().map(|run| run["status"].clone()).collect();
    assert_eq!(statuses, [json!("interrupted"), json!("interrupted")]);
}
