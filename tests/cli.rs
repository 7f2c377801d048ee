//! What the program refuses, in one clear line and with the right exit code.

#![allow(clippy::unwrap_used)]

mod common;

use std::ffi::OsString;
use std::fs;

use common::{Bench, Outcome, wait_until};
use neuron_lab::lab::run;
use neuron_lab::selector::SelectorMnist;

/// A command line, its exit code, and words that its one error line must have.
type Case = (&'static str, i32, &'static [&'static str]);

const FLAGS: &[Case] = &[
    ("--batch-sise 3", 2, &["--batch-sise", "--batch-size"]),
    ("--optimiser adam", 2, &["--optimiser", "--optimizer"]),
    ("--nope", 2, &["--nope"]),
    ("stray", 2, &["stray"]),
    ("--lr", 2, &["--lr", "value"]),
    ("--lr=nan", 2, &["--lr nan", "finite"]),
    ("--lr 0", 2, &["--lr 0", "positive"]),
    ("--lr=-1", 2, &["--lr -1", "positive"]),
    ("--lr inf", 2, &["--lr inf", "finite"]),
    ("--lr fast", 2, &["--lr", "fast", "expected a number"]),
    ("--log-every 2.5", 2, &["--log-every", "2.5", "expected a whole number"]),
    ("--lr 0.1 --lr 0.2", 2, &["--lr", "multiple"]),
    ("--lr 1e39", 2, &["--lr 1", "positive"]),
    ("--optimizer adamw --weight-decay 1e300", 2, &["weight-decay"]),
    ("--optimizer adam --eps 1e300", 2, &["eps"]),
    ("--optimizer momentum --momentum 1e300", 2, &["momentum"]),
    ("--clip-norm 0", 2, &["--clip-norm 0"]),
    ("--clip-value nan", 2, &["--clip-value nan"]),
    ("--optimizer momentum --momentum 2e400", 2, &["momentum"]),
    ("--optimizer adam --beta1 1", 2, &["beta1", "1"]),
    ("--optimizer sdg", 2, &["sdg", "sgd"]),
    ("--batch-size 0", 2, &["--batch-size 0"]),
    ("--batch-size 1438", 2, &["--batch-size 1438", "1437"]),
    ("--batch-size 99999999999999999999", 2, &["--batch-size", "99999999999999999999"]),
    ("--num-computation 0", 2, &["--num-computation 0"]),
    ("--num-computation 3 --selector threshold", 2, &["threshold", "3", "softmax"]),
    ("--num-computation 1 --ste-sign as-printed", 2, &["as-printed", "--num-computation 2"]),
    ("--selector tanh", 2, &["tanh", "softmax"]),
    ("--hidden 0", 2, &["--hidden 0"]),
    ("--hidden=", 2, &["--hidden"]),
    ("--hidden 64,,64", 2, &["--hidden"]),
    ("--hidden 9223372036854775807", 1, &["not enough memory", "smaller"]),
    ("--hidden many", 2, &["--hidden", "many"]),
    ("--epochs 0", 2, &["--epochs 0"]),
    ("--epochs=-1", 2, &["--epochs", "-1"]),
    ("--steps 0", 2, &["--steps 0"]),
    ("--log-every 0", 2, &["--log-every", "0"]),
    ("--checkpoint-every 0", 2, &["--checkpoint-every", "0"]),
    ("--keep 0", 2, &["--keep", "0"]),
    ("--threads 0", 2, &["--threads", "0"]),
    ("--replicates 0", 2, &["--replicates", "0"]),
    ("--seed -1", 2, &["-1"]),
    ("--name a/b", 2, &["--name", "a/b"]),
    ("--name=", 2, &["--name"]),
    ("--name ..", 2, &["--name", ".."]),
    ("--preset as-print", 2, &["as-print", "as-printed"]),
    ("--device gpu", 2, &["--device gpu", "cuda:N"]),
    ("--device cuda:x", 2, &["--device cuda:x"]),
    ("--tf32 maybe", 2, &["maybe", "on"]),
    ("--data minst", 2, &["minst", "mnist"]),
    ("--data nowhere/at/all", 1, &["nowhere/at/all", "folder"]),
    ("--data mnist", 1, &["data/mnist", "scripts/data mnist"]),
    ("--data mnist --data-dir elsewhere", 1, &["elsewhere/mnist", "scripts/data mnist"]),
    ("--config missing.json", 1, &["missing.json"]),
    ("--config key.json", 2, &["key.json", "batch_sise", "batch_size"]),
    ("--config kind.json", 2, &["kind.json", "batch_size", "many"]),
    ("--config float.json", 2, &["float.json", "hidden"]),
    ("--config range.json", 2, &["--threads 0"]),
    ("--config threads.json", 2, &["--threads 5000: expected 1 to 1024"]),
    ("--config replicates.json", 2, &["--replicates 100000: expected 1 to 4096"]),
    ("--config log.json", 2, &["--log-every 0"]),
    ("--config list.json", 2, &["list.json", "object"]),
    ("--config torn.json", 1, &["torn.json", "JSON"]),
    ("--config lines.json", 2, &["lines.json", r#""batch\nsise""#, "batch_size", "hidden"]),
    ("--config nowhere.json", 2, &["--runs \"\"", "--data-dir \"\"", "folder"]),
    ("--resume", 2, &["--resume"]),
    ("--resume nothing", 2, &["nothing", "no such run"]),
    ("--resume a --preset k2", 2, &["--resume", "--preset"]),
    ("--resume a --config key.json", 2, &["--resume", "--config"]),
    ("--resume a --init-from b", 2, &["--resume", "--init-from"]),
    ("--resume a --eval b", 2, &["--resume", "--eval"]),
    ("--eval missing.safetensors", 1, &["missing.safetensors"]),
    ("--eval runs", 1, &["runs"]),
    ("--init-from missing.safetensors", 1, &["missing.safetensors"]),
    ("--init-from a-run", 1, &["no checkpoint a-run", "checkpoints/EXPERIMENT/NAME"]),
    ("--init-from arrays.npz", 1, &["arrays.npz", "NumPy", "--to-torch"]),
    ("--eval a --init-from b", 2, &["--eval", "--init-from"]),
    ("--runs file", 1, &["file"]),
    ("--checkpoints file", 1, &["file"]),
];

#[test]
fn refusals() {
    // A process takes most of its time to load libtorch: two at a time.
    let halves = FLAGS.chunks(FLAGS.len().div_ceil(2));
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = halves.map(|half| scope.spawn(|| refuse_all(half))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), FLAGS.len(), wrong.join("\n"));
}

/// What is wrong with the answers to some command lines.
fn refuse_all(cases: &[Case]) -> Vec<String> {
    let bench = Bench::new();
    let files = [
        ("key.json", r#"{"batch_sise": 3}"#),
        ("kind.json", r#"{"batch_size": "many"}"#),
        ("float.json", r#"{"hidden": [1.5]}"#),
        ("range.json", r#"{"threads": 0}"#),
        ("threads.json", r#"{"threads": 5000}"#),
        ("replicates.json", r#"{"replicates": 100000}"#),
        ("log.json", r#"{"log_every": 0}"#),
        ("list.json", "[1, 2]"),
        ("torn.json", r#"{"lr": 0."#),
        ("lines.json", r#"{"batch\nsise": 3, "hidden": 1.5}"#),
        ("nowhere.json", r#"{"runs": "", "data_dir": ""}"#),
        ("file", ""),
        ("arrays.npz", "PK\x03\x04"),
    ];
    for (name, text) in files {
        fs::write(bench.path(name), text).unwrap();
    }
    fs::create_dir(bench.path("runs")).unwrap();
    let mut wrong = Vec::new();
    for (line, code, needed) in cases {
        let data = if line.contains("--data") { "" } else { "--data digits --epochs 1" };
        let data = if line.contains("--epochs") { "--data digits" } else { data };
        let outcome = bench.run(&format!("{line} {data}"));
        if let Err(problem) = examine(&outcome, *code, needed) {
            wrong.push(format!("{line}\n    {problem}: {:?} {}", outcome.code, outcome.stderr));
        }
        for left in ["runs/selector_mnist", "checkpoints/selector_mnist", "selector_mnist"] {
            if bench.path(left).exists() && !bench.names(left).is_empty() {
                wrong.push(format!("{line}\n    leaves {:?} in {left}", bench.names(left)));
                fs::remove_dir_all(bench.path(left)).unwrap();
            }
        }
    }
    wrong
}

fn examine(outcome: &Outcome, code: i32, needed: &[&str]) -> Result<(), String> {
    let line = outcome.stderr.trim_end();
    if outcome.code != Some(code) {
        return Err(format!("expected exit code {code}"));
    }
    if line.contains('\n') || !line.starts_with("error: ") || line.len() > 400 {
        return Err("expected one line".into());
    }
    if !outcome.stdout.is_empty() {
        return Err(format!("says {} on standard output", outcome.stdout));
    }
    match needed.iter().find(|word| !line.contains(**word)) {
        Some(word) => Err(format!("doesn't say {word}")),
        None if line.contains("internal error") => Err("a panic".into()),
        None => Ok(()),
    }
}

#[test]
fn no_cuda_is_one_line() {
    if tch::Cuda::is_available() {
        common::skip("there is a CUDA device");
        return;
    }
    let bench = Bench::new();
    let outcome = bench.run("--data digits --device cuda:0").expect(1);
    assert!(outcome.error().contains("--device cuda:0"), "{outcome:?}");
    assert!(!bench.path("runs").exists());
}

#[test]
fn a_run_that_exists_or_is_in_use() {
    let bench = Bench::new();
    bench.run("--data digits --epochs 1 --name once --quiet").expect(0);
    let before = bench.tensors("once", 23);
    let outcome = bench.run("--data digits --epochs 1 --name once --seed 5").expect(2);
    assert!(outcome.error().contains("--resume once"), "{outcome:?}");
    // The same run folder, but other checkpoints, and the other way round.
    let outcome = bench.run("--data digits --epochs 1 --name once --runs other").expect(2);
    assert!(outcome.error().contains("checkpoints of another run"), "{outcome:?}");
    assert!(bench.names("other/selector_mnist").is_empty());
    assert!(bench.tensors("once", 23) == before);

    let mut busy = bench.spawn("--data digits --epochs 100000 --name busy");
    wait_until("it logs", || bench.run_file("busy", "metrics.jsonl").exists());
    for line in ["--resume busy", "--data digits --name busy --runs other"] {
        let outcome = bench.run(line).expect(2);
        let host = rustix::system::uname();
        let holder = format!("process {} on {}", busy.id(), host.nodename().to_str().unwrap());
        assert!(outcome.error().contains(&format!("in use by {holder}: ")), "{outcome:?}");
    }
    let outcome = bench.run("--resume buzy").expect(2);
    assert!(outcome.error().contains("\"busy\""), "{outcome:?}");
    busy.kill().unwrap();
    busy.wait().unwrap();
}

#[test]
fn help_and_version() {
    let bench = Bench::new();
    let help = bench.run("--help").expect(0);
    for word in ["--resume", "--num-computation", "as-printed", "--device"] {
        assert!(help.stdout.contains(word), "{word} is not in --help");
    }
    let version = bench.run("--version").expect(0);
    assert_eq!(version.stdout.trim(), concat!("selector_mnist ", env!("CARGO_PKG_VERSION")));
    assert!(help.stderr.is_empty() && version.stderr.is_empty());
}

#[test]
fn the_configuration_that_is_printed_is_taken_again() {
    let bench = Bench::new();
    let line = "--preset k5 --data digits --lr 0.3 --hidden 8,8 --name a --print-config";
    let printed = bench.run(line).expect(0).stdout;
    let config: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&config["lr"], &config["num_computation"]), (&0.3.into(), &5.into()));
    // What is not typed is filled in as for a run.
    assert_eq!(config["selector"], "softmax");
    fs::write(bench.path("printed.json"), &printed).unwrap();
    let again = bench.run("--config printed.json --name a --print-config").expect(0).stdout;
    assert_eq!(again, printed);
    assert!(!bench.path("runs").exists() && !bench.path("checkpoints").exists());
    let refused = bench.run("--lr 0 --print-config").expect(2);
    assert!(refused.error().contains("--lr 0") && refused.stdout.is_empty());
    bench.run("--print-config --resume a").expect(2);
}

#[test]
fn a_configuration_may_begin_with_a_mark_and_come_through_a_pipe() {
    let bench = Bench::new();
    fs::write(bench.path("mark.json"), "\u{feff}{\"hidden\": [8], \"steps\": 2}\r\n").unwrap();
    bench.run("--config mark.json --data digits --name file --quiet").expect(0);
    let line = "--config /dev/stdin --data digits --device cpu --name pipe --quiet";
    let line = format!("cat mark.json | {} {line}", common::program());
    bench.execute("sh", &["-c", &line]).expect(0);
    for name in ["file", "pipe"] {
        let config = bench.json(bench.run_file(name, "config.json"));
        assert_eq!(config["hidden"], serde_json::json!([8]));
    }
}

#[test]
fn a_working_folder_that_is_gone_is_one_line() {
    let bench = Bench::new();
    let line = format!("mkdir gone; cd gone; rmdir ../gone; exec {} --version", common::program());
    let outcome = bench.execute("sh", &["-c", &line]).expect(1);
    assert!(outcome.error().contains("working folder"), "{outcome:?}");
}

#[test]
fn too_little_memory_to_begin_is_one_line() {
    let bench = Bench::new();
    for kilobytes in (360_000..460_000).step_by(20_000) {
        let line = format!("ulimit -v {kilobytes}; exec {} --version", common::program());
        let outcome = bench.execute("sh", &["-c", &line]);
        match outcome.code {
            // 127: the loader itself has no room for the libraries.
            Some(0 | 127) => {}
            Some(1) => assert!(outcome.error().contains("not enough memory"), "{outcome:?}"),
            _ => panic!("{kilobytes} KB: {outcome:?}"),
        }
    }
}

#[test]
fn quiet_says_nothing_and_json_one_object() {
    let bench = Bench::new();
    let quiet = bench.run("--data digits --epochs 1 --name quiet --quiet").expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let json = bench.run("--data digits --epochs 1 --name json --json").expect(0);
    let summary: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json.stdout.lines().count(), 1);
    assert_eq!(summary["status"], "done");
    assert_eq!(summary, bench.summary("json"));
    let json = bench.run("--eval checkpoints/selector_mnist/json --json").expect(0);
    let evaluation: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(evaluation["metrics"]["eval/accuracy"], summary["metrics"]["eval/accuracy"]);
    let refused = bench.run("--data digits --epochs 0 --json").expect(2);
    assert_eq!(refused.stdout, "");
}

#[test]
fn a_run_in_a_process_of_someone_else_leaves_the_environment_alone() {
    let bench = Bench::new();
    let variables = || std::env::vars_os().collect::<Vec<_>>();
    let before = variables();
    for tf32 in ["on", "off"] {
        let line = format!(
            "selector_mnist --data digits --steps 2 --device cpu --quiet --tf32 {tf32} --name {tf32} \
             --runs {} --checkpoints {}",
            bench.path("runs").display(),
            bench.path("checkpoints").display()
        );
        run::<SelectorMnist>(line.split_whitespace().map(OsString::from)).unwrap();
        assert_eq!(variables(), before);
    }
}
