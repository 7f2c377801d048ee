//! The figure of results over a swept setting.

use serde_json::{Map, Value};

use crate::lab::figure::{LineFigure, Panels, Series};
use crate::lab::statistics::mean_and_sd;
use crate::lab_program::compare::groups::Group;

/// Settings by name, and the points of a line: (value of the swept setting, values over the seeds).
type Lines = Vec<(Map<String, Value>, Vec<(f64, Vec<f64>)>)>;

/// The last value of each result over every drawn setting that is a number: a dot for each group,
/// since no two agree in the other settings. None where there is no such setting.
pub fn scatter(title: &str, groups: &[Group], tags: &[String]) -> Option<Panels> {
    let is_number = |key: &&String| groups.iter().all(|group| group.settings[*key].is_number());
    let keys: Vec<&String> = groups.first()?.settings.keys().filter(is_number).collect();
    let both = tags.iter().flat_map(|tag| keys.iter().map(move |key| (*key, tag)));
    let panels: Vec<LineFigure> =
        both.map(|(key, tag)| dots(key, tag, groups)).filter(|p| !p.series.is_empty()).collect();
    let (columns, subtitle) = (keys.len().clamp(1, 3), "last value of each point".into());
    (!panels.is_empty()).then(|| Panels { title: title.into(), subtitle, columns, panels })
}

fn dots(key: &str, tag: &str, groups: &[Group]) -> LineFigure {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for group in groups {
        let values = group.values(tag);
        if let (Some(at), false) = (group.settings[key].as_f64(), values.is_empty()) {
            points.push((at, mean_and_sd(&values).0));
        }
    }
    let positive = points.iter().all(|(x, _)| *x > 0.0);
    let ends = points.iter().fold((f64::INFINITY, 0.0), |(a, b), (x, _)| (x.min(a), x.max(b)));
    // Between two dots is a gap, so that no line joins them.
    let apart = points.into_iter().flat_map(|point| [point, (f64::NAN, f64::NAN)]);
    let (x, y): (Vec<f64>, Vec<f64>) = apart.unzip();
    let series = Series { x, y, marker: true, ..Series::default() };
    let series = if series.x.is_empty() { Vec::new() } else { vec![series] };
    let (x_label, y_label) = (key.into(), tag.into());
    let x_log = positive && ends.1 > 20.0 * ends.0;
    LineFigure { x_label, y_label, series, x_log, ..Default::default() }
}

/// The last value of each result over the first swept setting that is a number, a line for each
/// combination of the others. None where there is no such setting.
pub fn response(title: &str, groups: &[Group], tags: &[String]) -> Option<Panels> {
    let is_number = |key: &String| groups.iter().all(|group| group.settings[key].is_number());
    let key = groups.first()?.settings.keys().find(|key| is_number(key))?.clone();
    let panels: Vec<LineFigure> =
        tags.iter().map(|tag| panel(&key, tag, groups)).filter(|p| !p.series.is_empty()).collect();
    let subtitle = "last value: mean and standard deviation over the seeds".into();
    (!panels.is_empty()).then(|| Panels { title: title.into(), subtitle, columns: 2, panels })
}

fn lines(key: &str, tag: &str, groups: &[Group]) -> Lines {
    let mut lines: Lines = Vec::new();
    for group in groups {
        let mut others = group.settings.clone();
        let at = others.shift_remove(key).and_then(|value| value.as_f64());
        let (Some(at), values) = (at, group.values(tag)) else { continue };
        if values.is_empty() {
            continue;
        }
        match lines.iter_mut().find(|(known, _)| *known == others) {
            Some((_, points)) => points.push((at, values)),
            None => lines.push((others, vec![(at, values)])),
        }
    }
    lines
}

fn panel(key: &str, tag: &str, groups: &[Group]) -> LineFigure {
    let mut positive = true;
    let (mut least, mut most) = (f64::INFINITY, 0.0f64);
    let mut series = Vec::new();
    for (others, mut points) in lines(key, tag, groups) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let x: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
        positive &= x.iter().all(|x| *x > 0.0);
        least = x.iter().copied().fold(least, f64::min);
        most = x.iter().copied().fold(most, f64::max);
        let spread: Vec<(f64, f64)> =
            points.iter().map(|(_, values)| mean_and_sd(values)).collect();
        let edge = |sign: f64| spread.iter().map(|(mean, sd)| mean + sign * sd).collect();
        let label = Group { settings: others, runs: Vec::new() }.label();
        let y = spread.iter().map(|(mean, _)| *mean).collect();
        let line = Series { label, x, y, marker: true, ..Series::default() };
        series.push(line.with_bars(edge(-1.0), edge(1.0)));
    }
    let (x_label, y_label) = (key.into(), tag.into());
    let x_log = positive && most > 20.0 * least;
    LineFigure { x_label, y_label, series, x_log, ..Default::default() }
}
