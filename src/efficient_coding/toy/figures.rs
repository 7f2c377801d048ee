//! The figures of `two_loss_toy`: level lines with the paths, the course in time, and the map of
//! starting points.

use super::state::TwoLossToy;
use crate::efficient_coding::two_loss::hill::Coordinates;
use crate::efficient_coding::two_loss::problem::{Constraint, Method};
use crate::lab::counts::counted;
use crate::lab::figure::{
    Cells, ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Series, Stroke,
};
use crate::lab::log::run_log::Log;

/// Points that a curve is drawn through, at most.
const POINTS: u64 = 2000;
/// Colour of what is not a method's: the last of the palette.
const BLACK: usize = 6;
/// Distance from the fixed point, in both coordinates, at which a start of the map has arrived.
const ARRIVED: f64 = 0.1;
/// The heights of the level lines.
const LEVELS: [f64; 5] = [0.9, 0.7, 0.5, 0.3, 0.1];

/// A method's course: iterations, and `[x1, x2]` after each of them.
struct Course {
    method: Method,
    iterations: Vec<f64>,
    points: Vec<Coordinates>,
}

/// Draws `paths`, `course` and, unless it has no starting points, `map`.
pub(super) fn draw(toy: &TwoLossToy, log: &mut Log, step: u64) {
    let courses: Vec<Course> = toy.config.methods.iter().map(|m| course(toy, *m)).collect();
    let paths = paths(toy, &courses);
    log.draw("paths", step, &paths);
    let time = in_time(toy, &courses);
    log.draw("course", step, &time);
    if toy.config.map_size > 0 {
        let map = map(toy);
        log.draw("map", step, &map);
    }
}

/// Follows a method from the start, and keeps about evenly spread iterations on a logarithmic scale.
fn course(toy: &TwoLossToy, method: Method) -> Course {
    let [x1, x2] = toy.config.start();
    let mut state = [x1, x2, 0.0];
    let mut course = Course { method, iterations: vec![0.0], points: vec![[x1, x2]] };
    let growth = (toy.steps as f64).powf(1.0 / POINTS as f64);
    let mut next = 1.0;
    for iteration in 1..=toy.steps {
        toy.problem.step(method, &mut state);
        if iteration as f64 >= next || iteration == toy.steps {
            course.iterations.push(iteration as f64);
            course.points.push([state[0], state[1]]);
            next = (next * growth).max(iteration as f64);
        }
    }
    course
}

/// The methods' colours do not depend on which of them are shown.
fn colour(method: Method) -> usize {
    match method {
        Method::TwoLosses => 1,
        Method::Multiplier => 0,
        Method::Eliminate => 2,
    }
}

fn paths(toy: &TwoLossToy, courses: &[Course]) -> LineFigure {
    let problem = &toy.problem;
    let mut series: Vec<Series> = Vec::new();
    for level in LEVELS {
        let (x, y) = problem.hill.level_line(level);
        let label = if level == LEVELS[0] { "f = 0.9, 0.7, 0.5, 0.3, 0.1" } else { "" };
        series.push(Series { colour: Some(5), ..Series::new(label, x, y) });
    }
    let across = series.iter().flat_map(|s| s.x.clone());
    let across = across.chain(courses.iter().flat_map(|c| c.points.iter().map(|p| p[0])));
    let (low, high) =
        across.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let ends = [low, high];
    let line = ends.map(|x1| problem.constraint.x2(x1, problem.target));
    let label = match problem.constraint {
        Constraint::X2 => format!("constraint x2 = {}", problem.target),
        Constraint::Sum => format!("constraint x1 + x2 = {}", problem.target),
    };
    let constraint = Series::new(&label, ends.to_vec(), line.to_vec());
    series.push(Series { dashed: true, colour: Some(BLACK), ..constraint });
    for course in courses {
        let (x, y) = course.points.iter().map(|p| (p[0], p[1])).unzip();
        let label = course.method.name();
        let dashed = course.method.follows_constraint();
        let path = Series::new(label, x, y);
        series.push(Series { colour: Some(colour(course.method)), dashed, ..path });
    }
    let mark = |label: &str, [x, y]: Coordinates, colour: usize| Series {
        stroke: Stroke::Points,
        colour: Some(colour),
        ..Series::new(label, vec![x], vec![y])
    };
    series.push(mark("two-losses stands still", problem.fixed_point(), 3));
    series.push(mark("highest on the constraint", problem.optimum(), 4));
    LineFigure {
        title: "Paths over the hill".into(),
        subtitle: format!(
            "{} from ({}, {})",
            counted(toy.steps, "iteration"),
            toy.config.start[0],
            toy.config.start[1]
        ),
        x_label: "x1".into(),
        y_label: "x2".into(),
        series,
        ..Default::default()
    }
}

fn in_time(toy: &TwoLossToy, courses: &[Course]) -> Panels {
    let problem = &toy.problem;
    let values = |value: &dyn Fn(&Coordinates) -> f64| -> Vec<Series> {
        let of = |course: &Course| Series {
            colour: Some(colour(course.method)),
            ..Series::new(
                course.method.name(),
                course.iterations[1..].to_vec(),
                course.points[1..].iter().map(value).collect(),
            )
        };
        courses.iter().map(of).collect()
    };
    let panel = |title: &str, y_label: &str, series: Vec<Series>| LineFigure {
        title: title.into(),
        x_label: "iteration".into(),
        y_label: y_label.into(),
        x_log: true,
        series,
        ..Default::default()
    };
    Panels {
        title: "The same in time".into(),
        columns: 2,
        panels: vec![
            panel("First coordinate", "x1", values(&|p| p[0])),
            panel("Height of the hill", "f", values(&|p| problem.hill.height(*p))),
        ],
        ..Default::default()
    }
}

/// Iterations from each start to within [`ARRIVED`] of the fixed point.
fn map(toy: &TwoLossToy) -> MatrixFigure {
    let (problem, size, limit) = (&toy.problem, toy.config.map_size, toy.config.map_steps);
    let fixed = problem.fixed_point();
    let [u1, u2] = problem.hill.top;
    let at = |i: u64| 4.0 * (2.0 * i as f64 / (size - 1).max(1) as f64 - 1.0);
    let steps = |start: Coordinates| {
        let [found] = problem.arrivals(start, fixed, [ARRIVED], limit);
        found.map_or(f64::NAN, |iteration| (iteration as f64).log10())
    };
    let rows = || (0..size).rev().map(|i| u2 + at(i));
    let columns = || (0..size).map(|i| u1 + at(i));
    let values: Vec<Vec<f64>> =
        rows().map(|x2| columns().map(|x1| steps([x1, x2])).collect()).collect();
    let stuck = values.iter().flatten().filter(|v| v.is_nan()).count();
    MatrixFigure {
        title: "Which starting points come to the fixed point of two-losses".into(),
        subtitle: format!(
            "Iterations until both coordinates are within {}; grey: not within {limit} ({stuck} of {})",
            ARRIVED,
            size * size
        ),
        row_axis: "x2 at the start".into(),
        column_axis: "x1 at the start".into(),
        rows: Cells::Linear(rows().collect()),
        columns: Cells::Linear(columns().collect()),
        values,
        scale: ColourScale::new(
            ColourMap::Sequential,
            (1.0, (limit.max(100) as f64).log10()),
            "log10 of the iterations",
        ),
    }
}
