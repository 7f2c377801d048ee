//! The figures of a continual run's end.

use anyhow::Result;

use super::report::matrices;
use super::state::SelectorContinual;
use crate::lab::counts::{counted, summary_of};
use crate::lab::figure::{Cells, ColourMap, ColourScale, LineFigure, MatrixFigure, Series};
use crate::lab::log::run_log::Log;
use crate::lab::statistics::mean_and_sd;
use crate::selector::task_sequence::tasks::TASKS;

/// Draws `matrix` and `within`.
///
/// # Errors
/// The record that can't be read from the device, or a figure that can't be rendered.
pub fn draw(run: &SelectorContinual, log: &mut Log, step: u64) -> Result<()> {
    let matrix = matrix(run)?;
    log.draw("matrix", step, &matrix);
    let within = within(run, log);
    log.draw("within", step, &within);
    Ok(())
}

/// What was run, and of how many seeds the mean is shown.
fn seeds(run: &SelectorContinual) -> String {
    format!("{}, {}", run.title(), summary_of("mean", run.seeds.count, "seed"))
}

/// Accuracy on every task after every task.
fn matrix(run: &SelectorContinual) -> Result<MatrixFigure> {
    let tasks = TASKS as usize;
    let all = matrices(&run.record.accuracy, tasks)?;
    let mean = |i: usize, j: usize| {
        100.0 * mean_and_sd(&all.iter().map(|matrix| matrix[i][j]).collect::<Vec<f64>>()).0
    };
    Ok(MatrixFigure {
        title: format!("Accuracy after each task, {}", run.data.name),
        subtitle: seeds(run),
        row_axis: "after task".into(),
        column_axis: "tested on task".into(),
        rows: Cells::Numbered,
        columns: Cells::Numbered,
        values: (0..tasks).map(|i| (0..tasks).map(|j| mean(i, j)).collect()).collect(),
        scale: ColourScale::new(ColourMap::Sequential, (0.0, 100.0), "accuracy (%)"),
    })
}

/// Accuracies on all tasks while each is being learnt.
fn within(run: &SelectorContinual, log: &Log) -> LineFigure {
    let length = run.schedule.evaluate_every as f64;
    let series = |task: i64| -> Series {
        let mut series = log.curve(&format!("within/task{task}"), &format!("task {task}"));
        series.x.iter_mut().for_each(|x| *x /= length);
        series
    };
    LineFigure {
        title: format!("Forgetting and remembering, {}", run.data.name),
        subtitle: format!(
            "{}; {} a task",
            seeds(run),
            counted(run.config.probe_samples, "test image")
        ),
        x_label: format!("tasks learnt ({length} steps each)"),
        y_label: "share correct".into(),
        y_range: Some((0.0, 1.0)),
        series: (1..=TASKS).map(series).collect(),
        ..LineFigure::default()
    }
}
