//! Figures of good and bad initialisations.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::courses::{panel, thinned, weights};
use super::init::{EARLY, Seed};
use super::results::quantile;
use super::stage::Group;
use super::train::SteadyState;
use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::tensor::to_host;

/// Groups of seeds by their first direction.
const BINS: usize = 8;

type Measure = fn(&Seed) -> f64;

/// Losses against the first direction: medians and quartiles of groups of seeds.
pub(super) fn by_direction(seeds: &[Seed]) -> Panels {
    let mut sorted: Vec<&Seed> = seeds.iter().collect();
    sorted.sort_by(|a, b| a.early.total_cmp(&b.early));
    let bins: Vec<&[&Seed]> = sorted.chunks(sorted.len().div_ceil(BINS).max(1)).collect();
    let measures: [(&str, Measure, Option<Measure>); 3] = [
        ("Task loss before learning", |seed| seed.begin, None),
        (
            "Share of it after learning",
            |seed| seed.end / seed.begin,
            Some(|seed| seed.predicted / seed.begin),
        ),
        ("Task loss after learning", |seed| seed.end, Some(|seed| seed.predicted)),
    ];
    let panel = |(title, measure, predicted): (&str, Measure, Option<Measure>)| {
        let at = |pick: Measure, share: f64| -> Vec<f64> {
            let one = |bin: &&[&Seed]| {
                quantile(&bin.iter().map(|seed| pick(seed)).collect::<Vec<f64>>(), share)
            };
            bins.iter().map(one).collect()
        };
        let x = at(|seed| seed.early, 0.5);
        let series = Series::new("online LMS", x.clone(), at(measure, 0.5));
        let series = series.with_band(at(measure, 0.25), at(measure, 0.75));
        let mut series = vec![Series { marker: true, ..series }];
        if let Some(predict) = predicted {
            let label = "predicted: gradient descent";
            series.push(Series { dashed: true, ..Series::new(label, x, at(predict, 0.5)) });
        }
        LineFigure {
            title: title.into(),
            x_label: format!("mean of y r over the first {EARLY} s"),
            y_label: if title.starts_with("Share") { "share" } else { "task loss" }.into(),
            y_log: true,
            series,
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

/// The seeds that set off most clearly the other way and the reference's way, a row each:
/// trajectory before learning, loss and weights in pre-training.
pub(super) fn examples(sweep: &SteadyState, seeds: &[Seed]) -> Result<Panels> {
    let mut panels = Vec::new();
    let least = seeds.iter().min_by(|a, b| a.early.total_cmp(&b.early));
    let most = seeds.iter().max_by(|a, b| a.early.total_cmp(&b.early));
    for (name, seed) in [("the other way", least), ("the reference's way", most)] {
        let Some(seed) = seed else { continue };
        let index = seed.index as i64;
        let title = format!("Sets off {name}: trajectory");
        panels.push(panel(&title, "position", false, trajectory(sweep, index)?));
        let losses = to_host::values(&sweep.pretrain.losses.get(index).get(0))?;
        let series = vec![thinned("online LMS", &losses)];
        panels.push(panel("Task loss in pre-training", "task loss", true, series));
        panels.push(panel("Weights in pre-training", "weight", false, weights(sweep, index)?));
    }
    let (title, subtitle) = ("A good and a bad initialisation".into(), "a seed each".into());
    Ok(Panels { title, subtitle, columns: 3, panels })
}

/// The first 30 seconds of a seed's smallest network before learning.
fn trajectory(sweep: &SteadyState, seed: i64) -> Result<Vec<Series>> {
    let within =
        |group: &&Group| (group.first..group.first + group.seeds.len() as i64).contains(&seed);
    let Some(group) = sweep.groups.iter().find(within) else { return Ok(Vec::new()) };
    let local = seed - group.first;
    let stretch = group.world.stretch(0, 30);
    let trace = group.world.trace(&stretch, &stretch.state.select(1, 0)).get(local);
    let cells = trace.size()[1] - 1;
    let initial = group.world.granule.initial.get(local);
    let error = trace.narrow(1, 0, cells).matmul(&initial) + trace.select(1, cells);
    let samples = Tensor::arange(trace.size()[0], (Kind::Double, trace.device()));
    let time = samples * sweep.config.dt;
    let reference = group.world.granule.signals(&time).0.get(local);
    let (x, y) = (to_host::values(&time)?, to_host::values(&(error + &reference))?);
    let wanted = Series::new("reference", x.clone(), to_host::values(&reference)?);
    Ok(vec![Series::new("plant", x, y), Series { dashed: true, ..wanted }])
}
