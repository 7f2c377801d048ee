//! Ways to make the gradient of a batch, and which way the parameters follow it. Formulas for one
//! neuron are in [`super::neuron`], for the network in [`super::network`].

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the gradient of a batch is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientRule {
    /// The gradient of the mean loss
    Correct,
    /// The product of the batch's means, without the square's factor 2 (package 1.1.2)
    Averaged,
    /// The product of the batch's means with the factor 2
    AveragedX2,
    /// Divided by the batch size after every sample (package 1.1.3)
    #[value(name = "per-sample-1.1.3")]
    #[serde(rename = "per-sample-1.1.3")]
    PerSample113,
    /// Weights by the correct gradient, the bias by the averaged one (package 1.1.4 and 1.1.5)
    #[value(name = "package-1.1.5")]
    #[serde(rename = "package-1.1.5")]
    Package115,
}

/// Which way the parameters go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Down the gradient
    Descend,
    /// Up the gradient
    Ascend,
    /// Weights go up, biases down
    WeightsOnly,
}

impl GradientRule {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Averaged => "averaged",
            Self::AveragedX2 => "averaged-x2",
            Self::PerSample113 => "per-sample-1.1.3",
            Self::Package115 => "package-1.1.5",
        }
    }

    /// The rule that makes half the gradient, whatever the factor.
    pub fn without_factor(self) -> Self {
        match self {
            Self::Averaged | Self::AveragedX2 => Self::Averaged,
            Self::Correct | Self::PerSample113 | Self::Package115 => self,
        }
    }

    /// Whether it is the gradient of the mean loss.
    pub(super) fn is_correct(self) -> bool {
        match self {
            Self::Correct => true,
            Self::Averaged | Self::AveragedX2 | Self::PerSample113 | Self::Package115 => false,
        }
    }

    /// Whether the package's version of the rule has one bias a layer.
    pub(super) fn has_one_bias_a_layer(self) -> bool {
        match self {
            Self::Averaged | Self::AveragedX2 => true,
            Self::Correct | Self::PerSample113 | Self::Package115 => false,
        }
    }

    /// The factor that the rule has by default.
    pub fn default_factor(self) -> f64 {
        match self {
            Self::Correct | Self::AveragedX2 => 2.0,
            Self::Averaged | Self::PerSample113 | Self::Package115 => 1.0,
        }
    }
}

impl Sign {
    /// What the gradients of the weights are multiplied by.
    pub fn of_weights(self) -> f64 {
        match self {
            Self::Descend => 1.0,
            Self::Ascend | Self::WeightsOnly => -1.0,
        }
    }

    /// What the gradients of the biases are multiplied by.
    pub fn of_biases(self) -> f64 {
        match self {
            Self::Descend | Self::WeightsOnly => 1.0,
            Self::Ascend => -1.0,
        }
    }
}
