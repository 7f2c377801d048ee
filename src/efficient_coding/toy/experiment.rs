//! The experiment `two_loss_toy`: a few points on the plane, followed by each method.

use anyhow::Result;
use serde_json::{Value, json};
use tch::{Device, Tensor};

use super::config::ToyConfig;
use super::problem::{Method, Problem};
use crate::lab::error::refuse;
use crate::lab::log::run_log::Log;
use crate::lab::log::tensorboard::Chart;
use crate::lab::store::checkpoint::{Score, State};
use crate::lab::tensor::to_host;
use crate::lab::train::experiment::{Evaluation, Experiment, Plan, Step};
use crate::lab::train::phase::Phase;
use crate::lab::{Preset, Settings};

/// Distances from the fixed point whose first iterations are told.
pub(super) const DISTANCES: [f64; 4] = [0.1, 1e-2, 1e-3, 1e-6];
/// Iterations within which they are looked for.
const ARRIVAL_LIMIT: u64 = 1_000_000;

/// One path a method. The few numbers of a step are computed by the host, whatever the device.
pub struct TwoLossToy {
    pub(super) config: ToyConfig,
    pub(super) problem: Problem,
    pub(super) steps: u64,
    /// x1, x2, λ of each method after the last step: [method, 3] f64.
    points: Tensor,
    /// The same before the last step, as the notebook prints them.
    before: Tensor,
}

impl TwoLossToy {
    fn rows(tensor: &Tensor) -> Result<Vec<[f64; 3]>> {
        let values = to_host::values(tensor)?;
        Ok(values.chunks_exact(3).map(|row| [row[0], row[1], row[2]]).collect())
    }

    /// Where the notebook's iteration stands still, how soon it is there, and where it should be.
    fn conclude(&self, evaluation: &mut Evaluation, points: &[[f64; 3]]) {
        let (problem, hill) = (&self.problem, self.problem.hill);
        let [x1, x2] = problem.optimum();
        let height = hill.height([x1, x2]);
        evaluation.say(&format!("highest point on the constraint: {x1:.7} {x2:.7} f {height:.7}"));
        for (method, [x1, x2, multiplier]) in self.config.methods.iter().zip(points) {
            let height = hill.height([*x1, *x2]);
            let name = method.name();
            let mut line = format!("{name} ended at {x1:.7} {x2:.7} f {height:.7}");
            if *method == Method::Multiplier {
                line.push_str(&format!(" multiplier {multiplier:.5}"));
            }
            evaluation.say(&line);
        }
        let fixed = problem.fixed_point();
        let height = hill.height(fixed);
        evaluation.say(&format!(
            "two-losses stands still at {:.7} {:.7} f {height:.7}",
            fixed[0], fixed[1]
        ));
        let start = self.config.start();
        let arrivals = problem.arrivals(start, fixed, DISTANCES, ARRIVAL_LIMIT);
        let told = DISTANCES.iter().zip(arrivals).map(|(distance, found)| match found {
            Some(iteration) => format!("{distance} at {iteration}"),
            None => format!("{distance} not in {ARRIVAL_LIMIT}"),
        });
        let told: Vec<String> = told.collect();
        evaluation.say(&format!("two-losses is within {} (iteration)", told.join(", ")));
    }
}

impl Experiment for TwoLossToy {
    const NAME: &'static str = "two_loss_toy";
    const ABOUT: &'static str = "Climbs a hill with one optimizer while another holds a constraint";
    const DEFAULTS: &'static str = r#"{"steps": 1000}"#;
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "notebook",
            reason: "the notebook's toy (the defaults): 1000 iterations, which are too few",
            values: "{}",
        },
        Preset {
            name: "long",
            reason: "the same until it stands still",
            values: r#"{"steps": 5000, "print_every": 500}"#,
        },
        Preset {
            name: "second",
            reason: "the authors' later toy: another start and target, and larger steps",
            values: r#"{"start": [1.5, 0.0], "top": [0.0, 0.0], "target": 1.0, "lr": 0.1,
                "steps": 10000, "print_every": 1000}"#,
        },
        Preset {
            name: "coupled",
            reason: "a constraint that involves both coordinates: two losses end far from the \
                     optimum, a multiplier does not",
            values: r#"{"constraint": "sum", "start": [1.2, 1.0], "steps": 400000,
                "print_every": 50000, "log_every": 1000}"#,
        },
    ];
    const METRICS: &'static [&'static str] =
        &["f/two-losses", "f/multiplier", "f/eliminate", "excess/two-losses"];
    const TAGS: &'static [(&'static str, &'static str)] = &[
        ("x1/*", "first coordinate of a method's point"),
        ("x2/*", "second coordinate of a method's point"),
        ("f/*", "height of the hill at a method's point; the notebook's z is −f"),
        ("excess/*", "how far the constraint is from its target, g − target"),
        ("lambda/*", "multiplier of the constraint"),
        ("time/*", "milliseconds of each phase in a step, and steps a second"),
        ("figures/*", "the figures of the run's end"),
    ];
    type Config = ToyConfig;

    fn resolve(settings: &mut Settings<ToyConfig>) -> Result<()> {
        if settings.run.steps.is_none_or(|steps| steps == 0) {
            return Err(refuse("--steps 0: expected 1 or more"));
        }
        if settings.run.replicates != 1 {
            let asked = settings.run.replicates;
            return Err(refuse(format!("--replicates {asked}: nothing here is random")));
        }
        settings.experiment.validate()
    }

    fn build(settings: &Settings<ToyConfig>, _device: Device) -> Result<Self> {
        let config = settings.experiment.clone();
        let [x1, x2] = config.start();
        let rows: Vec<[f64; 3]> = config.methods.iter().map(|_| [x1, x2, 0.0]).collect();
        let points = Tensor::from_slice2(&rows);
        let steps = settings.run.steps.unwrap_or(1000);
        Ok(Self { problem: config.problem(), before: points.copy(), config, steps, points })
    }

    fn plan(&self) -> Plan {
        Plan { steps: self.steps, evaluate_every: self.config.print_every }
    }

    fn block(&self, _step: u64) -> u64 {
        10_000
    }

    fn step(&mut self, step: &mut Step) -> Result<()> {
        let mut points = Self::rows(&self.points)?;
        let mut before = points.clone();
        let (count, problem, methods) = (step.count, self.problem, &self.config.methods);
        step.time(Phase::Optimizer, || {
            for ((point, before), method) in points.iter_mut().zip(&mut before).zip(methods) {
                for _ in 0..count {
                    *before = *point;
                    problem.step(*method, point);
                }
            }
        });
        let points = Tensor::from_slice2(&points);
        // A learning rate that is too large makes a point run away.
        step.finite(&points.isfinite().all())?;
        self.points.copy_(&points);
        self.before.copy_(&Tensor::from_slice2(&before));
        Ok(())
    }

    fn evaluate(&mut self, evaluation: &mut Evaluation) -> Result<Option<Score>> {
        let (points, before) = (Self::rows(&self.points)?, Self::rows(&self.before)?);
        for (i, method) in self.config.methods.iter().enumerate() {
            let ([x1, x2, multiplier], name) = (points[i], method.name());
            let height = self.problem.hill.height([x1, x2]);
            evaluation.scalar(&format!("x1/{name}"), vec![x1]);
            evaluation.scalar(&format!("x2/{name}"), vec![x2]);
            evaluation.scalar(&format!("f/{name}"), vec![height]);
            let excess = self.problem.excess([x1, x2]);
            evaluation.scalar(&format!("excess/{name}"), vec![excess]);
            match method {
                Method::TwoLosses => {
                    let [x1, x2, _] = before[i];
                    let z = -self.problem.hill.height([x1, x2]);
                    let iteration = evaluation.step;
                    evaluation.say(&format!("{iteration}: x1 {x1:.6} x2 {x2:.6} z {z:.6}"));
                }
                Method::Multiplier => evaluation.scalar("lambda/multiplier", vec![multiplier]),
                Method::Eliminate => {}
            }
        }
        if evaluation.step == self.steps || evaluation.number == 0 {
            self.conclude(evaluation, &points);
        }
        Ok(None)
    }

    fn state(&self) -> State {
        vec![
            ("points".into(), self.points.shallow_clone()),
            ("before".into(), self.before.shallow_clone()),
        ]
    }

    fn source(&self) -> Value {
        json!("none: two coordinates and a formula")
    }

    fn charts(&self) -> Vec<Chart> {
        let charts = [("x1", "x1"), ("x2", "x2"), ("f", "f"), ("excess", "g - target")];
        charts.map(|(tag, title)| Chart::pattern("toy", title, &format!("^{tag}/.*$"))).into()
    }

    fn figures(&mut self, log: &mut Log, step: u64) -> Result<()> {
        super::figures::draw(self, log, step)
    }
}
