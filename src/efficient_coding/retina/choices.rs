//! The words that flags take for the model's choices, and what `--help` says of them.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::efficient_coding::coding::constraint::{Constraint, Variant};
use crate::efficient_coding::coding::response::Nonlinearity;

impl ValueEnum for Constraint {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Lagrange,
            Self::GammaV1,
            Self::GammaV2,
            Self::None,
            Self::TwoLosses,
            Self::Project,
            Self::TotalDerivative,
            Self::Exact,
            Self::Pi,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Lagrange => (
                "lagrange",
                "A multiplier for each neuron that climbs while everything else descends, and a \
                 penalty: the notebook's reference",
            ),
            Self::GammaV1 => (
                "gamma-v1",
                "Gain = 1 / running mean of (rate - target): the notebook's first attempt, whose \
                 rate settles above the target",
            ),
            Self::GammaV2 => (
                "gamma-v2",
                "Gain = 1 / running mean of the rate: its second, whose rate settles at a root",
            ),
            Self::None => ("none", "No constraint: gains grow without end"),
            Self::TwoLosses => (
                "two-losses",
                "Filters descend -KL/2 and gains and thresholds the squared excess of the rates, \
                 each with an optimizer of its own (--variant)",
            ),
            Self::Project => (
                "project",
                "two-losses, with each filter's gradient projected off that of its rate",
            ),
            Self::TotalDerivative => (
                "total-derivative",
                "two-losses, with each filter's gradient taken along the rates that gains would \
                 keep",
            ),
            Self::Exact => (
                "exact",
                "The gain that meets the target on the very batch; filters and thresholds descend \
                 the total derivative",
            ),
            Self::Pi => ("pi", "A multiplier that follows the excess by proportion and integral"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Variant {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Alternate, Self::Leak, Self::Clean]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Alternate => ("alternate", "Rates at even steps, filters at odd ones"),
            Self::Leak => {
                ("leak", "Both at every step, and the rates' gradient is left in the filters' too")
            }
            Self::Clean => ("clean", "Both at every step, each with its own gradient"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for Nonlinearity {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Softplus, Self::Relu, Self::Linear, Self::Absolute]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Softplus => ("softplus", "log(1 + exp(2.5 u)) / 2.5"),
            Self::Relu => ("relu", "max(u, 0)"),
            Self::Linear => (
                "linear",
                "u without a threshold; the budget is then of its mean square, since it has both \
                 signs",
            ),
            Self::Absolute => ("absolute", "|u|"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}
