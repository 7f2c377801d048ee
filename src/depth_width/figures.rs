//! The figures of a run: losses against depth and width, courses, and where they explode.

use anyhow::Result;

use super::descent::{Point, PointResult};
use super::explosion::{boundaries, plane};
use super::groups::{MOST, Sample, groups, series};
use super::report::SHOWN;
use super::state::DepthWidth;
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{LineFigure, Panels, Reference, share_y};
use crate::lab::log::run_log::Log;

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

    /// Whether its sizes spread over factors, not over steps.
    fn is_logarithmic(self) -> bool {
        match self {
            Self::Depth => false,
            Self::Width => true,
        }
    }
}

/// Draws the figures that the run has the axes for.
///
/// # Errors
/// Where losses can't be read from the device.
pub fn draw(run: &DepthWidth, log: &mut Log, step: u64) -> Result<()> {
    let results = run.results()?;
    let config = &run.config;
    for (axis, count) in [(Axis::Depth, config.depths.len()), (Axis::Width, config.widths.len())] {
        if count > 1 {
            let panels = against(run, &results, axis);
            log.draw(axis.name(), step, &panels);
        }
    }
    let courses = courses(run, &results);
    log.draw("courses", step, &courses);
    if config.widths.len() > 1 && config.lrs.len() > 1 {
        let line = boundaries(run, &results);
        log.draw("boundary", step, &line);
        for group in groups(&results, Point::tag_of_plane) {
            let matrix = plane(run, &group);
            let name = format!("explosion_{}", group[0].point.tag_of_plane());
            log.draw(&name, step, &matrix);
        }
    }
    Ok(())
}

fn subtitle(run: &DepthWidth) -> String {
    let examples = counted(run.examples.labels.size()[0], "example");
    let seeds = summary_of("mean", run.replicates, "seed");
    let band = if run.replicates > 1 { ", band from least to most" } else { "" };
    format!("{examples} of {}, {seeds}{band}", run.data)
}

/// The loss of a network that gives every class the same probability: ln of their number.
fn chance(run: &DepthWidth) -> Reference {
    let classes = run.examples.labels.size()[0];
    Reference { label: format!("ln {classes}"), value: (classes as f64).ln() }
}

/// Loss after some steps against depth or width, a panel for everything else.
fn against(run: &DepthWidth, results: &[PointResult], axis: Axis) -> Panels {
    let other = |point: &Point| match axis {
        Axis::Depth => format!("width {}", point.width),
        Axis::Width => format!("depth {}", point.depth),
    };
    let key = |point: &Point| format!("{}, {}", point.rule(), other(point));
    let panel = |group: Vec<PointResult>| {
        let after = |step: usize| {
            let sample = |result: &PointResult| Sample {
                x: axis.of(&result.point) as f64,
                values: result.losses_after(step),
            };
            let samples: Vec<Sample> = group.iter().map(sample).collect();
            let label = if step == 1 { "after 1 step".into() } else { format!("{step} steps") };
            series(&label, &samples)
        };
        let steps = SHOWN.into_iter().filter(|step| *step <= run.config.descent_steps as usize);
        LineFigure {
            title: key(&group[0].point),
            x_label: match axis {
                Axis::Depth => "hidden layers".into(),
                Axis::Width => "neurons a layer".into(),
            },
            y_label: "loss (nats)".into(),
            x_log: axis.is_logarithmic(),
            y_log: true,
            series: steps.map(after).collect(),
            references: vec![chance(run)],
            ..LineFigure::default()
        }
    };
    let mut panels: Vec<LineFigure> =
        groups(results, key).into_iter().take(MOST).map(panel).collect();
    share_y(&mut panels);
    Panels {
        title: format!("The first descent against {}", axis.name()),
        subtitle: subtitle(run),
        columns: 2,
        panels,
    }
}

/// Loss against the step, a curve for each size, the mean of its seeds.
fn courses(run: &DepthWidth, results: &[PointResult]) -> Panels {
    let panel = |group: Vec<PointResult>| {
        // As many sizes as there are colours, from the smallest to the largest.
        let every = group.len().div_ceil(MOST);
        let curve = |result: &PointResult| {
            let sample = |step: usize| Sample { x: step as f64, values: result.losses_after(step) };
            let steps = 0..result.courses[0].losses.len();
            let samples: Vec<Sample> = steps.map(sample).collect();
            series(&format!("{} x {}", result.point.depth, result.point.width), &samples)
        };
        LineFigure {
            title: group[0].point.rule(),
            x_label: "step".into(),
            y_label: "loss (nats)".into(),
            y_log: true,
            series: group.iter().step_by(every).map(curve).collect(),
            references: vec![chance(run)],
            ..LineFigure::default()
        }
    };
    let mut panels: Vec<LineFigure> =
        groups(results, Point::rule).into_iter().take(MOST).map(panel).collect();
    share_y(&mut panels);
    Panels {
        title: "The first steps, layers x neurons".into(),
        subtitle: subtitle(run),
        columns: 2,
        panels,
    }
}
