//! The networks of `apical_characterize`, and what is saved of them.

use anyhow::Result;
use serde_json::Value;
use tch::{Device, Tensor};

use super::config::CharacterizeConfig;
use crate::apical::analysis::loss_map::{batch_gradient, losses};
use crate::apical::analysis::sample_gradients::{SampleGradients, Statistics, gradients};
use crate::apical::learning::live_runs::LiveRuns;
use crate::apical::learning::split::Split;
use crate::apical::model::network::Network;
use crate::data::ImageData;
use crate::lab::error::refuse;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::{rng, to_host};

/// One phase 1 and one pass of phase 2; replicates are networks of successive seeds.
#[derive(Debug)]
pub struct Characterize {
    pub(super) config: CharacterizeConfig,
    pub(super) network: Network,
    pub(super) split: Split,
    /// Statistics of the gradients at a = 1 that `--gradients` names: `[layer][network]`.
    pub(super) statistics: Vec<Vec<Statistics>>,
    /// Loss at a = 1 minus loss at each point of the map, on D_W: `[network][point]`.
    pub(super) drops: Vec<Vec<f64>>,
    /// Loss on D_W at a = 1: `[network]`.
    pub(super) start_loss: Vec<f64>,
    /// Loss of the best predictor that ignores its input, on D_W.
    pub(super) constant_loss: f64,
    /// The name of the data.
    pub(super) data_name: String,
    /// Where the data came from.
    pub(super) data_source: Value,
    /// The networks that have not diverged in phase 2, and the batch, from 1, in which the others
    /// did.
    pub(super) live: LiveRuns,
    /// The order of D_W in phase 2: `[sample]` i64.
    pub(super) order: Tensor,
    /// Batches of phase 2 that the run takes.
    pub(super) steps: u64,
}

impl Characterize {
    /// Networks after phase 1, with the map of what phase 1 does.
    ///
    /// # Errors
    /// Exit code 2 if the data are too few for the batch size or for D_W. Exit code 1 if the device
    /// can't be read.
    pub(super) fn new(
        config: CharacterizeConfig,
        data: ImageData,
        seeds: &[u64],
        device: Device,
    ) -> Result<Self> {
        let split = Split::halves(&data, seeds[0], device)
            .map_err(|error| refuse(format!("--data {}: {error}", data.name)))?;
        let (samples, batch) = (split.w.len(), config.batch_size);
        if batch > samples {
            return Err(refuse(format!("--batch-size {batch}: D_W has {samples} images")));
        }
        let loss = config.model.loss;
        let mut network = config.model.network(&data, seeds, device);
        let SampleGradients { mean: gradient, statistics } =
            gradients(&network, &split.a, loss, config.gradients, config.range)?;
        let (batches, reduce) = (&config.grid_batch, config.a_reduce);
        let of_batches: Vec<Vec<Tensor>> = (batches.iter())
            .map(|batch| batch_gradient(&network, &split.a, loss, &gradient, *batch, reduce))
            .collect();
        let mut points: Vec<(f64, &[Tensor])> = vec![(0.0, &gradient)];
        for gradient in &of_batches {
            points.extend(config.grid_lr.iter().map(|lr| (*lr, gradient.as_slice())));
        }
        let (mut drops, mut start_loss) = (Vec::new(), Vec::new());
        for run in 0..network.runs {
            let losses = losses(&network, run, &points, &split.w, loss);
            let losses = to_host::values(&losses)?;
            start_loss.push(losses[0]);
            drops.push(losses[1..].iter().map(|loss| losses[0] - loss).collect());
        }
        for (layer, g) in network.layers.iter_mut().zip(&gradient) {
            let _ = layer.apical.g_sub_(&(g * config.lr_a));
        }
        let constant = loss.of_constant(&split.w.labels, data.num_classes);
        Ok(Self {
            live: LiveRuns::new(network.runs, device),
            constant_loss: to_host::scalar(&constant)?,
            order: rng::permutation(samples, seeds[0], "data", 0).to_device(device),
            steps: (samples as u64).div_ceil(batch as u64),
            data_name: data.name,
            data_source: data.source,
            config,
            network,
            split,
            statistics,
            drops,
            start_loss,
        })
    }

    /// The mean over the networks that have not diverged, NaN where none is left: `[]` f64.
    ///
    /// # Shapes
    /// - values: `[run]`
    pub(super) fn mean_of_live(&self, values: &Tensor) -> Tensor {
        self.live.sum(values) / self.live.count()
    }

    /// The loss on D_test now, mean over live networks: `[]` f64.
    pub(super) fn test_loss(&self) -> Tensor {
        let rates = self.network.forward(&self.split.test.images, true);
        let loss = self.config.model.loss.mean(rates.output(), &self.split.test.target);
        self.mean_of_live(&loss)
    }
}

impl Persist for Characterize {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.network.named_layers().for_each(|(name, tensor)| writer.model(name, &tensor));
        writer.auxiliary("state.alive", &self.live.alive);
        writer.auxiliary("state.diverged_at", &self.live.ended_at);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        let layers = &mut self.network.named_layers();
        layers.try_for_each(|(name, tensor)| reader.model(&name, &tensor))?;
        reader.auxiliary("state.alive", &self.live.alive)?;
        reader.auxiliary("state.diverged_at", &self.live.ended_at)
    }
}
