//! Settings of `depth_width`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::lab::Preset;
use crate::lab::error::refuse;
use crate::lab::tensor::optim::OptimizerKind;

/// How a network's weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// PyTorch's default: weights and biases U(±1/sqrt(inputs)), of gain 1/sqrt(3)
    Default,
    /// He's: weights N(0, 2/inputs) in every layer, biases 0, which keeps the size of a signal
    /// through ReLU
    He,
}

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
            once(flag, sizes, &text)?;
        }
        let text = self.lrs.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        if self.lrs.is_empty() || self.lrs.iter().any(|lr| !(*lr > 0.0 && *lr <= 1e30)) {
            return Err(refuse(format!("--lrs {text}: expected positive numbers")));
        }
        once("lrs", &self.lrs, &text)?;
        once("inits", &self.inits, &format!("{:?}", self.inits))?;
        once("optimizers", &self.optimizers, &format!("{:?}", self.optimizers))?;
        if self.inits.is_empty() || self.optimizers.is_empty() {
            return Err(refuse("--inits and --optimizers: expected one or more each"));
        }
        match self.descent_steps {
            0 => Err(refuse("--descent-steps 0: expected 1 or more")),
            _ => Ok(()),
        }
    }
}

fn once<T: PartialEq>(flag: &str, values: &[T], text: &str) -> Result<()> {
    match (1..values.len()).any(|i| values[..i].contains(&values[i])) {
        true => Err(refuse(format!("--{flag} {text}: expected each value once"))),
        false => Ok(()),
    }
}

/// The notebook's tangent, a figure each.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "depth",
        reason: "depth helps at first, then fails and levels off at ln 10; from He's \
                 initialisation deep networks explode first, and then descend",
        values: r#"{"depths": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32], "inits": ["default", "he"],
            "replicates": 3}"#,
    },
    Preset {
        name: "depth-sgd",
        reason: "the same of plain SGD and narrow layers, where every further layer only slows it",
        values: r#"{"depths": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32], "widths": [64],
            "inits": ["default", "he"], "optimizers": ["sgd"], "lrs": [0.01], "replicates": 3}"#,
    },
    Preset {
        name: "width",
        reason: "the wider, the faster the first descent of SGD",
        values: r#"{"depths": [2], "widths": [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
            8192], "inits": ["default", "he"], "optimizers": ["sgd"], "lrs": [0.01],
            "replicates": 3}"#,
    },
    Preset {
        name: "incredible-widths",
        reason: "one hidden layer of up to 131072 neurons still descends",
        values: r#"{"depths": [1], "widths": [64, 256, 1024, 4096, 16384, 65536, 131072],
            "optimizers": ["sgd"], "lrs": [0.01], "replicates": 3}"#,
    },
    Preset {
        name: "explosion",
        reason: "\"but then explodes\": where Adam's first steps end above their start",
        values: r#"{"depths": [2], "widths": [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            "inits": ["default", "he"], "lrs": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
            "replicates": 3}"#,
    },
    Preset {
        name: "explosion-sgd",
        reason: "the same of plain SGD",
        values: r#"{"depths": [2], "widths": [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            "inits": ["default", "he"], "optimizers": ["sgd"],
            "lrs": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0], "replicates": 3}"#,
    },
];
