//! The flags of the networks, which both experiments on data have.

use clap::Args;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use super::model::activation::Activation;
use super::model::loss::Loss;
use super::model::network::Network;
use crate::data::ImageData;
use crate::lab::Refusals;

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
        let good = !self.hidden.is_empty() && self.hidden.iter().all(|neurons| *neurons > 0);
        refusals.unless(good, || {
            let text: Vec<String> = self.hidden.iter().map(i64::to_string).collect();
            let text = text.join(",");
            format!("--hidden {text}: expected numbers of neurons, e.g. 256,256,256")
        });
    }

    /// Networks from the data's pixels to its classes, one for each seed.
    pub fn network(&self, data: &ImageData, seeds: &[u64], device: Device) -> Network {
        let mut widths = vec![data.height * data.width];
        widths.extend(&self.hidden);
        widths.push(data.num_classes);
        Network::new(&widths, self.activation, seeds, Kind::Float, device)
    }
}
