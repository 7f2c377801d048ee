//! Forward and backward pass of a selector layer by rule, selector and computation, the kernels
//! alone beside the matrix product of all computation neurons, and the memory of a pass. One
//! libtorch thread, CPU time. `--bench selector_reference` has the same in PyTorch eager beside it.
//!
//! ```text
//! cargo bench --bench selector_compute            # speed: 256 x 512 x 512
//! cargo bench --bench selector_compute -- memory  # peak memory of a pass, K = 2 to 1000
//! cargo bench --bench selector_compute -- ways    # what `--compute auto` chooses among
//! cargo bench --bench selector_compute -- small   # 64 x 784 x 64, the first layer of selector_mnist
//! ```

#![allow(clippy::print_stdout)]

mod selector_parts;

use anyhow::{Context, Result};
use neuron_lab::lab::tensor::params::{Gradients, Params};
use neuron_lab::selector::kernel::{self, Operands, Sizes};
use neuron_lab::selector::layer::{Compute, Rule, SelectorKind, SelectorLayer};
use selector_parts::{LayerSize, OPTIONS, cpu_seconds, layer, median, signals};
use tch::{Device, Kind, Tensor};

/// Milliseconds of CPU time: the median of some turns.
fn milliseconds(turns: usize, mut work: impl FnMut()) -> f64 {
    work();
    let time = |_| {
        let start = cpu_seconds();
        work();
        1e3 * (cpu_seconds() - start)
    };
    median((0..turns).map(time).collect())
}

/// Milliseconds of the forward pass, and of both.
fn times(layer: &SelectorLayer, params: &Params, rows: i64, turns: usize) -> (f64, f64) {
    let (x, delta) = signals(layer, rows);
    let mut gradients = params.zero_gradients();
    let forward = milliseconds(turns, || drop(layer.forward(params, &x, None)));
    let both = milliseconds(turns, || {
        let pass = layer.forward(params, &x, None);
        drop(layer.backward(params, &mut gradients, &pass, &delta, true));
    });
    (forward, both)
}

fn speed(rows: i64, inputs: i64, neurons: i64, choices: &[i64], turns: usize) -> Result<()> {
    println!("{rows} samples, {inputs} inputs, {neurons} neurons, 1 thread; CPU ms");
    println!("| K | selector | rule | compute | forward | forward and backward |");
    println!("|---|---|---|---|---|---|");
    for &k in choices {
        let dense = if k > 200 { None } else { Some(Compute::Dense) };
        for (selector, rule, ways) in [
            (SelectorKind::Softmax, Rule::FullSte, vec![dense, Some(Compute::Streaming)]),
            (
                SelectorKind::Softmax,
                Rule::SelectedOnly,
                vec![dense, Some(Compute::Streaming), Some(Compute::Gather)],
            ),
            (SelectorKind::LowRank, Rule::SelectedOnly, vec![dense, Some(Compute::Gather)]),
            (SelectorKind::Tree, Rule::SelectedOnly, vec![dense, Some(Compute::Gather)]),
            (SelectorKind::Softmax, Rule::Frozen, vec![dense, Some(Compute::Gather)]),
        ] {
            for compute in ways.into_iter().flatten() {
                let (layer, params) =
                    layer(LayerSize { inputs, neurons, choices: k }, selector, rule, compute)?;
                let (forward, both) = times(&layer, &params, rows, turns);
                println!(
                    "| {k} | {selector:?} | {rule:?} | {compute:?} | {forward:.1} | {both:.1} |"
                );
            }
        }
    }
    Ok(())
}

/// A layer that computes in one way, with its parameters.
struct Way {
    way: Compute,
    layer: SelectorLayer,
    params: Params,
    gradients: Gradients,
}

/// What `--compute auto` chooses among, at some sizes: forward and backward pass of one layer by each
/// way, which take turns.
fn ways(turns: usize) -> Result<()> {
    let ways = [Compute::Dense, Compute::Streaming, Compute::Gather, Compute::Auto];
    println!("Forward and backward, softmax selector, 1 thread; CPU ms, medians of {turns} turns");
    println!("| samples, inputs, neurons | rule | K | dense | streaming | gather | auto |");
    println!("|---|---|---|---|---|---|---|");
    for (rows, inputs, neurons) in [(64, 784, 64), (64, 64, 64), (128, 64, 1000), (256, 512, 512)] {
        for (rule, k) in [2, 3, 4, 5, 8, 20, 50]
            .into_iter()
            .flat_map(|k| [Rule::SelectedOnly, Rule::FullSte].map(|rule| (rule, k)))
        {
            let layers =
                ways.into_iter().filter(|way| *way != Compute::Gather || !rule.needs_all_outputs());
            let mut layers = layers
                .map(|way| {
                    let size = LayerSize { inputs, neurons, choices: k };
                    let (layer, params) = layer(size, SelectorKind::Softmax, rule, way)?;
                    let gradients = params.zero_gradients();
                    Ok(Way { way, layer, params, gradients })
                })
                .collect::<Result<Vec<_>>>()?;
            let (x, delta) = signals(&layers[0].layer, rows);
            let mut times = vec![Vec::new(); layers.len()];
            // About ten milliseconds of work at a time, since the clock ticks.
            let repeat = (100_000_000 / (rows * inputs * neurons * k)).clamp(1, 50);
            for turn in 0..=turns {
                for (Way { layer, params, gradients, .. }, column) in
                    layers.iter_mut().zip(&mut times)
                {
                    let start = cpu_seconds();
                    for _ in 0..repeat {
                        let pass = layer.forward(params, &x, None);
                        drop(layer.backward(params, gradients, &pass, &delta, true));
                    }
                    let time = 1e3 * (cpu_seconds() - start) / repeat as f64;
                    // The first turn is to warm up.
                    column.extend((turn > 0).then_some(time));
                }
            }
            let time = |way: Compute| {
                let found = layers.iter().position(|known| known.way == way);
                found.map_or("-".into(), |i| format!("{:.2}", median(times[i].clone())))
            };
            let cells = ways.map(time).join(" | ");
            println!("| {rows}, {inputs}, {neurons} | {rule:?} | {k} | {cells} |");
        }
    }
    Ok(())
}

/// The computation part alone: a matrix product for every K, of which one is taken, beside the
/// kernels, on choices at random.
fn kernels(samples: i64, inputs: i64, neurons: i64, choices: &[i64], turns: usize) -> Result<()> {
    println!("\nThe computation part alone; CPU ms");
    println!("| K | product forward | kernel forward | product backward | kernel backward |");
    println!("|---|---|---|---|---|");
    for &k in choices {
        let x = Tensor::randn([samples, inputs], OPTIONS);
        let weight = Tensor::randn([k * neurons, inputs], OPTIONS);
        let bias = Tensor::randn([k * neurons], OPTIONS);
        let delta = Tensor::randn([samples, neurons], OPTIONS);
        let choice = Tensor::randint(k, [samples, neurons], (Kind::Int64, Device::Cpu));
        let index = choice.unsqueeze(1);
        let product_forward = milliseconds(turns, || {
            let h = x.linear(&weight, Some(&bias)).view([samples, k, neurons]);
            drop(h.gather(1, &index, false));
        });
        let product_backward = milliseconds(turns, || {
            let dh = Tensor::zeros([samples, k, neurons], OPTIONS);
            let dh = dh.scatter(1, &index, &delta.unsqueeze(1)).view([samples, -1]);
            drop((dh.tr().mm(&x), dh.mm(&weight), dh.sum_dim_intlist(0, false, Kind::Float)));
        });
        let numbers = |of: &Tensor| Vec::<f32>::try_from(&of.reshape([-1]));
        let (x, weight, bias) = (numbers(&x)?, numbers(&weight)?, numbers(&bias)?);
        let delta = numbers(&delta.tr())?;
        let choice = Vec::<i16>::try_from(&choice.tr().to_kind(Kind::Int16).reshape([-1]))?;
        let [samples, neurons, choices, inputs] =
            [samples, neurons, k, inputs].map(|length| length as usize);
        let sizes = Sizes { samples, neurons, choices, inputs };
        let operands = Operands { sizes, x: &x, weight: &weight, choice: &choice };
        let mut out = vec![0f32; samples * neurons];
        let kernel_forward = milliseconds(turns, || kernel::forward(operands, &bias, &mut out));
        let (mut to_weight, mut to_bias) = (weight.clone(), bias.clone());
        let mut to_x = x.clone();
        let kernel_backward = milliseconds(turns, || {
            let (weight, bias, x) = (&mut to_weight[..], &mut to_bias[..], &mut to_x[..]);
            let gradients = kernel::KernelGradients { weight, bias, x };
            kernel::backward(operands, &delta, gradients);
        });
        println!(
            "| {k} | {product_forward:.1} | {kernel_forward:.1} | {product_backward:.1} | \
             {kernel_backward:.1} |"
        );
    }
    Ok(())
}

/// The peak of the process's memory so far in MB, by the kernel's count.
fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Peak memory of a forward and backward pass beyond what was there before it: parameters, their
/// gradient, input and libtorch itself.
fn pass_memory(k: i64, rule: Rule, compute: Compute) -> Result<f64> {
    tch::set_num_threads(1);
    let size = LayerSize { inputs: 128, neurons: 128, choices: k };
    let (layer, params) = layer(size, SelectorKind::Softmax, rule, compute)?;
    let mut gradients = params.zero_gradients();
    let (x, delta) = (Tensor::randn([256, 128], OPTIONS), Tensor::randn([256, 128], OPTIONS));
    // The first product of a process sets libtorch up.
    drop(x.mm(&x.tr()));
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = peak()?;
    let pass = layer.forward(&params, &x, None);
    drop(layer.backward(&params, &mut gradients, &pass, &delta, true));
    Ok(peak()? - before)
}

const WAYS: [(Rule, Compute); 4] = [
    (Rule::FullSte, Compute::Dense),
    (Rule::FullSte, Compute::Streaming),
    (Rule::SelectedOnly, Compute::Streaming),
    (Rule::SelectedOnly, Compute::Gather),
];

/// The table of [`pass_memory`], each entry in a process of its own.
fn memory() -> Result<()> {
    println!("Peak memory of a pass beyond parameters, gradient and input, MB");
    println!("256 samples, 128 inputs, 128 neurons");
    let names = WAYS.map(|(rule, compute)| format!("{rule:?}, {compute:?}"));
    println!("| K | {} |", names.join(" | "));
    println!("|---|---|---|---|---|");
    let program = std::env::current_exe()?;
    for k in [2, 5, 20, 50, 75, 200, 1000] {
        let mut cells = Vec::new();
        for way in 0..WAYS.len() {
            let arguments = ["pass".to_string(), k.to_string(), way.to_string()];
            let output = std::process::Command::new(&program)
                .args(arguments)
                // What is freed goes back at once, so that what a pass takes is seen.
                .env("MALLOC_MMAP_THRESHOLD_", "65536")
                .output()?;
            let text = String::from_utf8(output.stdout)?;
            cells.push(if output.status.success() { text.trim().into() } else { "-".to_string() });
        }
        println!("| {k} | {} |", cells.join(" | "));
    }
    Ok(())
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["memory"] => memory(),
        ["pass", k, way] => {
            let (rule, compute) = WAYS[way.parse::<usize>()?];
            println!("{:.1}", pass_memory(k.parse()?, rule, compute)?);
            Ok(())
        }
        ["small"] => speed(64, 784, 64, &[2, 3, 5, 10, 20, 50, 200, 1000], 21),
        ["ways"] => ways(7),
        ["kernels"] => kernels(256, 512, 512, &[2, 3, 5, 10, 50, 75], 9),
        _ => {
            speed(256, 512, 512, &[2, 5, 50, 75], 5)?;
            kernels(256, 512, 512, &[2, 3, 5, 10, 50, 75], 9)
        }
    }
}
