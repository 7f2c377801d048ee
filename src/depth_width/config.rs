//! Settings of `depth_width`.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::descent::{Init, Point};
use crate::lab::tensor::optim::OptimizerKind;
use crate::lab::{Config, Refusals, RunConfig};

/// Settings of the early descent: every combination of the lists is a network.
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
    /// The networks of a run: every combination of the lists, the last list the fastest.
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
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        for (flag, sizes) in [("depths", &self.depths), ("widths", &self.widths)] {
            let text = sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            let good = !sizes.is_empty() && sizes.iter().all(|size| (1..=1 << 24).contains(size));
            refusals
                .unless(good, || format!("--{flag} {text}: expected numbers from 1 to 16777216"));
            refuse_repeats(refusals, flag, sizes, &text);
        }
        let text = self.lrs.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let good = !self.lrs.is_empty() && self.lrs.iter().all(|lr| *lr > 0.0 && *lr <= 1e30);
        refusals.unless(good, || format!("--lrs {text}: expected positive numbers"));
        refuse_repeats(refusals, "lrs", &self.lrs, &text);
        refuse_repeats(refusals, "inits", &self.inits, &format!("{:?}", self.inits));
        let text = format!("{:?}", self.optimizers);
        refuse_repeats(refusals, "optimizers", &self.optimizers, &text);
        refusals.unless(!self.inits.is_empty() && !self.optimizers.is_empty(), || {
            "--inits and --optimizers: expected one or more each".into()
        });
        refusals.unless(self.descent_steps > 0, || "--descent-steps 0: expected 1 or more".into());
    }
}

/// Refuses a list that has a value twice: its networks would share their tags.
fn refuse_repeats<T: PartialEq>(refusals: &mut Refusals, flag: &str, values: &[T], text: &str) {
    let repeats = (1..values.len()).any(|i| values[..i].contains(&values[i]));
    refusals.unless(!repeats, || format!("--{flag} {text}: expected each value once"));
}
