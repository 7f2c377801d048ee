//! Random search and early stopping: what is refused, repeats, survives a kill and stays stopped.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::{Child, Command};

use common::{Bench, Outcome, wait_until, words};
use serde_json::Value;

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const POINT: &str = "selector_mnist --data digits --hidden 8 --device cpu";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

fn spawn(bench: &Bench, line: &str) -> Child {
    bench.spawn_quietly(LAB, line)
}

fn summary(bench: &Bench, point: &str) -> Option<Value> {
    let path = bench.path(format!("runs/sweeps/s/selector_mnist/{point}/summary.json"));
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn status(bench: &Bench, point: &str) -> String {
    summary(bench, point).map_or(String::new(), |all| all["status"].as_str().unwrap().into())
}

#[test]
fn what_can_be_no_search_is_one_line() {
    let bench = Bench::new();
    for (line, said) in [
        ("--search random:0 --set lr=log:1e-3..1", "1 to 100000 points"),
        ("--search random:5", "--set"),
        ("--set lr=log:1e-3..1", "--search"),
        ("--search random:5 --set lr=log:0..1", "ends above 0"),
        ("--search random:5 --set batch-size=log:8..64", "--batch-size takes whole numbers"),
        ("--search random:5 --set rule=lin:0..1", "--rule takes words"),
        ("--search random:5 --set rule=frozen,switch", "2 combinations in all"),
        ("--search random:5 --set lr=log:1e-3..1 --grid lr=1", "lr is swept twice"),
        ("--search random:5 --set name=a,b", "--name is not for a sweep"),
        ("--search random:50000 --set lr=log:1e-3..1 --grid seed=0..2", "50000 x 3 points"),
        ("--search random:5 --set lr=lin:-2..-1", "5 of 5 points"),
        ("--grid lr=0.1 --stop median:grace=-5", "grace counts steps"),
        ("--grid lr=0.1 --stop median --launcher slurm", "not for Slurm"),
    ] {
        let out = lab(&bench, &format!("sweep {POINT} {line}")).expect(2);
        assert!(out.error().contains(said), "{line}: {out:#?}");
    }
    assert!(!bench.path("runs").exists());
}

#[test]
fn a_dry_run_lists_the_points_that_the_seed_draws() {
    let bench = Bench::new();
    let points = |rest: &str| {
        let set = "--set lr=log:1e-3..1 --set batch-size=int:8..64 --set rule=full-ste,frozen";
        let out =
            lab(&bench, &format!("sweep {POINT} --epochs 2 {set} --dry-run {rest}")).expect(0);
        assert!(out.stderr.is_empty(), "{out:#?}");
        out.stdout.lines().map(str::to_string).collect::<Vec<_>>()
    };
    let first = points("--search random:6 --grid seed=0..1");
    assert_eq!(first.len(), 12);
    assert!(first[0].starts_with("lr=") && first[0].contains(",seed=0  "), "{first:?}");
    assert_eq!(points("--search random:6 --search-seed 0 --grid seed=0..1"), first);
    assert_eq!(points("--search random:3 --grid seed=0..1"), first[..6]);
    assert_ne!(points("--search random:6 --search-seed 1 --grid seed=0..1"), first);
    assert!(!bench.path("runs").exists());
}

#[test]
fn a_search_that_is_killed_goes_on_with_the_same_points() {
    let bench = Bench::new();
    let line = format!("{POINT} --epochs 20 --search random:3 --set lr=log:0.02..0.2");
    let listed = lab(&bench, &format!("sweep {line} --dry-run")).expect(0).stdout;
    let listed: Vec<&str> = listed.lines().map(|line| line.split("  ").next().unwrap()).collect();
    let mut process = spawn(&bench, &format!("sweep {line} --jobs 1 --name s"));
    wait_until("a point is done", || listed.iter().any(|point| status(&bench, point) == "done"));
    process.kill().unwrap();
    process.wait().unwrap();
    let refused = lab(&bench, "sweep --resume s --stop median").expect(2);
    assert!(refused.error().contains("goes on as it was begun"), "{refused:#?}");
    lab(&bench, "sweep --resume s --quiet").expect(0);
    let mut names = bench.names("runs/sweeps/s/selector_mnist");
    names.sort_by_key(|name| listed.iter().position(|point| point == name));
    assert_eq!(names, listed);
    assert!(listed.iter().all(|point| status(&bench, point) == "done"));
    assert!(bench.path("runs/sweeps/s/figures/response.png").is_file());
}

#[test]
fn a_hopeless_point_is_stopped_and_stays_so() {
    let bench = Bench::new();
    let stop = "--grid lr=0.2,1e-6,0.1 --jobs 1 --stop median:grace=200,others=1";
    let line = format!("sweep {POINT} --epochs 800 {stop} --name s");
    let mut process = spawn(&bench, &line);
    let decided = bench.path("runs/sweeps/s/selector_mnist/lr=1e-6/stopped.json");
    wait_until("a point is to be stopped", || decided.is_file());
    process.kill().unwrap();
    process.wait().unwrap();
    let out = lab(&bench, "sweep --resume s").expect(0);
    assert!(out.stdout.contains("1 of 3 points: worse than the median"), "{out:#?}");
    assert!(out.stdout.contains("0 of 1, 1 stopped"), "{out:#?}");
    let stopped = summary(&bench, "lr=1e-6").unwrap();
    assert_eq!(stopped["status"], "stopped");
    let steps = stopped["steps"].as_u64().unwrap();
    assert!((200..18_400).contains(&steps), "{steps}");
    for point in ["lr=0.2", "lr=0.1"] {
        assert_eq!(status(&bench, point), "done");
    }
    let reason: Value = serde_json::from_slice(&fs::read(&decided).unwrap()).unwrap();
    assert_eq!((&reason["rule"], &reason["tag"]), (&"median".into(), &"eval/accuracy".into()));
    assert!(reason["best"].as_f64() < reason["median"].as_f64(), "{reason}");
    let listed = lab(&bench, "runs --status stopped").expect(0).stdout;
    assert!(listed.contains("lr=1e-6") && listed.lines().count() == 2, "{listed}");
    let shown = lab(&bench, "show lr=1e-6").expect(0).stdout;
    assert!(shown.contains("stopped  eval/accuracy") && shown.contains("resume  "), "{shown}");
    lab(&bench, "sweep --resume s --quiet").expect(0);
    assert_eq!(summary(&bench, "lr=1e-6").unwrap(), stopped);
    // Whoever goes on with it by hand takes the decision back.
    let home = "runs/sweeps/s/selector_mnist/lr=1e-6";
    let mut process = bench.spawn(&format!("--resume {home} --quiet"));
    wait_until("the decision is taken back", || !decided.exists());
    Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    process.wait().unwrap();
    assert_ne!(status(&bench, "lr=1e-6"), "stopped");
}
