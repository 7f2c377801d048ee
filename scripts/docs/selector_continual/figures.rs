//! The figures that several runs share.

use anyhow::Result;
use neuron_lab::lab::figure::{LineFigure, Panels, Series, Spread};
use neuron_lab::lab::statistics::mean_and_sd;

use super::grid::{LAMBDAS, NETWORKS, read};
use super::rates;
use super::run::{AVERAGE, FORGETTING, Run, TASKS, curve};
use super::tables::PERMUTED;

/// The notebook's accuracies on its five tasks, in percent.
pub const NOTEBOOK: [(&str, [f64; TASKS]); 2] = [
    ("notebook, \"Base model\"", [0.0, 49.46, 0.0, 0.0, 0.0]),
    ("notebook, \"EWC Base\"", [92.11, 72.85, 18.52, 24.45, 11.64]),
];
const TEN_SEEDS: &str = "mean and standard deviation of 10 seeds, SGD at 0.01, implicit step";
const MEAN: &str = "mean of the five tasks (%)";
const LEARNT: &str = "accuracy on a task when just learnt (%)";

/// Two panels in a row.
fn panels(title: &str, subtitle: &str, panels: Vec<LineFigure>) -> Panels {
    Panels { title: title.into(), subtitle: subtitle.into(), columns: 2, panels }
}

/// Permuted MNIST without a method: a tag after each task.
pub fn permuted() -> Result<Panels> {
    let mut runs = Vec::new();
    for (i, (run, name, _)) in PERMUTED.iter().enumerate().take(7) {
        runs.extend(Run::read(run)?.map(|run| (i, *name, run)));
    }
    let of = |title: &str, tag: &str| {
        let series = runs.iter().map(|(i, name, run)| {
            let points = (1..=TASKS).map(|task| (task as f64, run.at(task, tag)));
            Series { colour: Some(*i), ..curve(name, points) }
        });
        LineFigure::new(title, "tasks learnt", "accuracy (%)", series.collect())
    };
    Ok(panels(
        "Permuted MNIST, one epoch a task, nothing done against forgetting",
        "mean and standard deviation of 5 seeds, SGD at 0.01, batches of 64",
        vec![
            of("Accuracy on the tasks learnt so far", "eval/average_seen"),
            of("Accuracy on the first task", "eval/accuracy/task1"),
        ],
    ))
}

/// Mean final accuracy of every network along the strength of a penalty, over what `x` makes of a
/// strength and its run.
fn along(tasks: &str, method: &str, x: impl Fn(f64, &Run) -> f64) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for (i, (network, name)) in NETWORKS.iter().enumerate() {
        let mut runs = Vec::new();
        for (lambda, value) in LAMBDAS {
            let run = read(tasks, method, lambda, network)?;
            runs.extend(run.filter(|run| run.finite).map(|run| (x(value, &run), run)));
        }
        if !runs.is_empty() {
            let points = runs.iter().map(|(at, run)| (*at, run.end(AVERAGE)));
            series.push(Series { colour: Some(i), ..curve(name, points) });
        }
    }
    Ok(series)
}

/// Mean final accuracy against the strength of the penalty.
pub fn strengths() -> Result<Panels> {
    let of = |title: &str, tasks: &str, method: &str| -> Result<LineFigure> {
        let series = along(tasks, method, |lambda, _| lambda)?;
        Ok(LineFigure { x_log: true, ..LineFigure::new(title, "lambda", MEAN, series) })
    };
    let mut made = vec![
        of("Split MNIST, class: EWC", "class", "ewc")?,
        of("Split MNIST, class: SI", "class", "si")?,
        of("Split MNIST, domain: EWC", "domain", "ewc")?,
        of("Permuted MNIST: EWC", "permuted", "ewc")?,
    ];
    // A single strength is no curve.
    made.retain(|panel| panel.series.iter().any(|series| series.x.len() > 1));
    Ok(panels("Mean accuracy at the end against the strength of the penalty", TEN_SEEDS, made))
}

/// Mean final accuracy against what was learnt at all.
pub fn trades() -> Result<Panels> {
    let of = |title: &str, tasks: &str, method: &str| -> Result<LineFigure> {
        let series = along(tasks, method, |_, run| mean_and_sd(&run.when_learnt()).0)?;
        Ok(LineFigure::new(title, LEARNT, MEAN, series))
    };
    let two = vec![
        of("Split MNIST, class: EWC", "class", "ewc")?,
        of("Split MNIST, class: SI", "class", "si")?,
    ];
    Ok(panels("Mean accuracy at the end against what was learnt", TEN_SEEDS, two))
}

/// Final accuracies on the five tasks beside the notebook's two rows.
pub fn rows() -> Result<Panels> {
    let x: Vec<f64> = (1..=TASKS).map(|task| task as f64).collect();
    let tags: Vec<String> = (1..=TASKS).map(|task| format!("eval/accuracy/task{task}")).collect();
    let of = |title: &str, tasks: &str, lambda: &str| -> Result<LineFigure> {
        let mut series = Vec::new();
        for (i, (network, name)) in NETWORKS.iter().enumerate().take(5) {
            let Some(run) = read(tasks, "ewc", lambda, network)? else { continue };
            let points = x.iter().zip(&tags).map(|(task, tag)| (*task, run.end(tag)));
            series.push(Series { colour: Some(i), ..curve(name, points) });
        }
        for (i, (name, row)) in NOTEBOOK.iter().enumerate() {
            let row = Series::new(name, x.clone(), row.to_vec());
            series.push(Series { dashed: true, marker: true, colour: Some(5 + i), ..row });
        }
        let figure = LineFigure::new(title, "task", "accuracy at the end (%)", series);
        Ok(LineFigure { y_range: Some((0.0, 100.0)), ..figure })
    };
    let two = vec![
        of("Split MNIST, class: EWC, lambda 1e6", "class", "1e6")?,
        of("Permuted MNIST: EWC, lambda 1e4", "permuted", "1e4")?,
    ];
    Ok(panels("What is left of each task, beside the notebook's two rows", TEN_SEEDS, two))
}

/// Forgetting, and the mean accuracy at the end, against the accuracy when just learnt, along the
/// learning rate.
pub fn rates() -> Result<Panels> {
    let of = |title: &str, y_label: &str, tag: &str| -> Result<LineFigure> {
        let mut series = Vec::new();
        for (i, (family, name)) in rates::FAMILIES.iter().enumerate() {
            let runs = rates::read(family)?;
            if !runs.is_empty() {
                let learnt = |run: &Run| mean_and_sd(&run.when_learnt()).0;
                let points = runs.iter().map(|(_, run)| (learnt(run), run.end(tag)));
                series.push(Series { colour: Some(i), ..curve(name, points) });
            }
        }
        Ok(LineFigure::new(title, LEARNT, y_label, series))
    };
    let two = vec![
        of("Forgetting", "forgetting (points)", FORGETTING)?,
        of("Accuracy at the end", MEAN, AVERAGE)?,
    ];
    let subtitle = "nothing done; learning rates from 0.01 down, mean and sd of 10 seeds";
    Ok(panels("Permuted MNIST: learning less, forgetting less", subtitle, two))
}

/// The same curves with error bars in the place of bands; on a logarithmic axis and on that of tasks a
/// little apart from each other, where they would hide each other.
pub fn with_bars(figure: &Panels) -> Panels {
    let panel = |panel: &LineFigure| {
        let mut series = Vec::new();
        for (i, one) in panel.series.iter().enumerate() {
            let place = one.colour.unwrap_or(i) as f64 - 3.0;
            let shift = |x: &f64| match panel.x_label.as_str() {
                "task" => x + 0.04 * place,
                _ if panel.x_log => x * 1.07f64.powf(place),
                _ => *x,
            };
            let x: Vec<f64> = one.x.iter().map(shift).collect();
            series.push(Series { x, spread: Spread::Bars, ..one.clone() });
        }
        LineFigure { series, ..panel.clone() }
    };
    Panels { panels: figure.panels.iter().map(panel).collect(), ..figure.clone() }
}
