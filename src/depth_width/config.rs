//! Settings of `depth_width`.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::descent::{Init, Point};
use crate::lab::error::refuse;
use crate::lab::tensor::optim::OptimizerKind;

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

    /// Checks every value.
    ///
    /// # Errors
    /// Exit code 2, with the flag and the value.
    pub fn validate(&self) -> Result<()> {
        for (flag, sizes) in [("depths", &self.depths), ("widths", &self.widths)] {
            let text = sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            if sizes.is_empty() || sizes.iter().any(|size| !(1..=1 << 24).contains(size)) {
                return Err(refuse(format!(
                    "--{flag} {text}: expected numbers from 1 to 16777216"
                )));
            }
            refuse_repeats(flag, sizes, &text)?;
        }
        let text = self.lrs.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        if self.lrs.is_empty() || self.lrs.iter().any(|lr| !(*lr > 0.0 && *lr <= 1e30)) {
            return Err(refuse(format!("--lrs {text}: expected positive numbers")));
        }
        refuse_repeats("lrs", &self.lrs, &text)?;
        refuse_repeats("inits", &self.inits, &format!("{:?}", self.inits))?;
        refuse_repeats("optimizers", &self.optimizers, &format!("{:?}", self.optimizers))?;
        if self.inits.is_empty() || self.optimizers.is_empty() {
            return Err(refuse("--inits and --optimizers: expected one or more each"));
        }
        match self.descent_steps {
            0 => Err(refuse("--descent-steps 0: expected 1 or more")),
            _ => Ok(()),
        }
    }
}

/// Refuses a list that has a value twice: its networks would share their tags.
fn refuse_repeats<T: PartialEq>(flag: &str, values: &[T], text: &str) -> Result<()> {
    match (1..values.len()).any(|i| values[..i].contains(&values[i])) {
        true => Err(refuse(format!("--{flag} {text}: expected each value once"))),
        false => Ok(()),
    }
}
