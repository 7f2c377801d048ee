//! How a selector network does on a test set.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use crate::data::LabelledImages;
use crate::lab::tensor::nn::cross_entropy;
use crate::lab::tensor::params::Params;
use crate::lab::tensor::to_host;
use crate::selector::layer::SelectorLayer;
use crate::selector::network::SelectorNetwork;
use crate::selector::usage::Usage;

/// Test images that go through the network at once.
const CHUNK: i64 = 1000;

/// How a network does on a test set, for each replicate.
#[derive(Debug)]
pub struct TestResult {
    /// Mean cross-entropy in nats.
    pub loss: Vec<f64>,
    /// Correct answers.
    pub correct: Vec<f64>,
    /// Samples.
    pub samples: i64,
    /// Selection counts of each layer.
    pub usage: Vec<Usage>,
}

/// Runs the whole test set.
///
/// # Errors
/// An empty test set, or results that can't be read from the device.
pub fn test(
    network: &SelectorNetwork,
    params: &Params,
    data: &LabelledImages,
    replicates: i64,
) -> Result<TestResult> {
    let _guard = no_grad_guard();
    let samples = data.len();
    let mut sums: Option<(Tensor, Tensor)> = None;
    let mut counts: Vec<Tensor> = network.layers.iter().map(SelectorLayer::zero_counts).collect();
    for start in (0..samples).step_by(CHUNK as usize) {
        let length = CHUNK.min(samples - start);
        let (mut images, mut labels) =
            (data.images.narrow(0, start, length), data.labels.narrow(0, start, length));
        if replicates > 1 {
            images = images.unsqueeze(0).expand([replicates, -1, -1], false);
            labels = labels.unsqueeze(0).expand([replicates, -1], false);
        }
        let (logits, choices) = network.infer(params, &images);
        let loss = cross_entropy(&logits, &labels).to_kind(Kind::Double) * length as f64;
        let hits = logits.argmax(-1, false).eq_tensor(&labels);
        let correct = hits.sum_dim_intlist(-1, false, Kind::Double);
        for ((layer, choice), count) in network.layers.iter().zip(&choices).zip(&mut counts) {
            let _ = count.g_add_(&layer.selection_counts(choice));
        }
        sums = Some(match sums {
            None => (loss, correct),
            Some((l, c)) => (l + loss, c + correct),
        });
    }
    let Some((loss, correct)) = sums else { anyhow::bail!("the test set is empty") };
    let scores = to_host::values(&Tensor::cat(&[loss.reshape([-1]), correct.reshape([-1])], 0))?;
    let (loss, correct) = scores.split_at(replicates as usize);
    let usage =
        counts.iter().map(|count| Usage::read(count, replicates)).collect::<Result<Vec<_>>>()?;
    let loss = loss.iter().map(|sum| sum / samples as f64).collect();
    Ok(TestResult { loss, correct: correct.to_vec(), samples, usage })
}
