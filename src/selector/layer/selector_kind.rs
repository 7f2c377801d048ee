//! The kinds of selectors, and what the layer, the flags and the figures ask of each.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How a neuron selects one of its computation neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectorKind {
    /// One logit s: A where sigmoid(s) < 0.5, else B; for two computation neurons
    Threshold,
    /// One logit for each computation neuron: the largest is taken
    Softmax,
    /// As softmax, of fewer numbers that are a linear map of the input, the same for all neurons
    LowRank,
    /// ceil(log2 K) half-spaces: the side of each is a bit of the computation neuron's number
    Tree,
    /// No selection neuron, for one computation neuron: a plain layer
    None,
}

/// How many computation neurons a kind of selector can select among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChoiceCount {
    /// This many.
    Exactly(i64),
    /// This many or more.
    OrMore(i64),
}

impl SelectorKind {
    /// How many computation neurons it can select among.
    pub(super) fn choice_count(self) -> ChoiceCount {
        match self {
            Self::None => ChoiceCount::Exactly(1),
            Self::Threshold => ChoiceCount::Exactly(2),
            Self::Tree => ChoiceCount::OrMore(2),
            Self::Softmax | Self::LowRank => ChoiceCount::OrMore(1),
        }
    }

    /// The logits by which a neuron selects among so many computation neurons: K for softmax and
    /// low-rank, 1 for the threshold, ceil(log2 K) for the tree, 0 for none.
    pub(super) fn logits(self, choices: i64) -> i64 {
        match self {
            Self::None => 0,
            Self::Threshold => 1,
            Self::Softmax | Self::LowRank => choices,
            Self::Tree => i64::from((choices.max(1) as u64).next_power_of_two().trailing_zeros()),
        }
    }

    /// The axes of the selection neurons' biases, `[logit, neuron]`; none where there are no
    /// selection neurons.
    pub(super) fn selection_axes(self, choices: i64, neurons: i64) -> Option<Vec<i64>> {
        match self {
            Self::None => None,
            // The notebook's selector has one logit and no axis for it.
            Self::Threshold => Some(vec![neurons]),
            Self::Softmax | Self::LowRank | Self::Tree => Some(vec![self.logits(choices), neurons]),
        }
    }

    /// Whether there is something to select.
    pub fn selects(self) -> bool {
        match self {
            Self::Threshold | Self::Softmax | Self::LowRank | Self::Tree => true,
            Self::None => false,
        }
    }

    /// Whether its logits are those of half-spaces, which are differences of two logits.
    pub(super) fn has_half_spaces(self) -> bool {
        match self {
            Self::Threshold | Self::Tree => true,
            Self::Softmax | Self::LowRank | Self::None => false,
        }
    }

    /// Whether it has a logit for each computation neuron and takes the largest.
    pub fn has_logit_each(self) -> bool {
        match self {
            Self::Softmax | Self::LowRank => true,
            Self::Threshold | Self::Tree | Self::None => false,
        }
    }

    /// Whether it sees a projection of the input to fewer numbers.
    pub fn projects_input(self) -> bool {
        match self {
            Self::LowRank => true,
            Self::Threshold | Self::Softmax | Self::Tree | Self::None => false,
        }
    }

    /// Whether a neuron of the first layer selects by one image of weights.
    pub fn selects_by_one_image(self) -> bool {
        match self {
            Self::Threshold => true,
            Self::Softmax | Self::LowRank | Self::Tree | Self::None => false,
        }
    }
}
