//! Phase 2: the local rule that moves the multipliers' effect into the weights. No gradient of the
//! loss is taken.
//!
//! ```text
//! ΔW_nm = η mean_s r_m (r̃_n − r_n),   Δb_n = η mean_s (r̃_n − r_n),   r_n = φ(h_n)
//! ```
//!
//! - moving target: r̃ = a r, of the weights as they are now: ΔW = η mean_s r_m (a_n − 1) φ(h_n)
//! - frozen target: r̃ as the weights at the beginning of phase 2 made it
//!
//! With a moving target the change of a layer depends on its own input and output alone, and small
//! batches that follow each other can be taken as one block, exactly: with W the weights before the
//! block, x_t the input of step t, and u_t = η (a − 1) φ(h_t),
//!
//! ```text
//! h_t = W x_t + Σ_{s<t} u_s (x_s · x_t),   W ← W + Σ_t u_t x_tᵀ
//! ```
//!
//! so that the weights are read and written once a block, in matrix products. Biases, where there are
//! any, are the weights of one more input, a neuron of rate 1 without a multiplier: with them
//! x_s · x_t is larger by 1.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::apical::model::layer::Layer;
use crate::apical::model::network::{Network, Rates};

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

impl Target {
    /// Whether the multipliers move into the weights, after which they are 1.
    pub fn needs_reset(self) -> bool {
        match self {
            Self::Moving => false,
            Self::Frozen => true,
        }
    }
}

/// The change that the rule asks of every layer, all from one forward pass.
#[derive(Debug)]
pub struct Changes {
    /// The rates from which the changes were made.
    pub rates: Rates,
    /// η (r̃ − r), `[run, sample, output]` for each layer.
    post: Vec<Tensor>,
    /// The presynaptic rates, `[run, sample, input]` for each layer; `[sample, input]` for the
    /// first.
    pre: Vec<Tensor>,
}

impl Changes {
    /// ΔW of a layer, summed over samples: `[run, output, input]`.
    pub fn weight_change(&self, layer: usize) -> Tensor {
        self.post[layer].transpose(1, 2).matmul(&self.pre[layer])
    }

    /// Adds the changes to the weights and biases, but for those of some runs, whatever their rates are.
    ///
    /// # Shapes
    /// - excluded: `[run, 1, 1]` bool, the runs whose weights and biases stay
    pub fn apply(mut self, network: &Network, excluded: &Tensor) {
        for (k, layer) in network.layers.iter().enumerate() {
            // Not a product with 0: 0 x NaN is NaN.
            let post = self.post[k].masked_fill_(excluded, 0.0);
            let pre = match k {
                0 => self.pre[0].shallow_clone(),
                _ => self.pre[k].masked_fill_(excluded, 0.0),
            };
            layer.add_to_weights(&post, &pre);
        }
    }
}

/// The changes of a moving target in steps of `batch` samples each, every step with the weights
/// that the step before has left.
///
/// # Shapes
/// - x: `[sample, input]`, the batches one after the other
/// - eta: the learning rate of each run over the samples in a batch, `[run, 1, 1]`
pub fn moving(network: &Network, x: &Tensor, batch: i64, pre: Pre, eta: &Tensor) -> Changes {
    let mut rates = Rates::default();
    let (mut posts, mut pres) = (Vec::new(), Vec::new());
    for (k, layer) in network.layers.iter().enumerate() {
        let gain = (layer.apical.unsqueeze(1) - 1.0).g_mul_(eta);
        let (h, presynaptic) = match k {
            0 => (layer.preactivation_of_shared(x), x.shallow_clone()),
            _ => {
                let input = &rates.modulated[k - 1];
                let presynaptic = match pre {
                    Pre::Modulated => input,
                    Pre::Baseline => &rates.baseline[k - 1],
                };
                (layer.preactivation(input), presynaptic.shallow_clone())
            }
        };
        let (f, post) = if batch >= x.size()[0] {
            let f = layer.activation.apply_in_place(h);
            let post = &f * gain;
            (f, post)
        } else {
            let overlap = match k {
                0 => x.mm(&x.tr()).expand([network.runs, -1, -1], false),
                _ => rates.modulated[k - 1].bmm(&presynaptic.transpose(1, 2)),
            };
            let overlap = if layer.bias.is_some() { overlap + 1.0 } else { overlap };
            let post = batch_by_batch(layer, &h, &overlap, &gain, batch);
            (h, post)
        };
        rates.modulated.push(&f * layer.apical.unsqueeze(1));
        rates.baseline.push(f);
        posts.push(post);
        pres.push(presynaptic);
    }
    Changes { rates, post: posts, pre: pres }
}

/// Turns W x_t + b into the rates φ(h_t) in place, batch by batch, and returns u_t.
///
/// # Shapes
/// - h: W x_t + b, `[run, sample, neuron]`; the result has the same
/// - overlap: x_t · x_s, with the 1 of a bias, `[run, sample t, sample s]`
/// - gain: η (a − 1), `[run, 1, neuron]`
fn batch_by_batch(
    layer: &Layer,
    h: &Tensor,
    overlap: &Tensor,
    gain: &Tensor,
    batch: i64,
) -> Tensor {
    let post = h.empty_like();
    let samples = h.size()[1];
    for from in (0..samples).step_by(batch as usize) {
        let length = batch.min(samples - from);
        let mut now = h.narrow(1, from, length);
        if from > 0 {
            let before = overlap.narrow(1, from, length).narrow(2, 0, from);
            let _ = now.baddbmm_(&before, &post.narrow(1, 0, from));
        }
        let f = layer.activation.apply_in_place(now);
        let _ = f.multiply_out(&post.narrow(1, from, length), gain);
    }
    post
}

/// The changes of a frozen target: the delta rule. The rates to become those of `teacher` are those
/// of the network without multipliers, `student`.
///
/// # Shapes
/// - x: `[sample, input]`
/// - teacher: the modulated rates under the weights with which phase 2 began
/// - student: the rates of the network without multipliers
/// - eta: as [`moving`] has it
pub fn frozen(
    network: &Network,
    x: &Tensor,
    teacher: &Rates,
    student: Rates,
    pre: Pre,
    eta: &Tensor,
) -> Changes {
    let (mut posts, mut pres) = (Vec::new(), Vec::new());
    for (k, layer) in network.layers.iter().enumerate() {
        let (h, input) = match (k, pre) {
            (0, _) => (layer.preactivation_of_shared(x), x.shallow_clone()),
            (_, Pre::Modulated) => {
                let input = teacher.modulated[k - 1].shallow_clone();
                (layer.preactivation(&input), input)
            }
            (_, Pre::Baseline) => {
                let input = student.baseline[k - 1].shallow_clone();
                (layer.preactivation(&input), input)
            }
        };
        posts.push((&teacher.modulated[k] - layer.activation.apply_in_place(h)) * eta);
        pres.push(input);
    }
    Changes { rates: student, post: posts, pre: pres }
}
