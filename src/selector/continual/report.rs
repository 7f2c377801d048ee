//! What a run says after every task, and logs.

use anyhow::Result;
use tch::Tensor;

use super::state::SelectorContinual;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::Evaluation;
use crate::selector::task_sequence::evaluation::TaskScores;
use crate::selector::task_sequence::scores::{
    average, backward_transfer, collapsed, forgetting, largest_share,
};
use crate::selector::task_sequence::tasks::TASKS;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("train/loss", "cross-entropy in nats without the penalty, mean since the last log entry"),
    ("within/task*", "accuracy on some test images of a task, every few steps of any task"),
    ("within/largest_share", "share of these images that are answered by the most frequent class"),
    ("eval/accuracy/task*", "accuracy on a task's whole test set, after each task"),
    ("eval/told/task*", "the same where the network is told the task and only its outputs count"),
    ("eval/average_accuracy", "mean accuracy over all five tasks, learnt or not"),
    ("eval/average_seen", "mean accuracy over the tasks learnt so far"),
    ("eval/forgetting", "mean over earlier tasks of the best accuracy before minus that now"),
    (
        "eval/backward_transfer",
        "mean over earlier tasks of the accuracy now minus that when learnt",
    ),
    ("eval/largest_share", "share of all test images answered by the most frequent class"),
    ("eval/collapsed", "1 where one class is the answer to everything, else 0"),
    (
        "penalty/gradient_norm",
        "Euclidean norm of lambda times the penalty's gradient, before the step",
    ),
    ("optim/lr", "learning rate"),
    (
        "optim/gradient_norm",
        "Euclidean norm of the whole gradient, before clipping; without a penalty that is solved for",
    ),
    ("time/*", "milliseconds of each phase in a step, steps and samples a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The charts of related curves.
pub fn charts(run: &SelectorContinual) -> Vec<Chart> {
    let of_tasks = |title: &str, what: &str| {
        let tags: Vec<String> = (1..=TASKS).map(|task| format!("{what}/task{task}")).collect();
        Chart::several("tasks", title, &tags)
    };
    let steps = run.schedule.evaluate_every;
    let within = format!("accuracy within tasks of {steps} steps each");
    let mut charts = of_tasks(&within, "within");
    charts.extend(of_tasks("accuracy after tasks", "eval/accuracy"));
    if run.tasks.own_outputs() {
        charts.extend(of_tasks("accuracy after tasks, task told", "eval/told"));
    }
    let forgetting = ["eval/average_accuracy", "eval/forgetting", "eval/backward_transfer"];
    charts.extend([
        Chart::lines("summary", "all tasks", &forgetting),
        Chart::lines(
            "summary",
            "share of the most frequent answer",
            &["within/largest_share", "eval/largest_share"],
        ),
        Chart::lines("learning", "loss", &["train/loss"]),
    ]);
    charts.into_iter().map(|chart| chart.over(run.seeds.count)).collect()
}

/// The first `rows` rows of the matrix of each replicate: `[replicate][row][column]`.
///
/// # Shapes
/// - of: `[replicate, row, column]`
///
/// # Errors
/// A matrix that can't be read from the device.
pub fn matrices(of: &Tensor, rows: usize) -> Result<Vec<Vec<Vec<f64>>>> {
    let size = of.size();
    let (rows_all, columns) = (size[1] as usize, size[2] as usize);
    let flat = to_host::values(of)?;
    let matrix = |block: &[f64]| block.chunks(columns).take(rows).map(<[f64]>::to_vec).collect();
    Ok(flat.chunks(rows_all * columns).map(matrix).collect())
}

/// Says and logs the accuracies after a task, and what was forgotten.
///
/// # Errors
/// Scores that can't be read from the device.
pub fn report(run: &SelectorContinual, evaluation: &mut Evaluation) -> Result<()> {
    let rows = evaluation.number as usize;
    let accuracy = matrices(&run.record.accuracy, rows)?;
    let told = matrices(&run.record.told, rows)?;
    let answers = matrices(&run.record.answers, rows)?;
    let answers: Vec<Vec<f64>> = answers.into_iter().filter_map(|mut m| m.pop()).collect();
    evaluation.say(&format!("After task {rows} of {TASKS}:"));
    let last = |of: &[Vec<Vec<f64>>], task: usize| -> Vec<f64> {
        of.iter().map(|matrix| matrix[rows - 1][task]).collect()
    };
    for task in 0..TASKS as usize {
        let values = last(&accuracy, task);
        evaluation.say(&format!("Accuracy on Task {}: {}", task + 1, percent(&values)));
        evaluation.scalar(&format!("eval/accuracy/task{}", task + 1), values);
        if run.tasks.own_outputs() {
            evaluation.scalar(&format!("eval/told/task{}", task + 1), last(&told, task));
        }
    }
    let each = |measure: &dyn Fn(&[Vec<f64>]) -> f64| -> Vec<f64> {
        accuracy.iter().map(|matrix| measure(matrix)).collect()
    };
    let mean = each(&average);
    let seen = each(&|matrix| matrix[rows - 1][..rows].iter().sum::<f64>() / rows as f64);
    let mut line =
        format!("Average accuracy: {}, of the tasks seen {}", percent(&mean), percent(&seen));
    evaluation.scalar("eval/average_accuracy", mean);
    evaluation.scalar("eval/average_seen", seen);
    if rows > 1 {
        let lost = each(&|matrix| forgetting(matrix).unwrap_or(f64::NAN));
        let transfer = each(&|matrix| backward_transfer(matrix).unwrap_or(f64::NAN));
        line +=
            &format!(", forgetting {}, backward transfer {}", percent(&lost), percent(&transfer));
        evaluation.scalar("eval/forgetting", lost);
        evaluation.scalar("eval/backward_transfer", transfer);
    }
    evaluation.say(&line);
    report_collapse(evaluation, &answers);
    Ok(())
}

/// Says and logs the accuracies of a checkpoint that is only evaluated.
///
/// # Errors
/// Scores that can't be read from the device.
pub fn report_checkpoint(
    run: &SelectorContinual,
    evaluation: &mut Evaluation,
    scores: &TaskScores,
) -> Result<()> {
    let accuracy = matrices(&scores.accuracy.unsqueeze(1), 1)?;
    for task in 0..TASKS as usize {
        let values: Vec<f64> = accuracy.iter().map(|matrix| matrix[0][task]).collect();
        evaluation.say(&format!("Accuracy on Task {}: {}", task + 1, percent(&values)));
        evaluation.scalar(&format!("eval/accuracy/task{}", task + 1), values);
    }
    let mean: Vec<f64> = accuracy.iter().map(|matrix| average(matrix)).collect();
    evaluation.say(&format!("Average accuracy: {}; {}", percent(&mean), run.title()));
    evaluation.scalar("eval/average_accuracy", mean);
    let answers = matrices(&scores.answers.unsqueeze(1), 1)?;
    report_collapse(evaluation, &answers.concat());
    Ok(())
}

/// Says where a network answers one class to everything: its accuracies are only shares of that
/// class.
fn report_collapse(evaluation: &mut Evaluation, answers: &[Vec<f64>]) {
    for (replicate, answers) in answers.iter().enumerate() {
        if let Some(class) = collapsed(answers) {
            evaluation.say(&format!(
                "Collapsed: network {} answers {class} to everything; its accuracies are the shares \
                 of that class in the tasks",
                replicate + 1
            ));
        }
    }
    let flag = |answers: &Vec<f64>| f64::from(u8::from(collapsed(answers).is_some()));
    evaluation.scalar("eval/collapsed", answers.iter().map(flag).collect());
    let shares = answers.iter().map(|answers| largest_share(answers)).collect();
    evaluation.scalar("eval/largest_share", shares);
}

/// A mean in percent, with its standard deviation over replicates where there are several.
fn percent(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    match values.len() {
        1 => format!("{:.2}%", 100.0 * mean),
        _ => format!("{:.2} ± {:.2}%", 100.0 * mean, 100.0 * sd),
    }
}
