//! Selector layers and a training step of `selector_mnist` beside the same work in PyTorch eager
//! (scripts/reference/selector_compute.py), of the same libtorch. The two take turns, one thread
//! each; CPU time, medians, and the median of the ratios of the turns.
//!
//! ```text
//! cargo bench --bench selector_reference            # all rows: a few minutes
//! cargo bench --bench selector_reference -- layer   # those whose name has this word
//! ```
//!
//! PyTorch is that of `.reference` (scripts/reference/setup), or of the interpreter that
//! `NEURON_LAB_PYTHON` names.

#![allow(clippy::print_stdout)]

mod selector_parts;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use neuron_lab::lab::store::record::libtorch_version;
use neuron_lab::selector::kernel::{self, KernelGradients, Operands, Sizes};
use neuron_lab::selector::layer::{Compute, Rule, SelectorKind};
use selector_parts::{LayerSize, OPTIONS, cpu_seconds, layer, median, session, signals};
use tch::{Device, Kind, Tensor, no_grad_guard};

const TURNS: usize = 7;
const SAMPLES: i64 = 256;
const INPUTS: i64 = 512;
const NEURONS: i64 = 512;

/// PyTorch's side.
struct Reference {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Reference {
    fn new(case: &str) -> Result<Self> {
        let python = std::env::var("NEURON_LAB_PYTHON").unwrap_or(".reference/bin/python".into());
        let mut child = Command::new(&python)
            .args(["-B", "scripts/reference/selector_compute.py"])
            .args(case.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{python}: make it with scripts/reference/setup"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (stdin, stdout) = (stdin.context("stdin")?, stdout.context("stdout")?);
        let mut reference = Self { child, stdin, stdout: BufReader::new(stdout) };
        let (ours, theirs) = (libtorch_version(), reference.line()?);
        anyhow::ensure!(ours == theirs.trim(), "libtorch {ours} and PyTorch {}", theirs.trim());
        Ok(reference)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line)? {
            0 => bail!("scripts/reference/selector_compute.py ended"),
            _ => Ok(line),
        }
    }

    /// Milliseconds of CPU time of a unit of work.
    fn time(&mut self, units: usize) -> Result<f64> {
        writeln!(self.stdin, "{units}")?;
        Ok(1e3 * self.line()?.trim().parse::<f64>()? / units as f64)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows of the table whose names have a word.
struct Table {
    word: String,
}

impl Table {
    fn has(&self, name: &str) -> bool {
        name.contains(&self.word)
    }

    /// Measures so many units of ours and of each of theirs, turn by turn, and prints a row for each.
    ///
    /// - theirs: what it is, its case, units, and how many times ours it should be at least
    fn compare(
        &self,
        name: &str,
        units: usize,
        theirs: &[(&str, &str, usize, f64)],
        mut ours: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut references =
            theirs.iter().map(|(_, case, ..)| Reference::new(case)).collect::<Result<Vec<_>>>()?;
        let mut own = Vec::new();
        let mut other = vec![Vec::new(); theirs.len()];
        for turn in 0..=TURNS {
            let start = cpu_seconds();
            (0..units).try_for_each(|_| ours())?;
            let time = 1e3 * (cpu_seconds() - start) / units as f64;
            let times =
                references.iter_mut().zip(theirs).map(|(reference, row)| reference.time(row.2));
            let times = times.collect::<Result<Vec<_>>>()?;
            // The first turn is to warm up.
            if turn > 0 {
                own.push(time);
                other.iter_mut().zip(times).for_each(|(column, time)| column.push(time));
            }
        }
        for ((what, _, _, goal), column) in theirs.iter().zip(other) {
            let ratio =
                median(column.iter().zip(&own).map(|(theirs, ours)| theirs / ours).collect());
            println!(
                "| {name} | {what} | {:.2} | {:.2} | {ratio:.2} | {goal} |",
                median(own.clone()),
                median(column)
            );
        }
        Ok(())
    }
}

/// A training step of `selector_mnist`, K = 2, with two hidden layers of this size.
fn step(table: &Table, hidden: i64) -> Result<()> {
    let name = format!("step of selector_mnist, hidden {hidden},{hidden}, K = 2");
    if !table.has(&name) {
        return Ok(());
    }
    let data = if Path::new("data/mnist").is_dir() { "mnist" } else { "digits" };
    let (mut session, _home) = session(&format!("--hidden {hidden},{hidden} --data {data}"))?;
    let (modules, layer) = (format!("modules {hidden}"), format!("vectorised {hidden}"));
    let theirs = [
        ("one module a neuron", modules.as_str(), 5, 25.0),
        ("one layer, fused optimizer", layer.as_str(), 200, 1.2),
    ];
    table.compare(&name, 200, &theirs, || session.one_step())
}

/// Forward and backward pass of a layer by the rule `selected-only`.
fn whole(table: &Table, choices: i64, selector: SelectorKind, goal: f64) -> Result<()> {
    let kind = if selector == SelectorKind::Tree { "tree" } else { "softmax" };
    let name = format!("layer, K = {choices}, {kind} selector, forward and backward");
    if !table.has(&name) {
        return Ok(());
    }
    let size = LayerSize { inputs: INPUTS, neurons: NEURONS, choices };
    let (layer, params) = layer(size, selector, Rule::SelectedOnly, Compute::Auto)?;
    let (x, delta) = signals(&layer, SAMPLES);
    let mut gradients = params.zero_gradients();
    let (full, own) = (format!("layer softmax {choices}"), format!("layer {kind} {choices}"));
    let rows = [
        ("softmax selector, all K", full.as_str(), 2, goal),
        ("tree selector, all K", &own, 2, 1.0),
    ];
    let rows = if selector == SelectorKind::Tree { &rows[..] } else { &rows[..1] };
    table.compare(&name, 2, rows, || {
        let pass = layer.forward(&params, &x, None);
        drop(layer.backward(&params, &mut gradients, &pass, &delta, true));
        Ok(())
    })
}

/// The computation neurons alone.
fn part(table: &Table, choices: i64, forward_goal: f64, backward_goal: f64) -> Result<()> {
    let name = |what: &str| format!("computation neurons alone, K = {choices}, {what}");
    if !table.has(&name("forward")) && !table.has(&name("backward")) {
        return Ok(());
    }
    tch::manual_seed(0);
    let numbers = |size: [i64; 2]| Vec::<f32>::try_from(Tensor::randn(size, OPTIONS).view(-1));
    let (x, weight) = (numbers([SAMPLES, INPUTS])?, numbers([choices * NEURONS, INPUTS])?);
    let (bias, delta) = (numbers([choices, NEURONS])?, numbers([NEURONS, SAMPLES])?);
    let choice = Tensor::randint(choices, [NEURONS * SAMPLES], (Kind::Int16, Device::Cpu));
    let choice = Vec::<i16>::try_from(choice)?;
    let [samples, neurons, choices, inputs] =
        [SAMPLES, NEURONS, choices, INPUTS].map(|length| length as usize);
    let sizes = Sizes { samples, neurons, choices, inputs };
    let operands = Operands { sizes, x: &x, weight: &weight, choice: &choice };
    let case = format!("part {choices} forward");
    let mut out = vec![0f32; samples * neurons];
    table.compare(&name("forward"), 4, &[("all K", &case, 4, forward_goal)], || {
        kernel::forward(operands, &bias, &mut out);
        Ok(())
    })?;
    let (mut to_weight, mut to_bias, mut to_x) = (weight.clone(), bias.clone(), x.clone());
    let case = format!("part {choices}");
    table.compare(&name("backward"), 4, &[("all K", &case, 4, backward_goal)], || {
        let (weight, bias, x) = (&mut to_weight[..], &mut to_bias[..], &mut to_x[..]);
        kernel::backward(operands, &delta, KernelGradients { weight, bias, x });
        Ok(())
    })
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let word = std::env::args().skip(1).find(|word| word != "--bench").unwrap_or_default();
    let table = Table { word };
    println!("CPU milliseconds, 1 thread, medians of {TURNS} turns");
    println!("layers of {SAMPLES} samples, {INPUTS} inputs, {NEURONS} neurons, rule selected-only");
    println!("| ours | PyTorch eager | ours, ms | PyTorch, ms | ratio | goal |");
    println!("|---|---|---|---|---|---|");
    step(&table, 64)?;
    step(&table, 128)?;
    let _guard = no_grad_guard();
    for (choices, softmax) in [(50, 1.5), (75, 2.0)] {
        whole(&table, choices, SelectorKind::Softmax, softmax)?;
        whole(&table, choices, SelectorKind::Tree, 3.0)?;
    }
    for (choices, forward_goal, backward_goal) in [(5, 1.0, 1.0), (50, 4.0, 3.0), (75, 4.0, 3.0)] {
        part(&table, choices, forward_goal, backward_goal)?;
    }
    Ok(())
}
