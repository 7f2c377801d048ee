//! The figures of where the first steps explode: over learning rates and widths.

use super::descent::{Course, Point, PointResult, boundary};
use super::groups::{MOST, Sample, groups, series};
use super::state::DepthWidth;
use crate::lab::figure::{ColourScale, LineFigure, MatrixFigure, Series};

/// The narrowest exploding width against the learning rate.
pub(super) fn boundaries(run: &DepthWidth, results: &[PointResult]) -> LineFigure {
    let line = |group: Vec<PointResult>| {
        let mut samples = Vec::new();
        for of_rate in groups(&group, |point| point.lr.to_bits()) {
            let mut shares: Vec<(i64, f64)> = of_rate
                .iter()
                .map(|result| (result.point.width, result.explosion_share()))
                .collect();
            shares.sort_by_key(|(width, _)| *width);
            let edge = boundary(&shares).map_or(f64::NAN, |width| width as f64);
            samples.push(Sample { x: of_rate[0].point.lr, values: vec![edge] });
        }
        let point = &group[0].point;
        let (rule, init) = (point.rule_label(), point.init_label());
        series(&format!("{rule}, {init}, depth {}", point.depth), &samples)
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
pub(super) fn plane(run: &DepthWidth, group: &[PointResult]) -> MatrixFigure {
    let (rates, widths) = (&run.config.lrs, &run.config.widths);
    let value = |lr: f64, width: i64| {
        let found =
            group.iter().find(|result| result.point.lr == lr && result.point.width == width);
        let decades = |course: &Course| (course.peak() / course.start()).log10();
        let mean =
            |courses: &[Course]| courses.iter().map(decades).sum::<f64>() / courses.len() as f64;
        found.map_or(f64::NAN, |result| mean(&result.courses))
    };
    let row = |lr: &f64| widths.iter().map(|width| value(*lr, *width)).collect();
    let values: Vec<Vec<f64>> = rates.iter().map(row).collect();
    let point = &group[0].point;
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
