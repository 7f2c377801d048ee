//! Where a model's numbers live: what learns, with which optimizer, and what follows by a formula.

use anyhow::{Context, Result};
use tch::{Device, Kind, Tensor};

use super::config::EfficientCodingConfig;
use crate::efficient_coding::coding::assign::assign_where;
use crate::efficient_coding::coding::constraint::Constraint;
use crate::efficient_coding::coding::model::{Neurons, unit_columns};
use crate::efficient_coding::coding::shapes::{self, FilterShape};
use crate::lab::LearnerConfig;
use crate::lab::store::{NamedTensors, Persist, StateReader, StateWriter};
use crate::lab::tensor::params::ParamsBuilder;
use crate::lab::tensor::rng;
use crate::lab::train::learner::Learner;

/// The filters of a model without a shape.
pub const FREE: &str = "encoder.W";
/// The log of the gains.
pub const GAIN: &str = "encoder.logA";
/// The log of the thresholds.
pub const THRESHOLD: &str = "encoder.logB";
/// The multipliers.
pub const MULTIPLIER: &str = "Lambda";

/// A model's numbers.
pub struct Parameters {
    /// What descends the loss of the filters.
    pub main: Learner,
    /// Gains and thresholds, where they have a loss of their own.
    pub rate: Option<Learner>,
    /// Numbers that no optimizer moves: gains or multipliers that follow by a formula, and centres
    /// that stand still.
    pub fixed: NamedTensors,
    shape: Option<Box<dyn FilterShape>>,
    /// Names of the filters' parameters.
    filters: Vec<String>,
}

impl Parameters {
    /// Draws the initial values: filters from (seed, "init"), gains near 1, thresholds near 1/e,
    /// multipliers from 0 to 1.
    ///
    /// # Errors
    /// Exit code 2 for an unknown shape.
    pub fn new(
        config: &EfficientCodingConfig,
        seed: u64,
        steps: u64,
        device: Device,
    ) -> Result<Self> {
        let shape = shapes::of(&config.shape, config.patch(), config.shape_options())?;
        let neurons = config.neurons;
        let options = (Kind::Float, Device::Cpu);
        rng::seed_torch(seed, "init", 0);
        let drawn = match &shape {
            Some(shape) => shape.initial(neurons, seed),
            None => {
                let w = Tensor::randn([config.patch().inputs(), neurons], options);
                vec![(FREE.to_string(), unit_columns(&w))]
            }
        };
        let filters = drawn.iter().map(|(name, _)| name.clone()).collect();
        rng::seed_torch(seed, "init", 1);
        let gain = (GAIN.to_string(), Tensor::randn([neurons], options) * 0.02);
        let threshold = (THRESHOLD.to_string(), Tensor::randn([neurons], options) * 0.02 - 1.0);
        let multiplier = (MULTIPLIER.to_string(), Tensor::rand([neurons], options));
        let stays = |name: &str| shape.as_ref().is_some_and(|shape| shape.fixed().contains(&name));
        let (mut fixed, mut main): (Vec<_>, Vec<_>) =
            drawn.into_iter().partition(|(name, _)| stays(name));
        let mut rate = Vec::new();
        match config.constraint {
            Constraint::Lagrange => main.extend([gain, threshold, multiplier]),
            Constraint::None => main.extend([gain, threshold]),
            Constraint::Pi => {
                main.extend([gain, threshold]);
                fixed.push(multiplier);
            }
            Constraint::GammaV1 | Constraint::GammaV2 | Constraint::Exact => {
                main.push(threshold);
                fixed.push(gain);
            }
            Constraint::TwoLosses | Constraint::Project | Constraint::TotalDerivative => {
                rate.extend([gain, threshold]);
            }
        }
        let learner = |list: Vec<(String, Tensor)>, factor: f64| {
            let mut params = ParamsBuilder::default();
            for (name, value) in list {
                params.add(name, value.unsqueeze(0));
            }
            // Clipping is by the norm of all gradients together, whichever learner they belong to.
            let lr = config.learner.lr * factor;
            let own = LearnerConfig { lr, clip_norm: None, ..config.learner.clone() };
            anyhow::Ok(Learner::new(&own, params.build(device)?, steps))
        };
        let rate = match rate.is_empty() {
            true => None,
            false => Some(learner(rate, config.rate_lr_multiplier)?.with_prefix("optim.rate")),
        };
        let fixed = fixed.into_iter().map(|(name, value)| (name, value.to_device(device)));
        Ok(Self { main: learner(main, 1.0)?, rate, fixed: fixed.collect(), shape, filters })
    }

    /// A number by its name, as an alias of the live one.
    ///
    /// # Errors
    /// Where this model has no such number.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        let fixed = self.fixed.iter().find(|(known, _)| known == name);
        let learnt = || self.main.params.get(name).ok();
        let rate = || self.rate.as_ref().and_then(|rate| rate.params.get(name).ok());
        let found = fixed.map(|(_, value)| value.shallow_clone()).or_else(learnt).or_else(rate);
        Ok(found.with_context(|| format!("this model has no {name}"))?.detach())
    }

    /// The parameters of the shape, in its order.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn shape_parameters(&self) -> Result<Vec<Tensor>> {
        self.filters.iter().map(|name| self.get(name)).collect()
    }

    /// The neurons as they are now.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn neurons(&self) -> Result<Neurons> {
        let parameters = self.shape_parameters()?;
        let filters = match &self.shape {
            Some(shape) => shape.filters(&parameters),
            None => parameters[0].shallow_clone(),
        };
        Ok(Neurons { filters, log_gain: self.get(GAIN)?, log_threshold: self.get(THRESHOLD)? })
    }

    /// The gradient by the filters as one by their parameters, by name.
    ///
    /// - gradient: `[input, neuron]`
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn through_shape(&self, gradient: Tensor) -> Result<Vec<(String, Tensor)>> {
        let each = match &self.shape {
            Some(shape) => shape.backward(&self.shape_parameters()?, &gradient),
            None => vec![gradient],
        };
        Ok(self.filters.iter().cloned().zip(each).collect())
    }

    /// Brings free filters back to norm 1. Where `apply` is false nothing changes.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn normalise(&self, apply: Option<&Tensor>) -> Result<()> {
        if self.shape.is_none() {
            let mut w = self.get(FREE)?;
            let unit = unit_columns(&w);
            assign_where(&mut w, &unit, apply);
        }
        Ok(())
    }

    /// Jitters the filters: free ones become w |w|^power at norm 1, the centres of others drift.
    /// Where `apply` is false nothing changes.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn jitter(&self, power: f64, seed: u64, step: u64, apply: Option<&Tensor>) -> Result<()> {
        let mut parameters = self.shape_parameters()?;
        let jittered = match &self.shape {
            Some(shape) => shape.jittered(&parameters, power, seed, step),
            None => {
                let w = &parameters[0];
                vec![unit_columns(&(w * w.abs().pow_tensor_scalar(power)))]
            }
        };
        for (parameter, jittered) in parameters.iter_mut().zip(&jittered) {
            assign_where(parameter, jittered, apply);
        }
        Ok(())
    }
}

/// What the learners have, and the numbers that follow a formula, which are a part of the model too.
impl Persist for Parameters {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.main.save(writer)?;
        self.rate.iter().try_for_each(|rate| rate.save(writer))?;
        self.fixed.iter().for_each(|(name, value)| writer.model(name.clone(), value));
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.main.load(reader)?;
        self.rate.iter_mut().try_for_each(|rate| rate.load(reader))?;
        self.fixed.iter().try_for_each(|(name, value)| reader.model(name, value))
    }
}
