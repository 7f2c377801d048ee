//! The experiment `steady_state_init`: what makes an initialisation good or bad.

use anyhow::Result;
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::config::SteadyStateConfig;
use super::report;
use super::results::quantile;
use super::train::SteadyState;
use crate::lab::checkpoint::{Score, State};
use crate::lab::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::log::Log;
use crate::lab::tensorboard::Chart;
use crate::lab::{Preset, Settings, read};

/// Seconds over which the first direction is judged.
const EARLY: i64 = 5;
/// Groups of seeds by their first direction.
const BINS: usize = 8;

type Measure = fn(&Seed) -> f64;

/// Pre-training of many seeds, sorted by the direction in which the plant sets off.
pub struct SteadyStateInit {
    sweep: SteadyState,
    seeds: Vec<Seed>,
}

/// One initialisation.
#[derive(Debug, Clone)]
struct Seed {
    index: usize,
    /// Mean of y r over the first seconds: above 0 where the plant goes the reference's way.
    early: f64,
    /// Task loss before pre-training and after it.
    begin: f64,
    end: f64,
}

impl Experiment for SteadyStateInit {
    const NAME: &'static str = "steady_state_init";
    const ABOUT: &'static str =
        "Good and bad initialisations of online LMS over many seeds (docs/steady_state.md)";
    const DEFAULTS: &'static str = r#"{"replicates": 80, "log_every": 10, "reference": "sines-phase",
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
        for (name, same) in [("the other way", false), ("the reference's way", true)] {
            let here: Vec<&Seed> =
                self.seeds.iter().filter(|seed| (seed.early > 0.0) == same).collect();
            let median = |pick: fn(&Seed) -> f64| {
                quantile(&here.iter().map(|seed| pick(seed)).collect::<Vec<f64>>(), 0.5)
            };
            evaluation.say(&format!(
                "{} seeds set off {name}: median loss {:.2e} before, {:.2e} after, share {:.4}",
                here.len(),
                median(|seed| seed.begin),
                median(|seed| seed.end),
                median(|seed| seed.end / seed.begin),
            ));
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
    let mut early = Vec::new();
    for group in &sweep.groups {
        early.extend(read::values(&group.world.early(EARLY))?);
    }
    let stage = &sweep.pretrain;
    let losses = stage.losses.select(1, 0);
    let begin = read::values(&losses.select(3, 0))?;
    let end = read::values(&losses.select(3, stage.seconds))?;
    let diverged = read::values(&stage.diverged.select(1, 0))?;
    let kept = (0..early.len()).filter(|i| diverged[*i] < 0.0);
    Ok(kept.map(|i| Seed { index: i, early: early[i], begin: begin[i], end: end[i] }).collect())
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

/// Losses against the first direction: medians and quartiles of groups of seeds.
fn by_direction(seeds: &[Seed]) -> Panels {
    let mut sorted: Vec<&Seed> = seeds.iter().collect();
    sorted.sort_by(|a, b| a.early.total_cmp(&b.early));
    let bins: Vec<&[&Seed]> = sorted.chunks(sorted.len().div_ceil(BINS).max(1)).collect();
    let measures: [(&str, Measure); 3] = [
        ("Task loss before learning", |seed| seed.begin),
        ("Share of it after learning", |seed| seed.end / seed.begin),
        ("Task loss after learning", |seed| seed.end),
    ];
    let panel = |(title, measure): (&str, Measure)| {
        let at = |pick: Measure, share: f64| -> Vec<f64> {
            let one = |bin: &&[&Seed]| {
                quantile(&bin.iter().map(|seed| pick(seed)).collect::<Vec<f64>>(), share)
            };
            bins.iter().map(one).collect()
        };
        let series = Series::new("", at(|seed| seed.early, 0.5), at(measure, 0.5));
        let series = series.with_band(at(measure, 0.25), at(measure, 0.75));
        LineFigure {
            title: title.into(),
            x_label: format!("mean of y r over the first {EARLY} s"),
            y_label: if title.starts_with("Share") { "share" } else { "task loss" }.into(),
            y_log: true,
            series: vec![Series { marker: true, ..series }],
            ..LineFigure::default()
        }
    };
    Panels {
        title: "Does the plant set off the reference's way?".into(),
        subtitle: format!("{} seeds in groups, median and quartiles", seeds.len()),
        columns: 3,
        panels: measures.into_iter().map(panel).collect(),
    }
}

/// The seeds that set off most clearly the other way and the reference's way: trajectory before
/// learning, and the loss in pre-training.
fn examples(sweep: &SteadyState, seeds: &[Seed]) -> Result<Panels> {
    let mut panels = Vec::new();
    let mut losses = Vec::new();
    let least = seeds.iter().min_by(|a, b| a.early.total_cmp(&b.early));
    let most = seeds.iter().max_by(|a, b| a.early.total_cmp(&b.early));
    for (name, seed) in [("the other way", least), ("the reference's way", most)] {
        let Some(seed) = seed else { continue };
        let index = seed.index as i64;
        let ends =
            |g: &&super::stage::Group| index >= g.first && index < g.first + g.seeds.len() as i64;
        let Some(group) = sweep.groups.iter().find(ends) else { continue };
        let local = index - group.first;
        let stretch = group.world.stretch(0, 30);
        let trace = group.world.trace(&stretch, &stretch.state.select(1, 0)).get(local);
        let cells = trace.size()[1] - 1;
        let initial = group.world.granule.initial.get(local);
        let error = trace.narrow(1, 0, cells).matmul(&initial) + trace.select(1, cells);
        let samples = Tensor::arange(trace.size()[0], (Kind::Double, trace.device()));
        let time = samples * sweep.config.dt;
        let reference = group.world.granule.signals(&time).0.get(local);
        let (x, y) = (read::values(&time)?, read::values(&(error + &reference))?);
        let wanted = Series::new("reference", x.clone(), read::values(&reference)?);
        panels.push(LineFigure {
            title: format!("Sets off {name}"),
            x_label: "time (s)".into(),
            y_label: "position".into(),
            series: vec![Series::new("plant", x, y), Series { dashed: true, ..wanted }],
            ..LineFigure::default()
        });
        let path = read::values(&sweep.pretrain.losses.get(index).get(0))?;
        let x = (0..path.len()).map(|t| t as f64).collect();
        losses.push(Series::new(name, x, path));
    }
    panels.push(LineFigure {
        title: "Pre-training".into(),
        x_label: "time (s)".into(),
        y_label: "task loss".into(),
        y_log: true,
        series: losses,
        ..LineFigure::default()
    });
    let (title, subtitle) = ("A good and a bad initialisation".into(), "two seeds".into());
    Ok(Panels { title, subtitle, columns: 3, panels })
}
