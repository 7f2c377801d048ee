//! The layers of `apical_toy`, and what is saved of them.

use anyhow::Result;
use tch::{Device, Tensor};

use super::config::ToyConfig;
use crate::apical::one_layer::census::{Census, draw};
use crate::apical::one_layer::layer::ToyLayer;
use crate::lab::store::{Persist, StateReader, StateWriter};

/// Layers under the rule.
#[derive(Debug)]
pub struct Toy {
    pub(super) config: ToyConfig,
    /// One for each activation, with axes `[law, trial, ..]`.
    pub(super) layers: Vec<ToyLayer>,
    /// The same layers at time 0.
    pub(super) start: Vec<ToyLayer>,
    /// One for each activation.
    pub(super) census: Vec<Census>,
    /// Steps of the run.
    pub(super) steps: u64,
}

impl Toy {
    /// Random layers at time 0.
    pub(super) fn new(config: ToyConfig, seed: u64, steps: u64, device: Device) -> Self {
        let layers = draw(seed, config.sizes(), device);
        let census = layers.iter().map(|layer| Census::new(layer, config.eta)).collect();
        Self { start: draw(seed, config.sizes(), device), config, layers, census, steps }
    }

    /// Every tensor that the next steps depend on, by name. All names begin with `state.`, since
    /// weights that diverge may leave the range of f64, and those of a model must be finite.
    fn named(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.layers.iter().zip(&self.census).flat_map(|(layer, census)| {
            let name = layer.activation.name();
            [
                ("weight", &layer.weight),
                ("input", &layer.input),
                ("apical", &layer.apical),
                ("first", &census.first),
                ("last", &census.last),
                ("falling", &census.falling),
                ("error", &census.error),
                ("largest", &census.largest),
            ]
            .map(|(what, tensor)| (format!("state.{name}.{what}"), tensor))
        })
    }
}

impl Persist for Toy {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.named().for_each(|(name, tensor)| writer.auxiliary(name, tensor));
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.named().try_for_each(|(name, tensor)| reader.auxiliary(&name, tensor))
    }
}
