//! The default sweep of `steady_state`, and the same runs one at a time, sample by sample. One
//! libtorch thread on the CPU; CPU time.
//!
//! ```text
//! cargo bench --bench steady_state
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::ffi::OsString;
use std::hint::black_box;

use anyhow::Result;
use neuron_lab::lab::run;
use neuron_lab::steady_state::SteadyState;
use neuron_lab::steady_state::signal::kind::ReferenceKind;
use rustix::time::{ClockId, clock_gettime};

#[path = "../tests/steady_brute/mod.rs"]
mod steady_brute;
use steady_brute::{Network, setup};

const KIND: ReferenceKind = ReferenceKind::SinesZero;

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = cpu_seconds();
    work();
    cpu_seconds() - start
}

fn sweep(line: &str) -> Result<f64> {
    let home = tempfile::tempdir()?;
    let path = |name: &str| home.path().join(name).into_os_string();
    let words =
        format!("steady_state --quiet --device cpu --runs RUNS --name bench {line} --checkpoints");
    let mut words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
    words[5] = path("runs");
    words.push(path("checkpoints"));
    let start = cpu_seconds();
    run::<SteadyState>(words)?;
    Ok(cpu_seconds() - start)
}

/// CPU seconds of the default sweep one run at a time at dt 0.01: 1800 runs that learn for 400 s
/// and again for `steady` s from w*, and 90 pre-trainings of 10 000 s, with the task loss of 400 s
/// simulated after every update. From the time of a substep for each network size.
fn brute(substep: &[f64], steady: f64) -> f64 {
    let per_size = |time: &f64| {
        let updates = 200.0 * (400.0 + steady) + 10.0 * 10_000.0;
        updates * (1.0 + 400.0) * 100.0 * time
    };
    substep.iter().map(per_size).sum()
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let setup = setup(&[0], 9, KIND, 0.01);
    let (mut plain, mut cached) = (Vec::new(), Vec::new());
    for q in 1..=9i64 {
        let network = Network::of(&setup, 0, 10 * q, KIND);
        let weights = vec![0.01; 10 * q as usize];
        let seconds = 40;
        let substeps = 100.0 * seconds as f64;
        let time = timed(|| {
            black_box(network.loss(&weights, seconds));
        });
        plain.push(time / substeps);
        let signals = network.signals(seconds);
        let turns = 20;
        let time = timed(|| {
            for _ in 0..turns {
                black_box(network.loss_of(&weights, &signals, seconds));
            }
        });
        cached.push(time / substeps / f64::from(turns));
    }
    println!("one substep, q 1 to 9, ns: the layer computed each time, or kept in memory");
    let nanoseconds = |times: &[f64]| -> Vec<String> {
        times.iter().map(|time| format!("{:.0}", 1e9 * time)).collect()
    };
    println!("  {}\n  {}", nanoseconds(&plain).join(" "), nanoseconds(&cached).join(" "));
    for (steady, line) in [(400.0, ""), (5000.0, "--steady-seconds 5000")] {
        let ours = sweep(line)?;
        let (plain, cached) = (brute(&plain, steady), brute(&cached, steady));
        println!(
            "steady-state runs of {steady} s: {ours:.2} s; one at a time, extrapolated: {plain:.0} s \
             ({:.0} times), layer kept in memory: {cached:.0} s ({:.0} times)",
            plain / ours,
            cached / ours
        );
    }
    Ok(())
}
