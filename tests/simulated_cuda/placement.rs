//! Which device `--device auto` takes where there is a GPU.

use std::ffi::OsString;

use neuron_lab::apical::{ApicalTrain, Characterize, Toy};
use neuron_lab::depth_width::DepthWidth;
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::toy::TwoLossToy;
use neuron_lab::lab::{Experiment, StepWork, configure};
use neuron_lab::one_neuron::OneNeuron;
use neuron_lab::selector::{SelectorContinual, SelectorMnist, SelectorTransformer};
use neuron_lab::steady_state::{SteadyState, SteadyStateInit, SteadyStateTheory};

use crate::bench::{Trial, finish, simulate};
use crate::common::{Outcome, words};
use crate::cost_cases::{CASES, Case};
use crate::library;

/// Runs an experiment on a machine with the simulated device, which sees those that `visible` names.
fn run(trial: &Trial, experiment: &str, line: &str, visible: Option<&str>) -> Outcome {
    let mut command = trial.command(experiment, line);
    simulate(&mut command);
    if let Some(visible) = visible {
        command.env("CUDA_VISIBLE_DEVICES", visible);
    }
    finish(command).expect(0)
}

/// Where the last process of a run computed.
fn device(trial: &Trial, experiment: &str) -> String {
    let record = trial.run_folder(experiment, "run").join("provenance.json");
    let record = trial.bench.json(record);
    let resumed = record["resumed"].as_array().and_then(|all| all.last());
    resumed.unwrap_or(&record)["device"].as_str().unwrap().into()
}

/// What was said of the choice of a device.
fn reasons(outcome: &Outcome) -> Vec<&str> {
    let said = outcome.stdout.lines().chain(outcome.stderr.lines());
    said.filter(|line| line.contains("computing on the CPU")).collect()
}

const TINY: &str = "--data digits --hidden 8,8 --batch-size 4 --steps 20 --log-every 10";
const LARGE: &str = "--data digits --hidden 1024,1024 --steps 2 --log-every 2";

#[test]
fn auto_keeps_small_steps_on_the_cpu_and_says_why() {
    if !library::fits() {
        return;
    }
    let cases = [
        ("one_neuron", "--steps 100", "--device cuda:0"),
        ("one_neuron", "--steps 100 --engine rows", "--engine rows"),
        ("two_loss_toy", "--map-size 0 --steps 10", "plain Rust"),
        ("apical_toy", "--trials 50 --steps 20", "--device cuda:0"),
        ("selector_mnist", TINY, "--device cuda:0"),
        (
            "selector_mnist",
            "--data digits --steps 2 --hidden 1024 --num-computation 4 --compute gather --rule switch",
            "--compute gather",
        ),
    ];
    for (experiment, flags, why) in cases {
        let trial = Trial::new();
        let outcome = run(&trial, experiment, &format!("{flags} --name run"), None);
        let said = reasons(&outcome);
        assert!(said.len() == 1 && said[0].contains(why), "{experiment} {flags}: {outcome:?}");
        assert_eq!(device(&trial, experiment), "cpu", "{experiment} {flags}");
    }
}

#[test]
fn auto_takes_the_gpu_for_large_steps_and_what_is_typed_is_obeyed() {
    if !library::fits() {
        return;
    }
    for (flags, taken) in [
        (format!("{LARGE} --device auto"), "cuda:0"),
        (format!("{LARGE} --device cpu"), "cpu"),
        (format!("{TINY} --device cuda:0"), "cuda:0"),
    ] {
        let trial = Trial::new();
        let outcome = run(&trial, "selector_mnist", &format!("{flags} --name run"), None);
        assert_eq!(device(&trial, "selector_mnist"), taken, "{flags}");
        assert!(reasons(&outcome).is_empty(), "{flags}: {outcome:?}");
    }
}

#[test]
fn without_a_gpu_auto_says_nothing() {
    if !library::fits() {
        return;
    }
    let trial = Trial::new();
    let outcome = run(&trial, "selector_mnist", &format!("{TINY} --name run"), Some(""));
    assert_eq!(device(&trial, "selector_mnist"), "cpu");
    assert!(reasons(&outcome).is_empty(), "{outcome:?}");
}

#[test]
fn a_run_goes_on_where_its_settings_say() {
    if !library::fits() {
        return;
    }
    // Begun by auto on a machine without a GPU, a large run goes on on the GPU of another.
    for (flags, visible, then, resumed) in [
        (TINY, None, "cpu", "cpu"),
        (LARGE, None, "cuda:0", "cuda:0"),
        (LARGE, Some(""), "cpu", "cuda:0"),
    ] {
        let trial = Trial::new();
        let line = format!("{flags} --name run --quiet");
        run(&trial, "selector_mnist", &line, visible);
        assert_eq!(device(&trial, "selector_mnist"), then, "{flags}");
        run(&trial, "selector_mnist", "--resume run --steps 24", None);
        assert_eq!(device(&trial, "selector_mnist"), resumed, "{flags}");
    }
}

/// What the experiment of a case says that a step asks for.
fn stated(case: &Case) -> StepWork {
    let line = case
        .doubled
        .iter()
        .fold(case.fixed.to_string(), |line, (flag, value)| format!("{line} {flag} {value}"));
    let line: Vec<OsString> = std::iter::once(case.experiment.into())
        .chain(words(&line).into_iter().map(OsString::from))
        .collect();
    macro_rules! of {
        ($($experiment:ty),*) => {
            $(if <$experiment>::SPEC.name == case.experiment {
                return <$experiment>::step_work(&configure::<$experiment>(line.clone()).unwrap());
            })*
        };
    }
    of!(ApicalTrain, Characterize, Toy, DepthWidth, EfficientCoding, TwoLossToy, OneNeuron);
    of!(SelectorContinual, SelectorMnist, SelectorTransformer);
    of!(SteadyState, SteadyStateInit, SteadyStateTheory);
    panic!("no such experiment: {}", case.experiment)
}

#[test]
fn the_launches_that_experiments_state_are_about_those_that_are_counted() {
    for case in &CASES {
        let counted = match case.experiment {
            // Two depths, one after another.
            "depth_width" => 2.0 * case.launches,
            _ => case.launches,
        };
        let fits = match stated(case) {
            StepWork::OnHost(_) => counted == 0.0,
            StepWork::Operators { launches, .. } => (0.4..2.5).contains(&(launches / counted)),
        };
        assert!(fits, "{} {}: {:?}, not {counted}", case.experiment, case.fixed, stated(case));
    }
}
