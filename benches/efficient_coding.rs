//! The training step of `efficient_coding` beside the original's formulation in PyTorch eager, and
//! where its time goes; and the ways to factorise its covariances. CPU time at one thread, turn about,
//! so that all meet the same machine.
//!
//! ```text
//! scripts/reference/setup && cargo bench --bench efficient_coding
//! cargo bench --bench efficient_coding -- factorisations       # these alone, without PyTorch
//! ```

#![allow(clippy::print_stdout)]

use std::f64::consts::LN_2;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::coding::covariance_term::CovarianceTerm;
use neuron_lab::efficient_coding::coding::information::{Information, Shared};
use neuron_lab::lab::open_session;
use neuron_lab::lab::train::phase::PHASES;
use neuron_lab::lab::train::session::Session;
use rustix::time::{ClockId, clock_gettime};
use tch::{Device, Kind, Tensor};

/// Turns of each; the median counts.
const TURNS: usize = 5;
const PYTHON: &str = ".reference/bin/python";
const SCRIPT: &str = "scripts/reference/efficient_coding_step.py";

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The original's formulation, in a process of its own.
struct Original {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: String,
}

impl Original {
    fn start(size: [i64; 3]) -> Result<Self> {
        let mut process = Command::new(PYTHON)
            .arg(SCRIPT)
            .args(size.map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{PYTHON}: run scripts/reference/setup first"))?;
        let input = process.stdin.take().context("standard input")?;
        let output = BufReader::new(process.stdout.take().context("standard output")?);
        let mut original = Self { process, input, output, version: String::new() };
        original.version = original.line()?;
        Ok(original)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_string())
    }

    /// Milliseconds of CPU time a step.
    fn turn(&mut self, steps: usize) -> Result<f64> {
        writeln!(self.input, "{steps}")?;
        Ok(1e3 * self.line()?.parse::<f64>()? / steps as f64)
    }

    fn end(self) -> Result<()> {
        let Self { mut process, input, .. } = self;
        drop(input);
        process.wait()?;
        Ok(())
    }
}

/// Ours, ready for its first step; evaluations and log entries are further apart than the turns.
fn session(size: [i64; 3]) -> Result<(tempfile::TempDir, Session<EfficientCoding>)> {
    let home = tempfile::tempdir()?;
    let mut words: Vec<OsString> = vec!["bench".into(), "--device".into(), "cpu".into()];
    for folder in ["runs", "checkpoints"] {
        words.extend([format!("--{folder}").into(), home.path().join(folder).into()]);
    }
    let line = format!(
        "--neurons {} --kernel-size {} --colours {} --log-every 10",
        size[0], size[1], size[2]
    );
    words.extend(line.split_whitespace().map(OsString::from));
    Ok((home, open_session(words)?))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(size: [i64; 3], steps: usize, slower: usize) -> Result<()> {
    let (_home, mut session) = session(size)?;
    let mut original = Original::start(size)?;
    (0..steps / 4 + 1).try_for_each(|_| session.one_step())?;
    original.turn(1)?;
    let totals = |session: &Session<EfficientCoding>| -> Vec<f64> {
        let phases = session.phase_seconds();
        PHASES.iter().map(|(_, name)| phases[*name].as_f64().unwrap_or(f64::NAN)).collect()
    };
    let (mut ours, mut theirs, before) = (Vec::new(), Vec::new(), totals(&session));
    for _ in 0..TURNS {
        let start = cpu_seconds();
        (0..steps).try_for_each(|_| session.one_step())?;
        ours.push(1e3 * (cpu_seconds() - start) / steps as f64);
        theirs.push(original.turn(slower)?);
    }
    let spent: Vec<f64> = totals(&session).iter().zip(before).map(|(t, b)| t - b).collect();
    let whole: f64 = spent.iter().sum();
    let shares: Vec<String> = PHASES
        .iter()
        .zip(&spent)
        .filter(|(_, time)| **time > 0.0)
        .map(|((_, name), time)| format!("{name} {:.0}", 100.0 * time / whole))
        .collect();
    let (ours, theirs) = (median(ours), median(theirs));
    let inputs = size[1] * size[1] * size[2];
    let version = original.version.clone();
    original.end()?;
    println!(
        "| {} | {inputs} | {theirs:.1} | {ours:.2} | {:.1} | {:.1} | {:.1} | {} |",
        size[0],
        1e3 / theirs,
        1e3 / ours,
        theirs / ours,
        shares.join(", ")
    );
    println!("<!-- PyTorch {version} -->");
    Ok(())
}

/// Log-determinants of both covariances of a batch, summed, with the gradient of the sum by the logarithms
/// of the slopes, which is what the model needs: `[]` and `[sample, neuron]`.
type Factorised = (Tensor, Tensor);

/// A way to factorise both covariances of every sample.
type Way = fn(&Shared, &Tensor) -> Factorised;

const WAYS: [(&str, Way); 5] = [
    ("LU, differentiated automatically", |shared, slopes| {
        differentiated(shared, slopes, |a| a.slogdet().1)
    }),
    ("Cholesky, differentiated automatically", |shared, slopes| {
        let logdet = |a: &Tensor| {
            let root = a.linalg_cholesky_ex(false, false).0;
            root.diagonal(0, -2, -1).log().sum_dim_intlist(-1, false, None::<Kind>) * 2.0
        };
        differentiated(shared, slopes, logdet)
    }),
    ("LU, with the inverse", |shared, slopes| {
        let a = covariances(shared, slopes);
        let (factors, pivots) = Tensor::linalg_lu_factor(&a, true);
        let identity = Tensor::eye(slopes.size()[1], (a.kind(), a.device())).expand_as(&a);
        let inverse = Tensor::linalg_lu_solve(&factors, &pivots, &identity, true, false);
        let diagonal = factors.diagonal(0, -2, -1).abs().log();
        let logdet = diagonal.sum_dim_intlist(-1, false, None::<Kind>);
        by_inverse(&logdet, &inverse.diagonal(0, -2, -1))
    }),
    ("Cholesky, with the inverse", |shared, slopes| {
        let [z, zx] = CovarianceTerm::by_libtorch(
            [&shared.signal, &shared.noise],
            slopes,
            shared.output_noise.powi(2),
        );
        terms(&z, &zx)
    }),
    ("Cholesky, ours", |shared, slopes| {
        let Information { numerator, denominator } = Information::new(shared, slopes);
        terms(&numerator, &denominator)
    }),
];

/// C_z and C_zx of every sample over sigma_out^2: `[2, sample, neuron, neuron]`.
fn covariances(shared: &Shared, slopes: &Tensor) -> Tensor {
    let scaled = slopes / shared.output_noise;
    let pairs = scaled.unsqueeze(2) * scaled.unsqueeze(1);
    let matrices = Tensor::stack(&[&shared.signal, &shared.noise], 0).unsqueeze(1);
    pairs * matrices + Tensor::eye(slopes.size()[1], (slopes.kind(), slopes.device()))
}

fn differentiated(shared: &Shared, slopes: &Tensor, logdet: fn(&Tensor) -> Tensor) -> Factorised {
    let leaf = slopes.detach().set_requires_grad(true);
    let sum = logdet(&covariances(shared, &leaf)).sum(None::<Kind>);
    let gradient = Tensor::run_backward(&[&sum], &[&leaf], false, false).remove(0);
    (sum.detach(), gradient * slopes)
}

/// From d log det A / d log g_i = 2 (1 - (A^-1)_ii).
fn by_inverse(logdet: &Tensor, diagonal: &Tensor) -> Factorised {
    let of_both = diagonal.sum_dim_intlist(0, false, None::<Kind>);
    (logdet.sum(None::<Kind>), of_both * -2.0 + 4.0)
}

fn terms(z: &CovarianceTerm, zx: &CovarianceTerm) -> Factorised {
    let logdet = Tensor::stack(&[&z.logdet, &zx.logdet], 0) * LN_2;
    by_inverse(&logdet, &Tensor::stack(&[&z.diagonal, &zx.diagonal], 0))
}

/// Every way on one batch of 128, turn about, and how far its gradient is from that in f64.
fn factorisations(neurons: i64, repeats: usize) {
    tch::manual_seed(0);
    let options = (Kind::Float, Device::Cpu);
    let w = Tensor::randn([2 * neurons, neurons], options);
    let w = &w / w.norm_scalaropt_dim(2.0, 0, true);
    let shared = |kind: Kind| {
        let noise = w.to_kind(kind).tr().matmul(&w.to_kind(kind)) * 0.16;
        Shared { signal: &noise * 20.0, noise, output_noise: 3.0 }
    };
    let slopes = Tensor::randn([128, neurons], options).exp();
    let (single, double) = (shared(Kind::Float), shared(Kind::Double));
    let (_, exact) = WAYS[0].1(&double, &slopes.to_kind(Kind::Double));
    let mut times = [(); WAYS.len()].map(|()| Vec::new());
    let mut errors = [0.0; WAYS.len()];
    for _ in 0..TURNS {
        for ((way, times), error) in WAYS.iter().zip(&mut times).zip(&mut errors) {
            let start = cpu_seconds();
            for _ in 0..repeats {
                let (_, gradient) = way.1(&single, &slopes);
                *error = (gradient - &exact).abs().max().double_value(&[]);
            }
            times.push(1e3 * (cpu_seconds() - start) / repeats as f64);
        }
    }
    let largest = exact.abs().max().double_value(&[]);
    let ours = median(times[WAYS.len() - 1].clone());
    for ((way, times), error) in WAYS.iter().zip(times).zip(errors) {
        let time = median(times);
        println!(
            "| {neurons} | {} | {time:.2} | {:.1} | {:.0e} |",
            way.0,
            time / ours,
            error / largest
        );
    }
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    println!("both covariances of a batch of 128, 1 thread; CPU time, median of {TURNS} turns");
    println!(
        "| J | way | ms | times ours | largest error of the gradient over its largest entry |"
    );
    println!("|---|---|---|---|---|");
    for (neurons, repeats) in [(32, 20), (100, 5), (300, 1)] {
        factorisations(neurons, repeats);
    }
    if std::env::args().any(|argument| argument == "factorisations") {
        return Ok(());
    }
    println!("lagrange, batch 128, 1 thread; CPU time a step, median of {TURNS} turns");
    println!(
        "| J | inputs | PyTorch eager ms | ours ms | eager steps/s | ours steps/s | ratio | our time, % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    row([100, 18, 1], 60, 10)?;
    row([300, 18, 3], 6, 1)
}
