//! How the mean rate of every neuron is held at its target.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the mean rate of every neuron is held at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// A multiplier for each neuron that climbs while everything else descends, and a penalty:
    /// the notebook's reference
    Lagrange,
    /// Gain = 1 / running mean of (rate - target): the notebook's first attempt, whose rate settles
    /// above the target
    GammaV1,
    /// Gain = 1 / running mean of the rate: its second, whose rate settles at a root
    GammaV2,
    /// No constraint: gains grow without end
    None,
    /// Filters descend -KL/2 and gains and thresholds the squared excess of the rates, each with
    /// an optimizer of its own ([`Variant`])
    #[value(
        help = "Filters descend -KL/2 and gains and thresholds the squared excess of the rates, \
                each with an optimizer of its own (--variant)"
    )]
    TwoLosses,
    /// Two losses, with each filter's gradient projected off that of its rate
    #[value(help = "two-losses, with each filter's gradient projected off that of its rate")]
    Project,
    /// Two losses, with each filter's gradient taken along the rates that gains would keep
    #[value(
        help = "two-losses, with each filter's gradient taken along the rates that gains would keep"
    )]
    TotalDerivative,
    /// The gain that meets the target on the very batch; filters and thresholds descend the total
    /// derivative
    Exact,
    /// A multiplier that follows the excess by proportion and integral
    Pi,
}

/// Which of the notebook's programs two losses is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Rates at even steps, filters at odd ones
    Alternate,
    /// Both at every step, and the rates' gradient is left in the filters' too
    Leak,
    /// Both at every step, each with its own gradient
    Clean,
}

impl Constraint {
    /// Whether the gain is what meets the target on the very batch, in place of the neuron's own.
    pub fn eliminates_gain(self) -> bool {
        match self {
            Self::Exact => true,
            Self::Lagrange | Self::GammaV1 | Self::GammaV2 | Self::None | Self::TwoLosses => false,
            Self::Project | Self::TotalDerivative | Self::Pi => false,
        }
    }

    /// Whether a formula sets the gains after every step, from the rates that it had.
    pub fn follows_rates(self) -> bool {
        match self {
            Self::GammaV1 | Self::GammaV2 => true,
            Self::Lagrange | Self::None | Self::TwoLosses | Self::Project => false,
            Self::TotalDerivative | Self::Exact | Self::Pi => false,
        }
    }

    /// Whether the squared excess of the rates is a part of the loss, with the weight rho / 2.
    pub fn has_penalty(self) -> bool {
        match self {
            Self::Lagrange => true,
            Self::GammaV1 | Self::GammaV2 | Self::None | Self::TwoLosses | Self::Project => false,
            Self::TotalDerivative | Self::Exact | Self::Pi => false,
        }
    }

    /// Whether gains and thresholds have a loss, and an optimizer, of their own.
    pub fn has_rate_loss(self) -> bool {
        match self {
            Self::TwoLosses | Self::Project | Self::TotalDerivative => true,
            Self::Lagrange | Self::GammaV1 | Self::GammaV2 | Self::None => false,
            Self::Exact | Self::Pi => false,
        }
    }
}
