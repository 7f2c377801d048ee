//! One epoch of two-phase training, phase by phase, on random images of MNIST's shape: compare with
//! scripts/reference/apical.py, which does the same in plain PyTorch.
//!
//! ```text
//! cargo bench --bench apical
//! ```

#![allow(clippy::print_stdout)]

use neuron_lab::apical::activation::Activation;
use neuron_lab::apical::loss::one_hot;
use neuron_lab::apical::network::Network;
use neuron_lab::apical::split::Part;
use neuron_lab::apical::train::trainer::Trainer;
use neuron_lab::apical::{ApicalTrain, train::config::ApicalTrainConfig};
use neuron_lab::lab::configure;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
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

/// CPU seconds of phase 1 and of phase 2 for so many networks.
fn epoch(runs: u64, batch: i64, samples: i64) -> anyhow::Result<(f64, f64)> {
    let config = config(batch)?;
    let options = (Kind::Float, Device::Cpu);
    let images = Tensor::randn([samples, WIDTHS[0]], options);
    let labels = Tensor::randint(10, [samples], (Kind::Int64, Device::Cpu));
    let target = one_hot(&labels, 10, Kind::Float, Device::Cpu);
    let part = Part { images, target, labels };
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let seeds: Vec<u64> = (0..runs).collect();
        let network = Network::new(&WIDTHS, Activation::Relu, &seeds, Kind::Float, Device::Cpu);
        let rates = vec![(0.01, 1e-6); runs as usize];
        let mut trainer = Trainer::new(network, &config, &rates);
        let start = cpu_seconds();
        trainer.begin_first();
        for from in (0..samples).step_by(500) {
            let _ = trainer.accumulate(&part, (from, (from + 500).min(samples)));
        }
        trainer.update_multipliers(1.0, 0.0);
        let middle = cpu_seconds();
        let order = Tensor::randperm(samples, (Kind::Int64, Device::Cpu));
        for order in order.split(500 / batch.min(500) * batch.max(1), 0) {
            let x = part.images.index_select(0, &order);
            let target = part.target.index_select(0, &order);
            for (x, target) in x.split(batch, 0).into_iter().zip(target.split(batch, 0)) {
                let _ = trainer.learn(&x, &target, 1.0);
            }
        }
        turns.push((middle - start, cpu_seconds() - middle));
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[TURNS / 2]
    };
    let (first, second) = turns.into_iter().unzip();
    Ok((median(first), median(second)))
}

/// Billions of floating-point operations a second of a large matrix product.
fn peak() -> f64 {
    let square = Tensor::randn([1024, 1024], (Kind::Float, Device::Cpu));
    let _ = square.mm(&square);
    let start = cpu_seconds();
    (0..5).for_each(|_| drop(square.mm(&square)));
    5.0 * 2.0 * 1024f64.powi(3) / (cpu_seconds() - start) / 1e9
}

fn main() -> anyhow::Result<()> {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    let _guard = no_grad_guard();
    println!("CPU seconds of an epoch, 784-256-256-256-10, 1 thread; median of {TURNS} turns");
    println!("| runs | batch size | samples | phase 1 | phase 2 | epoch | phase 2, Gflop/s |");
    println!("|---|---|---|---|---|---|---|");
    let weights: i64 = WIDTHS.windows(2).map(|pair| pair[0] * pair[1]).sum();
    for (runs, batch, samples) in
        [(1, 30, 30_000), (1, 1000, 30_000), (20, 30, 3000), (1, 1, 3000), (20, 1, 300)]
    {
        let (first, second) = epoch(runs, batch, samples)?;
        let flops = 4.0 * (weights * samples) as f64 * runs as f64;
        println!(
            "| {runs} | {batch} | {samples} | {first:.3} | {second:.3} | {:.3} | {:.1} |",
            first + second,
            flops / second / 1e9
        );
    }
    println!("a product of 1024 x 1024 matrices: {:.1} Gflop/s", peak());
    Ok(())
}
