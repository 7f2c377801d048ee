//! The choices of phase 1: how gradients become one, and how the multipliers follow it.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How the gradients of phase 1's batches become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AReduce {
    /// Mean over batches, the notebook's formula; the batch size does not matter
    Mean,
    /// Sum over batches, what the notebook's figures show: a step that grows as 1 / batch size
    Sum,
}

/// What the gradients of single samples count in the gradient of a phase 1. The samples that are left
/// over where batches do not divide them are a smaller batch, whose mean counts as much as any other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleWeights {
    /// Samples in whole batches, which come first.
    pub whole: i64,
    /// Weight of each of them.
    pub of_whole: f64,
    /// Weight of each of the samples that are left over.
    pub of_rest: f64,
}

impl AReduce {
    /// The weights of so many samples in batches of `batch`.
    pub fn sample_weights(self, samples: i64, batch: i64) -> SampleWeights {
        let (batches, whole) = ((samples + batch - 1) / batch, samples / batch * batch);
        let share = match self {
            Self::Mean => 1.0 / batches as f64,
            Self::Sum => 1.0,
        };
        let of_rest = share / (samples - whole).max(1) as f64;
        SampleWeights { whole, of_whole: share / batch as f64, of_rest }
    }
}

/// What phase 1 does to the multipliers with its gradient g.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AUpdate {
    /// a is 1 where an epoch begins, and a ← a − lr g: with one phase 1 an epoch the notebook's text.
    Reset,
    /// v ← β v + g, a ← a − lr v: β = 0 accumulates, β = 1 never clears the gradient.
    Momentum(f64),
}

impl AUpdate {
    /// Whether a is 1 whenever the first phase 1 of an epoch begins.
    pub fn resets(self) -> bool {
        match self {
            Self::Reset => true,
            Self::Momentum(_) => false,
        }
    }

    /// β of v ← β v + g.
    pub fn beta(self) -> f64 {
        match self {
            Self::Reset => 0.0,
            Self::Momentum(beta) => beta,
        }
    }
}

/// Bounds of the multipliers: at the end of each phase 1 they are clamped to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct ABounds {
    /// The smallest multiplier, if there is one.
    pub min: Option<f64>,
    /// The largest multiplier, if there is one.
    pub max: Option<f64>,
}

impl ABounds {
    /// The multipliers within the bounds.
    ///
    /// # Shapes
    /// - a: any; the result has the same
    pub fn clamp(self, a: Tensor) -> Tensor {
        let a = match self.min {
            Some(min) => a.clamp_min(min),
            None => a,
        };
        match self.max {
            Some(max) => a.clamp_max(max),
            None => a,
        }
    }
}

impl FromStr for AUpdate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let beta = match text {
            "reset" => return Ok(Self::Reset),
            "accumulate" => Some(0.0),
            "uncleared" => Some(1.0),
            _ => text.strip_prefix("momentum:").and_then(|beta| beta.parse().ok()),
        };
        match beta.filter(|beta| (0.0..=1.0).contains(beta)) {
            Some(beta) => Ok(Self::Momentum(beta)),
            None => Err("expected reset, accumulate, uncleared or momentum:B, B in 0..1".into()),
        }
    }
}

impl fmt::Display for AUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::Momentum(beta) if *beta == 0.0 => f.write_str("accumulate"),
            Self::Momentum(beta) if *beta == 1.0 => f.write_str("uncleared"),
            Self::Momentum(beta) => write!(f, "momentum:{beta}"),
        }
    }
}

impl TryFrom<String> for AUpdate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AUpdate> for String {
    fn from(update: AUpdate) -> Self {
        update.to_string()
    }
}
