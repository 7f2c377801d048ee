//! The experiment `steady_state_init`: what makes an initialisation good or bad.

use anyhow::Result;
use tch::{Device, Tensor, no_grad_guard};

use super::config::SteadyStateConfig;
use super::descent::Descent;
use super::granule::CELLS;
use super::init_figures::{by_direction, examples};
use super::report;
use super::results::quantile;
use super::train::SteadyState;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::{Preset, Settings};

/// Seconds over which the first direction is judged.
pub(super) const EARLY: i64 = 5;
/// Pre-training of many seeds, sorted by the direction in which the plant sets off.
pub struct SteadyStateInit {
    sweep: SteadyState,
    seeds: Vec<Seed>,
}

/// One initialisation.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub index: usize,
    /// Mean of y r over the first seconds: above 0 where the plant goes the reference's way.
    pub early: f64,
    /// Task loss before pre-training and after it.
    pub begin: f64,
    pub end: f64,
    /// Task loss after as many steps of gradient descent.
    pub predicted: f64,
}

impl Experiment for SteadyStateInit {
    const NAME: &'static str = "steady_state_init";
    const ABOUT: &'static str =
        "Good and bad initialisations of online LMS over many seeds (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 80, "log_every": 1, "reference": "sines-phase",
        "expansions": [1], "gammas": [0.05], "snr": ["none"], "pretrain_seconds": 2000,
        "train_seconds": 50, "steady_seconds": 100}"#;
    const PRESETS: &'static [Preset] = &[];
    const METRICS: &'static [&'static str] = &["init/spearman_begin", "init/spearman_share"];
    const TAGS: &'static [(&'static str, &'static str)] = report::TAGS;
    type Config = SteadyStateConfig;

    fn resolve(settings: &mut Settings<SteadyStateConfig>) -> Result<()> {
        SteadyState::resolve(settings)
    }

    fn build(settings: &Settings<SteadyStateConfig>, device: Device) -> Result<Self> {
        Ok(Self { sweep: SteadyState::build(settings, device)?, seeds: Vec::new() })
    }

    fn plan(&self) -> Plan {
        self.sweep.plan()
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        self.sweep.step(step)
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let _guard = no_grad_guard();
        self.seeds = measure(&self.sweep)?;
        let column = |pick: fn(&Seed) -> f64| self.seeds.iter().map(pick).collect::<Vec<f64>>();
        let early = column(|seed| seed.early);
        let (begin, share) = (column(|seed| seed.begin), column(|seed| seed.end / seed.begin));
        let (begin, share) = (spearman(&early, &begin), spearman(&early, &share));
        evaluation.scalar("init/spearman_begin", vec![begin]);
        evaluation.scalar("init/spearman_share", vec![share]);
        evaluation.say(&format!(
            "rank correlation of the first direction with the first loss {begin:.3}, with the share \
             of it that is left {share:.3}"
        ));
        for (name, tag, same) in
            [("the other way", "opposite", false), ("the reference's way", "same", true)]
        {
            let here: Vec<&Seed> =
                self.seeds.iter().filter(|seed| (seed.early > 0.0) == same).collect();
            let median = |pick: fn(&Seed) -> f64| {
                quantile(&here.iter().map(|seed| pick(seed)).collect::<Vec<f64>>(), 0.5)
            };
            let count = here.len();
            let begin = median(|seed| seed.begin);
            let (end, share) = (median(|seed| seed.end), median(|seed| seed.end / seed.begin));
            evaluation.say(&format!(
                "{count} seeds set off {name}: median loss {begin:.2e} before, {end:.2e} after, \
                 share {share:.4}"
            ));
            for (measure, value) in
                [("seeds", count as f64), ("begin", begin), ("end", end), ("share", share)]
            {
                if value.is_finite() {
                    evaluation.scalar(&format!("init/{measure}/{tag}"), vec![value]);
                }
            }
        }
        Ok(None)
    }

    fn state(&self) -> State {
        self.sweep.state()
    }

    fn charts(&self) -> Vec<Chart> {
        self.sweep.charts()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        let _guard = no_grad_guard();
        let sorted = by_direction(&self.seeds);
        log.figure("direction", step, &sorted.render()?, &sorted.to_csv());
        let examples = examples(&self.sweep, &self.seeds)?;
        log.figure("examples", step, &examples.render()?, &examples.to_csv());
        Ok(())
    }
}

/// The seeds whose pre-training has not diverged, of the smallest network.
fn measure(sweep: &SteadyState) -> Result<Vec<Seed>> {
    let (mut early, mut predicted) = (Vec::new(), Vec::new());
    let (stage, q) = (&sweep.pretrain, sweep.grid.expansions[0]);
    let gamma = sweep.config.pretrain_rate(q);
    for group in &sweep.groups {
        early.extend(to_host::values(&group.world.early(EARLY))?);
        let start = group.world.granule.initial.narrow(1, 0, q * CELLS);
        let count = Tensor::from_slice(&[stage.seconds as f64]).to_device(start.device());
        let descent = Descent::new(&group.task.leading(q * CELLS), &start, gamma);
        predicted.extend(to_host::values(&descent.losses(&count))?);
    }
    let losses = stage.losses.select(1, 0);
    let begin = to_host::values(&losses.select(3, 0))?;
    let end = to_host::values(&losses.select(3, stage.seconds))?;
    let diverged = to_host::values(&stage.diverged.select(1, 0))?;
    let kept = (0..early.len()).filter(|i| diverged[*i] < 0.0);
    let seed = |i: usize| Seed {
        index: i,
        early: early[i],
        begin: begin[i],
        end: end[i],
        predicted: predicted[i],
    };
    Ok(kept.map(seed).collect())
}

/// Rank correlation; of equal values each has the rank of the first.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let rank = |values: &[f64]| -> Vec<f64> {
        let below = |x: &f64| values.iter().filter(|y| *y < x).count() as f64;
        values.iter().map(below).collect()
    };
    let (a, b) = (rank(a), rank(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - middle) * (y - middle)).sum()
    };
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}
