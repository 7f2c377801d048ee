//! The figures of a launch: losses against depth and width, courses, and where it explodes.

use anyhow::Result;

use super::config::Init;
use super::grid::{Course, Point, boundary};
use super::report::SHOWN;
use super::train::DepthWidth;
use crate::lab::figure::{ColourScale, LineFigure, MatrixFigure, Panels, Reference, Series};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::optim::OptimizerKind;

/// Panels and curves of a figure; of more, the first are drawn and the CSV of the run has all.
const MOST: usize = 6;

type Found = (Point, Vec<Course>);

/// An axis of the grid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Depth,
    Width,
}

impl Axis {
    fn of(self, point: &Point) -> i64 {
        match self {
            Self::Depth => point.depth,
            Self::Width => point.width,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Width => "width",
        }
    }
}

/// Draws the figures that the launch has the axes for.
///
/// # Errors
/// Where the device can't be read, or a figure has nothing to show.
pub fn draw(run: &DepthWidth, log: &mut Log, step: u64) -> Result<()> {
    let results = run.results()?;
    let config = &run.config;
    for (axis, count) in [(Axis::Depth, config.depths.len()), (Axis::Width, config.widths.len())] {
        if count > 1 {
            let panels = against(run, &results, axis);
            log.figure(axis.name(), step, &panels.render()?, &panels.to_csv());
        }
    }
    let courses = courses(run, &results);
    log.figure("courses", step, &courses.render()?, &courses.to_csv());
    if config.widths.len() > 1 && config.lrs.len() > 1 {
        let line = boundaries(run, &results);
        log.figure("boundary", step, &line.render()?, &line.to_csv());
        for group in groups(&results, Point::tag_of_plane) {
            let matrix = plane(run, &group);
            let name = format!("explosion_{}", group[0].0.tag_of_plane());
            log.figure(&name, step, &matrix.render()?, &matrix.to_csv());
        }
    }
    Ok(())
}

/// The points that a key does not tell apart, in the order of their appearance.
fn groups<K: PartialEq>(results: &[Found], key: impl Fn(&Point) -> K) -> Vec<Vec<Found>> {
    let mut groups: Vec<(K, Vec<Found>)> = Vec::new();
    for found in results {
        let mine = key(&found.0);
        match groups.iter_mut().find(|(known, _)| *known == mine) {
            Some((_, group)) => group.push(found.clone()),
            None => groups.push((mine, vec![found.clone()])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Point {
    fn tag_of_plane(&self) -> String {
        format!("{}_{}_d{}", self.optimizer_name(), self.init_name(), self.depth)
    }

    fn rule(&self) -> String {
        format!("{} at {}, {}", self.rule_label(), self.lr, self.init_label())
    }

    fn rule_label(&self) -> &'static str {
        match self.optimizer {
            OptimizerKind::Sgd => "SGD",
            OptimizerKind::Momentum => "SGD with momentum",
            OptimizerKind::Nesterov => "SGD with Nesterov's momentum",
            OptimizerKind::Adam => "Adam",
            OptimizerKind::Adamw => "AdamW",
        }
    }

    fn init_label(&self) -> &'static str {
        match self.init {
            Init::Default => "default init",
            Init::He => "He init",
        }
    }
}

fn subtitle(run: &DepthWidth) -> String {
    let seeds = match run.replicates {
        1 => "one seed".to_string(),
        several => format!("mean of {several} seeds, band from least to most"),
    };
    format!("{} examples of {}, {seeds}", run.examples.labels.size()[0], run.data)
}

/// What a network that knows nothing loses: ln of the number of classes.
fn chance(run: &DepthWidth) -> Reference {
    let classes = run.examples.labels.size()[0];
    Reference { label: format!("ln {classes}"), value: (classes as f64).ln() }
}

/// Mean of the seeds, with a band from the least to the most.
fn series(label: &str, points: &[(f64, Vec<f64>)]) -> Series {
    let fold = |pick: &dyn Fn(&[f64]) -> f64| points.iter().map(|(_, v)| pick(v)).collect();
    let mean = fold(&|v| v.iter().sum::<f64>() / v.len() as f64);
    let low = fold(&|v| v.iter().copied().fold(f64::INFINITY, f64::min));
    let high = fold(&|v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    let x = points.iter().map(|(x, _)| *x).collect();
    Series { marker: true, ..Series::new(label, x, mean).with_band(low, high) }
}

/// Loss after some steps against depth or width, a panel for everything else.
fn against(run: &DepthWidth, results: &[Found], axis: Axis) -> Panels {
    let other = |point: &Point| match axis {
        Axis::Depth => format!("width {}", point.width),
        Axis::Width => format!("depth {}", point.depth),
    };
    let key = |point: &Point| format!("{}, {}", point.rule(), other(point));
    let panel = |group: Vec<Found>| {
        let after = |step: usize| {
            let points: Vec<(f64, Vec<f64>)> = group
                .iter()
                .map(|(point, courses)| {
                    let losses = courses.iter().map(|course| course.losses[step]).collect();
                    (axis.of(point) as f64, losses)
                })
                .collect();
            let label = if step == 1 { "after 1 step".into() } else { format!("{step} steps") };
            series(&label, &points)
        };
        let steps = SHOWN.into_iter().filter(|step| *step <= run.config.descent_steps as usize);
        LineFigure {
            title: key(&group[0].0),
            x_label: match axis {
                Axis::Depth => "hidden layers".into(),
                Axis::Width => "neurons a layer".into(),
            },
            y_label: "loss (nats)".into(),
            x_log: axis == Axis::Width,
            y_log: true,
            series: steps.map(after).collect(),
            references: vec![chance(run)],
            ..LineFigure::default()
        }
    };
    Panels {
        title: format!("The first descent against {}", axis.name()),
        subtitle: subtitle(run),
        columns: 2,
        panels: groups(results, key).into_iter().take(MOST).map(panel).collect(),
    }
}

/// Loss against the step, a curve for each size, the mean of its seeds.
fn courses(run: &DepthWidth, results: &[Found]) -> Panels {
    let panel = |group: Vec<Found>| {
        // As many sizes as there are colours, from the smallest to the largest.
        let every = group.len().div_ceil(MOST);
        let curve = |(point, courses): &Found| {
            let steps = 0..courses[0].losses.len();
            let at = |step: usize| courses.iter().map(|c| c.losses[step]).collect::<Vec<f64>>();
            let points: Vec<(f64, Vec<f64>)> = steps.map(|step| (step as f64, at(step))).collect();
            series(&format!("{} x {}", point.depth, point.width), &points)
        };
        LineFigure {
            title: group[0].0.rule(),
            x_label: "step".into(),
            y_label: "loss (nats)".into(),
            y_log: true,
            series: group.iter().step_by(every).map(curve).collect(),
            references: vec![chance(run)],
            ..LineFigure::default()
        }
    };
    Panels {
        title: "The first steps, layers x neurons".into(),
        subtitle: subtitle(run),
        columns: 2,
        panels: groups(results, Point::rule).into_iter().take(MOST).map(panel).collect(),
    }
}

/// The narrowest exploding width against the learning rate.
fn boundaries(run: &DepthWidth, results: &[Found]) -> LineFigure {
    let line = |group: Vec<Found>| {
        let mut points = Vec::new();
        for of_rate in groups(&group, |point| point.lr.to_bits()) {
            let share = |courses: &[Course]| {
                courses.iter().filter(|c| c.explodes()).count() as f64 / courses.len() as f64
            };
            let mut shares: Vec<(i64, f64)> =
                of_rate.iter().map(|(point, courses)| (point.width, share(courses))).collect();
            shares.sort_by_key(|(width, _)| *width);
            let edge = boundary(&shares).map_or(f64::NAN, |width| width as f64);
            points.push((of_rate[0].0.lr, vec![edge]));
        }
        let point = &group[0].0;
        let (rule, init) = (point.rule_label(), point.init_label());
        series(&format!("{rule}, {init}, depth {}", point.depth), &points)
    };
    let mut series: Vec<Series> =
        groups(results, Point::tag_of_plane).into_iter().take(MOST).map(line).collect();
    if let Some(guide) = guide(&series) {
        series.push(guide);
    }
    LineFigure {
        title: "From which width on the first steps explode".into(),
        subtitle: format!(
            "loss a tenth above its start within {} steps for most of {} seeds, and at every larger width",
            run.config.descent_steps, run.replicates
        ),
        x_label: "learning rate".into(),
        y_label: "neurons a layer".into(),
        x_log: true,
        y_log: true,
        series,
        ..LineFigure::default()
    }
}

/// A line of slope -1 through the middle of the first curve, to compare with.
fn guide(series: &[Series]) -> Option<Series> {
    let first = series.first()?;
    let known: Vec<(f64, f64)> = first
        .x
        .iter()
        .copied()
        .zip(first.y.iter().copied())
        .filter(|(_, y)| y.is_finite())
        .collect();
    let (x, y) = known.get(known.len() / 2)?;
    let ends = [known.first()?.0, known.last()?.0];
    let line = Series::new("1 / rate", ends.to_vec(), ends.map(|end| y * x / end).to_vec());
    Some(Series { dashed: true, colour: Some(6), ..line })
}

/// How far above its start the loss rises, over rates and widths.
fn plane(run: &DepthWidth, group: &[Found]) -> MatrixFigure {
    let (rates, widths) = (&run.config.lrs, &run.config.widths);
    let value = |lr: f64, width: i64| {
        let found = group.iter().find(|(point, _)| point.lr == lr && point.width == width);
        let decades = |course: &Course| (course.peak() / course.start()).log10();
        let mean =
            |courses: &Vec<Course>| courses.iter().map(decades).sum::<f64>() / courses.len() as f64;
        found.map_or(f64::NAN, |(_, courses)| mean(courses))
    };
    let row = |lr: &f64| widths.iter().map(|width| value(*lr, *width)).collect();
    let values: Vec<Vec<f64>> = rates.iter().map(row).collect();
    let point = &group[0].0;
    MatrixFigure {
        title: format!(
            "Explosion of {}, {}, {} hidden layers",
            point.rule_label(),
            point.init_label(),
            point.depth
        ),
        subtitle: format!(
            "log10 of the largest loss within {} steps over that at the start: red explodes; mean over seeds: {}",
            run.config.descent_steps, run.replicates
        ),
        row_axis: "learning rate".into(),
        column_axis: "neurons a layer".into(),
        row_labels: rates.iter().map(f64::to_string).collect(),
        column_labels: widths.iter().map(i64::to_string).collect(),
        scale: ColourScale::symmetric(values.iter().flatten(), "decades"),
        values,
    }
}
