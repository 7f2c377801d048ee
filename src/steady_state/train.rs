//! The experiment `steady_state`: pre-training, learning, and learning from w*.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::block::BlockMap;
use super::config::SteadyStateConfig;
use super::granule::{CELLS, Granule};
use super::grid::Grid;
use super::nested::Nested;
use super::plant::ClosedLoop;
use super::presets::PRESETS;
use super::pretrain::TRACED;
use super::reference::Course;
use super::report;
use super::results::Results;
use super::stage::{Group, Stage, UPDATES, group};
use super::world::World;
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// A sweep over expansions, learning steps, noise and seeds.
pub struct SteadyState {
    pub(super) config: SteadyStateConfig,
    pub(super) grid: Grid,
    pub(super) groups: Vec<Group>,
    /// All seeds, on the CPU.
    pub(super) granule: Granule,
    pub(super) nested: Nested,
    pub(super) pretrain: Stage,
    pub(super) train: Stage,
    pub(super) steady: Stage,
    /// w*, the mean of the last weights of the pre-training: [seed, q, cell].
    pub(super) optimum: Tensor,
    /// Weights of the first cells at the beginning of each step of the pre-training, and at its
    /// end: [seed, step + 1, q, TRACED].
    pub(super) trace: Tensor,
    pub(super) results: Option<Results>,
}

impl Experiment for SteadyState {
    const NAME: &'static str = "steady_state";
    const ABOUT: &'static str =
        "Learning speed against steady-state loss of online LMS (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 10, "log_every": 1, "checkpoint_every": 200}"#;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: &'static [&'static str] = &report::METRICS;
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        let run = &settings.run;
        if run.steps.is_some() || run.epochs != 1 {
            return Err(refuse(
                "--steps and --epochs don't apply: use --pretrain-seconds, --train-seconds and \
                 --steady-seconds",
            ));
        }
        settings.experiment.resolve()
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        let _guard = no_grad_guard();
        let (run, config) = (&settings.run, settings.experiment.clone());
        let grid = Grid::new(&config, run.seed, run.replicates);
        let (cutoff, lookahead) =
            (config.cutoff.unwrap_or_default(), config.lookahead.unwrap_or_default());
        let largest = grid.cells() / CELLS;
        let course =
            Course { kind: config.reference, cutoff, seconds: config.longest() as f64 + lookahead };
        let granule = Granule::draw(&grid.seeds, largest, &course, lookahead)?;
        let map = BlockMap::new(&ClosedLoop::new(&config.gains()), &config.timing())?;
        let all = World { map, granule, dt: config.dt };
        let groups = group(&all, &grid, config.loss_seconds, config.batch_runs, device);
        let [seeds, sizes, ..] = grid.shape();
        let rates: Vec<f64> = grid.expansions.iter().map(|q| config.pretrain_rate(*q)).collect();
        let rates = Tensor::from_slice(&rates).view([sizes, 1]).to_device(device);
        let quiet = rates.zeros_like();
        let cells = grid.cells();
        let pretrain = Stage::new(
            "pretrain",
            config.pretrain_seconds,
            (rates, quiet),
            false,
            [seeds, sizes, 1, 1],
            cells,
        );
        let noisy = grid.ratios.iter().any(|ratio| ratio.is_finite());
        let stage = |name, seconds| {
            Stage::new(name, seconds, grid.rules(device), noisy, grid.shape(), cells)
        };
        let train = stage("train", config.train_seconds);
        let steady = stage("steady", config.steady_seconds);
        let nested = Nested::new(&grid.expansions, CELLS, device);
        let options = (Kind::Double, device);
        let mut sweep = Self {
            optimum: Tensor::zeros([seeds, sizes, cells], options),
            trace: Tensor::zeros([seeds, pretrain.steps() as i64 + 1, sizes, TRACED], options),
            config,
            grid,
            groups,
            granule: all.granule,
            nested,
            pretrain,
            train,
            steady,
            results: None,
        };
        sweep.check_descent()?;
        let (initial, none) = (sweep.initial(), sweep.nothing_lost());
        sweep.pretrain.begin(&sweep.groups, &initial, &none);
        Ok(sweep)
    }

    fn plan(&self) -> Plan {
        let steps = self.pretrain_steps() + self.train.steps() + self.steady.steps();
        Plan { steps, evaluate_every: steps }
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let _guard = no_grad_guard();
        let (before, middle) = (self.pretrain_steps(), self.pretrain_steps() + self.train.steps());
        let index = step.index;
        if index < before {
            step.time(Phase::Optimizer, || self.pretrain_step(index as i64));
            report::log_losses(step, &self.pretrain, &self.grid, (index as i64 + 1) * UPDATES);
            return Ok(());
        }
        let (start, lost, first) = if index < middle {
            (self.initial(), self.nothing_lost(), index - before)
        } else {
            let lost = self.pretrain.diverged.ge(0).squeeze();
            let lost = lost.view(&self.grid.shape()[..2]);
            (self.optimum.shallow_clone(), lost, index - middle)
        };
        let stage = if index < middle { &mut self.train } else { &mut self.steady };
        let first = first as i64 * UPDATES;
        step.time(Phase::Optimizer, || {
            if first == 0 {
                stage.begin(&self.groups, &start, &lost);
            }
            let blocks = stage.length(first);
            stage.advance(&self.groups, &self.nested, first, blocks);
        });
        report::log_losses(step, stage, &self.grid, first + UPDATES);
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        let results = Results::measure(self)?;
        report::report(self, &results, evaluation)?;
        self.results = Some(results);
        Ok(None)
    }

    fn state(&self) -> State {
        let mut state: State = vec![
            ("granule.weight".into(), self.granule.weight.shallow_clone()),
            ("initial.weight".into(), self.granule.initial.shallow_clone()),
            ("optimum.weight".into(), self.optimum.shallow_clone()),
            ("trace.weight".into(), self.trace.shallow_clone()),
        ];
        state.extend(self.granule.reference.state());
        for (i, group) in self.groups.iter().enumerate() {
            let mut add = |name: &str, tensor: &Tensor| {
                state.push((format!("task{i}.{name}"), tensor.shallow_clone()));
            };
            add("hessian", &group.task.hessian);
            add("linear", &group.task.linear);
            add("constant", &group.task.constant);
            add("rule", &group.task.rule);
            add("rule_linear", &group.task.rule_linear);
        }
        for stage in [&self.pretrain, &self.train, &self.steady] {
            let name = stage.name;
            state.push((format!("{name}.loss"), stage.losses.shallow_clone()));
            state.push((format!("{name}.diverged"), stage.diverged.shallow_clone()));
            state.push((format!("state.{name}.weight"), stage.runs.weights.shallow_clone()));
            state.push((format!("state.{name}.plant"), stage.runs.plant.shallow_clone()));
        }
        state
    }

    fn charts(&self) -> Vec<Chart> {
        report::charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}

impl SteadyState {
    /// Weights before learning: [seed, q, cell].
    pub(super) fn initial(&self) -> Tensor {
        let initial = self.granule.initial.to_device(self.nested.mask.device());
        initial.unsqueeze(1) * &self.nested.mask
    }

    fn nothing_lost(&self) -> Tensor {
        Tensor::zeros(&self.grid.shape()[..2], (Kind::Bool, self.nested.mask.device()))
    }
}
