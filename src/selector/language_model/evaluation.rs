//! What is measured of a transformer on held-out text.

use anyhow::Result;
use tch::{Tensor, no_grad_guard};

use super::corpus::TokenBatch;
use super::layout::LinearShape;
use super::model::Transformer;
use super::monitor::{SelectionMonitor, SelectionStatistics};
use crate::lab::tensor::nn::cross_entropy;
use crate::lab::tensor::params::Params;
use crate::lab::tensor::to_host;

/// How a transformer does on held-out text.
#[derive(Debug)]
pub struct HeldOutResult {
    /// Mean cross-entropy in nats a word.
    pub loss: f64,
    /// Words.
    pub words: i64,
    /// What each linear layer's selectors do; none for a plain layer.
    pub selections: Vec<Option<SelectionStatistics>>,
}

/// Runs over held-out sequences.
///
/// # Errors
/// A parameter that `params` doesn't have, or results that can't be read from the device.
pub fn hold_out(
    model: &Transformer,
    linears: &[LinearShape],
    params: &Params,
    batches: &[TokenBatch],
) -> Result<HeldOutResult> {
    let _guard = no_grad_guard();
    let monitors = linears.iter().map(|linear| SelectionMonitor::new(linear, params));
    let mut monitors = monitors.collect::<Result<Vec<_>>>()?;
    let mut observe = |number: usize, x: &Tensor, choice: Option<&Tensor>| {
        if let (Some(Some(monitor)), Some(choice)) = (monitors.get_mut(number), choice) {
            monitor.observe(params, x, choice);
        }
    };
    let (mut sum, mut words) = (0.0, 0);
    for TokenBatch { tokens, next } in batches {
        let logits = model.forward(params, tokens, None, &|_| None, &mut observe);
        let loss = cross_entropy(&logits, &next.flatten(0, 1));
        sum += to_host::scalar(&loss)? * next.numel() as f64;
        words += next.numel() as i64;
    }
    let selections = monitors
        .iter()
        .map(|monitor| monitor.as_ref().map(SelectionMonitor::read).transpose())
        .collect::<Result<Vec<_>>>()?;
    Ok(HeldOutResult { loss: sum / words as f64, words, selections })
}
