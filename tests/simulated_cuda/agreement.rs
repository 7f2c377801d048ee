//! Every configuration computes on the simulated device what it computes on the CPU.
//!
//! The device's operators are the CPU's kernels, so that where both take the same operators the bits
//! are the same. They don't everywhere: on CUDA the optimizers are libtorch's fused kernels, which hold a
//! step back themselves where a number is not finite, layers and engines of plain Rust are tensor
//! operations, and sums are taken in another order.

use std::collections::BTreeMap;
use std::io::Write;

use neuron_lab::lab::log::tags::is_of_machine;
use serde_json::Value;

use crate::bench::{On, Trial, in_parallel};
use crate::common::EXPERIMENTS;
use crate::configurations::{self, Configuration};
use crate::library;

/// What values may differ by: a share of their size, and a number of their own, since some metrics
/// are differences that would be zero but for rounding.
const RELATIVE: f64 = 1e-4;
const ABSOLUTE: f64 = 1e-6;

/// The values of a run by step and tag, without those that depend on the machine.
fn values(trial: &Trial, experiment: &str) -> BTreeMap<String, Option<f64>> {
    let mut found = BTreeMap::new();
    for entry in trial.entries(experiment, "run") {
        for (tag, value) in entry["values"].as_object().unwrap() {
            if !is_of_machine(tag) {
                found.insert(format!("step {} {tag}", entry["step"]), value.as_f64());
            }
        }
    }
    found
}

/// Whether two values are equal to rounding.
pub fn close(a: Option<f64>, b: Option<f64>) -> bool {
    close_at(1.0, a, b)
}

/// The same of values that are differences of numbers of the size of `scale`.
fn close_at(scale: f64, a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= RELATIVE * a.abs().max(b.abs()) + ABSOLUTE * scale,
        // A number that is not finite is logged as none.
        (a, b) => a == b,
    }
}

/// Where two runs differ, if they do: the first few values.
pub fn differences(cpu: &Trial, cuda: &Trial, experiment: &str) -> Option<String> {
    let (a, b) = (values(cpu, experiment), values(cuda, experiment));
    if a.is_empty() || a.len() != b.len() || !a.keys().eq(b.keys()) {
        return Some(format!("{} values on the CPU, {} on CUDA", a.len(), b.len()));
    }
    // A standard deviation is of differences from the mean, whose rounding it has.
    let scale = |key: &str| {
        let mean = key.strip_suffix("/sd").and_then(|mean| *a.get(mean)?);
        mean.map_or(1.0, |mean| mean.abs().max(1.0))
    };
    let differ = a.iter().filter(|(key, value)| !close_at(scale(key), **value, b[*key]));
    let lines: Vec<String> =
        differ.map(|(key, value)| format!("{key}: {value:?} on the CPU, {:?}", b[key])).collect();
    (!lines.is_empty())
        .then(|| format!("{} values, {}", lines.len(), lines[..lines.len().min(3)].join("; ")))
}

/// What is wrong with a configuration on the simulated device, if something is.
fn complaint(configuration: &Configuration) -> Option<String> {
    let Configuration { experiment, name, commands } = configuration;
    let said = |what: String| format!("{experiment}/{name}: {what}");
    let (cpu, cuda) = (Trial::new(), Trial::new());
    if configuration.is_of_the_cpu() {
        let outcome = cuda.run(On::Cuda, experiment, &commands[0]);
        return (outcome.code != Some(2)).then(|| said(format!("not refused: {outcome:?}")));
    }
    for line in commands {
        for (on, trial) in [(On::Cpu, &cpu), (On::Cuda, &cuda)] {
            let outcome = trial.run(on, experiment, line);
            if outcome.code != Some(0) {
                let (code, stderr) = (outcome.code, outcome.stderr);
                return Some(said(format!("exit code {code:?} on {on:?}: {stderr}")));
            }
        }
    }
    differences(&cpu, &cuda, experiment).map(said)
}

#[test]
fn every_configuration_computes_what_it_does_on_the_cpu() {
    if !library::fits() {
        return;
    }
    let all = configurations::all();
    let complaints = in_parallel(&all, complaint);
    let wrong: Vec<String> = complaints.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    let refused = all.iter().filter(|found| found.is_of_the_cpu()).count();
    // Past the harness, which shows what a test prints only if it fails.
    let _ = writeln!(
        std::io::stderr(),
        "simulated CUDA: {} configurations of {} experiments, and {refused} that are the CPU's alone",
        all.len() - refused,
        EXPERIMENTS.len(),
    );
}

#[test]
fn a_difference_is_found() {
    assert!(close(Some(1.0), Some(1.00009)) && !close(Some(1.0), Some(1.0002)));
    assert!(close(Some(3e-7), Some(-3e-7)) && !close(Some(3e-6), Some(-3e-6)));
    assert!(close(None, None) && !close(None, Some(0.0)));
    assert!(
        close_at(30.0, Some(5.2e-4), Some(5.4e-4)) && !close_at(1.0, Some(5.2e-4), Some(5.4e-4))
    );
    let value = |number: f64| Value::from(number).as_f64();
    assert!(!close(value(f64::NAN), value(0.0)));
}
