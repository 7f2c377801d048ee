//! What `lab` does with runs afterwards: notes and tags, tables for others, archives, removal.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::{Bench, Outcome, wait_until, words};
use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const RUN: &str = "--data digits --epochs 2 --hidden 8 --log-every 5 --quiet";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

/// The names of the runs that a filter leaves.
fn names(bench: &Bench, filter: &str) -> Vec<String> {
    let out = lab(bench, &format!("runs --json {filter}")).expect(0);
    let whole: Value = serde_json::from_str(&out.stdout).unwrap();
    let runs = whole["runs"].as_array().unwrap().iter();
    runs.map(|run| run["name"].as_str().unwrap().to_string()).collect()
}

fn labels(bench: &Bench, run: &str) -> Value {
    bench.json(bench.run_file(run, "labels.json"))
}

#[test]
fn notes_and_tags_are_given_changed_and_searched() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name plain")).expect(0);
    bench.run(&format!("{RUN} --name first --tag paper,control --note why")).expect(0);
    assert!(!bench.run_file("plain", "labels.json").exists());
    assert_eq!(labels(&bench, "first"), json!({"note": "why", "tags": ["control", "paper"]}));
    assert_eq!(names(&bench, "--tag paper"), ["first"]);
    assert_eq!(names(&bench, "--tag paper,absent"), [""; 0]);

    lab(&bench, "tag plain paper,a").expect(0);
    lab(&bench, "tag first --remove paper").expect(0);
    assert_eq!(names(&bench, "--tag paper"), ["plain"]);
    assert_eq!(lab(&bench, "tag plain").expect(0).stdout, "a,paper\n");
    bench.execute(LAB, &["note", "plain", "a\u{1b}[31m\nb"]).expect(0);
    assert_eq!(lab(&bench, "note plain").expect(0).stdout, "a\\u001b[31m\\nb\n");
    let shown = lab(&bench, "show plain").expect(0).stdout;
    assert!(shown.contains("note     a\\u001b[31m\\nb\ntags     a, paper\n"), "{shown}");
    bench.execute(LAB, &["note", "plain", ""]).expect(0);
    assert_eq!(labels(&bench, "plain"), json!({"tags": ["a", "paper"]}));

    // They are no settings: a run goes on with others, and its numbers are the same.
    bench.run("--resume first --epochs 3 --tag late --quiet").expect(0);
    assert_eq!(labels(&bench, "first"), json!({"note": "why", "tags": ["control", "late"]}));
    let page = bench.path("page.md");
    lab(&bench, "report first --out page.html").expect(0);
    assert!(fs::read_to_string(page).unwrap().contains("| tags | control, late |"));
}

#[test]
fn what_can_be_no_label_is_refused_before_a_run_begins() {
    let bench = Bench::new();
    let long = "x".repeat(100_000);
    let line = format!("{RUN} --name none");
    for (flag, value, expected) in [
        ("--note", long.as_str(), "a note of 100000 characters"),
        ("--tag", "a,,b", "a tag of 0 characters"),
        ("--tag", "a\nb", "a control character"),
    ] {
        let mut arguments = words(&line);
        arguments.extend([flag, value]);
        let out = bench.execute(common::program(), &arguments).expect(2);
        assert!(out.error().contains(expected) && out.error().len() < 300, "{out:?}");
        assert!(!bench.path("runs").exists());
    }
    bench.run(&format!("{RUN} --name there")).expect(0);
    let out = bench.execute(LAB, &["note", "there", &long]).expect(2);
    assert!(out.error().len() < 300, "{out:?}");
    for line in ["tag there --remove absent", "tag nowhere a", "runs --where nope=3"] {
        lab(&bench, line).expect(2).error();
    }
    assert!(lab(&bench, "runs --where hiddn=8").expect(2).error().contains("hidden"));
    assert!(lab(&bench, "runs --watch").expect(2).error().contains("terminal"));
    fs::write(bench.run_file("there", "labels.json"), "{\"tags\": 3}").unwrap();
    let out = lab(&bench, "runs").expect(0);
    assert!(out.stdout.contains("there") && out.warnings().len() == 1, "{out:?}");
}

#[test]
fn tables_that_pandas_reads() {
    let bench = Bench::new();
    for (name, seed) in [("a", 1), ("b", 2)] {
        bench.run(&format!("{RUN} --name {name} --seed {seed} --note x,\"y\"")).expect(0);
    }
    lab(&bench, "export --out tables/runs.csv").expect(0);
    let text = fs::read_to_string(bench.path("tables/runs.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("run,status,steps,started,seconds,bytes,tags,note,"), "{text}");
    assert!(lines[1].starts_with("selector_mnist/a,done,46,") && lines.len() == 3, "{text}");
    assert!(lines[1].contains(",\"x,\"\"y\"\"\","), "{text}");
    bench.run(&format!("{RUN} --name c --lr 0.5")).expect(0);
    lab(&bench, "export").expect(0);
    let text = fs::read_to_string(bench.path("runs.csv")).unwrap();
    let column = text.lines().next().unwrap().split(',').position(|name| name == "lr").unwrap();
    // What is a default in one run is a setting of the others.
    let rates = text.lines().skip(1).map(|line| line.replace("\"x,\"\"y\"\"\"", "note"));
    let rates: Vec<String> =
        rates.map(|line| line.split(',').nth(column).unwrap().to_string()).collect();
    assert_eq!(rates, ["0.01", "0.01", "0.5"]);
    lab(&bench, "export b --log --tags train/loss,eval/ --out log.csv").expect(0);
    let text = fs::read_to_string(bench.path("log.csv")).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..3], ["run", "step", "time"]);
    assert!(header[3..].iter().all(|tag| *tag == "train/loss" || tag.starts_with("eval/")));
    let place = header.iter().position(|tag| *tag == "train/loss").unwrap();
    let entries = bench.metrics("b");
    let logged = entries.iter().filter_map(|entry| entry["values"]["train/loss"].as_f64());
    let cells = text.lines().skip(1).map(|line| line.split(',').nth(place).unwrap());
    let cells: Vec<f64> = cells.filter_map(|cell| cell.parse().ok()).collect();
    assert!(cells.len() > 5 && logged.eq(cells));
    assert!(lab(&bench, "export nothing").expect(1).error().contains("nothing: no such run"));
    assert!(lab(&bench, "report --tag none").expect(1).error().contains("as the filters say"));
}

/// A run that began with another one's model is no second seed of one that did not.
#[test]
fn what_a_run_began_with_is_a_setting_of_it() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name plain")).expect(0);
    lab(&bench, "checkpoint plain --to-torch model.safetensors").expect(0);
    let line = format!("{RUN} --name begun --seed 1 --init-from model.safetensors");
    bench.run(&line).expect(0);
    assert!(lab(&bench, "runs begun").expect(0).stdout.contains("init_from=model.safetensors"));
    assert_eq!(
        lab(&bench, "runs --where init-from=model.safetensors").expect(0).stdout.lines().count(),
        2
    );
    let shown = lab(&bench, "show begun").expect(0).stdout;
    assert!(shown.contains("  init from  model.safetensors, SHA-256 "), "{shown}");
    assert!(
        shown.contains("cpu, 1 thread\n") && shown.contains("  data       digits\n"),
        "{shown}"
    );
    lab(&bench, "export --out runs.csv").expect(0);
    assert!(fs::read_to_string(bench.path("runs.csv")).unwrap().contains(",init_from,"));
    // Repeated by its file, in which everything is filled in, a run has the settings that it had.
    bench.run("--config runs/selector_mnist/plain/config.json --name again --quiet").expect(0);
    let changed = |name| bench.json(bench.run_file(name, "provenance.json"))["changed"].clone();
    assert_eq!(changed("again"), changed("plain"));
    lab(&bench, "report --out page.html").expect(0);
    let page = fs::read_to_string(bench.path("page.md")).unwrap();
    assert!(page.contains("| init_from | runs done |"), "{page}");
}

#[test]
fn only_what_is_named_and_confirmed_is_removed() {
    let bench = Bench::new();
    for name in ["one", "one-more"] {
        bench.run(&format!("{RUN} --name {name}")).expect(0);
    }
    symlink("one", bench.path("runs/selector_mnist/newest")).unwrap();
    let out = lab(&bench, "rm one").expect(0);
    assert!(out.stdout.contains("  runs/selector_mnist/one and /"), "{out:?}");
    assert!(out.stdout.contains("/checkpoints/selector_mnist/one\n"), "{out:?}");
    assert!(out.stdout.contains("nothing is removed without --yes"), "{out:?}");
    // A part of a name, another run that isn't there, a link.
    for line in ["rm one-m --yes", "rm one nowhere --yes", "rm newest --yes", "rm latest --yes"] {
        lab(&bench, line).expect(2).error();
    }
    assert!(lab(&bench, "rm").expect(2).error().contains("RUN"));
    // A record that somebody else wrote may name a folder of somebody else's.
    fs::write(bench.checkpoints("one").join("thesis.txt"), "").unwrap();
    assert!(lab(&bench, "rm one --yes").expect(2).error().contains("thesis.txt"));
    fs::remove_file(bench.checkpoints("one").join("thesis.txt")).unwrap();
    assert_eq!(names(&bench, ""), ["one", "one-more"]);
    lab(&bench, "rm selector_mnist/one --yes").expect(0);
    assert_eq!(names(&bench, ""), ["one-more"]);
    assert!(!bench.checkpoints("one").exists() && bench.checkpoints("one-more").exists());
}

#[test]
fn a_running_run_is_neither_removed_nor_packed() {
    let bench = Bench::new();
    let long = "--data digits --epochs 100000 --hidden 8 --quiet --device cpu --name long";
    let mut process = bench.spawn(long);
    wait_until("it runs", || bench.run_file("long", "summary.json").exists());
    for line in ["rm long --yes", "archive long --remove"] {
        assert!(lab(&bench, line).expect(2).error().contains("is running"));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    lab(&bench, "rm long --yes").expect(0);
    assert_eq!(names(&bench, ""), [""; 0]);
}

#[test]
fn an_archive_unpacks_to_a_run_that_goes_on() {
    let bench = Bench::new();
    let longer = RUN.replace("--epochs 2", "--epochs 3");
    bench.run(&format!("{longer} --name whole")).expect(0);
    bench.run(&format!("{RUN} --name packed")).expect(0);
    let out = lab(&bench, "archive packed --remove").expect(0);
    assert!(out.stdout.contains("are free"), "{out:?}");
    assert!(!bench.checkpoints("packed").exists());
    assert_eq!(names(&bench, ""), ["whole"]);
    let archive = "archive/selector_mnist-packed.tar.gz";
    let unpacked =
        Command::new("tar").args(["xzf", archive]).current_dir(bench.path("")).status().unwrap();
    assert!(unpacked.success());
    assert_eq!(names(&bench, "--status done"), ["whole", "packed"]);
    // What exists is not written over.
    lab(&bench, "archive packed").expect(2).error();
    bench.run("--resume packed --epochs 3 --quiet").expect(0);
    bench.assert_same("packed", "whole", 69, "unpacked");
}
