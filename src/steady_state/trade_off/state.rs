//! The state of `steady_state`: a sweep, how it is built, and its tensors by name.

use anyhow::Result;
use tch::{Device, Tensor};

use crate::lab::error::refuse;
use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::lab::tensor::to_host;
use crate::steady_state::config::SteadyStateConfig;
use crate::steady_state::learning::descent::Descent;
use crate::steady_state::learning::stage::Stage;
use crate::steady_state::learning::sweep::Sweep;
use crate::steady_state::measure::results::Results;
use crate::steady_state::plant::block::BlockMap;
use crate::steady_state::plant::closed_loop::{ClosedLoop, Gains};
use crate::steady_state::plant::granule::{CELLS, Granule};
use crate::steady_state::plant::setup::Setup;

/// A sweep over expansions, learning steps, noise and seeds.
pub struct SteadyState {
    /// The resolved settings.
    pub config: SteadyStateConfig,
    /// The sweep and what came of it so far.
    pub sweep: Sweep,
    /// The results of the last evaluation.
    pub results: Option<Results>,
}

impl SteadyState {
    /// A sweep before its first step, with seeds `seed`, `seed` + 1, ...
    ///
    /// # Errors
    /// Refuses gains with which the task loss is not finite, and a learning step at which gradient
    /// descent diverges. Fails if libtorch can't give back the random numbers of the references.
    pub fn new(config: SteadyStateConfig, seed: u64, seeds: u32, device: Device) -> Result<Self> {
        let axes = config.axes(seed, seeds);
        let lookahead = config.lookahead.unwrap_or_default();
        let largest = axes.cells() / CELLS;
        let granule = Granule::draw(&axes.seeds, largest, &config.reference(), lookahead)?;
        let map = BlockMap::new(&ClosedLoop::new(&config.gains()), &config.timing())?;
        let setup = Setup { map, granule, dt: config.dt };
        let sweep = Sweep::new(setup, axes, &config.sweep(), device);
        let run = Self { config, sweep, results: None };
        run.check_tasks()?;
        run.check_descent()?;
        Ok(run)
    }

    /// Refuses gains that are so large that the loop's responses overflow.
    fn check_tasks(&self) -> Result<()> {
        for group in &self.sweep.groups {
            if !group.task.is_finite()? {
                let Gains { kp, ki, kd, rc, .. } = self.config.gains();
                return Err(refuse(format!(
                    "--kp {kp}, --ki {ki}, --kd {kd}, --rc {rc}: the task loss is not finite with \
                     gains as large as these"
                )));
            }
        }
        Ok(())
    }

    /// Refuses gradient descent with a step that diverges.
    fn check_descent(&self) -> Result<()> {
        if !self.config.pretrain.is_descent() {
            return Ok(());
        }
        let asked = self.config.pretrain_gamma.unwrap_or_default();
        for (q, gamma) in self.sweep.axes.expansions.iter().zip(&self.sweep.pretraining.gammas) {
            for group in &self.sweep.groups {
                let start = group.setup.granule.initial.narrow(1, 0, q * CELLS);
                let descent = Descent::new(&group.task.leading(q * CELLS), &start, *gamma)?;
                let limit = to_host::scalar(&descent.critical_step().min())?;
                if *gamma >= limit {
                    return Err(refuse(format!(
                        "--pretrain-gamma {asked}: gradient descent diverges at expansion {q}, \
                         where its step is {gamma:.4} and 2/λ_max is {limit:.4}"
                    )));
                }
            }
        }
        Ok(())
    }

    /// What a checkpoint keeps as the model: granule layers, weights, tasks and losses, by name.
    fn named_results(&self) -> Vec<(String, Tensor)> {
        let Sweep { granule, pretraining, .. } = &self.sweep;
        let mut named = vec![
            ("granule.weight".to_string(), granule.weight.shallow_clone()),
            ("initial.weight".to_string(), granule.initial.shallow_clone()),
            ("optimum.weight".to_string(), pretraining.optimum.shallow_clone()),
            ("trace.weight".to_string(), pretraining.trace.shallow_clone()),
        ];
        for (name, tensor) in granule.reference.tensors() {
            named.push((format!("reference.{name}"), tensor.shallow_clone()));
        }
        for (i, group) in self.sweep.groups.iter().enumerate() {
            for (name, tensor) in [
                ("hessian", &group.task.hessian),
                ("linear", &group.task.linear),
                ("constant", &group.task.constant),
                ("rule", &group.task.rule),
                ("rule_linear", &group.task.rule_linear),
            ] {
                named.push((format!("task{i}.{name}"), tensor.shallow_clone()));
            }
        }
        for stage in self.stages() {
            named.push((format!("{}.loss", stage.name), stage.losses.shallow_clone()));
            named.push((format!("{}.diverged", stage.name), stage.diverged.shallow_clone()));
        }
        named
    }

    fn stages(&self) -> [&Stage; 3] {
        [&self.sweep.pretraining.stage, &self.sweep.train, &self.sweep.steady]
    }
}

impl Persist for SteadyState {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.named_results().iter().for_each(|(name, tensor)| writer.model(name, tensor));
        for stage in self.stages() {
            writer.auxiliary(format!("state.{}.weight", stage.name), &stage.runs.weights);
            writer.auxiliary(format!("state.{}.plant", stage.name), &stage.runs.plant);
        }
        Ok(())
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.named_results().iter().try_for_each(|(name, tensor)| reader.model(name, tensor))?;
        for stage in self.stages() {
            reader.auxiliary(&format!("state.{}.weight", stage.name), &stage.runs.weights)?;
            reader.auxiliary(&format!("state.{}.plant", stage.name), &stage.runs.plant)?;
        }
        Ok(())
    }
}
