//! What every experiment's specification says holds: its presets resolve, its flags apply.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use common::Bench;
use neuron_lab::apical::{ApicalTrain, Characterize, Toy};
use neuron_lab::depth_width::DepthWidth;
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::toy::TwoLossToy;
use neuron_lab::lab::cli::command;
use neuron_lab::lab::error::exit_status;
use neuron_lab::lab::log::metrics::is_replicate;
use neuron_lab::lab::log::tags::meaning;
use neuron_lab::lab::{Experiment, configure, run};
use neuron_lab::one_neuron::OneNeuron;
use neuron_lab::selector::{SelectorContinual, SelectorMnist, SelectorTransformer};
use neuron_lab::steady_state::{SteadyState, SteadyStateInit, SteadyStateTheory};
use serde_json::Value;

/// Calls a function for every experiment.
macro_rules! for_each_experiment {
    ($function:ident) => {
        $function::<ApicalTrain>();
        $function::<Characterize>();
        $function::<Toy>();
        $function::<DepthWidth>();
        $function::<EfficientCoding>();
        $function::<TwoLossToy>();
        $function::<OneNeuron>();
        $function::<SelectorContinual>();
        $function::<SelectorMnist>();
        $function::<SelectorTransformer>();
        $function::<SteadyState>();
        $function::<SteadyStateInit>();
        $function::<SteadyStateTheory>();
    };
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn refusal<E: Experiment>(line: &[&str]) -> String {
    let error = configure::<E>(words(line)).map(drop).unwrap_err();
    assert_eq!(exit_status(&error), 2, "{error:#}");
    format!("{error:#}")
}

#[test]
fn there_is_a_binary_for_every_experiment_named_here() {
    let mut names = Vec::new();
    macro_rules! name {
        ($($experiment:ty),*) => { $(names.push(<$experiment>::SPEC.name.to_string());)* };
    }
    name!(ApicalTrain, Characterize, Toy, DepthWidth, EfficientCoding, TwoLossToy, OneNeuron);
    name!(SelectorContinual, SelectorMnist, SelectorTransformer);
    name!(SteadyState, SteadyStateInit, SteadyStateTheory);
    names.push("lab".into());
    names.sort();
    let bin = concat!(env!("CARGO_MANIFEST_DIR"), "/bin");
    let files = fs::read_dir(bin).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().into()).collect();
    files.sort();
    assert_eq!(names, files);
}

fn presets_resolve<E: Experiment>() {
    for preset in E::SPEC.presets {
        let configured = configure::<E>(words(&["program", "--preset", preset.name]));
        assert!(configured.is_ok(), "{} --preset {}", E::SPEC.name, preset.name);
        let same = E::SPEC.presets.iter().filter(|other| other.name == preset.name).count();
        assert_eq!(same, 1, "{}: {}", E::SPEC.name, preset.name);
    }
}

#[test]
fn every_preset_resolves() {
    for_each_experiment!(presets_resolve);
}

/// `--help` says of a preset the flags that do the same.
fn preset_flags_are_in_the_help<E: Experiment>() {
    let asked = command::parse::<E::Config>(&E::SPEC, words(&["program", "--help"]));
    let help = asked.unwrap_err().to_string();
    let (_, presets) = help.split_once("Presets:\n").unwrap_or_default();
    let config = |line: &[&str]| configure::<E>(words(line)).unwrap().to_map().unwrap();
    for preset in E::SPEC.presets {
        let (_, own) = presets.split_once(&format!("  {}: ", preset.name)).unwrap();
        let (_, flags) = own.split_once("\n      ").unwrap();
        // They go on in lines of their own depth.
        let lines = flags.lines().enumerate();
        let lines = lines.take_while(|(at, line)| *at == 0 || line.starts_with("      "));
        let flags: Vec<&str> = lines.flat_map(|(_, line)| line.split_whitespace()).collect();
        let flags = if flags == ["the", "defaults"] { Vec::new() } else { flags };
        let typed = config(&[&["program"], &flags[..]].concat());
        assert_eq!(typed, config(&["program", "--preset", preset.name]), "{}", preset.name);
    }
}

#[test]
fn help_says_what_a_preset_sets() {
    for_each_experiment!(preset_flags_are_in_the_help);
}

/// Whether `--device auto` leaves a command line to the CPU where there is a GPU.
fn stays_on_cpu<E: Experiment>(line: &str) -> bool {
    let arguments = std::iter::once(E::SPEC.name).chain(line.split_whitespace());
    let settings = configure::<E>(arguments.map(OsString::from)).unwrap();
    E::step_work(&settings).stays_on_cpu(settings.run.threads).is_some()
}

#[test]
fn auto_leaves_small_steps_to_the_cpu_and_large_ones_to_a_gpu() {
    assert!(stays_on_cpu::<OneNeuron>("") && stays_on_cpu::<OneNeuron>("--preset table"));
    assert!(stays_on_cpu::<TwoLossToy>(""));
    assert!(stays_on_cpu::<Toy>("--trials 200") && !stays_on_cpu::<Toy>(""));
    assert!(stays_on_cpu::<SelectorMnist>("--data digits"));
    assert!(!stays_on_cpu::<SelectorMnist>("--hidden 1024,1024"));
    assert!(!stays_on_cpu::<SelectorContinual>("--hidden 1024,1024"));
    let transformer = "--layers 1 --d-model 16 --heads 2 --vocab 150 --sequence 12 --batch-size 4";
    assert!(stays_on_cpu::<SelectorTransformer>(transformer));
    assert!(!stays_on_cpu::<SelectorTransformer>("--d-model 512 --layers 6 --feedforward 2048"));
    assert!(stays_on_cpu::<EfficientCoding>("--neurons 20 --kernel-size 8"));
    assert!(!stays_on_cpu::<EfficientCoding>("--neurons 300 --kernel-size 18 --colours 3"));
    assert!(stays_on_cpu::<SteadyStateInit>("") && !stays_on_cpu::<SteadyState>(""));
    assert!(stays_on_cpu::<SteadyStateTheory>("--expansions 1 --replicates 2"));
    assert!(stays_on_cpu::<DepthWidth>("--data digits --widths 16"));
    assert!(!stays_on_cpu::<DepthWidth>(""));
    assert!(stays_on_cpu::<ApicalTrain>("--data digits --hidden 16,16"));
    assert!(!stays_on_cpu::<ApicalTrain>("--batch-size 300"));
    assert!(stays_on_cpu::<Characterize>("--data digits --hidden 16,16"));
    assert!(!stays_on_cpu::<Characterize>("--batch-size 3000"));
    // More threads make the CPU faster.
    assert!(stays_on_cpu::<SelectorMnist>("--hidden 256,256 --threads 64"));
    assert!(!stays_on_cpu::<SelectorMnist>("--hidden 256,256"));
}

fn metrics_are_explained<E: Experiment>() {
    for metric in E::SPEC.metrics {
        let explained = meaning(E::SPEC.tags, metric).is_some();
        assert!(explained, "{}: {metric}", E::SPEC.name);
    }
}

#[test]
fn every_metric_that_runs_are_compared_by_is_explained() {
    for_each_experiment!(metrics_are_explained);
}

/// A value that a flag would take, if it applied.
fn value_of(key: &str) -> &str {
    match key {
        "data" | "data_dir" | "init_from" | "eval" => "x",
        _ => "2",
    }
}

fn absent_flags_are_refused<E: Experiment>() {
    let help = command::parse::<E::Config>(&E::SPEC, words(&["program", "--help"]));
    let help = help.map(drop).unwrap_err().to_string();
    assert!(help.contains("--seed"), "{help}");
    for absent in E::SPEC.absent {
        let flag = format!("--{}", absent.key.replace('_', "-"));
        let offered = help.split(|c: char| !c.is_alphanumeric() && c != '-').any(|w| w == flag);
        assert!(!offered, "{} --help names {flag}", E::SPEC.name);
        for value in [value_of(absent.key), "\u{0}", ""] {
            let said = refusal::<E>(&["program", &flag, value]);
            assert!(said.contains(&flag) && said.contains(absent.reason), "{said}");
        }
        let said = refusal::<E>(&["program", &flag]);
        assert!(said.contains(&flag) && said.contains(absent.reason), "{said}");
    }
}

fn sizes_are_flags<E: Experiment>() {
    let help = command::parse::<E::Config>(&E::SPEC, words(&["program", "--help"]));
    let help = help.map(drop).unwrap_err().to_string();
    assert!(!E::SPEC.sizes.is_empty(), "{}", E::SPEC.name);
    for flag in E::SPEC.sizes {
        let offered = help.split(|c: char| !c.is_alphanumeric() && c != '-');
        assert!(offered.into_iter().any(|w| w == format!("--{flag}")), "{} {flag}", E::SPEC.name);
    }
}

#[test]
fn what_makes_a_run_smaller_are_flags_of_its_own() {
    for_each_experiment!(sizes_are_flags);
}

#[test]
fn a_flag_that_does_not_apply_is_not_offered_and_refused_with_its_reason() {
    for_each_experiment!(absent_flags_are_refused);
}

#[test]
fn only_flags_that_apply_are_suggested() {
    let said = refusal::<Toy>(&["program", "--epoch", "3"]);
    assert_eq!(said, "unexpected argument '--epoch' found");
    for (typed, suggested) in [("--dates", "--steps"), ("--seeed", "--seed")] {
        let said = refusal::<Toy>(&["program", typed, "3"]);
        let tip = format!("tip: a similar argument exists: '{suggested}'");
        assert_eq!(said, format!("unexpected argument '{typed}' found; {tip}"));
    }
}

#[test]
fn an_option_of_an_action_needs_the_action_and_a_value() {
    let said = refusal::<EfficientCoding>(&["program", "--out", "x"]);
    let missing = "the following required arguments were not provided: --analyse <CHECKPOINT>";
    assert_eq!(said, missing);
    let said = refusal::<EfficientCoding>(&["program", "--analyse", "x", "--out", ""]);
    assert!(said.contains("value is required for '--out <DIR>'"), "{said}");
}

/// Copies a run of format 1 to where `bench` has its runs.
fn copy_format_1(bench: &Bench, experiment: &str) {
    let home = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/format-1");
    for kind in ["runs", "checkpoints"] {
        let inside = format!("{kind}/{experiment}/golden");
        fs::create_dir_all(bench.path(&inside)).unwrap();
        for file in fs::read_dir(format!("{home}/{experiment}/{inside}")).unwrap().flatten() {
            fs::copy(file.path(), bench.path(&inside).join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn a_data_set_that_an_older_version_named_without_using_it_is_forgotten() {
    let bench = Bench::new();
    copy_format_1(&bench, "apical_toy");
    let path = bench.path("runs/apical_toy/golden/config.json");
    assert_eq!(bench.json(&path)["data"], "mnist");
    let again = ["program", "--config", path.to_str().unwrap()];
    assert_eq!(configure::<Toy>(words(&again)).unwrap().run.data, "none");
    run::<Toy>(bench.arguments("--resume golden --steps 200 --quiet")).unwrap();
    assert_eq!(bench.json(&path)["data"], "none");
    assert_eq!(bench.json("runs/apical_toy/golden/summary.json")["steps"], 200);
}

/// Small settings of an experiment, by its name.
fn small(name: &str) -> &'static str {
    match name {
        "apical_characterize" => "--data digits --hidden 8,8 --replicates 2",
        "apical_toy" => "--trials 20 --steps 100",
        "apical_train" => {
            "--data digits --hidden 8,8 --epochs 1 --steps-per-phase 4 --lr-w 1e-4,1 --replicates 2"
        }
        "depth_width" => "--data digits --depths 1,2 --widths 4 --descent-steps 3 --replicates 2",
        "efficient_coding" => {
            "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --covariance-batches 2 \
             --image-every 10 --evaluate-every 10 --steps 20 --constraint two-losses"
        }
        "one_neuron" => "--optimizer sgd,adam --steps 400 --evaluate-every 200 --replicates 2",
        "selector_continual" => "--data digits --hidden 8,8 --method ewc --fisher-samples 5",
        "selector_mnist" => {
            "--data digits --hidden 8,8 --selector softmax --num-computation 3 --epochs 1 \
             --replicates 2"
        }
        "selector_transformer" => {
            "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
             --eval-sequences 6 --sample-words 5 --evaluate-every 8 --steps 16 --log-every 4"
        }
        "steady_state" | "steady_state_theory" => {
            "--pretrain-seconds 60 --train-seconds 60 --steady-seconds 60 --steady-window 20 \
             --loss-seconds 60 --replicates 2"
        }
        "steady_state_init" => {
            "--pretrain-seconds 60 --train-seconds 20 --steady-seconds 20 --steady-window 20 \
             --loss-seconds 60 --replicates 12"
        }
        "two_loss_toy" => "--steps 20 --map-size 0",
        other => panic!("{other} has no small settings here"),
    }
}

fn logged_tags_are_explained<E: Experiment>() {
    let bench = Bench::new();
    let name = E::SPEC.name;
    run::<E>(bench.arguments(&format!("--name a --quiet {}", small(name)))).unwrap();
    let path = bench.path(format!("runs/{name}/a/metrics.jsonl"));
    let mut logged = BTreeSet::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        logged.extend(line["values"].as_object().unwrap().keys().cloned());
    }
    assert!(logged.len() > 5, "{name}: {logged:?}");
    for tag in logged.iter().filter(|tag| !is_replicate(tag)) {
        assert!(meaning(E::SPEC.tags, tag).is_some(), "{name}: {tag} has no line");
    }
}

#[test]
fn every_tag_that_is_logged_is_explained() {
    for_each_experiment!(logged_tags_are_explained);
}

#[test]
fn every_value_that_can_not_be_is_named() {
    let said = refusal::<SelectorMnist>(&["program", "--lr", "0", "--clip-norm", "0"]);
    assert!(said.contains("--lr 0") && said.contains("--clip-norm 0"), "{said}");
    let said =
        refusal::<OneNeuron>(&["program", "--momentum", "2", "--beta1", "3", "--steps", "0"]);
    for flag in ["--momentum 2", "--beta1 3", "--steps 0"] {
        assert!(said.contains(flag), "{said}");
    }
    assert!(!said.contains('\n'), "{said}");
}

fn limits_hold_for_files<E: Experiment>() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let line = ["program", "--config", path.to_str().unwrap()];
    for (key, value) in [("threads", 5000), ("replicates", 100_000), ("log_every", 0), ("keep", 0)]
    {
        if E::SPEC.absent.iter().any(|absent| absent.key == key) {
            continue;
        }
        fs::write(&path, format!("{{\"{key}\": {value}}}")).unwrap();
        let said = refusal::<E>(&line);
        assert!(said.contains(&format!("--{} {value}", key.replace('_', "-"))), "{said}");
    }
    for absent in E::SPEC.absent {
        let value = match absent.key {
            "replicates" | "steps" | "epochs" | "patience" => 7,
            _ => continue,
        };
        fs::write(&path, format!("{{\"{}\": {value}}}", absent.key)).unwrap();
        let said = refusal::<E>(&line);
        assert!(said.contains(absent.reason), "{said}");
    }
}

#[test]
fn a_configuration_file_has_the_limits_of_the_flags() {
    for_each_experiment!(limits_hold_for_files);
}

#[test]
fn every_key_of_a_configuration_file_that_is_unknown_or_of_another_kind_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, r#"{"steps": "x", "widths": [8], "seed": 3, "epochs": -1}"#).unwrap();
    let said = refusal::<SelectorMnist>(&["program", "--config", path.to_str().unwrap()]);
    for part in ["steps = \"x\"", "unknown key \"widths\"", "epochs = -1"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("seed"), "{said}");
}
