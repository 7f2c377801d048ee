//! Phase 2: the local rule that moves the multipliers' effect into the weights. No gradient of the
//! loss is taken.
//!
//! ```text
//! ΔW_nm = η mean_s r_m (r̃_n − r_n),   r_n = φ(h_n)
//! ```
//!
//! - moving target: r̃ = a r, of the weights as they are now: ΔW = η mean_s r_m (a_n − 1) φ(h_n)
//! - frozen target: r̃ as the weights at the beginning of phase 2 made it

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::network::{Network, Pass, add_product, first_product, product};

/// Which rate of the presynaptic neuron the rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pre {
    /// a φ(h), as it is in the modulated network
    Modulated,
    /// φ(h), without its multiplier
    Baseline,
}

/// What the rates are to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// a times the present rate, so that the target moves with the weights
    Moving,
    /// a times the rate under the weights with which phase 2 began
    Frozen,
}

/// Applies the rule with a moving target to every layer, all from the same forward pass.
///
/// - x: [sample, input]
/// - rates: learning rate of each run over the number of samples, [run, 1, 1]
/// - still: [run, 1, 1] bool: runs that are not to change
pub fn apply_moving(
    network: &Network,
    x: &Tensor,
    pass: &Pass,
    pre: Pre,
    rates: &Tensor,
    still: &Tensor,
) {
    for (k, layer) in network.layers.iter().enumerate() {
        let gain = (layer.apical.unsqueeze(1) - 1.0).g_mul_(rates);
        let mut post = &pass.baseline[k] * gain;
        // Not a product with 0: 0 x NaN is NaN.
        let post = post.masked_fill_(still, 0.0);
        match (k, pre) {
            (0, _) => add_product(&layer.weight, &post, x),
            (_, Pre::Modulated) => add_product(&layer.weight, &post, &pass.modulated[k - 1]),
            (_, Pre::Baseline) => add_product(&layer.weight, &post, &pass.baseline[k - 1]),
        }
    }
}

/// Applies the rule with a frozen target to every layer: the delta rule. The rates to become those
/// of `teacher` are those of the network without multipliers.
///
/// - teacher: the modulated rates under the weights with which phase 2 began
/// - own: the rates of the network without multipliers
/// - the rest as [`apply_moving`] has it
pub fn apply_frozen(
    network: &Network,
    x: &Tensor,
    (teacher, own): (&Pass, &Pass),
    pre: Pre,
    rates: &Tensor,
    still: &Tensor,
) {
    for (k, layer) in network.layers.iter().enumerate() {
        let target = &teacher.modulated[k];
        if k == 0 {
            let present = layer.activation.over(first_product(&layer.weight, x));
            let post = ((target - present) * rates).masked_fill_(still, 0.0);
            add_product(&layer.weight, &post, x);
            continue;
        }
        let input = match pre {
            Pre::Modulated => &teacher.modulated[k - 1],
            Pre::Baseline => &own.baseline[k - 1],
        };
        let present = layer.activation.over(product(&layer.weight, input));
        let post = ((target - present) * rates).masked_fill_(still, 0.0);
        add_product(&layer.weight, &post, input);
    }
}
