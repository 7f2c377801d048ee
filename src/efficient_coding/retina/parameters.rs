//! Where a model's numbers live: what learns, with which optimizer, and what follows by a formula.

use anyhow::{Context, Result, anyhow};
use tch::{Device, Kind, Tensor};

use super::config::EfficientCodingConfig;
use super::replicates::{part, together};
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
/// What a model has beside its filters, a number a neuron.
const SCALARS: [&str; 3] = [GAIN, THRESHOLD, MULTIPLIER];

/// The numbers of every replicate's model.
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
    /// Draws the initial values of a model for each seed: filters from (seed, "init"), gains near 1,
    /// thresholds near 1/e, multipliers from 0 to 1.
    ///
    /// # Errors
    /// Exit code 2 for an unknown shape.
    pub fn new(
        config: &EfficientCodingConfig,
        seeds: &[u64],
        steps: u64,
        device: Device,
    ) -> Result<Self> {
        let shape = shapes::of(&config.shape, config.patch(), config.shape_options())?;
        let drawn: Vec<NamedTensors> =
            seeds.iter().map(|seed| initial(config, shape.as_deref(), *seed)).collect();
        // The scalars come last, after the filters' parameters.
        let mut drawn: NamedTensors = drawn[0]
            .iter()
            .enumerate()
            .map(|(place, (name, _))| {
                let each: Vec<&Tensor> = drawn.iter().map(|of_one| &of_one[place].1).collect();
                (name.clone(), Tensor::stack(&each, 0))
            })
            .collect();
        let scalars = drawn.split_off(drawn.len() - SCALARS.len());
        let [gain, threshold, multiplier] = <[(String, Tensor); 3]>::try_from(scalars)
            .map_err(|_| anyhow!("a model has three numbers beside its filters"))?;
        let filters = drawn.iter().map(|(name, _)| name.clone()).collect();
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
                params.add(name, value);
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
        let fixed = fixed
            .into_iter()
            .map(|(name, values)| (name, together(values.unbind(0)).to_device(device)));
        Ok(Self { main: learner(main, 1.0)?, rate, fixed: fixed.collect(), shape, filters })
    }

    /// How many models there are.
    pub fn replicates(&self) -> usize {
        self.main.params.replicates() as usize
    }

    /// A number of every model by its name, as an alias of the live ones: `[replicate, ...]`, or
    /// `[...]` of one replicate.
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

    /// A number of one model by its name, as an alias of the live one: `[...]`.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn of(&self, name: &str, replicate: usize) -> Result<Tensor> {
        Ok(part(&self.get(name)?, self.replicates(), replicate))
    }

    /// The parameters of one model's shape, in its order.
    fn shape_parameters(&self, replicate: usize) -> Result<Vec<Tensor>> {
        self.filters.iter().map(|name| self.of(name, replicate)).collect()
    }

    /// The neurons of one model as they are now.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn neurons(&self, replicate: usize) -> Result<Neurons> {
        let parameters = self.shape_parameters(replicate)?;
        let filters = match (&self.shape, self.replicates()) {
            (Some(shape), _) => shape.filters(&parameters),
            (None, 1) => parameters[0].shallow_clone(),
            // A product may round differently where its matrices begin elsewhere in memory: a copy
            // lies as the filters of a model alone do.
            (None, _) => parameters[0].copy(),
        };
        let [log_gain, log_threshold] = [GAIN, THRESHOLD].map(|name| self.of(name, replicate));
        Ok(Neurons { filters, log_gain: log_gain?, log_threshold: log_threshold? })
    }

    /// The gradient of one model by its filters as one by their parameters, by name.
    ///
    /// - gradient: `[input, neuron]`
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn through_shape(&self, replicate: usize, gradient: Tensor) -> Result<NamedTensors> {
        let each = match &self.shape {
            Some(shape) => shape.backward(&self.shape_parameters(replicate)?, &gradient),
            None => vec![gradient],
        };
        Ok(self.filters.iter().cloned().zip(each).collect())
    }

    /// Brings free filters back to norm 1. Where `apply` is false nothing changes.
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn normalise(&self, apply: Option<&Tensor>) -> Result<()> {
        if self.shape.is_some() {
            return Ok(());
        }
        for replicate in 0..self.replicates() {
            let mut w = self.of(FREE, replicate)?;
            let unit = unit_columns(&w);
            assign_where(&mut w, &unit, apply);
        }
        Ok(())
    }

    /// Jitters the filters: free ones become w |w|^power at norm 1, the centres of others drift as
    /// drawn from each replicate's seed. Where `apply` is false nothing changes.
    ///
    /// - seeds: of each replicate
    ///
    /// # Errors
    /// As [`Parameters::get`].
    pub fn jitter(
        &self,
        power: f64,
        seeds: &[u64],
        step: u64,
        apply: Option<&Tensor>,
    ) -> Result<()> {
        for (replicate, seed) in seeds.iter().enumerate() {
            let mut parameters = self.shape_parameters(replicate)?;
            let jittered = match &self.shape {
                Some(shape) => shape.jittered(&parameters, power, *seed, step),
                None => {
                    let w = &parameters[0];
                    vec![unit_columns(&(w * w.abs().pow_tensor_scalar(power)))]
                }
            };
            for (parameter, jittered) in parameters.iter_mut().zip(&jittered) {
                assign_where(parameter, jittered, apply);
            }
        }
        Ok(())
    }
}

/// The initial values of one model: the parameters of the filters, and the [`SCALARS`] after them.
fn initial(
    config: &EfficientCodingConfig,
    shape: Option<&dyn FilterShape>,
    seed: u64,
) -> NamedTensors {
    let (neurons, options) = (config.neurons, (Kind::Float, Device::Cpu));
    rng::seed_torch(seed, "init", 0);
    let mut drawn = match shape {
        Some(shape) => shape.initial(neurons, seed),
        None => {
            let w = Tensor::randn([config.patch().inputs(), neurons], options);
            vec![(FREE.to_string(), unit_columns(&w))]
        }
    };
    rng::seed_torch(seed, "init", 1);
    let gain = Tensor::randn([neurons], options) * 0.02;
    let threshold = Tensor::randn([neurons], options) * 0.02 - 1.0;
    let multiplier = Tensor::rand([neurons], options);
    let values = [gain, threshold, multiplier];
    drawn.extend(SCALARS.map(String::from).into_iter().zip(values));
    drawn
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
