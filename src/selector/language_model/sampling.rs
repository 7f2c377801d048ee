//! Text written by the model.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::model::Transformer;
use crate::data::text::UNKNOWN;
use crate::lab::tensor::params::Params;
use crate::lab::tensor::{rng, to_host};

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// Words to write.
    pub words: i64,
    /// Logits are divided by it.
    pub temperature: f64,
    /// Words that the model sees at once.
    pub sequence: i64,
    /// The run's seed.
    pub seed: u64,
    /// Steps done: another text at another step.
    pub step: u64,
}

/// The words that the model writes after a beginning: each is drawn from the model's distribution,
/// the unknown word left out, by a number from (seed, "sample", step).
///
/// # Shapes
/// - prompt: `[time]` i64, at least one word
///
/// # Errors
/// Words that can't be read from the device.
pub fn write_words(
    model: &Transformer,
    params: &Params,
    prompt: &Tensor,
    sampling: &Sampling,
) -> Result<Vec<i64>> {
    let _guard = no_grad_guard();
    let given = prompt.size()[0];
    let mut text = prompt.unsqueeze(0);
    let draws = rng::words(sampling.seed, "sample", sampling.step).map(rng::unit);
    for draw in draws.take(sampling.words as usize) {
        let seen = text.size()[1].min(sampling.sequence);
        let window = text.narrow(1, text.size()[1] - seen, seen);
        let logits = model.forward(params, &window, None, &|_| None, &mut |_, _, _| ());
        let logits = logits.narrow(0, seen - 1, 1);
        let logits = logits.to_kind(Kind::Double) / sampling.temperature;
        let _ = logits.narrow(1, UNKNOWN.0, 1).fill_(f64::NEG_INFINITY);
        let below = logits.softmax(1, Kind::Double).cumsum(1, Kind::Double).le(draw);
        // Rounding can leave the whole sum below a draw close to 1.
        let last = logits.size()[1] - 1;
        let next = below.sum_dim_intlist(1, true, Kind::Int64).clamp_max(last);
        text = Tensor::cat(&[text, next], 1);
    }
    let written = text.narrow(1, given, text.size()[1] - given);
    Ok(to_host::values(&written)?.into_iter().map(|number| number as i64).collect())
}
