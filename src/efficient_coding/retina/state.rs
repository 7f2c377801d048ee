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
use crate::efficient_coding::data::{PatchSource, Purpose};
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::rng;
use crate::lab::tensor::to_device::upload;
use crate::lab::train::experiment::RunSchedule;

/// The experiment's name.
pub(super) const NAME: &str = "efficient_coding";

/// Noisy neurons in training: one model for each seed, of the same patches' covariance.
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
    /// The seed of each replicate: of its initial values, its patches and its noise.
    pub(super) seeds: Vec<u64>,
    pub(super) device: Device,
    /// C_x as it is trained with: `[input, input]`.
    pub(super) covariance: Tensor,
    pub(super) controller: Controller,
    pub(super) schedule: RunSchedule,
    pub(super) log_every: u64,
}

impl EfficientCoding {
    /// The batch of a step of one replicate, as [`EfficientCoding::noisy`] draws it.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn batch(&self, replicate: usize, step: u64) -> Result<Tensor> {
        self.noisy(Purpose::Training, replicate, self.config.batch_size, "patches", step)
    }

    /// Measures a model as it is on held-out patches, the same at every call.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn frozen_measures(&self, replicate: usize) -> Result<FrozenMeasures> {
        let noisy = self.held_out(replicate, self.config.measuring.eval_patches, "held-out", 0)?;
        let neurons = self.parameters.neurons(replicate)?;
        Ok(FrozenMeasures::new(&self.constants, &neurons, &noisy, self.config.batch_size))
    }

    /// Averages the covariances of a model as it is over held-out batches, the same at every call.
    ///
    /// # Errors
    /// Where patches can't be had.
    pub(super) fn covariances(&self, replicate: usize) -> Result<Covariances> {
        let neurons = self.parameters.neurons(replicate)?;
        let (size, batches) = (self.config.batch_size, 0..self.config.measuring.covariance_batches);
        let batches =
            batches.map(|index| self.held_out(replicate, size, "covariance", index as u64));
        Covariances::new(&self.constants, &neurons, batches)
    }

    /// What `measure` finds of each replicate.
    ///
    /// # Errors
    /// What `measure` returns.
    pub(super) fn of_each<T>(&self, measure: impl Fn(usize) -> Result<T>) -> Result<Vec<T>> {
        (0..self.seeds.len()).map(measure).collect()
    }

    fn held_out(&self, replicate: usize, count: i64, stream: &str, t: u64) -> Result<Tensor> {
        self.noisy(Purpose::HeldOut, replicate, count, stream, t)
    }

    /// Patches with the noise of their pixels, drawn from (the replicate's seed, stream, t):
    /// `[patch, input]`.
    fn noisy(
        &self,
        purpose: Purpose,
        replicate: usize,
        count: i64,
        stream: &str,
        t: u64,
    ) -> Result<Tensor> {
        let seed = self.seeds[replicate];
        let patches = self.source.patches(purpose, count, seed, stream, t)?;
        rng::seed_torch(seed, &format!("{stream}-noise"), t);
        let noise = patches.randn_like() * self.config.input_noise;
        Ok(upload(&(patches + noise), self.device))
    }

    /// Whether the evaluation after so many steps comes with images and histograms.
    pub(super) fn has_pictures(&self, step: u64) -> bool {
        let every = self.config.measuring.image_every;
        every > 0 && (step == 1 || step == self.schedule.steps || step.is_multiple_of(every))
    }
}

impl Persist for EfficientCoding {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.parameters.save(writer)?;
        for (name, value) in self.controller.memory() {
            writer.auxiliary(format!("state.controller.{name}"), &value);
        }
        if let Some(legacy) = &self.legacy {
            legacy.save(writer)?;
        }
        writer.auxiliary("state.covariance", &self.covariance);
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.parameters.load(reader)?;
        for (name, value) in self.controller.memory() {
            reader.auxiliary(&format!("state.controller.{name}"), &value)?;
        }
        // What is evaluated may be asked of other patches, with other settings, than those of the
        // training: their covariance is the one that was just made.
        if reader.resumes() {
            if let Some(legacy) = &mut self.legacy {
                legacy.load(reader)?;
            }
            reader.auxiliary("state.covariance", &self.covariance)?;
            self.constants = Rc::new(self.config.constants(&self.covariance));
        }
        Ok(())
    }
}
