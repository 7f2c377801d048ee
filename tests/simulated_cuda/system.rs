//! What a run logs of its machine, with stand-ins for CUDA's driver and NVML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{Trial, in_parallel, simulate};
use crate::common::wait_until;
use crate::library;

const MEMORY: &str = "system/process_memory_gb";

/// Compiles the stand-ins into a folder, under the names by which the real ones are loaded.
fn compile(names: &[&str], folder: &Path) {
    for name in names {
        let (source, library) = match *name {
            "cuda" => ("cuda.c", "libcuda.so.1"),
            _ => ("nvml.c", "libnvidia-ml.so.1"),
        };
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulated_cuda/driver").join(source);
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"]);
        let output = compiler.arg(folder.join(library)).arg(source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What a run is told.
struct Case {
    device: &'static str,
    /// The stand-ins that there are.
    libraries: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

/// A run on the simulated device until it has logged a sample of its GPU, or two samples where
/// nothing says one; the first values of the GPU, and what the run said.
fn sampled(case: &Case, has_gpu: bool) -> (BTreeMap<String, f64>, String) {
    let trial = Trial::new();
    let folder: PathBuf = trial.bench.path("libraries");
    std::fs::create_dir(&folder).unwrap();
    compile(case.libraries, &folder);
    let line = "--data digits --hidden 16,16 --epochs 100000 --log-every 5 --name run";
    let line = format!("{line} --device {}", case.device);
    let mut command = trial.command("selector_mnist", &line);
    simulate(&mut command);
    command.env("SIMULATED_CUDA_DEVICES", "2").env("LD_LIBRARY_PATH", folder);
    command.envs(case.variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let child = command.spawn().unwrap();
    let samples = || -> Vec<BTreeMap<String, f64>> {
        let path = trial.run_folder("selector_mnist", "run").join("metrics.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let values = |line: &str| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let values = entry["values"].as_object()?.iter();
            let values = values.filter(|(tag, _)| tag.starts_with("system/"));
            Some(values.map(|(tag, value)| (tag.clone(), value.as_f64().unwrap())).collect())
        };
        text.lines()
            .filter_map(values)
            .filter(|values: &BTreeMap<_, _>| !values.is_empty())
            .collect()
    };
    // The driver's samples come by themselves, and on a busy machine late.
    let of_gpu = |values: &BTreeMap<String, f64>| values.keys().any(|tag| tag.contains("/gpu_"));
    wait_until("it has logged samples", || match has_gpu {
        true => samples().iter().any(of_gpu),
        false => samples().len() > 1,
    });
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    let samples = samples();
    let most = begun.elapsed().as_secs() as usize + 1;
    assert!(samples.len() <= most, "{} samples in {most} seconds", samples.len());
    assert!(samples.iter().any(|values| values.get(MEMORY).is_some_and(|memory| *memory > 0.05)));
    let mut values = samples.iter().find(|values| of_gpu(values)).cloned().unwrap_or_default();
    values.remove(MEMORY);
    (values, String::from_utf8(output.stderr).unwrap())
}

/// The values of a GPU of the stand-in, in the order of its tags.
fn of(
    process: f64,
    memory: f64,
    utilization: f64,
    degrees: f64,
    watts: f64,
) -> BTreeMap<String, f64> {
    let tags =
        ["process_memory_gb", "memory_gb", "utilization_percent", "temperature_c", "power_w"];
    let values = [process, memory, utilization, degrees, watts];
    tags.iter().zip(values).map(|(tag, value)| (format!("system/gpu_{tag}"), value)).collect()
}

#[test]
fn a_run_logs_what_its_own_gpu_says() {
    if !library::fits() {
        return;
    }
    let both = &["cuda", "nvml"][..];
    let case = |device, libraries, variables| Case { device, libraries, variables };
    let (a, b) = (of(0.75, 3.0, 40.0, 48.0, 98.25), of(1.25, 5.0, 70.0, 61.0, 251.5));
    let mut without_power = a.clone();
    without_power.remove("system/gpu_power_w");
    let nothing = BTreeMap::new();
    let cases = [
        // NVML has them in the order b, a.
        (case("cuda:0", both, &[("SIMULATED_CUDA_IDENTITIES", "ab")]), &a),
        (case("cuda:1", both, &[("SIMULATED_CUDA_IDENTITIES", "ab")]), &b),
        (case("cuda:0", both, &[("SIMULATED_CUDA_IDENTITIES", "ba")]), &b),
        (
            case(
                "cuda:0",
                both,
                &[("SIMULATED_CUDA_IDENTITIES", "a"), ("SIMULATED_NVML_LACKS", "power")],
            ),
            &without_power,
        ),
        // A part of a GPU, whose identity NVML does not know as that of a whole one.
        (case("cuda:0", both, &[("SIMULATED_CUDA_IDENTITIES", "m")]), &nothing),
        (
            case(
                "cuda:0",
                both,
                &[("SIMULATED_CUDA_IDENTITIES", "a"), ("SIMULATED_NVML_LACKS", "everything")],
            ),
            &nothing,
        ),
        (case("cuda:0", &["cuda"], &[("SIMULATED_CUDA_IDENTITIES", "a")]), &nothing),
        (case("cuda:0", &["nvml"], &[]), &nothing),
        (case("cpu", both, &[("SIMULATED_CUDA_IDENTITIES", "ab")]), &nothing),
    ];
    in_parallel(&cases, |(case, expected)| {
        let (found, said) = sampled(case, !expected.is_empty());
        let (device, variables) = (case.device, case.variables);
        assert_eq!(found, **expected, "{device} {variables:?}");
        assert!(!said.contains("warning"), "{said}");
    });
}
