//! From a series to what is drawn of it: pieces between gaps, thinned to what pixels can show.

use super::canvas::DENSITY;
use super::frame::Frame;
use super::scale::Scale;
use super::series::{Limit, Series, Spread, Stroke};

/// The axes of a plot and where they are on the sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub frame: Frame,
    pub x: Scale,
    pub y: Scale,
}

impl Axes {
    /// Where a point is on the sheet. None where an axis can't show it.
    pub fn place(&self, x: f64, y: f64) -> Option<(f32, f32)> {
        Some((self.place_x(x)?, self.place_y(y)?))
    }

    pub fn place_x(&self, x: f64) -> Option<f32> {
        Some(self.frame.left + self.x.position(x)? as f32 * self.frame.width())
    }

    pub fn place_y(&self, y: f64) -> Option<f32> {
        Some(self.frame.bottom - self.y.position(y)? as f32 * self.frame.height())
    }

    /// Where a value is that only bounds what is drawn: what a logarithmic axis can't show of it is
    /// at the lower end.
    fn place_edge(&self, y: f64) -> Option<f32> {
        let place = self.place_y(y).or_else(|| y.is_finite().then_some(self.frame.bottom))?;
        Some(place.min(self.frame.bottom + self.frame.height()))
    }
}

/// The lines of `series` between its gaps, on the sheet.
pub(super) fn pieces(series: &Series, axes: &Axes) -> Vec<Vec<(f32, f32)>> {
    let exact = |index: usize| series.limit(index) == Limit::Exact;
    let points = series.x.iter().zip(&series.y).enumerate();
    let points = points.map(|(i, (x, y))| axes.place(*x, *y).filter(|_| exact(i)));
    match series.stroke {
        Stroke::Line => split(points).iter().map(|piece| thin(piece)).collect(),
        Stroke::Points => Vec::new(),
        Stroke::Steps => split(steps(series, axes)).iter().map(|piece| thin(piece)).collect(),
    }
}

/// The corners of a histogram, from the left: two for each value. One of 0 on a logarithmic axis is
/// at its lower end.
fn steps(series: &Series, axes: &Axes) -> impl Iterator<Item = Option<(f32, f32)>> {
    let x = &series.x;
    // The outermost bins are as wide as their neighbours.
    let edge = |i: usize| match (i.checked_sub(1).and_then(|i| x.get(i)), x.get(i)) {
        (Some(before), Some(after)) => before / 2.0 + after / 2.0,
        (None, Some(first)) => first - (x.get(1).unwrap_or(first) - first) / 2.0,
        (Some(last), None) => last + (last - x[i.saturating_sub(2)]) / 2.0,
        (None, None) => f64::NAN,
    };
    series.y.iter().enumerate().flat_map(move |(i, y)| {
        let height = axes.place_edge(*y);
        [edge(i), edge(i + 1)].map(|x| Some((axes.place_x(x)?, height?)))
    })
}

/// Where the markers of `series` are, with what is known of each value.
pub(super) fn markers(series: &Series, axes: &Axes) -> Vec<((f32, f32), Limit)> {
    let points = series.x.iter().zip(&series.y).enumerate();
    let all = points.filter_map(|(i, (x, y))| Some((axes.place(*x, *y)?, series.limit(i))));
    let shown = |limit: Limit| series.is_marked() || limit != Limit::Exact;
    let mut kept: Vec<((f32, f32), Limit)> = Vec::new();
    for (at, limit) in all.filter(|(_, limit)| shown(*limit)) {
        // Those that would hide each other are drawn once.
        let near = |last: &((f32, f32), Limit)| {
            (last.0.0 - at.0).abs() < 0.5 && (last.0.1 - at.1).abs() < 0.5 && last.1 == limit
        };
        if !kept.last().is_some_and(near) {
            kept.push((at, limit));
        }
    }
    kept
}

/// A vertical part of a spread: where it is along x, and its two ends on the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    pub x: f32,
    pub lower: f32,
    pub upper: f32,
}

/// The spread of `series` at its points, between its gaps. On a logarithmic axis an edge at or below
/// zero is beyond the lower end.
pub(super) fn columns(series: &Series, axes: &Axes) -> Vec<Vec<Column>> {
    let (Some(low), Some(high)) = (&series.low, &series.high) else { return Vec::new() };
    let columns = series.x.iter().zip(low.iter().zip(high)).map(|(x, (low, high))| {
        let (x, upper) = (axes.place_x(*x)?, axes.place_y(*high)?);
        Some(Column { x, lower: axes.place_edge(*low)?, upper })
    });
    split(columns)
}

/// The polygons of the band of `series` between its gaps, on the sheet.
pub(super) fn bands(series: &Series, axes: &Axes) -> Vec<Vec<(f32, f32)>> {
    let outline = |piece: Vec<Column>| {
        let upper: Vec<_> = piece.iter().map(|column| (column.x, column.upper)).collect();
        let lower: Vec<_> = piece.iter().map(|column| (column.x, column.lower)).collect();
        thin(&upper).into_iter().chain(thin(&lower).into_iter().rev()).collect()
    };
    match series.spread {
        Spread::Band => columns(series, axes).into_iter().map(outline).collect(),
        Spread::Bars => Vec::new(),
    }
}

/// The error bars of `series`, on the sheet.
pub(super) fn bars(series: &Series, axes: &Axes) -> Vec<Column> {
    match series.spread {
        Spread::Bars => columns(series, axes).concat(),
        Spread::Band => Vec::new(),
    }
}

/// A place at the edge of a plot beyond which there are values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Beyond {
    pub x: f32,
    /// Whether they are above the axis, not below.
    pub above: bool,
}

/// Distance of two marks of one series, in layout units.
const APART: f32 = 12.0;

/// Where `series` leaves the y axis: the farthest value of every stretch outside.
pub(super) fn beyond(series: &Series, axes: &Axes) -> Vec<Beyond> {
    let outside = |x: f64, y: f64| {
        let at = axes.place_x(x)?;
        let inside_x = (axes.frame.left - 0.5..=axes.frame.right + 0.5).contains(&at);
        let distance = axes.y.beyond(y).filter(|_| inside_x)?;
        Some((Beyond { x: at, above: distance > 0.0 }, distance.abs()))
    };
    let stretches = split(series.x.iter().zip(&series.y).map(|(x, y)| outside(*x, *y)));
    let farthest = stretches
        .iter()
        .flat_map(|stretch| stretch.chunk_by(|a, b| a.0.above == b.0.above))
        .filter_map(|side| side.iter().max_by(|a, b| a.1.total_cmp(&b.1)));
    let mut marks: Vec<Beyond> = Vec::new();
    for (mark, _) in farthest {
        let near = |other: &Beyond| other.above == mark.above && (other.x - mark.x).abs() < APART;
        if !marks.iter().any(near) {
            marks.push(*mark);
        }
    }
    marks
}

fn split<T>(points: impl Iterator<Item = Option<T>>) -> Vec<Vec<T>> {
    let mut pieces = vec![Vec::new()];
    for point in points {
        match (point, pieces.last_mut()) {
            (Some(point), Some(piece)) => piece.push(point),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Keeps the first, lowest, highest and last of the successive points of one pixel column, which
/// draws the same picture.
fn thin(points: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let column = |point: &(f32, f32)| (point.0 * DENSITY).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            kept.extend_from_slice(group);
            continue;
        }
        let by_height = |a: &usize, b: &usize| group[*a].1.total_cmp(&group[*b].1);
        let lowest = (0..group.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..group.len()).max_by(by_height).unwrap_or(0);
        let mut indices = [0, lowest, highest, group.len() - 1];
        indices.sort_unstable();
        kept.extend(indices.map(|index| group[index]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::figure::scale::Spacing;

    fn axes(y: Spacing) -> Axes {
        let frame = Frame::new(0.0, 0.0, 100.0, 100.0);
        let low = if y == Spacing::Log { 0.01 } else { 0.0 };
        Axes { frame, x: Scale::new(0.0, 1.0, Spacing::Linear), y: Scale::new(low, 1.0, y) }
    }

    fn linear() -> Axes {
        axes(Spacing::Linear)
    }

    #[test]
    fn a_value_that_is_not_finite_parts_the_line() {
        let y = vec![0.1, f64::NAN, 0.2, 0.3, f64::INFINITY];
        let x: Vec<f64> = (0..5).map(f64::from).collect();
        let lengths: Vec<usize> =
            pieces(&Series::new("", x, y), &linear()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2]);
    }

    #[test]
    fn a_hundred_thousand_points_keep_their_extremes() {
        let count = 100_000;
        let x: Vec<f64> = (0..count).map(|i| f64::from(i) / f64::from(count)).collect();
        let y: Vec<f64> = (0..count).map(|i| if i == 77_777 { 1.0 } else { 0.5 }).collect();
        let kept = &pieces(&Series::new("", x, y), &linear())[0];
        assert!(kept.len() <= 4 * 201, "{}", kept.len());
        assert!(kept.iter().any(|(_, y)| *y == 0.0));
    }

    #[test]
    fn a_histogram_has_steps_halfway_between_its_bins() {
        let series = Series::new("", vec![0.2, 0.4, 0.8], vec![1.0, 0.1, 0.0]);
        let series = Series { stroke: Stroke::Steps, ..series };
        let places = [(10.0, 0.0), (30.0, 0.0), (30.0, 50.0), (60.0, 50.0), (60.0, 100.0)];
        let drawn = &pieces(&series, &axes(Spacing::Log))[0];
        for (found, expected) in drawn.iter().zip(places.into_iter().chain([(100.0, 100.0)])) {
            let gap = (found.0 - expected.0).abs().max((found.1 - expected.1).abs());
            assert!(gap < 1e-3, "{drawn:?}");
        }
        assert_eq!(drawn.len(), 6);
    }

    #[test]
    fn a_limit_is_a_marker_and_no_part_of_the_line() {
        let limits = vec![Limit::Upper, Limit::Exact, Limit::Exact, Limit::Lower];
        let series = Series::new("", vec![0.0, 0.2, 0.4, 0.6], vec![0.1, 0.2, 0.3, 0.9]);
        let series = Series { limits, ..series };
        assert_eq!(pieces(&series, &linear()).iter().map(Vec::len).collect::<Vec<_>>(), [2]);
        let marked: Vec<Limit> = markers(&series, &linear()).iter().map(|(_, l)| *l).collect();
        assert_eq!(marked, [Limit::Upper, Limit::Lower]);
        assert_eq!(markers(&Series { marker: true, ..series }, &linear()).len(), 4);
    }

    #[test]
    fn what_leaves_the_axis_has_one_mark_for_every_stretch() {
        let x = vec![0.0, 0.1, 0.2, 0.3, 0.6, 0.61, 0.9];
        let y = vec![0.5, 2.0, 9.0, 1.0, -0.1, 0.5, f64::NAN];
        let marks = beyond(&Series::new("", x, y), &linear());
        let places = marks.iter().map(|mark| (mark.x.round(), mark.above));
        assert_eq!(places.collect::<Vec<_>>(), [(20.0, true), (60.0, false)]);
    }

    #[test]
    fn bars_reach_from_edge_to_edge() {
        let series = Series::new("", vec![0.5], vec![0.5]).with_bars(vec![0.25], vec![0.75]);
        let bar = Column { x: 50.0, lower: 75.0, upper: 25.0 };
        assert_eq!(bars(&series, &linear()), [bar]);
        assert!(bands(&series, &linear()).is_empty());
    }
}
