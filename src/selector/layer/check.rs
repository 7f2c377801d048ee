//! Which shapes and options go together.

use std::fmt;

use super::options::{LayerOptions, Rule, SteSign};
use super::selector_kind::{ChoiceCount, SelectorKind};
use super::shape::LayerShape;

/// The most computation neurons that can be numbered.
pub const MOST_CHOICES: i64 = 32_767;

/// Why a layer can't be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InvalidLayer {
    /// K is not from 1 to [`MOST_CHOICES`].
    Choices(i64),
    /// The selector is for another number of computation neurons.
    SelectorFor {
        /// The selector.
        selector: SelectorKind,
        /// The K that it is for.
        expected: i64,
        /// The K of the layer.
        choices: i64,
    },
    /// The selector is for more computation neurons.
    TooFewFor {
        /// The selector.
        selector: SelectorKind,
        /// The fewest that it selects among.
        fewest: i64,
        /// The K of the layer.
        choices: i64,
    },
    /// The printed sign is of a selector's gradient, and there is no selector.
    SignWithoutSelector,
    /// The rank of a low-rank selector is below 1.
    Rank(i64),
    /// The kernels compute only what is selected, and the rule needs every output.
    GatherNeedsSelected(Rule),
    /// The printed sign is of the straight-through estimator, which the rule doesn't have.
    SignWithoutEstimator(Rule),
    /// The kernels are there on the CPU alone, for f32 and f64.
    GatherUnavailable,
}

impl fmt::Display for InvalidLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Choices(choices) => {
                write!(f, "{choices} computation neurons: expected 1 to {MOST_CHOICES}")
            }
            Self::SelectorFor { selector, expected, choices } => {
                write!(f, "{selector:?} is for {expected} computation neurons, not {choices}")
            }
            Self::TooFewFor { selector, fewest, choices } => write!(
                f,
                "{selector:?} selects among {fewest} computation neurons or more, not {choices}"
            ),
            Self::SignWithoutSelector => {
                f.write_str("the printed sign is of a selector's gradient")
            }
            Self::Rank(rank) => write!(f, "rank {rank}: expected 1 or more"),
            Self::GatherNeedsSelected(rule) => write!(
                f,
                "gather computes only what is selected, and {rule:?} needs every computation neuron"
            ),
            Self::SignWithoutEstimator(rule) => write!(
                f,
                "the printed sign is of the straight-through estimator, which {rule:?} doesn't have"
            ),
            Self::GatherUnavailable => {
                f.write_str("gather is there on the CPU only, for f32 and f64")
            }
        }
    }
}

impl std::error::Error for InvalidLayer {}

impl LayerShape {
    /// Checks the selector against the number of computation neurons, the sign and the rank.
    ///
    /// # Errors
    /// The first of [`InvalidLayer`]'s reasons that a shape alone can give.
    pub fn check(&self) -> Result<(), InvalidLayer> {
        let (choices, selector) = (self.choices, self.selector);
        if !(1..=MOST_CHOICES).contains(&choices) {
            return Err(InvalidLayer::Choices(choices));
        }
        match selector.choice_count() {
            ChoiceCount::Exactly(expected) if choices != expected => {
                return Err(InvalidLayer::SelectorFor { selector, expected, choices });
            }
            ChoiceCount::OrMore(fewest) if choices < fewest => {
                return Err(InvalidLayer::TooFewFor { selector, fewest, choices });
            }
            ChoiceCount::Exactly(_) | ChoiceCount::OrMore(_) => {}
        }
        match self.sign {
            SteSign::AsPrinted if !selector.selects() => {
                return Err(InvalidLayer::SignWithoutSelector);
            }
            SteSign::AsPrinted | SteSign::Consistent => {}
        }
        if selector.projects_input() && self.rank < 1 {
            return Err(InvalidLayer::Rank(self.rank));
        }
        Ok(())
    }
}

impl LayerOptions {
    /// Checks the rule against the sign and the way of computing.
    ///
    /// # Errors
    /// [`InvalidLayer::GatherNeedsSelected`] or [`InvalidLayer::SignWithoutEstimator`].
    pub fn check(&self, shape: &LayerShape) -> Result<(), InvalidLayer> {
        if self.compute.is_gather() && self.rule.needs_all_outputs() {
            return Err(InvalidLayer::GatherNeedsSelected(self.rule));
        }
        match shape.sign {
            SteSign::AsPrinted if !self.rule.is_straight_through() => {
                Err(InvalidLayer::SignWithoutEstimator(self.rule))
            }
            SteSign::AsPrinted | SteSign::Consistent => Ok(()),
        }
    }
}
