//! One optimizer step on a flat buffer against tch's own optimizers, and ways to ask a gradient
//! whether it is finite. CPU time of one libtorch thread; the variants of a row take turns, and
//! the median over the turns counts, since other programs disturb the machine.
//!
//! ```text
//! cargo bench --bench optimizers
//! ```

#![allow(clippy::print_stdout)]

use neuron_lab::lab::tensor::optim::finite::{FoundInf, all_finite};
use neuron_lab::lab::tensor::optim::{Optimizer, OptimizerConfig, OptimizerKind};
use rustix::time::{ClockId, clock_gettime};
use tch::nn::{self, OptimizerConfig as _};
use tch::{Device, Kind, Tensor};

const TURNS: usize = 15;
/// CPU time of a turn.
const TURN_MICROSECONDS: f64 = 20_000.0;
const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

type Call = Box<dyn FnMut()>;
type Variant = (&'static str, Call);

fn cpu_microseconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Microseconds of one call, of every variant.
fn measure(variants: &mut [Variant]) -> Vec<f64> {
    let mut turns = vec![Vec::new(); variants.len()];
    for _ in 0..TURNS {
        for ((_, call), turns) in variants.iter_mut().zip(&mut turns) {
            let (start, mut calls) = (cpu_microseconds(), 0.0);
            while cpu_microseconds() - start < TURN_MICROSECONDS {
                (0..10).for_each(|_| call());
                calls += 10.0;
            }
            turns.push((cpu_microseconds() - start) / calls);
        }
    }
    let median = |mut turns: Vec<f64>| {
        turns.sort_by(f64::total_cmp);
        turns[turns.len() / 2]
    };
    turns.into_iter().map(median).collect()
}

fn report(title: &str, variants: &mut [Variant]) {
    let times = measure(variants);
    println!("\n{title}");
    for ((name, _), time) in variants.iter().zip(&times) {
        println!("  {name:<36} {time:>9.1} us   {:>5.2} x the first", time / times[0]);
    }
}

/// Our step, also with a flag, which is for a GPU: on the CPU the selection is slow, but for Adam.
fn flat(kind: OptimizerKind, size: i64, weight_decay: f64, flagged: bool) -> Call {
    let mut parameters = Tensor::randn([1, size], OPTIONS);
    let gradient = Tensor::randn([1, size], OPTIONS);
    let config = OptimizerConfig { kind, weight_decay, ..Default::default() };
    let mut optimizer = Optimizer::new(config, &parameters);
    let found = flagged.then(|| FoundInf::new(Device::Cpu));
    Box::new(move || optimizer.step(&mut parameters, &gradient, 1e-3, found.as_ref()))
}

/// tch's step, with the parameters in `tensors` tensors.
fn tch_own(kind: OptimizerKind, size: i64, weight_decay: f64, tensors: i64) -> Call {
    let store = nn::VarStore::new(Device::Cpu);
    for i in 0..tensors {
        let variable = store.root().zeros(&format!("p{i}"), &[size / tensors]);
        (&variable * Tensor::randn([size / tensors], OPTIONS)).sum(Kind::Float).backward();
    }
    let mut optimizer = match kind {
        OptimizerKind::Sgd => nn::sgd(0.0, 0.0, weight_decay, false).build(&store, 1e-3),
        OptimizerKind::Momentum => nn::sgd(0.9, 0.0, weight_decay, false).build(&store, 1e-3),
        OptimizerKind::Nesterov => nn::sgd(0.9, 0.0, weight_decay, true).build(&store, 1e-3),
        OptimizerKind::Adam => nn::adam(0.9, 0.999, weight_decay).build(&store, 1e-3),
        OptimizerKind::Adamw => nn::adamw(0.9, 0.999, weight_decay).build(&store, 1e-3),
    }
    .expect("one of tch's optimizers");
    Box::new(move || optimizer.step())
}

fn optimizers(size: i64) {
    use OptimizerKind::{Adam, Adamw, Momentum, Sgd};
    for (name, kind, decay) in [
        ("sgd", Sgd, 0.0),
        ("momentum", Momentum, 0.0),
        ("adam", Adam, 0.0),
        ("adamw", Adamw, 0.01),
    ] {
        let mut variants = [
            ("flat", flat(kind, size, decay, false)),
            ("flat, with a flag", flat(kind, size, decay, true)),
            ("tch, 1 tensor", tch_own(kind, size, decay, 1)),
            ("tch, 12 tensors", tch_own(kind, size, decay, 12)),
        ];
        report(&format!("{name}, {size} parameters, per step"), &mut variants);
    }
}

fn finite_checks(size: i64) {
    let check = |is_finite: fn(&Tensor) -> Tensor| -> Call {
        let gradient = Tensor::randn([1, size], OPTIONS);
        Box::new(move || drop(is_finite(&gradient)))
    };
    let zeros = Tensor::zeros([size], OPTIONS);
    let gradient = Tensor::randn([size], OPTIONS);
    let dot_zeros = Box::new(move || drop(gradient.dot(&zeros).isfinite()));
    let bits = |g: &Tensor| {
        const INFINITE: i64 = 0x7f80_0000;
        g.view_dtype(Kind::Int).bitwise_and(INFINITE).max().less(INFINITE)
    };
    let mut variants: [Variant; 8] = [
        ("all_finite (aminmax)", check(all_finite)),
        ("dot with zeros kept", dot_zeros),
        ("bits of the exponent", check(bits)),
        ("(g * 0).sum()", check(|g| (g * 0.0).sum(Kind::Float).isfinite())),
        ("abs().max()", check(|g| g.abs().max().isfinite())),
        ("sum() in f64", check(|g| g.sum(Kind::Double).isfinite())),
        ("isfinite().all()", check(|g| g.isfinite().all())),
        ("sum(), which overflows", check(|g| g.sum(Kind::Float).isfinite())),
    ];
    report(&format!("finite?, {size} values"), &mut variants);
}

fn main() {
    tch::set_num_threads(1);
    for size in [100_000, 1_000_000] {
        optimizers(size);
    }
    for size in [100_000, 1_000_000] {
        finite_checks(size);
    }
}
