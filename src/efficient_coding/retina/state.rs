//! What a run of `efficient_coding` consists of, and how it is saved.

use std::rc::Rc;

use anyhow::Result;
use tch::{Device, Tensor};

use super::config::EfficientCodingConfig;
use super::legacy::Legacy;
use super::parameters::Parameters;
use crate::efficient_coding::coding::controller::Controller;
use crate::efficient_coding::coding::covariances::Covariances;
use crate::efficient_coding::coding::frozen::FrozenMeasures;
use crate::efficient_coding::coding::model::ModelConstants;
use crate::efficient_coding::coding::pixel_grid::PixelGrid;
use crate::efficient_coding::coding::rule::ConstraintRule;
use crate::efficient_coding::data::PatchSource;
use crate::lab::store::checkpoint::{Checkpoint, State};
use crate::lab::tensor::rng;
use crate::lab::train::experiment::Plan;

/// Noisy neurons in training.
pub struct EfficientCoding {
    pub(super) config: EfficientCodingConfig,
    pub(super) source: Box<dyn PatchSource>,
    /// Shared with the pass of a step, during which the rest of the model changes.
    pub(super) constants: Rc<ModelConstants>,
    pub(super) parameters: Parameters,
    pub(super) rule: ConstraintRule,
    pub(super) grid: PixelGrid,
    /// Sums for `--legacy-logging`.
    pub(super) legacy: Option<Legacy>,
    pub(super) seed: u64,
    pub(super) device: Device,
    /// C_x as it is trained with: [input, input].
    pub(super) covariance: Tensor,
    pub(super) controller: Controller,
    pub(super) plan: Plan,
    pub(super) log_every: u64,
}

impl EfficientCoding {
    /// Everything that the next steps depend on, as aliases of the live tensors.
    pub(super) fn tensors(&self) -> State {
        let mut state = self.parameters.state();
        let memory = self.controller.memory().into_iter();
        state.extend(memory.map(|(name, value)| (format!("state.controller.{name}"), value)));
        state.extend(self.legacy.iter().flat_map(Legacy::state));
        state.push(("state.covariance".into(), self.covariance.shallow_clone()));
        state
    }

    /// Takes what is no live tensor from a checkpoint whose tensors are restored.
    ///
    /// # Errors
    /// Where the checkpoint lacks the step count or the schedule of a learner.
    pub(super) fn take_from(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.constants = Rc::new(self.config.constants(&self.covariance));
        self.parameters.restored(checkpoint)
    }

    /// A batch of patches as [`EfficientCoding::noisy`] draws them.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn batch(&self, stream: &str, t: u64) -> Result<Tensor> {
        self.noisy(self.config.batch_size, stream, t)
    }

    /// Measures the model as it is on held-out patches, the same at every call.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn frozen_measures(&self) -> Result<FrozenMeasures> {
        let noisy = self.noisy(self.config.measuring.eval_patches, "held-out", 0)?;
        let neurons = self.parameters.neurons()?;
        Ok(FrozenMeasures::new(&self.constants, &neurons, &noisy, self.config.batch_size))
    }

    /// Averages the covariances of the model as it is over batches, the same at every call.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn covariances(&self) -> Result<Covariances> {
        let neurons = self.parameters.neurons()?;
        let batches = 0..self.config.measuring.covariance_batches;
        let batches = batches.map(|index| self.batch("covariance", index as u64));
        Covariances::new(&self.constants, &neurons, batches)
    }

    /// Patches with the noise of their pixels, drawn from (seed, stream, t): [patch, input].
    fn noisy(&self, count: i64, stream: &str, t: u64) -> Result<Tensor> {
        let patches = self.source.patches(count, self.seed, stream, t)?;
        rng::seed_torch(self.seed, &format!("{stream}-noise"), t);
        let noise = patches.randn_like() * self.config.input_noise;
        Ok((patches + noise).to_device(self.device))
    }

    /// Whether the evaluation after so many steps comes with images and histograms.
    pub(super) fn has_pictures(&self, step: u64) -> bool {
        let every = self.config.measuring.image_every;
        every > 0 && (step == 1 || step == self.plan.steps || step.is_multiple_of(every))
    }
}
