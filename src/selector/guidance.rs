//! How the selections of a network in training are led: by noise on the logits, and to an even use
//! of the computation neurons.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::config::SelectionConfig;
use super::layer::{Compute, Noise, NoiseKind, SelectorKind, SelectorLayer};
use crate::lab::Refusals;
use crate::lab::tensor::optim::finite::FoundInf;

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

/// What leads the selections in training, in every layer alike.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Selection")]
pub struct GuidanceConfig {
    /// Noise on the selectors' logits in training
    #[arg(long, value_enum, value_name = "LAW")]
    pub explore: Option<NoiseKind>,
    /// Scale of that noise at the first step
    #[arg(long, default_value_t = 1.0)]
    pub explore_scale: f64,
    /// How the use of computation neurons is evened out
    #[arg(long, value_enum, default_value = "none")]
    pub balance: Balance,
    /// Weight of that loss, or step of that bias
    #[arg(long, default_value_t = 0.01)]
    pub balance_rate: f64,
}

/// Which draw of noise a step asks for.
#[derive(Debug, Clone, Copy)]
pub struct NoiseDraw<'a> {
    /// The run's seed.
    pub seed: u64,
    /// The name of the layer.
    pub layer: &'a str,
    /// The number of the step.
    pub step: u64,
    /// Steps over which the noise falls to 0 in a straight line.
    pub steps: f64,
}

impl GuidanceConfig {
    /// Fills in the selector that a balance needs, before the selection is resolved.
    ///
    /// - needs_logits: whether something else needs a logit for each computation neuron
    pub fn resolve(&self, needs_logits: bool, selection: &mut SelectionConfig) {
        let needs_logits = needs_logits || self.balances();
        if needs_logits && selection.selector.is_none() && selection.num_computation > 0 {
            selection.selector = Some(SelectorKind::Softmax);
        }
    }

    /// Notes what can't go with a resolved selection, and numbers out of their ranges.
    pub fn check(&self, selection: &SelectionConfig, refusals: &mut Refusals) {
        match self.balance {
            Balance::Loss => check_loss(selection, refusals),
            Balance::None | Balance::Bias => {}
        }
        let scale = ("explore-scale", self.explore_scale);
        check_from_zero(&[scale, ("balance-rate", self.balance_rate)], refusals);
    }

    /// Whether there is a balance, which needs a logit for each computation neuron.
    pub fn balances(&self) -> bool {
        match self.balance {
            Balance::None => false,
            Balance::Loss | Balance::Bias => true,
        }
    }

    /// Whether a step has to count the selections of its batch for the balance.
    pub fn balances_by_counts(&self) -> bool {
        match self.balance {
            Balance::Bias => true,
            Balance::None | Balance::Loss => false,
        }
    }

    /// Gives a layer what its balance needs.
    pub fn prepare(&self, layer: &mut SelectorLayer) {
        match self.balance {
            Balance::None => {}
            Balance::Loss => layer.set_aux_loss_weight(self.balance_rate),
            Balance::Bias => layer.add_balance_bias(),
        }
    }

    /// Moves the balance biases of layers after a step, where they have any.
    ///
    /// - counted: each layer with its selections of the batch, `[.., computation, neuron]`
    /// - samples: how many samples were selected for
    /// - found: what held the step back, where it is known on the device alone
    pub fn rebalance<'a>(
        &self,
        counted: impl Iterator<Item = (&'a mut SelectorLayer, &'a Tensor)>,
        samples: i64,
        found: Option<&FoundInf>,
    ) {
        if !self.balances_by_counts() {
            return;
        }
        let applies = found.map(FoundInf::applies);
        for (layer, counts) in counted {
            layer.update_balance_bias(counts, samples, self.balance_rate, applies.as_ref());
        }
    }

    /// The noise on a layer's selectors at a step; none where it has fallen to 0.
    pub fn noise(&self, draw: NoiseDraw) -> Option<Noise> {
        let kind = self.explore?;
        let scale = self.explore_scale * (1.0 - draw.step as f64 / draw.steps);
        let NoiseDraw { seed, layer, step, .. } = draw;
        let noise = || Noise { kind, scale, seed, stream: layer.into(), step };
        (scale > 0.0).then(noise)
    }
}

/// Notes numbers that are below 0 or not finite in f32, by their flags.
pub fn check_from_zero(numbers: &[(&str, f64)], refusals: &mut Refusals) {
    for (flag, value) in numbers {
        refusals.unless((0.0..=f64::from(f32::MAX)).contains(value), || {
            format!("--{flag} {value}: expected a number from 0 up")
        });
    }
}

/// Notes what the auxiliary loss can't go with.
fn check_loss(selection: &SelectionConfig, refusals: &mut Refusals) {
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
