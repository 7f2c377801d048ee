//! A selector network in training, and the tensors that a checkpoint has of it.

use anyhow::Result;
use tch::{Device, Tensor};

use super::config::MnistConfig;
use super::tally::Tally;
use crate::data::ImageData;
use crate::lab::store::{Persist, Purpose, StateReader, StateWriter};
use crate::lab::tensor::params::Params;
use crate::lab::tensor::rng::Seeds;
use crate::lab::train::experiment::RunSchedule;
use crate::lab::train::learner::Learner;
use crate::selector::config::{NetworkConfig, refuse_invalid};
use crate::selector::growth::Change;
use crate::selector::network::{SelectorNetwork, layer_name};
use crate::selector::usage::Usage;

/// A selector network in training.
pub struct SelectorMnist {
    pub(super) config: MnistConfig,
    /// The network's settings as they are now: K changes where it grows or shrinks.
    pub(super) network_config: NetworkConfig,
    pub(super) changes: Vec<Change>,
    /// The images.
    pub data: ImageData,
    /// The network, whose parameters are the learner's.
    pub network: SelectorNetwork,
    /// The parameters and what moves them.
    pub learner: Learner,
    pub(super) seeds: Seeds,
    /// How often each computation neuron was selected in the epoch under way, for each layer.
    pub(super) tallies: Vec<Tally>,
    /// Selections over the test set at the last evaluation, for each layer.
    pub(super) last_usage: Vec<Usage>,
    pub(super) schedule: RunSchedule,
    pub(super) device: Device,
    /// The order of the epoch under way, once one has begun.
    pub(super) order: Option<EpochOrder>,
}

/// The order in which an epoch takes the training images.
pub(super) struct EpochOrder {
    /// The epoch, from 0.
    pub(super) epoch: u64,
    /// Places in the training set: `[replicate, sample]` i64.
    pub(super) places: Tensor,
}

/// A network with its parameters.
pub(super) struct Drawn {
    pub(super) params: Params,
    pub(super) network: SelectorNetwork,
}

/// Draws the network of `network_config`, balanced as `config` has it.
///
/// # Errors
/// Exit code 2 for a way of computing that the device doesn't have; an allocation that libtorch
/// refuses.
pub(super) fn draw_network(
    config: &MnistConfig,
    network_config: &NetworkConfig,
    data: &ImageData,
    seeds: Seeds,
    device: Device,
) -> Result<Drawn> {
    let shape = network_config.shape(data.height * data.width, data.num_classes);
    let params = shape.parameters(seeds, device)?;
    let network = SelectorNetwork::new(&shape, network_config.options(), &params, device);
    let mut network = network.map_err(refuse_invalid)?;
    network.layers.iter_mut().for_each(|layer| config.guidance.prepare(layer));
    Ok(Drawn { params, network })
}

impl SelectorMnist {
    /// The number of computation neurons now.
    pub(super) fn choices(&self) -> i64 {
        self.network_config.selection.num_computation
    }

    /// How often each computation neuron was selected in the epoch under way, for each layer, as
    /// [`SelectorLayer::selection_counts`](crate::selector::layer::SelectorLayer::selection_counts)
    /// counts.
    pub(super) fn counts(&self) -> Vec<Tensor> {
        let layers = self.tallies.iter().zip(&self.network.layers);
        layers.map(|(tally, layer)| tally.counts(layer)).collect()
    }

    /// A new network with this many computation neurons, which the settings then have.
    pub(super) fn draw_with_choices(&mut self, choices: i64) -> Result<Drawn> {
        self.network_config.selection.num_computation = choices;
        draw_network(&self.config, &self.network_config, &self.data, self.seeds, self.device)
    }

    /// Takes a network whose parameters the learner has already, with no selection counted.
    pub(super) fn take_network(&mut self, network: SelectorNetwork) {
        self.tallies = network.layers.iter().map(Tally::new).collect();
        self.network = network;
    }
}

/// The learner, and for each layer `state.tally.<layer>`, its selection counts, and
/// `<layer>.preference`, its balance bias. Checkpoints have had these two names from the start, so
/// they stay.
impl Persist for SelectorMnist {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.learner.save(writer)?;
        for (i, (counts, layer)) in self.counts().iter().zip(&self.network.layers).enumerate() {
            let name = layer_name(i);
            writer.auxiliary(format!("state.tally.{name}"), counts);
            if let Some(bias) = layer.balance_bias() {
                writer.model(format!("{name}.preference"), bias);
            }
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        match reader.purpose() {
            Purpose::Resume => self.resize(self.choices_after(reader.step()))?,
            Purpose::Evaluate => {
                let choices = self.choices_of(reader)?;
                self.resize(choices)?;
            }
            // A new run begins with the K of its settings.
            Purpose::Initialise => {}
        }
        self.learner.load(reader)?;
        let Self { tallies, network, .. } = self;
        for (i, (tally, layer)) in tallies.iter_mut().zip(&network.layers).enumerate() {
            let name = layer_name(i);
            reader.auxiliary(&format!("state.tally.{name}"), tally.counted_mut())?;
            if let Some(bias) = layer.balance_bias() {
                reader.model(&format!("{name}.preference"), bias)?;
            }
        }
        Ok(())
    }
}
