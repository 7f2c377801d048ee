//! How often a training step waits for the device.
//!
//! Every read goes through `lab::tensor::to_host`, which counts them; a scan of the source holds the
//! library to that.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Bench;
use neuron_lab::apical::{ApicalTrain, Characterize, Toy};
use neuron_lab::depth_width::DepthWidth;
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::toy::TwoLossToy;
use neuron_lab::lab::open_session;
use neuron_lab::lab::tensor::to_host;
use neuron_lab::lab::train::experiment::Experiment;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::lab::train::session::Session;
use neuron_lab::one_neuron::OneNeuron;
use neuron_lab::selector::{SelectorContinual, SelectorMnist, SelectorTransformer};
use neuron_lab::steady_state::{SteadyState, SteadyStateInit, SteadyStateTheory};

/// A run with these flags, ready for its first step.
fn begin<E: Experiment>(bench: &Bench, name: &str, flags: &str) -> Session<E> {
    open_session::<E>(bench.arguments(&format!("--name {name} {flags}"))).unwrap()
}

/// A run of the digits that logs at every fourth step.
fn session(bench: &Bench, name: &str, flags: &str) -> Session<SelectorMnist> {
    begin(bench, name, &format!("--data digits --log-every 4 --epochs 2 {flags}"))
}

/// Reads of each of the next steps.
fn reads(session: &mut Session<SelectorMnist>, steps: usize) -> Vec<u64> {
    let step = |_| {
        let before = to_host::count();
        session.one_step().unwrap();
        to_host::count() - before
    };
    (0..steps).map(step).collect()
}

const CASES: [&str; 5] = [
    "",
    "--optimizer adam --replicates 3",
    "--num-computation 3 --optimizer nesterov --clip-norm 1 --clip-value 1",
    "--ste-sign as-printed --schedule cosine --optimizer adamw",
    "--schedule plateau --optimizer momentum",
];

#[test]
fn with_cudas_policy_only_a_logging_step_reads_and_once() {
    let bench = Bench::new();
    for (i, flags) in CASES.iter().enumerate() {
        let mut session = session(&bench, &format!("cuda{i}"), flags);
        session.set_finite_policy(FinitePolicy::WhenLogging);
        let found = reads(&mut session, 12);
        assert_eq!(found, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], "{flags}");
    }
}

#[test]
fn with_the_cpus_policy_each_step_reads_its_finite_flag() {
    let bench = Bench::new();
    for (i, flags) in CASES.iter().enumerate() {
        let mut session = session(&bench, &format!("cpu{i}"), flags);
        assert_eq!(reads(&mut session, 8), [1, 1, 1, 2, 1, 1, 1, 2], "{flags}");
    }
}

/// The reads of each of the next calls of `one_step` under CUDA's policy: of those that end without
/// a log entry, and of those that end with one.
fn reads_of<E: Experiment>(flags: &str, calls: usize) -> (Vec<u64>, Vec<u64>) {
    let bench = Bench::new();
    let mut session = begin::<E>(&bench, "a", flags);
    session.set_finite_policy(FinitePolicy::WhenLogging);
    let lines = bench.path("runs").join(E::SPEC.name).join("a/metrics.jsonl");
    let entries = || fs::read_to_string(&lines).unwrap().lines().count();
    let (mut between, mut logging) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let (logged, before) = (entries(), to_host::count());
        session.one_step().unwrap();
        let reads = to_host::count() - before;
        if entries() > logged { logging.push(reads) } else { between.push(reads) }
    }
    (between, logging)
}

/// That a call reads so often between log entries, and once more where it makes one. The run must be
/// longer than so many calls.
#[track_caller]
fn assert_reads<E: Experiment>(expected: u64, calls: usize, flags: &str) {
    let (between, logging) = reads_of::<E>(flags, calls);
    let name = E::SPEC.name;
    assert!(!between.is_empty() && !logging.is_empty(), "{name}: {between:?}, {logging:?}");
    assert!(between.iter().all(|reads| *reads == expected), "{name}: {between:?}");
    assert!(logging.iter().all(|reads| *reads == expected + 1), "{name}, logging: {logging:?}");
}

/// Every experiment, in small.
#[test]
fn no_experiment_reads_between_two_log_entries() {
    const DIGITS: &str = "--data digits --log-every 4";
    const STEADY: &str = "--pretrain-seconds 105 --train-seconds 120 --steady-seconds 120 \
                          --loss-seconds 100 --log-every 2";
    const GRID: &str = "--optimizer sgd,adam --gradient correct,averaged --batch-size 3,8 \
                        --steps 2000 --log-every 200 --checkpoint-every 150";
    assert_reads::<SelectorMnist>(0, 12, DIGITS);
    assert_reads::<SelectorContinual>(0, 12, &format!("{DIGITS} --method ewc"));
    assert_reads::<SelectorTransformer>(
        0,
        12,
        "--d-model 16 --heads 2 --feedforward 24 --vocab 60 --sequence 12 --batch-size 4 \
         --eval-sequences 6 --sample-words 5 --log-every 4 --evaluate-every 8 --steps 40",
    );
    let grid = "--depths 1,3 --widths 4 --inits default,he --optimizers sgd,adam --lrs 0.01,0.1 \
                --descent-steps 3 --replicates 2";
    assert_reads::<DepthWidth>(0, 12, &format!("{DIGITS} {grid}"));
    assert_reads::<OneNeuron>(0, 6, &format!("{GRID} --engine tensors"));
    let sweep = "--replicates 3 --expansions 1,3 --gammas 0.02,0.1";
    assert_reads::<SteadyState>(0, 5, &format!("{STEADY} {sweep}"));
    assert_reads::<SteadyStateTheory>(0, 5, &format!("{STEADY} --replicates 2"));
    assert_reads::<SteadyStateInit>(0, 2, &format!("{STEADY} --replicates 12"));
    assert_reads::<Toy>(0, 12, "--trials 50 --steps 40 --log-every 4");
    let phases = "--hidden 20,20 --steps-per-phase 6 --epochs 4";
    assert_reads::<ApicalTrain>(0, 12, &format!("{DIGITS} {phases}"));
    assert_reads::<Characterize>(0, 4, "--data digits --hidden 20,20 --log-every 2");
    assert_reads::<EfficientCoding>(
        0,
        12,
        "--kernel-size 6 --neurons 7 --batch-size 20 --eval-patches 64 --covariance-batches 2 \
         --image-every 0 --log-every 4 --evaluate-every 50 --steps 100",
    );

    // What computes on the host, many steps a call, reads its state at the beginning of each: two
    // numbers a method here, and the parameters, moments and sums of each group of points there.
    assert_reads::<TwoLossToy>(
        1,
        6,
        "--steps 2000 --print-every 1000 --log-every 200 --checkpoint-every 150",
    );
    assert_reads::<OneNeuron>(17, 6, &format!("{GRID} --engine rows"));
}

/// What reads a tensor's numbers behind the count's back.
const DIRECT: [&str; 16] = [
    "double_value(",
    "int64_value(",
    "f64::try_from(&",
    "f32::try_from(&",
    "i64::try_from(&",
    "bool::try_from(&",
    "Vec::<f32>::try_from(",
    "Vec::<f64>::try_from(",
    "Vec::<i64>::try_from(",
    "Vec::try_from(",
    "copy_data",
    ".item(",
    ".nonzero(",
    "is_nonzero(",
    "masked_select(",
    "data_ptr(",
];

/// Where that is right, with the reason.
const ALLOWED: [(&str, &str); 2] = [
    ("src/lab/tensor/host_memory.rs", "the memory of tensors on the CPU: a device's is never read"),
    ("src/lab/tensor/to_host.rs", "the count itself"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file that are not in its `mod tests`, with their numbers.
fn library_lines(text: &str) -> Vec<(usize, &str)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//")).collect()
}

#[test]
fn the_library_reads_through_the_count_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 40, "{files:?}");
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        for (number, line) in library_lines(&fs::read_to_string(path).unwrap()) {
            if !DIRECT.iter().any(|word| line.contains(word)) {
                continue;
            }
            match ALLOWED.iter().find(|(file, _)| *file == name) {
                Some((file, _)) => used.push(*file),
                None => wrong.push(format!("{name}:{number}: {line}")),
            }
        }
    }
    assert!(wrong.is_empty(), "read through lab::tensor::to_host instead:\n{}", wrong.join("\n"));
    for (file, reason) in ALLOWED {
        assert!(used.contains(&file), "{file} needs no exception any more ({reason})");
    }
}

#[test]
fn memory_and_environment_have_one_owner_each() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    for (word, owner) in [
        ("data_ptr(", "src/lab/tensor/host_memory.rs"),
        ("env::set_var(", "src/lab/tensor/device.rs"),
        ("env::remove_var(", "src/lab/tensor/device.rs"),
    ] {
        let has = |path: &&PathBuf| fs::read_to_string(path).unwrap().contains(word);
        let found: Vec<_> = files.iter().filter(has).collect();
        assert_eq!(found, [&root.join(owner)], "{word}");
    }
}
