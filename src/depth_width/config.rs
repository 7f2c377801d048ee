//! Settings of `depth_width`.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::descent::{Init, Point};
use crate::data;
use crate::lab::tensor::optim::OptimizerKind;
use crate::lab::{Config, Refusals, RunConfig, StepWork};

/// The most hidden layers: each has names and shapes in the host's memory, before anything else is
/// known of the network's size.
const MAX_DEPTH: i64 = 10_000;
/// The most neurons of a hidden layer.
const MAX_WIDTH: i64 = 1 << 24;
/// The most losses of all networks of a run, which are its state: 1 GB.
const MAX_LOSSES: u64 = 1 << 27;

/// Seconds that a step of descent takes a thread of the CPU for each parameter: ten images keep it
/// busy with reading and writing weights. Of the row of `docs/performance.md`.
const SECONDS_A_PARAMETER: f64 = 3e-9;

/// Settings of the early descent: one network is trained for every combination of the lists.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Networks")]
pub struct DepthWidthConfig {
    /// Hidden layers
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4,5,6,8", value_name = "N,N,...")]
    pub depths: Vec<i64>,
    /// Neurons of every hidden layer
    #[arg(long, value_delimiter = ',', default_value = "1024", value_name = "N,N,...")]
    pub widths: Vec<i64>,
    /// How weights are drawn
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "default",
        value_name = "LAW,..."
    )]
    pub inits: Vec<Init>,
    /// Update rules, with PyTorch's constants
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "adam",
        value_name = "RULE,..."
    )]
    pub optimizers: Vec<OptimizerKind>,
    /// Learning rates
    #[arg(long, value_delimiter = ',', default_value = "0.001", value_name = "RATE,...")]
    pub lrs: Vec<f64>,
    /// Steps of descent of each network
    #[arg(long, default_value_t = 10)]
    pub descent_steps: u32,
}

impl DepthWidthConfig {
    /// How many combinations the lists have.
    fn num_points(&self) -> u64 {
        let lists = [self.depths.len(), self.widths.len(), self.inits.len()];
        let lists = lists.into_iter().chain([self.optimizers.len(), self.lrs.len()]);
        lists.fold(1, |points, length| points.saturating_mul(length as u64))
    }

    /// What a step of descent of each depth and width asks for, one after another.
    pub fn step_work(&self, run: &RunConfig) -> StepWork {
        let (pixels, classes) = (data::pixels(&run.data) as f64, 10.0);
        let (mut parameters, mut launches) = (0.0, 0.0);
        for depth in self.depths.iter().map(|depth| *depth as f64) {
            for width in self.widths.iter().map(|width| *width as f64) {
                parameters += width * (pixels + (depth - 1.0) * width + classes);
                launches += 13.0 + 6.0 * depth;
            }
        }
        StepWork::Operators { cpu_seconds: SECONDS_A_PARAMETER * parameters, launches }
    }

    /// The networks of a run: every combination of optimizers, learning rates, initialisations,
    /// depths and widths, in this order, the widths running fastest.
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        for optimizer in self.optimizers.iter().copied() {
            for lr in self.lrs.iter().copied() {
                for init in self.inits.iter().copied() {
                    for depth in self.depths.iter().copied() {
                        let of = |width: &i64| Point { optimizer, lr, init, depth, width: *width };
                        points.extend(self.widths.iter().map(of));
                    }
                }
            }
        }
        points
    }
}

impl Config for DepthWidthConfig {
    fn resolve(&mut self, run: &RunConfig, refusals: &mut Refusals) {
        for (flag, sizes, most) in
            [("depths", &self.depths, MAX_DEPTH), ("widths", &self.widths, MAX_WIDTH)]
        {
            let text = sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            let good = !sizes.is_empty() && sizes.iter().all(|size| (1..=most).contains(size));
            refusals.unless(good, || format!("--{flag} {text}: expected numbers from 1 to {most}"));
            refuse_repeats(refusals, flag, sizes, &text);
        }
        let text = self.lrs.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let good = !self.lrs.is_empty() && self.lrs.iter().all(|lr| *lr > 0.0 && *lr <= 1e30);
        refusals.unless(good, || format!("--lrs {text}: expected positive numbers up to 1e30"));
        refuse_repeats(refusals, "lrs", &self.lrs, &text);
        let text = self.inits.iter().map(|init| init.name()).collect::<Vec<_>>().join(",");
        refuse_repeats(refusals, "inits", &self.inits, &text);
        let text = self.optimizers.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(",");
        refuse_repeats(refusals, "optimizers", &self.optimizers, &text);
        refusals.unless(!self.inits.is_empty() && !self.optimizers.is_empty(), || {
            "--inits and --optimizers: expected one or more each".into()
        });
        let steps = self.descent_steps;
        refusals.unless(steps > 0, || "--descent-steps 0: expected 1 or more".into());
        let networks = self.num_points().saturating_mul(u64::from(run.replicates));
        refusals.unless(networks.saturating_mul(u64::from(steps) + 1) <= MAX_LOSSES, || {
            format!(
                "--descent-steps {steps}: expected fewer for {networks} networks, whose losses are \
                 {MAX_LOSSES} at most"
            )
        });
    }
}

/// Refuses a list that has a value twice: its networks would share their tags.
fn refuse_repeats<T: PartialEq>(refusals: &mut Refusals, flag: &str, values: &[T], text: &str) {
    let repeats = (1..values.len()).any(|i| values[..i].contains(&values[i]));
    refusals.unless(!repeats, || format!("--{flag} {text}: expected each value once"));
}
