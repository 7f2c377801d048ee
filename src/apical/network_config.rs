//! The flags of the networks, which both experiments on data have, and the checks that both need.

use clap::Args;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use super::model::activation::Activation;
use super::model::loss::Loss;
use super::model::network::Network;
use crate::data::{self, ImageData};
use crate::lab::Refusals;

/// The most neurons of a hidden layer.
const MAX_NEURONS: i64 = 1 << 24;
/// The largest learning rate: beyond it a finite loss says nothing about the next weights.
const LARGEST_LR: f64 = 1e6;
/// The largest loss at which a run can be told to go on.
const LARGEST_CAP: f64 = 1e12;

/// Settings of a network.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct NetworkConfig {
    /// Neurons of each hidden layer, e.g. 256,256,256
    #[arg(long, value_delimiter = ',', default_values_t = [256, 256, 256], value_name = "N,N,...")]
    pub hidden: Vec<i64>,
    /// Activation of the hidden neurons; the output is linear
    #[arg(long, value_enum, default_value = "relu")]
    pub activation: Activation,
    /// Loss
    #[arg(long, value_enum, default_value = "mse")]
    pub loss: Loss,
}

impl NetworkConfig {
    /// Checks every value.
    pub fn validate(&self, refusals: &mut Refusals) {
        let fits = |neurons: &i64| (1..=MAX_NEURONS).contains(neurons);
        let good = !self.hidden.is_empty() && self.hidden.iter().all(fits);
        refusals.unless(good, || {
            let text: Vec<String> = self.hidden.iter().map(i64::to_string).collect();
            let text = text.join(",");
            format!(
                "--hidden {text}: expected numbers of neurons from 1 to {MAX_NEURONS}, e.g. \
                 256,256,256"
            )
        });
    }

    /// Weights of a network on an image set of ten classes, before it is loaded.
    pub fn weight_count(&self, data: &str) -> f64 {
        let mut widths = vec![data::pixels(data)];
        widths.extend(&self.hidden);
        widths.push(10);
        widths.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum()
    }

    /// Networks from the data's pixels to its classes, one for each seed.
    pub fn network(&self, data: &ImageData, seeds: &[u64], device: Device) -> Network {
        let mut widths = vec![data.height * data.width];
        widths.extend(&self.hidden);
        widths.push(data.num_classes);
        Network::new(&widths, self.activation, seeds, Kind::Float, device)
    }
}

/// Checks the learning rates of a flag.
pub fn validate_rates(flag: &str, rates: &[f64], refusals: &mut Refusals) {
    refusals.unless(!rates.is_empty(), || format!("--{flag}: expected at least one learning rate"));
    if let Some(lr) = rates.iter().find(|lr| !(**lr > 0.0 && **lr <= LARGEST_LR)) {
        refusals.add(format!("--{flag} {lr}: expected positive numbers up to {LARGEST_LR:e}"));
    }
}

/// Checks the loss beyond which a run is frozen.
pub fn validate_cap(cap: f64, refusals: &mut Refusals) {
    refusals.unless(cap > 0.0 && cap <= LARGEST_CAP, || {
        format!("--cap {cap}: expected a positive number up to {LARGEST_CAP:e}")
    });
}
