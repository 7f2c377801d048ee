//! Finds an arrangement of a line figure in which no name and no legend covers a curve.

use super::canvas::Canvas;
use super::curve::Axes;
use super::frame::Frame;
use super::heading::MARGIN;
use super::layout::{Placed, lay_out, occupied, place_references};
use super::legend::{Legend, ROW};
use super::line::LineFigure;
use super::occupancy::Occupancy;
use super::scale::Scale;

/// A legend wider than this share of the figure stands above the plot, not beside it.
const WIDE: f32 = 0.25;

/// Where the legend of a plot is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LegendPlace {
    /// There is none.
    Nowhere,
    /// A box whose top left is here.
    Box(f32, f32),
    /// Lines above the plot, of which the first has its middle here.
    Lines(f32),
}

/// Where the parts of a line figure are.
pub(super) struct Arrangement {
    pub axes: Axes,
    /// The names of reference lines; those without a place stand above the plot.
    pub references: Vec<Placed>,
    /// The middle of the line for those that stand above the plot.
    pub above: f32,
    pub legend: LegendPlace,
}

/// Arranges `figure` in `frame`: with the legend inside the plot if a place is free, else beside it,
/// or above it where it would take too much of the width.
pub(super) fn arrange(
    canvas: &Canvas,
    frame: Frame,
    figure: &LineFigure,
    scales: (Scale, Scale),
    legend: Option<&Legend>,
) -> Arrangement {
    let lay_out = |lines: f32, room: f32| attempt(canvas, frame, figure, scales, (lines, room));
    let Some(legend) = legend else { return lay_out(0.0, 0.0).0 };
    let (inside, taken) = lay_out(0.0, 0.0);
    if let Some(place) = legend.free_place(inside.axes.frame, &taken) {
        return Arrangement { legend: LegendPlace::Box(place.left, place.top), ..inside };
    }
    let (wide, _) = legend.size();
    if wide <= WIDE * frame.width() {
        let (beside, _) = lay_out(0.0, wide + 4.0);
        let (x, y) = (beside.axes.frame.right + 4.0, beside.axes.frame.top - 4.0);
        return Arrangement { legend: LegendPlace::Box(x, y), ..beside };
    }
    let (_, height) = legend.flow(frame.width() - 2.0 * MARGIN);
    let (below, _) = lay_out(height, 0.0);
    Arrangement { legend: LegendPlace::Lines(frame.top + ROW / 2.0), ..below }
}

/// Lays the plot out below some height of `lines` and with some `room` on the right, once more
/// with a line for the names of reference lines that are not free.
fn attempt(
    canvas: &Canvas,
    frame: Frame,
    figure: &LineFigure,
    scales: (Scale, Scale),
    (lines, room): (f32, f32),
) -> (Arrangement, Occupancy) {
    let place = |lines: f32| {
        let frame = Frame { top: frame.top + lines, ..frame };
        let axes = lay_out(canvas, frame, figure, scales, room);
        let mut taken = occupied(figure, &axes);
        let references = place_references(canvas, figure, &axes, &mut taken);
        let above = frame.top - ROW / 2.0 + 4.0;
        (Arrangement { axes, references, above, legend: LegendPlace::Nowhere }, taken)
    };
    let found = place(lines);
    let homeless = found.0.references.iter().any(|placed| placed.at.is_none());
    if homeless { place(lines + ROW) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::figure::curve::pieces;
    use crate::lab::figure::extent::scales;
    use crate::lab::figure::heading::TICK_SIZE;
    use crate::lab::figure::{Reference, Series};

    /// `count` curves that wind through the whole height of the plot, and a line in its middle.
    fn figure(count: usize, label: &str) -> LineFigure {
        let x: Vec<f64> = (0..400).map(f64::from).collect();
        let curve = |k: usize| {
            let phase = k as f64;
            let y = x.iter().map(|x| (x / 9.0 + phase).sin()).collect();
            Series::new(&format!("{label} {k}"), x.clone(), y)
        };
        LineFigure {
            series: (0..count).map(curve).collect(),
            references: vec![Reference { label: "constant predictor".into(), value: 0.0 }],
            ..LineFigure::default()
        }
    }

    fn arranged(figure: &LineFigure, canvas: &Canvas) -> Arrangement {
        let frame = Frame::new(0.0, 0.0, 410.0, 270.0);
        let legend = Legend::of([figure], canvas);
        arrange(canvas, frame, figure, scales(figure).unwrap(), legend.as_ref())
    }

    /// Whether a curve has a point in `area`.
    fn is_crossed(figure: &LineFigure, axes: &Axes, area: Frame) -> bool {
        let lines = figure.series.iter().flat_map(|series| pieces(series, axes));
        lines.flatten().any(|(x, y)| {
            (area.left..=area.right).contains(&x) && (area.top..=area.bottom).contains(&y)
        })
    }

    #[test]
    fn a_name_without_a_free_place_stands_above_the_plot() {
        let canvas = Canvas::new(1.0, 1.0).unwrap();
        let crowded = arranged(&figure(7, "curve"), &canvas);
        assert_eq!(crowded.references[0].at, None);
        assert!(crowded.above > 0.0 && crowded.above + 6.0 < crowded.axes.frame.top);
    }

    #[test]
    fn neither_a_name_nor_a_legend_covers_a_curve() {
        let canvas = Canvas::new(1.0, 1.0).unwrap();
        let line: Vec<f64> = (0..400).map(f64::from).collect();
        let steep = line.iter().map(|x| (x / 399.0).powi(3) * 2.0 - 1.0).collect();
        let free =
            LineFigure { series: vec![Series::new("a curve", line, steep)], ..figure(0, "") };
        for figure in [free, figure(1, "wave"), figure(7, "curve"), figure(3, &"long ".repeat(9))] {
            let Arrangement { axes, references, legend, .. } = arranged(&figure, &canvas);
            for placed in &references {
                let Some((x, y)) = placed.at else { continue };
                let width = canvas.fonts.width(&placed.label, TICK_SIZE, false);
                let area = Frame::new(x, y - TICK_SIZE / 2.0, x + width, y + TICK_SIZE / 2.0);
                assert!(!is_crossed(&figure, &axes, area), "{:?}", figure.series[0].label);
            }
            let size = Legend::of([&figure], &canvas).unwrap().size();
            match legend {
                LegendPlace::Box(x, y) => {
                    let area = Frame::new(x, y, x + size.0, y + size.1);
                    assert!(!is_crossed(&figure, &axes, area) && area.right <= 410.0);
                }
                LegendPlace::Lines(y) => assert!(y < axes.frame.top && axes.frame.width() > 250.0),
                LegendPlace::Nowhere => panic!("a figure with labels has a legend"),
            }
        }
    }
}
