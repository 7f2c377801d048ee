//! What `lab` says of runs: those that are whole, and those that are not.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Bench, Outcome, program, wait_until, words};
use safetensors::SafeTensors;
use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const RUN: &str = "--data digits --epochs 2 --hidden 8 --log-every 5 --quiet";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

fn listed(bench: &Bench, line: &str) -> (Vec<Value>, Vec<String>) {
    let out = lab(bench, &format!("runs --json {line}")).expect(0);
    let whole: Value = serde_json::from_str(&out.stdout).unwrap();
    let problems = whole["problems"].as_array().unwrap().iter();
    let problems = problems.map(|text| text.as_str().unwrap().to_string()).collect();
    (whole["runs"].as_array().unwrap().clone(), problems)
}

fn status(runs: &[Value], name: &str) -> String {
    let run = runs.iter().find(|run| run["name"] == name);
    run.unwrap_or_else(|| panic!("no {name}"))["status"].as_str().unwrap().into()
}

#[test]
fn every_way_that_a_run_can_stand() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name whole --lr 0.05 --seed 3")).expect(0);
    bench.run(&format!("{RUN} --name wild --lr 1e30")).expect(3);
    let long = "--data digits --epochs 2000 --hidden 8 --quiet --device cpu";
    let mut process = bench.spawn(&format!("{long} --name killed --checkpoint-every 20"));
    wait_until("it has saved", || {
        !bench.names_or_none("checkpoints/selector_mnist/killed").is_empty()
    });
    assert_eq!(status(&listed(&bench, "").0, "killed"), "running");
    process.kill().unwrap();
    process.wait().unwrap();
    let (runs, problems) = listed(&bench, "");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(status(&runs, "whole"), "done");
    assert_eq!(status(&runs, "wild"), "non-finite");
    assert_eq!(status(&runs, "killed"), "crashed");
    let whole = runs.iter().find(|run| run["name"] == "whole").unwrap();
    let changed = json!({"hidden": [8], "lr": 0.05, "seed": 3, "epochs": 2, "data": "digits"});
    assert_eq!(whole["changed"], changed);
    assert_eq!(whole["steps"], 46);
    let summary = bench.summary("whole");
    assert_eq!(whole["last"]["eval/accuracy"], summary["metrics"]["eval/accuracy"]);
    assert_eq!(whole["best"], summary["best"]);
    assert!(whole["bytes"].as_u64().unwrap() > 10_000);

    // Files that are touched say nothing of a run.
    let path = bench.run_file("whole", "metrics.jsonl");
    let later = fs::File::options().append(true).open(path).unwrap();
    later.set_modified(std::time::SystemTime::now() + Duration::from_secs(5)).unwrap();
    let (runs, _) = listed(&bench, "");
    assert_eq!(status(&runs, "whole"), "done");
    for (filter, expected) in [
        ("--status crashed", 1),
        ("--status non-finite,done", 2),
        ("--where lr=5e-2", 1),
        ("--where hidden=8", 3),
        ("--newer 1h", 3),
        ("whole", 1),
        ("selector_mnist/ki", 1),
        ("--limit 2", 2),
    ] {
        assert_eq!(listed(&bench, filter).0.len(), expected, "{filter}");
    }
    let refused = lab(&bench, "runs --newer soon").expect(2);
    assert!(refused.error().contains("soon"));
    assert!(lab(&bench, "runs --runs nowhere").expect(1).error().contains("nowhere"));
}

/// Copies the files of a run folder one after the other, as `cp -r` does, to another name.
fn copy_run(bench: &Bench, from: &str, to: &str) {
    fs::create_dir_all(bench.run_file(to, "")).unwrap();
    for file in ["config.json", "provenance.json", "summary.json", "metrics.jsonl"] {
        fs::copy(bench.run_file(from, file), bench.run_file(to, file)).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_copy_of_a_run_stands_as_the_run_did() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name done")).expect(0);
    bench.run(&format!("{RUN} --name wild --lr 1e30")).expect(3);
    copy_run(&bench, "done", "done-copy");
    copy_run(&bench, "wild", "wild-copy");
    let (runs, _) = listed(&bench, "");
    assert_eq!(status(&runs, "done-copy"), "done");
    assert_eq!(status(&runs, "wild-copy"), "non-finite");
}

#[test]
fn a_run_says_running_whenever_a_process_begins_to_compute_it() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    let summary = bench.summary("a");
    assert_eq!((&summary["status"], &summary["exit_code"]), (&json!("done"), &json!(0)));
    assert!(summary["process"]["id"].is_u64() && summary["process"]["host"].is_string());
    let mut process = bench.spawn("--resume a --epochs 2000 --device cpu --quiet");
    wait_until("it is resumed", || bench.summary("a")["status"] == "running");
    let resumed = bench.summary("a");
    assert_eq!((&resumed["steps"], &resumed["exit_code"]), (&json!(46), &Value::Null));
    assert_eq!(resumed["process"]["id"], process.id());
    assert_ne!(resumed["process"]["started"], summary["process"]["started"]);
    assert_eq!(status(&listed(&bench, "").0, "a"), "running");
    process.kill().unwrap();
    process.wait().unwrap();
    // The summary of the process before it does not speak for the one that was killed.
    assert_eq!(status(&listed(&bench, "").0, "a"), "crashed");
    let shown = lab(&bench, "show a").expect(0).stdout;
    assert!(shown.contains("crashed") && shown.contains("resume  "), "{shown}");
    let steps = listed(&bench, "a").0[0]["steps"].as_u64().unwrap();
    bench.run(&format!("--resume a --steps {} --quiet", steps + 100)).expect(0);
    assert_eq!(status(&listed(&bench, "").0, "a"), "done");
}

#[test]
fn the_commit_is_that_of_the_binary() {
    let bench = Bench::new();
    // No program is asked for it when the run starts.
    let line = format!("PATH=/nowhere {} {RUN} --name a --device cpu", program());
    bench.execute("sh", &["-c", &line]).expect(0);
    let record = bench.json(bench.run_file("a", "provenance.json"));
    let package = neuron_lab::package!();
    assert_eq!(record["git_commit"], json!(package.git_commit));
    assert_eq!(record["git_dirty"], json!(package.git_dirty.map(|dirty| dirty == "true")));
    // The difference is there where there is one, and `git apply` knows where it begins.
    assert_eq!(record["git_diff"], json!(package.difference()));
    assert_eq!(package.git_diff.is_some(), package.git_dirty == Some("true"));
    let changed = package.difference().unwrap_or("# not in git: src/a.rs\n".into());
    assert!(["# not in git: ", "diff --git a/"].iter().any(|start| changed.starts_with(start)));
    assert_eq!(record["package"], "neuron_lab");
    assert_eq!(record["package_version"], package.version);
    let git = Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap();
    let head = String::from_utf8(git.stdout).unwrap();
    // The sources may also be without a repository of their own.
    assert!(package.git_commit.is_none_or(|commit| commit == head.trim()), "{head}");
}

#[test]
fn runs_of_before_the_record_of_processes_are_understood() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name old")).expect(0);
    let path = bench.run_file("old", "summary.json");
    let mut summary = bench.summary("old");
    summary.as_object_mut().unwrap().shift_remove("process");
    fs::write(&path, summary.to_string()).unwrap();
    let provenance = bench.run_file("old", "provenance.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&provenance).unwrap()).unwrap();
    for key in ["package", "package_version", "cuda_devices", "init_from"] {
        record.as_object_mut().unwrap().shift_remove(key);
    }
    fs::write(&provenance, record.to_string()).unwrap();
    let (runs, problems) = listed(&bench, "");
    assert_eq!(status(&runs, "old"), "done");
    assert!(problems.is_empty(), "{problems:?}");
    assert!(lab(&bench, "show old").expect(0).stdout.contains("code "), "what made it");
    // It went on after its summary, and was killed.
    let metrics = bench.run_file("old", "metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    let later = "{\"step\": 50, \"time\": 9.0, \"values\": {\"train/loss\": 1.0}}\n{\"st";
    fs::write(&metrics, text + later).unwrap();
    assert_eq!(status(&listed(&bench, "").0, "old"), "crashed");
}

#[test]
fn what_is_damaged_is_said_and_the_rest_is_shown() {
    let bench = Bench::new();
    for name in ["whole", "torn", "config", "empty"] {
        bench.run(&format!("{RUN} --name {name}")).expect(0);
    }
    let text = fs::read(bench.run_file("torn", "summary.json")).unwrap();
    fs::write(bench.run_file("torn", "summary.json"), &text[..text.len() / 2]).unwrap();
    fs::write(bench.run_file("config", "config.json"), "{\"seed\": ").unwrap();
    for entry in fs::read_dir(bench.path("runs/selector_mnist/empty")).unwrap().flatten() {
        if entry.path().is_file() {
            fs::write(entry.path(), "").unwrap();
        }
    }
    fs::create_dir_all(bench.path("runs/my notes/pictures")).unwrap();
    fs::write(bench.path("runs/README"), "mine").unwrap();
    fs::create_dir_all(bench.path("runs/selector_mnist/unborn")).unwrap();
    let (runs, problems) = listed(&bench, "");
    assert_eq!(runs.len(), 4);
    assert_eq!(status(&runs, "whole"), "done");
    assert_eq!(status(&runs, "torn"), "crashed");
    assert_eq!(status(&runs, "config"), "done");
    let all = problems.join("\n");
    for words in
        ["torn/summary.json", "config/config.json", "empty/config.json", "pictures", "unborn"]
    {
        assert!(all.contains(words), "{words}: {all}");
    }
    let out = lab(&bench, "runs").expect(0);
    assert_eq!(out.stdout.lines().count(), 5);
    assert_eq!(out.warnings().len(), problems.len());
    for name in ["torn", "config", "empty"] {
        assert!(!lab(&bench, &format!("show {name}")).expect(0).warnings().is_empty(), "{name}");
    }
}

#[test]
fn a_run_is_shown_with_the_commands_that_repeat_and_resume_it() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name first --checkpoint-every 10")).expect(0);
    bench.run(&format!("{RUN} --name second --lr 0.02")).expect(0);
    let out = lab(&bench, "show --json first").expect(0);
    let shown: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(shown["config"]["hidden"], json!([8]));
    assert!(shown["figures"].as_array().unwrap().len() > 1);
    assert!(shown["checkpoints"].as_array().unwrap().len() > 1);
    // The commands do what they say.
    let repeat = shown["repeat"].as_str().unwrap();
    bench.execute("sh", &["-c", &format!("{repeat} --name again --quiet")]).expect(0);
    bench.assert_same("again", "first", 46, "repeated");
    let resume = shown["resume"].as_str().unwrap();
    bench.execute("sh", &["-c", &format!("{resume} --epochs 3 --quiet")]).expect(0);
    assert_eq!(bench.summary("first")["steps"], 69);
    let run = &listed(&bench, "first").0[0];
    assert_eq!(run["changed"]["epochs"], 3);
    bench.execute("sh", &["-c", &format!("{resume} --epochs 5 --quiet")]).expect(0);
    let run = &listed(&bench, "first").0[0];
    assert_eq!(run["steps"], 115);
    assert_eq!(run["changed"], json!({"hidden": [8], "data": "digits"}), "5 is the default");

    let text = lab(&bench, "show first").expect(0).stdout;
    for words in ["* hidden", "eval/accuracy", "figures/", "step-00000115.safetensors", "repeat "] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let out = lab(&bench, "diff --json first second").expect(0);
    let diff: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(diff["config"]["lr"], json!([0.01, 0.02]));
    assert_eq!(diff["code"], json!({}));
    assert!(diff["metrics"]["eval/accuracy"][1].is_number());
    assert!(lab(&bench, "diff first second").expect(0).stdout.contains("code: the same"));
    // From inside a run folder, too, a path leads to all that belongs to the run.
    for (folder, path) in [("runs/selector_mnist/first", "."), ("runs/selector_mnist", "first")] {
        let line = format!("cd {folder} && {LAB} show --json {path}");
        let out = bench.execute("sh", &["-c", &line]).expect(0);
        let inside: Value = serde_json::from_str(&out.stdout).unwrap();
        assert_eq!(inside["run"]["experiment"], "selector_mnist");
        assert_eq!(inside["run"]["name"], "first");
        assert!(!inside["checkpoints"].as_array().unwrap().is_empty());
    }
    assert!(lab(&bench, "show firts").expect(2).error().contains("did you mean \"first\""));
    assert!(lab(&bench, "show s").expect(2).error().contains("called so"));
}

#[test]
fn a_checkpoint_becomes_a_plain_state_dict() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name two --replicates 2 --optimizer adam")).expect(0);
    let out = lab(&bench, "checkpoint two --json").expect(0);
    let shown: Value = serde_json::from_str(&out.stdout).unwrap();
    let find = |name: &str| {
        let mut tensors = shown["tensors"].as_array().unwrap().iter();
        tensors.find(|tensor| tensor["name"] == name).unwrap().clone()
    };
    assert_eq!(find("output.weight")["shape"], json!([2, 10, 8]));
    assert_eq!(find("optim.exp_avg.output.bias")["finite"], true);
    assert!(find("layer1.selection.weight")["norm"].as_f64().unwrap() > 0.0);
    let line = "checkpoint two --best --replicate 1 --to-torch one.safetensors --to-numpy one.npz";
    lab(&bench, line).expect(0);
    let bytes = fs::read(bench.path("one.safetensors")).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    assert!(
        parsed
            .names()
            .iter()
            .all(|name| !name.starts_with("optim.") && !name.starts_with("state."))
    );
    assert_eq!(parsed.tensor("output.weight").unwrap().shape(), [10, 8]);
    // The second half of the tensor with both.
    let whole = fs::read(bench.checkpoints("two").join("step-00000046.safetensors")).unwrap();
    let whole = SafeTensors::deserialize(&whole).unwrap();
    let both = whole.tensor("output.weight").unwrap().data();
    assert_eq!(parsed.tensor("output.weight").unwrap().data(), &both[both.len() / 2..]);
    let arrays = tch::Tensor::read_npz(bench.path("one.npz")).unwrap();
    let (_, array) = arrays.iter().find(|(name, _)| name == "output.weight").unwrap();
    let same = tch::Tensor::read_safetensors(bench.path("one.safetensors")).unwrap();
    let (_, tensor) = same.iter().find(|(name, _)| name == "output.weight").unwrap();
    assert_eq!(array, tensor);
    for (line, words) in [
        ("checkpoint two --replicate 2 --to-torch a.safetensors", "--replicate 2"),
        ("checkpoint two --to-torch a.pt", ".safetensors"),
        ("checkpoint two --replicate 1", "give --to-torch"),
        ("checkpoint nothing", "nothing"),
    ] {
        assert!(lab(&bench, line).expect(2).error().contains(words), "{line}");
    }
    let path = bench.checkpoints("two").join("step-00000046.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let line = format!("checkpoint {}", path.display());
    assert!(lab(&bench, &line).expect(1).error().contains("damaged"));
}

#[test]
fn a_report_is_one_file() {
    let bench = Bench::new();
    for (name, flags) in [("a", "--seed 0"), ("b", "--seed 1"), ("c", "--lr 0.1")] {
        bench.run(&format!("{RUN} --name {name} {flags}")).expect(0);
    }
    // Half-written, and a desktop's own.
    for hidden in [".tmp-figure.png", "._confusion.png"] {
        fs::write(bench.run_file("a", "figures").join(hidden), "no picture").unwrap();
    }
    let out = lab(&bench, "report selector_mnist --out out/page.html").expect(0);
    assert!(out.warnings().is_empty(), "{out:#?}");
    let page = fs::read_to_string(bench.path("out/page.html")).unwrap();
    assert!(
        !page.contains("src=\"runs") && !page.contains("http:") && !page.contains("https:"),
        "it needs something else"
    );
    assert!(page.matches("data:image/").count() >= 4);
    let text = fs::read_to_string(bench.path("out/page.md")).unwrap();
    assert!(text.contains("| 0.01 | 2 of 2 |") && text.contains("±"), "{text}");
    assert!(!text.contains("/figures/."), "{text}");
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(bench.path("out").join(link).is_file(), "{link}");
    }
    // A link has its blanks as codes, and counts from the folder of the page all the same.
    bench.execute(LAB, &["report", "selector_mnist", "--out", "my (own)/page.html"]).expect(0);
    let text = fs::read_to_string(bench.path("my (own)/page.md")).unwrap();
    assert!(text.contains("](page-figures/selector_mnist.png)"), "{text}");
    assert!(lab(&bench, "report nothing").expect(1).error().contains("no such run"));
}

#[test]
fn a_command_line_that_is_wrong_is_one_line() {
    let bench = Bench::new();
    for (line, words) in [
        ("report a b", "unexpected argument 'b'"),
        ("show", "not provided: <RUN>"),
        ("diff a", "<B>"),
        ("runs --status odd", "invalid value 'odd'"),
        ("rnus", "unrecognized subcommand 'rnus'"),
    ] {
        let out = lab(&bench, line).expect(2);
        assert!(out.error().contains(words), "{line}: {out:#?}");
        assert_eq!((out.stderr.lines().count(), out.stdout.as_str()), (1, ""), "{line}");
    }
    assert!(lab(&bench, "report --help").expect(0).stdout.contains("Usage: lab report"));
    assert!(lab(&bench, "").expect(2).stderr.contains("Usage: lab <COMMAND>"));
}

/// A run's folder as a run leaves it, copied with another name.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["config.json", "provenance.json", "summary.json", "metrics.jsonl", ".lock"] {
        fs::hard_link(from.join(name), to.join(name)).unwrap();
    }
}

/// Seconds of the processors that listing the runs takes, of which there are so many.
fn listing(bench: &Bench, runs: usize) -> f64 {
    let out = bench.execute("sh", &["-c", &format!("{LAB} runs > listed; times")]).expect(0);
    assert_eq!(fs::read_to_string(bench.path("listed")).unwrap().lines().count(), runs + 1);
    let times = out.stdout.lines().last().unwrap().split_whitespace();
    let seconds = |word: &str| -> f64 {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').unwrap();
        60.0 * minutes.parse::<f64>().unwrap() + seconds.parse::<f64>().unwrap()
    };
    times.map(seconds).sum()
}

/// Five times as many runs take five times as long, and not 25 times. Ten thousand are listed in two
/// seconds of one core's time; how fast a core is, is not what is tested here.
#[test]
fn listing_ten_thousand_runs_takes_time_in_proportion() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name one")).expect(0);
    let one = bench.path("runs/selector_mnist/one");
    let copies = |range: std::ops::Range<usize>| {
        range.for_each(|i| copy(&one, &bench.path(format!("runs/selector_mnist/copy-{i:05}"))));
    };
    let start = listing(&bench, 1);
    copies(0..2_000);
    let some = listing(&bench, 2_001) - start;
    copies(2_000..10_000);
    let all = listing(&bench, 10_001) - start;
    assert!(
        all < 12.0 * some.max(0.02),
        "{start} s for one, {some} s more for 2000, {all} s for all"
    );
}
