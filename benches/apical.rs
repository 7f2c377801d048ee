//! One epoch of two-phase training, phase by phase, on random images of MNIST's shape, beside the
//! same in plain PyTorch (scripts/reference/apical.py).
//!
//! ```text
//! cargo bench --bench apical                      # both sides and the ratio: a minute
//! cargo bench --bench apical -- 20 1 960          # ours alone: runs, batch size, samples a phase
//! ```
//!
//! PyTorch is that of `.reference` (scripts/reference/setup), or of the interpreter that
//! `NEURON_LAB_PYTHON` names.

#![allow(clippy::print_stdout)]

use anyhow::{Context, bail};
use neuron_lab::apical::learning::split::Subset;
use neuron_lab::apical::learning::trainer::{LearningRates, Trainer};
use neuron_lab::apical::model::activation::Activation;
use neuron_lab::apical::model::loss::one_hot;
use neuron_lab::apical::model::network::Network;
use neuron_lab::apical::{ApicalTrain, train::config::ApicalTrainConfig};
use neuron_lab::lab::configure;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::process::Command;
use tch::{Device, Kind, Tensor, no_grad_guard};

/// Runs of each row; the median counts.
const TURNS: usize = 3;
const WIDTHS: [i64; 5] = [784, 256, 256, 256, 10];

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn config(batch: i64) -> anyhow::Result<ApicalTrainConfig> {
    let batch = batch.to_string();
    let arguments = ["bench", "--batch-size", &batch].map(OsString::from);
    Ok(configure::<ApicalTrain>(arguments)?.experiment)
}

/// CPU seconds of phase 1 and of phase 2.
type Times = [f64; 2];

/// One epoch of so many networks.
fn epoch(runs: u64, batch: i64, samples: i64) -> anyhow::Result<Times> {
    let config = config(batch)?;
    let options = (Kind::Float, Device::Cpu);
    let images = Tensor::randn([samples, WIDTHS[0]], options);
    let labels = Tensor::randint(10, [samples], (Kind::Int64, Device::Cpu));
    let target = one_hot(&labels, 10, Kind::Float, Device::Cpu);
    let part = Subset { images, target, labels };
    let seeds: Vec<u64> = (0..runs).collect();
    let network = Network::new(&WIDTHS, Activation::Relu, &seeds, Kind::Float, Device::Cpu);
    let rates = vec![LearningRates { a: 0.01, w: 1e-6 }; runs as usize];
    let mut trainer = Trainer::new(network, config.learning_rules(), &rates);
    let start = cpu_seconds();
    trainer.begin_phase1(true);
    let _ = trainer.accumulate_gradient(&part, 0..samples);
    trainer.update_multipliers(1.0, 0.0);
    let middle = cpu_seconds();
    let order = Tensor::randperm(samples, (Kind::Int64, Device::Cpu));
    let _ = trainer.learn_weights(&part, &order, 1.0);
    Ok([middle - start, cpu_seconds() - middle])
}

/// One epoch of one network in PyTorch, with the update out of place and with `addmm_`.
fn reference(batch: i64, samples: i64) -> anyhow::Result<[Times; 2]> {
    let python = std::env::var("NEURON_LAB_PYTHON").unwrap_or(".reference/bin/python".into());
    let [batch, samples] = [batch, samples].map(|number| number.to_string());
    let script = "scripts/reference/apical.py";
    let flags = ["--batch-size", &batch, "--samples", &samples];
    let output = Command::new(&python)
        .arg(script)
        .args(flags)
        .output()
        .with_context(|| format!("{python}: make it with scripts/reference/setup"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        &[a, b, c, d] => Ok([[a, b], [c, d]]),
        _ => bail!("{script}: {text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Billions of floating-point operations a second of a large matrix product.
fn peak() -> f64 {
    let square = Tensor::randn([1024, 1024], (Kind::Float, Device::Cpu));
    let _ = square.mm(&square);
    let start = cpu_seconds();
    (0..5).for_each(|_| drop(square.mm(&square)));
    5.0 * 2.0 * 1024f64.powi(3) / (cpu_seconds() - start) / 1e9
}

/// Billions of floating-point operations a second of a phase 2, products with the weights alone.
fn rate(runs: u64, samples: i64, second: f64) -> f64 {
    let weights: i64 = WIDTHS.windows(2).map(|pair| pair[0] * pair[1]).sum();
    4.0 * (weights * samples) as f64 * runs as f64 / second / 1e9
}

fn median(times: &[Times]) -> Times {
    [0, 1].map(|phase| {
        let mut column: Vec<f64> = times.iter().map(|pair| pair[phase]).collect();
        column.sort_by(f64::total_cmp);
        column[column.len() / 2]
    })
}

/// Both sides, and their table rows: CPU milliseconds for 1000 samples of one run.
fn compare(runs: u64, batch: i64, samples: i64, theirs: i64) -> anyhow::Result<()> {
    let (mut ours, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(epoch(runs, batch, samples)?.map(|t| 1e6 * t / (runs as i64 * samples) as f64));
        peaks.push(peak());
    }
    let theirs = reference(batch, theirs)?.map(|pair| pair.map(|t| 1e6 * t / theirs as f64));
    let [out_of_place, in_place] = theirs;
    peaks.sort_by(f64::total_cmp);
    let own = median(&ours);
    let gflops = rate(1, 1000, own[1] / 1e3);
    let share = 100.0 * gflops / peaks[TURNS / 2];
    let name = format!("{runs} runs, batch size {batch}: ours");
    for (name, [first, second]) in [
        (name.as_str(), own),
        ("PyTorch, out of place", out_of_place),
        ("PyTorch, `addmm_`", in_place),
    ] {
        let (sum, ratio) = (first + second, (first + second) / (own[0] + own[1]));
        println!("| {name} | {first:.2} | {second:.2} | {sum:.2} | {ratio:.2} |");
    }
    println!("| phase 2 of ours: {gflops:.0} Gflop/s, {share:.0} % of a 1024 x 1024 product |||||");
    Ok(())
}

fn main() -> anyhow::Result<()> {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    let _guard = no_grad_guard();
    let numbers = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    if let [runs, batch, samples] = numbers.collect::<Vec<i64>>()[..] {
        for _ in 0..TURNS {
            let [first, second] = epoch(runs as u64, batch, samples)?;
            let gflops = rate(runs as u64, samples, second);
            println!("phase 1 {first:.3} s, phase 2 {second:.3} s, {gflops:.1} Gflop/s");
        }
        return Ok(());
    }
    println!("CPU milliseconds for 1000 samples of a run, 1 thread, median of {TURNS} turns");
    println!("| 784-256-256-256-10 | phase 1 | phase 2 | epoch | times ours |");
    println!("|---|---|---|---|---|");
    compare(1, 30, 9000, 9000)?;
    compare(20, 30, 900, 9000)?;
    compare(1, 1000, 9000, 9000)?;
    compare(1, 1, 1500, 1500)?;
    compare(20, 1, 960, 1500)
}
