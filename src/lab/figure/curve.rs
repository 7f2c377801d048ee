//! From a series to what is drawn of it: pieces between gaps, thinned to what pixels can show.

use super::canvas::DENSITY;
use super::frame::Frame;
use super::scale::Scale;
use super::series::Series;

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
}

/// The lines of `series` between its gaps, on the sheet.
pub(super) fn pieces(series: &Series, axes: &Axes) -> Vec<Vec<(f32, f32)>> {
    let points = series.x.iter().zip(&series.y).map(|(x, y)| axes.place(*x, *y));
    split(points).iter().map(|piece| thin(piece)).collect()
}

/// The polygons of the band of `series` between its gaps, on the sheet. On a logarithmic axis an
/// edge at or below zero is beyond the lower end.
pub(super) fn bands(series: &Series, axes: &Axes) -> Vec<Vec<(f32, f32)>> {
    let (Some(low), Some(high)) = (&series.low, &series.high) else { return Vec::new() };
    let edges = series.x.iter().zip(low.iter().zip(high)).map(|(x, (low, high))| {
        let x = axes.place_x(*x)?;
        let upper = axes.place_y(*high)?;
        let lower = axes.place_y(*low).or_else(|| low.is_finite().then_some(axes.frame.bottom))?;
        Some((x, lower.min(axes.frame.bottom + axes.frame.height()), upper))
    });
    split(edges)
        .into_iter()
        .map(|piece| {
            let upper: Vec<_> = piece.iter().map(|(x, _, upper)| (*x, *upper)).collect();
            let lower: Vec<_> = piece.iter().map(|(x, lower, _)| (*x, *lower)).collect();
            thin(&upper).into_iter().chain(thin(&lower).into_iter().rev()).collect()
        })
        .collect()
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

    fn axes() -> Axes {
        let frame = Frame::new(0.0, 0.0, 100.0, 100.0);
        Axes { frame, x: Scale::new(0.0, 1.0, false), y: Scale::new(0.0, 1.0, false) }
    }

    #[test]
    fn a_value_that_is_not_finite_parts_the_line() {
        let y = vec![0.1, f64::NAN, 0.2, 0.3, f64::INFINITY];
        let x: Vec<f64> = (0..5).map(f64::from).collect();
        let lengths: Vec<usize> =
            pieces(&Series::new("", x, y), &axes()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2]);
    }

    #[test]
    fn a_hundred_thousand_points_keep_their_extremes() {
        let count = 100_000;
        let x: Vec<f64> = (0..count).map(|i| f64::from(i) / f64::from(count)).collect();
        let y: Vec<f64> = (0..count).map(|i| if i == 77_777 { 1.0 } else { 0.5 }).collect();
        let kept = &pieces(&Series::new("", x, y), &axes())[0];
        assert!(kept.len() <= 4 * 201, "{}", kept.len());
        assert!(kept.iter().any(|(_, y)| *y == 0.0));
    }
}
