//! Figures of a grid of neurons: its learning curves, the notebook's three, the batch-size law, and
//! the gradient taken apart.

use super::notebook::{NOTEBOOK, NotebookFigure};
use super::points::Point;
use super::state::OneNeuron;
use crate::lab::counts::summary_of;
use crate::lab::figure::{LineFigure, Panels, Reference, Series, Spread, share_y};
use crate::lab::log::run_log::Log;

/// The terms of the gradient: tag and label.
const TERMS: [(&str, &str); 6] = [
    ("total", "E[e d x], the gradient"),
    ("product_of_means", "E[e] E[d] E[x], what averaging keeps"),
    ("error_input", "E[d] cov(e, x)"),
    ("error_slope", "E[x] cov(e, d)"),
    ("slope_input", "E[e] cov(d, x)"),
    ("third", "third central moment"),
];

/// Draws the figures of a run's end, as far as its grid has the points for them.
pub fn draw(run: &OneNeuron, log: &mut Log, step: u64) {
    let learning = learning(run, log);
    log.draw("learning", step, &learning);
    for figure in &NOTEBOOK {
        if let Some(drawing) = notebook(run, log, figure) {
            log.draw(figure.name, step, &drawing);
        }
    }
    if run.config.batch_size.len() > 1 {
        let law = batch_law(run, log);
        log.draw("batch_law", step, &law);
    }
    if !log.history(&run.points[0].tag("moments/total")).is_empty() {
        let apart = decomposition(run, log);
        log.draw("decomposition", step, &apart);
    }
}

fn over_seeds(run: &OneNeuron) -> String {
    match run.replicates {
        1 => format!("seed {}", run.seed),
        n => summary_of("mean and standard deviation", n, "seed"),
    }
}

fn loss_figure(title: &str, subtitle: String, series: Vec<Series>) -> LineFigure {
    LineFigure {
        title: title.into(),
        subtitle,
        x_label: "step".into(),
        y_label: "squared error".into(),
        series,
        ..LineFigure::default()
    }
}

/// Panels by learning rate, batch size and gradient, on common axes; curves by optimizer.
fn learning(run: &OneNeuron, log: &Log) -> Panels {
    let mut points: Vec<&Point> = run.points.iter().collect();
    points.sort_by(|a, b| a.lr.total_cmp(&b.lr).then(a.batch_size.cmp(&b.batch_size)));
    let mut panels: Vec<LineFigure> = Vec::new();
    for point in points {
        let mut title = format!("{}, lr {:e}", point.gradient.name(), point.lr);
        if run.config.batch_size.len() > 1 {
            title += &format!(", {} a batch", point.batch_size);
        }
        // A figure whose only label is empty has no legend.
        let label = if run.config.optimizer.len() > 1 { point.optimizer.name() } else { "" };
        let series = log.curve(&point.tag("train/loss"), label);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.series.push(series),
            None => panels.push(loss_figure(&title, String::new(), vec![series])),
        }
    }
    share_y(&mut panels);
    let gradients = run.config.gradient.len();
    Panels {
        title: match run.config.optimizer[..] {
            [only] => format!("Loss of the recorded batches, {}", only.name()),
            _ => "Loss of the recorded batches".into(),
        },
        subtitle: over_seeds(run),
        columns: if panels.len() > gradients { gradients.max(2) } else { gradients },
        panels,
    }
}

/// One of the notebook's figures, where every curve of it was trained at the smallest learning rate;
/// of several batch sizes the first is shown.
fn notebook(run: &OneNeuron, log: &Log, figure: &NotebookFigure) -> Option<LineFigure> {
    let lr = run.config.lr.iter().copied().fold(f64::INFINITY, f64::min);
    let series = figure.curves.iter().map(|shown| {
        let fits = |point: &&Point| {
            (point.optimizer, point.gradient, point.lr) == (shown.optimizer, shown.gradient, lr)
        };
        Some(log.curve(&run.points.iter().find(fits)?.tag("train/loss"), shown.label))
    });
    let series = series.collect::<Option<Vec<Series>>>()?;
    let subtitle = format!("learning rate {lr:e}, {}", over_seeds(run));
    Some(loss_figure(figure.title, subtitle, series))
}

/// The loss at the end against the batch size, a curve for each optimizer, gradient and rate.
fn batch_law(run: &OneNeuron, log: &Log) -> LineFigure {
    let mut series: Vec<Series> = Vec::new();
    for point in &run.points {
        let mut label = format!("{}, {}", point.optimizer.name(), point.gradient.name());
        if run.config.lr.len() > 1 {
            label += &format!(", lr {:e}", point.lr);
        }
        let last = |tag: String| log.history(&tag).last().map_or(f64::NAN, |(_, value)| *value);
        let end = last(point.tag("train/end"));
        let sd = if run.replicates > 1 { last(point.tag("train/end") + "/sd") } else { 0.0 };
        let known = series.iter().position(|known| known.label == label);
        let index = known.unwrap_or_else(|| {
            let edges = (Some(Vec::new()), Some(Vec::new()));
            let (low, high) = edges;
            let bars = Series { low, high, spread: Spread::Bars, ..Series::default() };
            series.push(Series { label, marker: true, ..bars });
            series.len() - 1
        });
        let curve = &mut series[index];
        curve.x.push(point.batch_size as f64);
        curve.y.push(end);
        curve.low.iter_mut().for_each(|low| low.push(end - sd));
        curve.high.iter_mut().for_each(|high| high.push(end + sd));
    }
    LineFigure {
        title: "The larger the batch, the more averaging too early costs".into(),
        subtitle: format!("mean of the last 20 records, {}", over_seeds(run)),
        x_label: "samples in a batch".into(),
        y_label: "squared error at the end".into(),
        x_log: true,
        series,
        references: vec![Reference { label: "always 1/2".into(), value: 0.25 }],
        ..LineFigure::default()
    }
}

/// The gradient's terms along training, for the first point and the first of another gradient.
fn decomposition(run: &OneNeuron, log: &Log) -> Panels {
    let first = &run.points[0];
    let other = run
        .points
        .iter()
        .find(|point| point.gradient.without_factor() != first.gradient.without_factor());
    let panels = std::iter::once(first).chain(other);
    let panels = panels.map(|point| {
        let tag = |term: &str| point.tag(&format!("moments/{term}"));
        let series = TERMS.iter().map(|(term, label)| log.curve(&tag(term), label));
        let series = series.map(|series| Series { marker: true, ..series }).collect();
        let name = (point.optimizer.name(), point.gradient.name());
        let title = format!("{}, {}, lr {:e}", name.0, name.1, point.lr);
        LineFigure {
            y_label: "mean over the inputs".into(),
            ..loss_figure(&title, String::new(), series)
        }
    });
    let mut panels: Vec<LineFigure> = panels.collect();
    share_y(&mut panels);
    Panels {
        title: "What there is to learn, and what averaging keeps of it".into(),
        subtitle: format!(
            "minus half the gradient of a weight; error e, slope d, input x; {}",
            over_seeds(run)
        ),
        columns: 2,
        panels,
    }
}
