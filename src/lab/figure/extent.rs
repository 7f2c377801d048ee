//! What range the axes of a line figure have, and how several figures share one.

use super::line::LineFigure;
use super::scale::{Scale, Spacing, typical_range};

/// Room that is left on either side of the data, as a share of the axis.
const PADDING_X: f64 = 0.015;
const PADDING_Y: f64 = 0.045;
/// The same where arrows of limits need it.
const PADDING_LIMITS: f64 = 0.12;

/// Scales that hold all that there is to see.
pub(super) fn scales(figure: &LineFigure) -> Option<(Scale, Scale)> {
    Some((x_scale(figure)?, y_scale(figure)?))
}

fn x_scale(figure: &LineFigure) -> Option<Scale> {
    let spacing = Spacing::log(figure.x_log);
    let data = Scale::fit(x_values(figure), spacing, PADDING_X)?;
    Some(asked(figure.x_range, spacing).unwrap_or(data))
}

fn y_scale(figure: &LineFigure) -> Option<Scale> {
    let spacing = Spacing::log(figure.y_log);
    let data = Scale::fit(y_values(figure), spacing, 0.0)?;
    let all = y_values(figure).chain(references(figure));
    let padding = if figure.has_limits() { PADDING_LIMITS } else { PADDING_Y };
    let all = || Scale::fit(all, spacing, padding).unwrap_or(data);
    Some(asked(figure.y_range, spacing).unwrap_or_else(all))
}

/// The scale of a given range, unless it can't be on such an axis.
fn asked(range: Option<(f64, f64)>, spacing: Spacing) -> Option<Scale> {
    let (low, high) = range.filter(|(low, _)| spacing != Spacing::Log || *low > 0.0)?;
    Some(Scale::new(low, high, spacing))
}

fn x_values(figure: &LineFigure) -> impl Iterator<Item = f64> {
    figure.series.iter().flat_map(|series| series.x.iter().copied())
}

fn y_values(figure: &LineFigure) -> impl Iterator<Item = f64> {
    figure.series.iter().flat_map(|series| series.extent())
}

fn references(figure: &LineFigure) -> impl Iterator<Item = f64> {
    figure.references.iter().map(|reference| reference.value)
}

impl LineFigure {
    /// Whether a value is beyond the ends of the y axis, where only a mark shows it.
    pub(super) fn leaves_out(&self) -> bool {
        let Some((x, y)) = scales(self) else { return false };
        let in_view = |at: f64| x.position(at).is_some() && x.beyond(at).is_none();
        let mut points = self.series.iter().flat_map(|series| series.x.iter().zip(&series.y));
        self.y_range.is_some()
            && points.any(|(at, value)| in_view(*at) && y.beyond(*value).is_some())
    }
}

impl LineFigure {
    /// The same with a y axis that leaves out what lies far beyond the rest, as [`typical_range`]
    /// does; marks at the edge say where.
    #[must_use]
    pub fn without_outliers(self) -> Self {
        let finite = || y_values(&self).filter(|value| value.is_finite());
        let Some((low, high)) = typical_range(finite()) else { return self };
        if finite().all(|value| (low..=high).contains(&value)) {
            return self;
        }
        let kept = [low, high].into_iter();
        let scale = Scale::fit(kept, Spacing::log(self.y_log), PADDING_Y);
        Self { y_range: scale.map(|scale| scale.ends()), ..self }
    }
}

/// Gives all panels one y axis, so that they can be compared: from the least to the largest of what
/// any of them shows. They have to be all linear or all logarithmic.
pub fn share_y<'a>(panels: impl IntoIterator<Item = &'a mut LineFigure>) {
    let mut panels: Vec<&mut LineFigure> = panels.into_iter().collect();
    let Some(log) = panels.first().map(|panel| panel.y_log) else { return };
    let values = panels.iter().flat_map(|panel| y_values(panel).chain(references(panel)));
    let Some(scale) = Scale::fit(values, Spacing::log(log), PADDING_Y) else { return };
    panels.iter_mut().for_each(|panel| panel.y_range = Some(scale.ends()));
}

/// Gives all panels one x axis; see [`share_y`].
pub fn share_x<'a>(panels: impl IntoIterator<Item = &'a mut LineFigure>) {
    let mut panels: Vec<&mut LineFigure> = panels.into_iter().collect();
    let Some(log) = panels.first().map(|panel| panel.x_log) else { return };
    let values = panels.iter().flat_map(|panel| x_values(panel));
    let Some(scale) = Scale::fit(values, Spacing::log(log), PADDING_X) else { return };
    panels.iter_mut().for_each(|panel| panel.x_range = Some(scale.ends()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::figure::{Reference, Series};

    fn figure(y: Vec<f64>) -> LineFigure {
        let x = (0..y.len()).map(|i| i as f64).collect();
        LineFigure { series: vec![Series::new("", x, y)], ..LineFigure::default() }
    }

    #[test]
    fn panels_that_share_an_axis_hold_what_each_of_them_shows() {
        let mut panels = [figure(vec![0.0, 1.0]), figure(vec![9.0, 8.0, 10.0])];
        panels[0].references = vec![Reference { label: "far".into(), value: -10.0 }];
        share_y(&mut panels);
        share_x(&mut panels);
        let (low, high) = panels[0].y_range.unwrap();
        assert!((low + 10.9).abs() < 1e-9 && (high - 10.9).abs() < 1e-9, "{low} {high}");
        assert_eq!(panels[0].y_range, panels[1].y_range);
        assert_eq!(scales(&panels[0]).unwrap().0, scales(&panels[1]).unwrap().0);
        assert!(panels.iter().all(|panel| !panel.leaves_out()));
    }

    #[test]
    fn an_outlier_is_left_out_with_a_mark() {
        let mut y: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
        assert_eq!(figure(y.clone()).without_outliers().y_range, None);
        y[70] = -8.5;
        let bounded = figure(y).without_outliers();
        let (low, high) = bounded.y_range.unwrap();
        assert!(low > -0.1 && (1.0..1.1).contains(&high), "{low} to {high}");
        assert!(bounded.leaves_out());
    }

    #[test]
    fn an_axis_that_is_given_may_leave_values_out() {
        let bounded = LineFigure { y_range: Some((0.0, 1.0)), ..figure(vec![0.5, 1.001, 0.0]) };
        assert!(!bounded.leaves_out(), "a line's width is no value left out");
        let bounded = LineFigure { y_range: Some((0.0, 1.0)), ..figure(vec![0.5, 1.5, 0.0]) };
        assert!(bounded.leaves_out());
        assert!(!LineFigure { x_range: Some((1.5, 2.0)), ..bounded }.leaves_out());
    }
}
