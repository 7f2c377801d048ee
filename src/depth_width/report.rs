//! What a run says and logs at its end.

use anyhow::Result;

use super::descent::{Course, PointResult};
use super::state::DepthWidth;
use crate::lab::log::tensorboard::Chart;
use crate::lab::statistics::mean_and_sd;
use crate::lab::train::experiment::Evaluation;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("network/start", "loss of the last network before its first step, cross-entropy in nats"),
    ("network/end", "its loss after its last step"),
    (
        "network/log_ratio",
        "ln of the last two's ratio: below 0 its loss came down, far above it exploded",
    ),
    ("loss/*", "loss of a network after this many steps: rule, rate, initialisation, depth, width"),
    ("decrease/*", "what a network's loss has come down by at the end of its descent, in nats"),
    ("exploded/*", "1 where the loss was a tenth or more above its start after some step, else 0"),
    ("time/*", "milliseconds of each phase a network, networks and samples a second"),
    ("figures/*", "the figures of the run's end"),
];

/// The steps whose losses are shown, as far as a descent has them.
pub const SHOWN: [usize; 4] = [1, 3, 5, 10];

/// The charts of related curves. A step of the run is the whole descent of one network.
pub fn charts() -> Vec<Chart> {
    let section = "networks, one a step";
    vec![
        Chart::lines(section, "loss of a network", &["network/start", "network/end"]),
        Chart::lines(section, "ln of end over start", &["network/log_ratio"]),
    ]
}

/// Says a line for every point, and logs its losses.
///
/// # Errors
/// Where losses can't be read from the device.
pub fn report(run: &DepthWidth, evaluation: &mut Evaluation) -> Result<()> {
    let results = run.results()?;
    for PointResult { point, courses } in &results {
        let column = |at: usize| courses.iter().map(|c| c.losses[at]).collect::<Vec<f64>>();
        let tag = point.tag();
        let mut line = format!("{tag}: loss {}", number(&column(0)));
        for step in SHOWN.into_iter().filter(|step| *step < courses[0].losses.len()) {
            line += &format!(", {step}: {}", number(&column(step)));
            evaluation.scalar(&format!("loss/{tag}/step{step}"), column(step));
        }
        let exploded = courses.iter().filter(|course| course.explodes()).count();
        if exploded > 0 {
            line += &format!(", {exploded} of {} exploded", courses.len());
        }
        evaluation.say(&line);
        let each = |measure: &dyn Fn(&Course) -> f64| -> Vec<f64> {
            courses.iter().map(measure).collect()
        };
        evaluation.scalar(&format!("decrease/{tag}"), each(&|course| course.decrease()));
        let flag = |course: &Course| f64::from(u8::from(course.explodes()));
        evaluation.scalar(&format!("exploded/{tag}"), each(&flag));
    }
    Ok(())
}

/// A mean, with its standard deviation over seeds where there are several.
fn number(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    match values.len() {
        1 => format!("{mean:.4}"),
        _ => format!("{mean:.4} ± {sd:.4}"),
    }
}
