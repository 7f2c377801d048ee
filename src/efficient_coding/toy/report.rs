//! What an evaluation of `two_loss_toy` says and logs.

use anyhow::Result;

use super::state::TwoLossToy;
use crate::efficient_coding::two_loss::problem::Method;
use crate::lab::log::tensorboard::Chart;
use crate::lab::train::experiment::Evaluation;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("x1/*", "first coordinate of a method's point"),
    ("x2/*", "second coordinate of a method's point"),
    ("f/*", "height of the hill at a method's point; the notebook's z is −f"),
    ("excess/*", "how far the constraint is from its target, g − target"),
    ("lambda/*", "multiplier of the constraint"),
    ("time/*", "milliseconds of each phase in a step, and steps a second"),
    ("figures/*", "the figures of the run's end"),
];

/// Distances from the fixed point whose first iterations are told.
const DISTANCES: [f64; 4] = [0.1, 1e-2, 1e-3, 1e-6];
/// Iterations within which they are looked for.
const ARRIVAL_LIMIT: u64 = 1_000_000;

/// The charts that put the methods' curves together.
pub fn charts(methods: &[Method]) -> Vec<Chart> {
    let charts = [
        ("x1", "x1, first coordinate"),
        ("x2", "x2, second coordinate"),
        ("f", "f, height of the hill"),
        ("excess", "g - target, excess of the constraint"),
    ];
    let chart = |(what, title): (&str, &str)| {
        let tags: Vec<String> =
            methods.iter().map(|method| format!("{what}/{}", method.name())).collect();
        Chart::lines("paths, an iteration a step", title, &tags)
    };
    charts.map(chart).into()
}

/// Logs and says where every method is; at the run's end also how that compares with the optimum.
///
/// # Errors
/// Where the device can't be read.
pub fn report(toy: &TwoLossToy, evaluation: &mut Evaluation) -> Result<()> {
    let (points, before) = (TwoLossToy::rows(&toy.points)?, TwoLossToy::rows(&toy.before)?);
    for (i, method) in toy.config.methods.iter().enumerate() {
        let ([x1, x2, multiplier], name) = (points[i], method.name());
        let height = toy.problem.hill.height([x1, x2]);
        evaluation.scalar(&format!("x1/{name}"), vec![x1]);
        evaluation.scalar(&format!("x2/{name}"), vec![x2]);
        evaluation.scalar(&format!("f/{name}"), vec![height]);
        let excess = toy.problem.excess([x1, x2]);
        evaluation.scalar(&format!("excess/{name}"), vec![excess]);
        match method {
            Method::TwoLosses => {
                let [x1, x2, _] = before[i];
                let z = -toy.problem.hill.height([x1, x2]);
                let iteration = evaluation.step;
                evaluation.say(&format!("{iteration}: x1 {x1:.6} x2 {x2:.6} z {z:.6}"));
            }
            Method::Multiplier => evaluation.scalar("lambda/multiplier", vec![multiplier]),
            Method::Eliminate => {}
        }
    }
    if evaluation.step == toy.steps || evaluation.number == 0 {
        conclude(toy, evaluation, &points);
    }
    Ok(())
}

/// Where the notebook's iteration stands still, how soon it is there, and where it should be.
fn conclude(toy: &TwoLossToy, evaluation: &mut Evaluation, points: &[[f64; 3]]) {
    let (problem, hill) = (&toy.problem, toy.problem.hill);
    let [x1, x2] = problem.optimum();
    let height = hill.height([x1, x2]);
    evaluation.say(&format!("highest point on the constraint: {x1:.7} {x2:.7} f {height:.7}"));
    for (method, [x1, x2, multiplier]) in toy.config.methods.iter().zip(points) {
        let height = hill.height([*x1, *x2]);
        let name = method.name();
        let mut line = format!("{name} ended at {x1:.7} {x2:.7} f {height:.7}");
        if method.has_multiplier() {
            line.push_str(&format!(" multiplier {multiplier:.5}"));
        }
        evaluation.say(&line);
    }
    let fixed = problem.fixed_point();
    let height = hill.height(fixed);
    evaluation
        .say(&format!("two-losses stands still at {:.7} {:.7} f {height:.7}", fixed[0], fixed[1]));
    let start = toy.config.start();
    let arrivals = problem.arrivals(start, fixed, DISTANCES, ARRIVAL_LIMIT);
    let told = DISTANCES.iter().zip(arrivals).map(|(distance, found)| match found {
        Some(iteration) => format!("{distance} at {iteration}"),
        None => format!("{distance} not in {ARRIVAL_LIMIT}"),
    });
    let told: Vec<String> = told.collect();
    evaluation.say(&format!("two-losses is within {} (iteration)", told.join(", ")));
}
