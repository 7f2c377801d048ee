//! The layers of `apical_toy`, and what is saved of them.

use tch::{Device, Tensor};

use super::config::ToyConfig;
use crate::apical::one_layer::census::{Census, draw};
use crate::apical::one_layer::layer::ToyLayer;
use crate::lab::store::checkpoint::State;

/// Layers under the rule.
#[derive(Debug)]
pub struct Toy {
    pub(super) config: ToyConfig,
    /// One for each activation, with axes [law, trial, ..].
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
        let census = layers.iter().map(Census::new).collect();
        Self { start: draw(seed, config.sizes(), device), config, layers, census, steps }
    }

    /// Every tensor that the next steps depend on, by name.
    pub(super) fn tensors(&self) -> State {
        let mut state = State::new();
        for (layer, census) in self.layers.iter().zip(&self.census) {
            let name = layer.activation.name();
            // Under `state.`, since weights that diverge may leave the range of f64.
            let tensors: [(&str, &Tensor); 8] = [
                ("weight", &layer.weight),
                ("input", &layer.input),
                ("apical", &layer.apical),
                ("first", &census.first),
                ("last", &census.last),
                ("falling", &census.falling),
                ("error", &census.error),
                ("largest", &census.largest),
            ];
            state
                .extend(tensors.map(|(what, tensor)| {
                    (format!("state.{name}.{what}"), tensor.shallow_clone())
                }));
        }
        state
    }
}
