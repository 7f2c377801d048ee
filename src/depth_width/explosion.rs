//! The figures of where the first steps explode: over learning rates and widths.

use super::descent::{Course, Point, PointResult, boundary};
use super::groups::{MOST, groups};
use super::state::DepthWidth;
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{Cells, ColourScale, Limit, LineFigure, MatrixFigure, Series, Spacing};

/// Decades below which the colours of a map are as on a linear scale.
const NEAR: f64 = 0.1;

/// Of (width, share of seeds that explode) in the order of widths, the narrowest exploding width, and
/// what is known of it: narrower ones than the first may explode, too, and none may.
fn narrowest(shares: &[(i64, f64)]) -> Option<(i64, Limit)> {
    let (first, last) = (shares.first()?.0, shares.last()?.0);
    Some(match boundary(shares) {
        Some(width) if width == first => (width, Limit::Upper),
        Some(width) => (width, Limit::Exact),
        None => (last, Limit::Lower),
    })
}

/// The narrowest exploding width against the learning rate.
pub(super) fn boundaries(run: &DepthWidth, results: &[PointResult]) -> LineFigure {
    let line = |group: Vec<PointResult>| {
        let (mut rates, mut widths, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        for of_rate in groups(&group, |point| point.lr.to_bits()) {
            let mut shares: Vec<(i64, f64)> = of_rate
                .iter()
                .map(|result| (result.point.width, result.explosion_share()))
                .collect();
            shares.sort_by_key(|(width, _)| *width);
            if let Some((width, limit)) = narrowest(&shares) {
                rates.push(of_rate[0].point.lr);
                widths.push(width as f64);
                limits.push(limit);
            }
        }
        let point = &group[0].point;
        let (rule, init) = (point.rule_label(), point.init_label());
        let label = format!("{rule}, {init}, depth {}", point.depth);
        Series { marker: true, limits, ..Series::new(&label, rates, widths) }
    };
    let mut series: Vec<Series> =
        groups(results, Point::tag_of_plane).into_iter().take(MOST).map(line).collect();
    if let Some(guide) = guide(&series) {
        series.push(guide);
    }
    LineFigure {
        title: "From which width on the first steps explode".into(),
        subtitle: format!(
            "loss a tenth above its start within {} for most of {}, and at every larger width",
            counted(run.config.descent_steps, "step"),
            counted(run.replicates, "seed"),
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
    let points = first.x.iter().copied().zip(first.y.iter().copied());
    let known: Vec<(f64, f64)> = points
        .zip(&first.limits)
        .filter(|(_, limit)| **limit == Limit::Exact)
        .map(|(point, _)| point)
        .collect();
    let (x, y) = known.get(known.len() / 2)?;
    let ends = [*first.x.first()?, *first.x.last()?];
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
            "Explosion of {}, {}, {}",
            point.rule_label(),
            point.init_label(),
            counted(point.depth, "hidden layer")
        ),
        subtitle: format!(
            "log10 of the largest loss within {} over that at the start: red explodes; {}",
            counted(run.config.descent_steps, "step"),
            summary_of("mean", run.replicates, "seed"),
        ),
        row_axis: "learning rate".into(),
        column_axis: "neurons a layer".into(),
        rows: Cells::Log(rates.clone()),
        columns: Cells::Log(widths.iter().map(|width| *width as f64).collect()),
        scale: ColourScale::symmetric(values.iter().flatten(), "decades")
            .with_spacing(Spacing::SymmetricLog(NEAR)),
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_at_an_end_of_the_widths_is_a_limit() {
        let at = |shares: &[f64]| {
            let widths = [16, 32, 64];
            narrowest(&widths.into_iter().zip(shares.iter().copied()).collect::<Vec<_>>())
        };
        assert_eq!(at(&[1.0, 1.0, 0.7]), Some((16, Limit::Upper)));
        assert_eq!(at(&[0.3, 0.7, 0.7]), Some((32, Limit::Exact)));
        assert_eq!(at(&[1.0, 1.0, 0.3]), Some((64, Limit::Lower)));
        assert_eq!(at(&[]), None);
    }
}
