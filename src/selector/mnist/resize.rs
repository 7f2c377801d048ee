//! Changes of the number of computation neurons during training.

use anyhow::Result;
use tch::{Tensor, no_grad_guard};

use super::state::{Drawn, SelectorMnist};
use crate::lab::store::StateReader;
use crate::lab::tensor::params::Params;
use crate::lab::train::learner::Learner;
use crate::selector::growth::{self, Change, CopyNoise};
use crate::selector::network::layer_name;

impl SelectorMnist {
    /// The step before which a change happens, from 0.
    fn step_of(&self, change: &Change) -> u64 {
        (change.epoch - 1).saturating_mul(self.schedule.evaluate_every)
    }

    /// The number of computation neurons that the settings give after this many steps.
    pub(super) fn choices_after(&self, step: u64) -> i64 {
        let first = self.config.network.selection.num_computation;
        let past = self.changes.iter().filter(|change| self.step_of(change) < step);
        past.last().map_or(first, |change| change.to)
    }

    /// The number of computation neurons of a checkpoint, by the size of its first layer, since the
    /// step of a change depends on the batch size, which an evaluation may have another one of. Where
    /// the settings never have so many, it is their first one, and loading names the tensor that
    /// doesn't fit.
    ///
    /// # Errors
    /// A checkpoint without that layer.
    pub(super) fn choices_of(&self, reader: &mut StateReader) -> Result<i64> {
        // `[.., K, N, D]`
        let size = reader.tensor(&format!("{}.computation.weight", layer_name(0)))?.size();
        let first = self.config.network.selection.num_computation;
        let is_known = |k: &i64| self.changes.iter().any(|change| change.to == *k);
        Ok(size.iter().rev().nth(2).copied().filter(is_known).unwrap_or(first))
    }

    /// Gives the network this number of computation neurons, with new parameters, which a checkpoint
    /// is then loaded into.
    ///
    /// # Errors
    /// An allocation that libtorch refuses.
    pub(super) fn resize(&mut self, choices: i64) -> Result<()> {
        if choices == self.choices() {
            return Ok(());
        }
        let Drawn { params, network } = self.draw_with_choices(choices)?;
        self.learner = Learner::new(&self.network_config.learner, params, self.schedule.steps);
        self.take_network(network);
        Ok(())
    }

    /// Makes the change of K that comes before this step, if there is one.
    ///
    /// # Errors
    /// An allocation that libtorch refuses.
    pub fn change_before(&mut self, step: u64) -> Result<()> {
        let Some(change) = self.changes.iter().find(|change| self.step_of(change) == step) else {
            return Ok(());
        };
        let change = *change;
        let Drawn { params, network } = self.draw_with_choices(change.to)?;
        let origins = Origins {
            layers: self.counts().iter().map(|counts| growth::origins(change, counts)).collect(),
        };
        let _guard = no_grad_guard();
        self.carry_params(&params, change, &origins, step);
        let axis = i64::from(self.seeds.count > 1);
        let optimizer = &self.network_config.learner.optimizer;
        self.learner.replace_params(params, optimizer, |name, buffer| {
            let Some(origins) = origins.of_parameter(name) else {
                return Ok(buffer.shallow_clone());
            };
            let carried = growth::rows(buffer, origins);
            if change.grows() {
                let copies = change.to - change.from;
                _ = carried.narrow(axis, change.from, copies).zero_();
            }
            Ok(carried)
        })?;
        let layers = network.layers.iter().zip(&self.network.layers);
        for ((new, old), origins) in layers.zip(&origins.layers) {
            if let (Some(new), Some(old)) = (new.balance_bias(), old.balance_bias()) {
                new.shallow_clone().copy_(&old.gather(-2, origins, false));
            }
        }
        self.take_network(network);
        Ok(())
    }

    /// Copies the parameters into those of the changed network, with noise on the copies of growth.
    fn carry_params(&self, params: &Params, change: Change, origins: &Origins, step: u64) {
        let noise = CopyNoise {
            scale: self.config.grow_noise,
            seed: self.seeds.first,
            step,
            replicated: self.seeds.count > 1,
        };
        for ((name, old), (_, mut new)) in self.learner.params.named().iter().zip(params.named()) {
            let Some(origins) = origins.of_parameter(name) else {
                new.copy_(old);
                continue;
            };
            new.copy_(&growth::rows(old, origins));
            if change.grows() {
                _ = new.g_add_(&noise.like(&new, name, change));
            }
        }
    }
}

/// Which computation neuron each row of the changed layers was.
struct Origins {
    /// `[.., K', N]` i64 for each layer.
    layers: Vec<Tensor>,
}

impl Origins {
    /// The origins of a parameter's rows; none where the parameter has no axis of computation
    /// neurons.
    fn of_parameter(&self, name: &str) -> Option<&Tensor> {
        let layer = (0..self.layers.len()).find(|i| name.starts_with(&layer_name(*i)))?;
        let changes = name.contains(".selection.") || name.contains(".computation.");
        changes.then(|| &self.layers[layer])
    }
}
