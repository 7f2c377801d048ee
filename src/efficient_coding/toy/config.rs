//! The flags of `two_loss_toy`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::efficient_coding::two_loss::hill::{Coordinates, Hill};
use crate::efficient_coding::two_loss::problem::{Constraint, Method, Problem};
use crate::lab::{Config, Refusals, RunConfig};

/// The most starting points along a side of the map.
const MAX_MAP_SIZE: u64 = 1000;
/// The most iterations from each starting point of the map.
const MAX_MAP_STEPS: u64 = 10_000_000;

/// Settings of `two_loss_toy`; the defaults are the notebook's.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Toy")]
pub struct ToyConfig {
    /// The point x1,x2 where every path begins
    #[arg(long, value_delimiter = ',', num_args = 1, default_values_t = [2.0, 1.0],
        allow_negative_numbers = true)]
    pub start: Vec<f64>,
    /// The top u1,u2 of the hill f
    #[arg(long, value_delimiter = ',', num_args = 1, default_values_t = [1.0, 1.5],
        allow_negative_numbers = true)]
    pub top: Vec<f64>,
    /// Entry of A off its diagonal, in f = exp(−(x − u)ᵀ A (x − u)); 1 on the diagonal
    #[arg(long, default_value_t = 0.7, allow_negative_numbers = true)]
    pub tilt: f64,
    /// What the second loss holds at the target
    #[arg(long, value_enum, default_value = "x2")]
    pub constraint: Constraint,
    /// The constraint's target
    #[arg(long, default_value_t = 3.0, allow_negative_numbers = true)]
    pub target: f64,
    /// Methods to follow from the start
    #[arg(long, value_enum, value_delimiter = ',', num_args = 1,
        default_values = ["two-losses", "multiplier", "eliminate"])]
    pub methods: Vec<Method>,
    /// Learning rate of −f
    #[arg(long, default_value_t = 0.01)]
    pub lr: f64,
    /// Learning rate of the second loss
    #[arg(long, default_value_t = 0.2)]
    pub rate_lr: f64,
    /// Weight of the quadratic penalty beside the multiplier
    #[arg(long, default_value_t = 1.0)]
    pub penalty: f64,
    /// Learning rate of the multiplier
    #[arg(long, default_value_t = 0.01)]
    pub multiplier_lr: f64,
    /// Iterations between two printed lines
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub print_every: u64,
    /// Starting points along each side of the map; 0 draws none
    #[arg(long, default_value_t = 51,
        value_parser = clap::value_parser!(u64).range(..=MAX_MAP_SIZE))]
    pub map_size: u64,
    /// Iterations after which a start of the map counts as stuck
    #[arg(long, default_value_t = 20_000)]
    pub map_steps: u64,
}

impl Config for ToyConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        for (flag, values) in [("start", &self.start), ("top", &self.top)] {
            refusals.unless(values.len() == 2, || {
                let found: Vec<String> = values.iter().map(f64::to_string).collect();
                format!("--{flag} {}: expected two numbers, x1,x2", found.join(","))
            });
        }
        let rates =
            [("lr", self.lr), ("rate-lr", self.rate_lr), ("multiplier-lr", self.multiplier_lr)];
        for (flag, value) in rates {
            refusals
                .unless(value > 0.0, || format!("--{flag} {value}: expected a positive number"));
        }
        let (penalty, tilt) = (self.penalty, self.tilt);
        refusals.unless(penalty >= 0.0, || format!("--penalty {penalty}: expected 0 or more"));
        refusals.unless(tilt.abs() < 1.0, || {
            format!("--tilt {tilt}: expected a number between -1 and 1, so that f is a hill")
        });
        refusals.unless(!self.methods.is_empty(), || "--methods: expected at least one".into());
        refusals.unless(self.print_every > 0, || "--print-every 0: expected 1 or more".into());
        for (flag, value, most) in [
            ("map-size", self.map_size, MAX_MAP_SIZE),
            ("map-steps", self.map_steps, MAX_MAP_STEPS),
        ] {
            refusals
                .unless(value <= most, || format!("--{flag} {value}: expected {most} or fewer"));
        }
    }
}

impl ToyConfig {
    /// Where every path begins.
    pub fn start(&self) -> Coordinates {
        [self.start[0], self.start[1]]
    }

    /// The problem that the settings describe.
    pub fn problem(&self) -> Problem {
        Problem {
            hill: Hill { top: [self.top[0], self.top[1]], tilt: self.tilt },
            constraint: self.constraint,
            target: self.target,
            lr: self.lr,
            rate_lr: self.rate_lr,
            penalty: self.penalty,
            multiplier_lr: self.multiplier_lr,
        }
    }
}
