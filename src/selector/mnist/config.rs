//! Settings of `selector_mnist`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::changes::parse_changes;
use crate::lab::{Config, Refusals, RunConfig};
use crate::selector::config::NetworkConfig;
use crate::selector::growth::Change;
use crate::selector::layer::{Compute, NoiseKind, SelectorKind};

/// How a neuron is led to use all of its computation neurons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Not at all
    None,
    /// An auxiliary loss for each neuron, weight x K x sum over k of (share of the batch) x (mean
    /// probability)
    Loss,
    /// No loss: a bias that only the choice sees goes up where a computation neuron is selected less
    /// than its share, and down where more
    Bias,
}

/// A selector network and its training.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Selection")]
pub struct MnistConfig {
    /// The network and its learning
    #[command(flatten)]
    #[serde(flatten)]
    pub network: NetworkConfig,
    /// Noise on the selectors' logits in training
    #[arg(long, value_enum, value_name = "LAW")]
    pub explore: Option<NoiseKind>,
    /// Scale of that noise at the first step
    #[arg(long, default_value_t = 1.0)]
    pub explore_scale: f64,
    /// Epochs over which the noise falls to 0
    #[arg(long, default_value_t = 1.0, value_name = "EPOCHS")]
    pub explore_epochs: f64,
    /// How the use of computation neurons is evened out
    #[arg(long, value_enum, default_value = "none")]
    pub balance: Balance,
    /// Weight of that loss, or step of that bias
    #[arg(long, default_value_t = 0.01)]
    pub balance_rate: f64,
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

    /// Notes what the auxiliary loss can't go with.
    fn check_loss(&self, refusals: &mut Refusals) {
        let selection = &self.network.selection;
        let at_once = match selection.compute {
            Compute::Auto | Compute::Dense => true,
            Compute::Streaming | Compute::Gather => false,
        };
        refusals.unless(at_once, || {
            "--balance loss needs the probabilities of the whole batch at once: use --compute dense \
             or auto, or --balance bias"
                .into()
        });
        refusals.unless(selection.rule.trains_selector(), || {
            "--balance loss moves the selectors, and --rule frozen keeps them: use --balance bias"
                .into()
        });
    }
}

impl Config for MnistConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        let balances = match self.balance {
            Balance::None => false,
            Balance::Loss | Balance::Bias => true,
        };
        let changes = refusals.take(self.changes()).unwrap_or_default();
        let needs_logits = !changes.is_empty() || balances;
        let selection = &mut self.network.selection;
        if needs_logits && selection.selector.is_none() && selection.num_computation > 0 {
            selection.selector = Some(SelectorKind::Softmax);
        }
        self.network.resolve(refusals);
        let has_logits = self.network.selection.kind().has_logit_each();
        refusals.unless(!needs_logits || has_logits, || {
            "--grow, --shrink and --balance need a logit for each computation neuron: use \
             --selector softmax or low-rank"
                .into()
        });
        match self.balance {
            Balance::Loss => self.check_loss(refusals),
            Balance::None | Balance::Bias => {}
        }
        let numbers = [
            ("explore-scale", self.explore_scale),
            ("explore-epochs", self.explore_epochs),
            ("balance-rate", self.balance_rate),
            ("grow-noise", self.grow_noise),
        ];
        for (flag, value) in numbers {
            refusals.unless((0.0..=f64::from(f32::MAX)).contains(&value), || {
                format!("--{flag} {value}: expected a number from 0 up")
            });
        }
    }
}
