//! Figures of good and bad initialisations.

use anyhow::Result;
use tch::{Kind, Tensor, no_grad_guard};

use super::state::SteadyStateInit;
use crate::lab::counts::counted;
use crate::lab::figure::{LineFigure, Panels, Series, share_y};
use crate::lab::log::run_log::Log;
use crate::lab::statistics::quantile;
use crate::lab::tensor::to_host;
use crate::steady_state::learning::stage::SeedGroup;
use crate::steady_state::measure::initialisation::{FIRST_SECONDS, Initialisation};
use crate::steady_state::trade_off::SteadyState;
use crate::steady_state::trade_off::figures::{panel, pretraining_weights, thinned};

/// Number of groups that the seeds are divided into by their first direction.
const BINS: usize = 8;

/// Seconds of a trajectory that are shown, at most.
const SHOWN_SECONDS: i64 = 30;

/// A number that is measured of an initialisation.
type Measure = fn(&Initialisation) -> f64;

/// One panel of losses against the first direction.
struct LossPanel {
    title: &'static str,
    /// What was found.
    found: Measure,
    /// What gradient descent predicts.
    predicted: Option<Measure>,
}

/// Draws the figures of a run's end.
///
/// # Errors
/// Fails if the device's tensors can't be copied to the host, or if a figure can't be drawn.
pub fn draw(run: &SteadyStateInit, log: &mut Log, step: u64) -> Result<()> {
    let _guard = no_grad_guard();
    let sorted = by_direction(&run.initialisations);
    log.draw("direction", step, &sorted);
    let examples = examples(&run.base, &run.initialisations)?;
    log.draw("examples", step, &examples);
    Ok(())
}

/// Losses against the first direction, as medians and quartiles of groups of seeds.
fn by_direction(seeds: &[Initialisation]) -> Panels {
    let mut sorted: Vec<&Initialisation> = seeds.iter().collect();
    sorted.sort_by(|a, b| a.alignment.total_cmp(&b.alignment));
    let bins: Vec<&[&Initialisation]> = sorted.chunks(sorted.len().div_ceil(BINS).max(1)).collect();
    let losses = [
        LossPanel { title: "Task loss before learning", found: |one| one.begin, predicted: None },
        LossPanel {
            title: "Share of it after learning",
            found: |one| one.end / one.begin,
            predicted: Some(|one| one.predicted / one.begin),
        },
        LossPanel {
            title: "Task loss after learning",
            found: |one| one.end,
            predicted: Some(|one| one.predicted),
        },
    ];
    let panel = |LossPanel { title, found, predicted }: LossPanel| {
        let at = |pick: Measure, share: f64| -> Vec<f64> {
            let one = |bin: &&[&Initialisation]| {
                quantile(&bin.iter().map(|seed| pick(seed)).collect::<Vec<f64>>(), share)
            };
            bins.iter().map(one).collect()
        };
        let x = at(|seed| seed.alignment, 0.5);
        let series = Series::new("online LMS", x.clone(), at(found, 0.5));
        let series = series.with_band(at(found, 0.25), at(found, 0.75));
        let mut series = vec![Series { marker: true, ..series }];
        if let Some(predict) = predicted {
            let label = "predicted: gradient descent";
            let expected = Series::new(label, x, at(predict, 0.5));
            let expected = expected.with_band(at(predict, 0.25), at(predict, 0.75));
            series.push(Series { dashed: true, ..expected });
        }
        LineFigure {
            title: title.into(),
            x_label: format!("mean of y r over the first {FIRST_SECONDS} s"),
            y_label: if title.starts_with("Share") { "share" } else { "task loss" }.into(),
            y_log: true,
            series,
            ..LineFigure::default()
        }
    };
    Panels {
        title: "Does the plant set off the reference's way?".into(),
        subtitle: format!("{} in groups, median and quartiles", counted(seeds.len(), "seed")),
        columns: 3,
        panels: losses.into_iter().map(panel).collect(),
    }
}

/// The seeds that set off most clearly the other way and the reference's way. Each has a row with
/// its trajectory before learning and its loss and weights in pre-training.
fn examples(run: &SteadyState, seeds: &[Initialisation]) -> Result<Panels> {
    let mut panels = Vec::new();
    let least = seeds.iter().min_by(|a, b| a.alignment.total_cmp(&b.alignment));
    let most = seeds.iter().max_by(|a, b| a.alignment.total_cmp(&b.alignment));
    for (name, seed) in [("the other way", least), ("the reference's way", most)] {
        let Some(seed) = seed else { continue };
        let index = seed.seed as i64;
        let title = format!("Sets off {name}: trajectory");
        panels.push(panel(&title, "position", false, trajectory(run, index)?));
        let losses = to_host::values(&run.sweep.pretraining.stage.losses.get(index).get(0))?;
        let series = vec![Series { colour: Some(2), ..thinned("online LMS", &losses) }];
        panels.push(panel("Task loss in pre-training", "task loss", true, series));
        panels.push(panel(
            "Weights in pre-training",
            "weight",
            false,
            pretraining_weights(&run.sweep, index)?,
        ));
    }
    const COLUMNS: usize = 3;
    for column in 0..COLUMNS {
        share_y(panels.iter_mut().skip(column).step_by(COLUMNS));
    }
    let (title, subtitle) = ("A good and a bad initialisation".into(), "a seed each".into());
    Ok(Panels { title, subtitle, columns: COLUMNS, panels })
}

/// The first seconds of a seed's smallest network before learning.
fn trajectory(run: &SteadyState, seed: i64) -> Result<Vec<Series>> {
    let within =
        |group: &&SeedGroup| (group.first..group.first + group.seeds.len() as i64).contains(&seed);
    let Some(group) = run.sweep.groups.iter().find(within) else { return Ok(Vec::new()) };
    let local = seed - group.first;
    let segment = group.setup.segment(0, run.config.loss_seconds.min(SHOWN_SECONDS));
    let trace = group.setup.trace(&segment, &segment.state.select(1, 0)).get(local);
    let cells = trace.size()[1] - 1;
    let initial = group.setup.granule.initial.get(local);
    let error = trace.narrow(1, 0, cells).matmul(&initial) + trace.select(1, cells);
    let samples = Tensor::arange(trace.size()[0], (Kind::Double, trace.device()));
    let time = samples * run.config.dt;
    let reference = group.setup.granule.signals(&time).reference.get(local);
    let (x, y) = (to_host::values(&time)?, to_host::values(&(error + &reference))?);
    let wanted = Series::new("reference", x.clone(), to_host::values(&reference)?);
    Ok(vec![Series::new("plant", x, y), Series { dashed: true, ..wanted }])
}
