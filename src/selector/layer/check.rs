//! What of shapes and options goes together.

use anyhow::Result;
use clap::ValueEnum;

use super::{Compute, LayerOptions, LayerShape, Rule};
use crate::lab::error::refuse;
use crate::selector::config::{SelectorKind, SteSign};

/// Computation neurons that can be numbered.
const MOST: i64 = 32_767;

impl LayerShape {
    /// Checks the selector against the number of computation neurons, the sign and the rank.
    ///
    /// # Errors
    /// Exit code 2, with the flags.
    pub fn check(&self) -> Result<()> {
        let (choices, selector) = (self.choices, name(self.selector));
        if !(1..=MOST).contains(&choices) {
            return Err(refuse(format!("--num-computation {choices}: expected 1 to {MOST}")));
        }
        let only = match self.selector {
            SelectorKind::None => Some((1, "is for 1 computation neuron")),
            SelectorKind::Threshold => Some((2, "chooses between 2 computation neurons")),
            _ => None,
        };
        if let Some((expected, what)) = only.filter(|(expected, _)| *expected != choices) {
            return Err(refuse(format!(
                "--selector {selector} {what}, and --num-computation is {choices}: use \
                 --num-computation {expected} or --selector softmax"
            )));
        }
        if self.selector == SelectorKind::Tree && choices < 2 {
            return Err(refuse(format!(
                "--selector tree chooses between 2 computation neurons or more, and \
                 --num-computation is {choices}"
            )));
        }
        if self.sign == SteSign::AsPrinted && self.selector != SelectorKind::Threshold {
            return Err(refuse(
                "--ste-sign as-printed is the threshold selector's: use --selector threshold with \
                 --num-computation 2",
            ));
        }
        if self.selector == SelectorKind::LowRank && self.rank < 1 {
            return Err(refuse(format!("--rank {}: expected 1 or more", self.rank)));
        }
        Ok(())
    }
}

impl LayerOptions {
    /// Whether the rule, the sign and the computation go together.
    ///
    /// # Errors
    /// Exit code 2, with the flags.
    pub fn check(&self, shape: &LayerShape) -> Result<()> {
        let rule = self.rule;
        if self.compute == Compute::Gather && rule.needs_all() {
            return Err(refuse(format!(
                "--compute gather computes only what is selected, and --rule {} needs every \
                 computation neuron: use --compute streaming, or --rule selected-only",
                name(rule)
            )));
        }
        if shape.sign == SteSign::AsPrinted && !matches!(rule, Rule::FullSte | Rule::Hidden) {
            return Err(refuse(format!(
                "--ste-sign as-printed is of the straight-through estimator, and --rule {} has \
                 none: use --rule full-ste or hidden",
                name(rule)
            )));
        }
        Ok(())
    }
}

/// A value as its flag takes it.
fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().into())
}
