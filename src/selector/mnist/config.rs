//! Settings of `selector_mnist`.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::changes::parse_changes;
use crate::lab::{Config, Refusals, RunConfig};
use crate::selector::config::NetworkConfig;
use crate::selector::growth::Change;
use crate::selector::guidance::{GuidanceConfig, check_from_zero};

/// A selector network and its training.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Selection")]
pub struct MnistConfig {
    /// The network and its learning
    #[command(flatten)]
    #[serde(flatten)]
    pub network: NetworkConfig,
    /// What leads its selections
    #[command(flatten)]
    #[serde(flatten)]
    pub guidance: GuidanceConfig,
    /// Epochs over which the noise falls to 0
    #[arg(long, default_value_t = 1.0, value_name = "EPOCHS")]
    pub explore_epochs: f64,
    /// Growth of K at the start of an epoch, e.g. 2:5@epoch3
    #[arg(long, value_delimiter = ',', value_name = "K:K@epochE")]
    pub grow: Vec<String>,
    /// Standard deviation of what is added to the copies that growth makes
    #[arg(long, default_value_t = 0.01)]
    pub grow_noise: f64,
    /// Shrinking of K at the start of an epoch: each neuron loses what it used least in the epoch
    /// before
    #[arg(long, value_delimiter = ',', value_name = "K:K@epochE")]
    pub shrink: Vec<String>,
    /// Update only computation neurons that some sample of the batch selected: neither momentum
    /// nor weight decay moves the others
    #[arg(long)]
    pub lazy: bool,
}

impl MnistConfig {
    /// The changes of K, in order of time.
    ///
    /// # Errors
    /// Exit code 2 for a change that can't be read or doesn't fit the others.
    pub fn changes(&self) -> Result<Vec<Change>> {
        parse_changes(self.network.selection.num_computation, &self.grow, &self.shrink)
    }
}

impl Config for MnistConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        let changes = refusals.take(self.changes()).unwrap_or_default();
        self.guidance.resolve(!changes.is_empty(), &mut self.network.selection);
        self.network.resolve(refusals);
        let selection = &self.network.selection;
        let needs_logits = !changes.is_empty() || self.guidance.balances();
        refusals.unless(!needs_logits || selection.kind().has_logit_each(), || {
            "--grow, --shrink and --balance need a logit for each computation neuron: use \
             --selector softmax or low-rank"
                .into()
        });
        self.guidance.check(selection, refusals);
        let numbers = [("explore-epochs", self.explore_epochs), ("grow-noise", self.grow_noise)];
        check_from_zero(&numbers, refusals);
    }
}
