//! Figures of the toy layer: single layers through time, the trials, and the phase diagram.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::census::LAWS;
use super::experiment::Toy;
use super::layer::ToyLayer;
use crate::apical::activation::Activation;
use crate::lab::figure::{ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Series};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::to_host;

/// Curves of one layer at most.
const SHOWN: usize = 6;
/// Steps, rows and columns of the phase diagram, its largest η|x|², and its range of a.
const DIAGRAM: (i64, i64, i64) = (200, 40, 60);
const LARGEST_STEP: f64 = 4.0;
const RANGE: (f64, f64) = (-1.0, 2.0);
/// The rate of a neuron that is exactly silent, in size.
const RATE_LIMIT: f64 = 10.0;

/// Draws `trajectories`, `trials` and `phase_diagram_<activation>`.
///
/// # Errors
/// Where the device can't be read.
pub fn draw(run: &Toy, log: &mut Log, step: u64) -> Result<()> {
    let trajectories = trajectories(run)?;
    log.figure("trajectories", step, &trajectories.render()?, &trajectories.to_csv());
    let trials = trials(run, log);
    log.figure("trials", step, &trials.render()?, &trials.to_csv());
    for activation in Activation::ALL {
        let diagram = phase_diagram(activation)?;
        let name = format!("phase_diagram_{}", activation.name());
        log.figure(&name, step, &diagram.render()?, &diagram.to_csv());
    }
    Ok(())
}

/// The first trial whose first neuron is active, the second one is not, and, for Gaussian
/// multipliers, a > 1 for the active one: as the notebook shows them. Else the first trial.
fn example(layer: &ToyLayer, law: i64) -> i64 {
    let drive = layer.drive().get(law);
    let mut fits = drive.select(-1, 0).gt(0.0);
    if drive.size()[1] > 1 {
        fits = fits.logical_and(&drive.select(-1, 1).le(0.0));
    }
    if law == 1 {
        fits = fits.logical_and(&layer.apical.get(law).select(-1, 0).gt(1.0));
    }
    // argmax of a 0/1 vector is the first 1.
    to_host::scalar(&fits.to_kind(Kind::Int8).argmax(0, false)).map_or(0, |trial| trial as i64)
}

/// One rectified layer for each law of the multipliers, simulated and in closed form.
fn trajectories(run: &Toy) -> Result<Panels> {
    let relu = &run.start[0];
    let mut panels = Vec::new();
    for (law, name) in LAWS.iter().enumerate() {
        let trial = example(relu, law as i64);
        let pick = |tensor: &Tensor| tensor.get(law as i64).get(trial).copy();
        let layer = || ToyLayer {
            activation: relu.activation,
            weight: pick(&relu.weight),
            input: pick(&relu.input),
            apical: pick(&relu.apical),
        };
        let (mut live, start) = (layer(), layer());
        let (mut simulated, mut expected) = (Vec::new(), Vec::new());
        for t in 0..run.steps as i64 {
            simulated.push(live.step(run.config.eta).reshape([-1]));
            expected.extend(start.closed_form(run.config.eta, t).map(|c| c.reshape([-1])));
        }
        let columns = |rows: &[Tensor]| to_host::values(&Tensor::stack(rows, 1));
        let (simulated, expected) = (columns(&simulated)?, columns(&expected)?);
        let series = curves(run, &simulated, &expected);
        let apical = to_host::values(&start.apical)?;
        let text: Vec<String> = apical.iter().take(3).map(|a| format!("{a:.2}")).collect();
        panels.push(LineFigure {
            title: format!("a {name}: a = {}", text.join(", ")),
            x_label: "time step".into(),
            y_label: "ΔW".into(),
            series,
            ..LineFigure::default()
        });
    }
    Ok(Panels {
        title: "The weight changes of one rectified layer".into(),
        subtitle: format!("one trial each, η = {}; dashed: closed form", run.config.eta),
        columns: 2,
        panels,
    })
}

fn curves(run: &Toy, simulated: &[f64], expected: &[f64]) -> Vec<Series> {
    let (steps, inputs) = (run.steps as usize, run.config.inputs as usize);
    let x: Vec<f64> = (0..steps).map(|t| t as f64).collect();
    let mut series = Vec::new();
    for (i, (ours, theirs)) in
        simulated.chunks(steps).zip(expected.chunks(steps)).enumerate().take(SHOWN)
    {
        let name = format!("neuron {}, input {}", i / inputs + 1, i % inputs + 1);
        let colour = Some(i);
        series.push(Series { colour, ..Series::new(&name, x.clone(), ours.to_vec()) });
        let dashed = Series::new("", x.clone(), theirs.to_vec());
        series.push(Series { colour: Some(6), dashed: true, ..dashed });
    }
    series
}

/// Shares of the trials through time.
fn trials(run: &Toy, log: &Log) -> Panels {
    let panel = |what: &str, title: &str| LineFigure {
        title: title.into(),
        x_label: "time step".into(),
        y_label: "share of trials".into(),
        y_range: Some((0.0, 1.0)),
        series: Activation::ALL
            .iter()
            .enumerate()
            .flat_map(|(i, activation)| LAWS.map(|law| (i, activation.name(), law)))
            .map(|(i, name, law)| {
                let history = log.history(&format!("{what}/{name}/{law}"));
                let (x, y) = history.iter().map(|(t, v)| (*t as f64, *v)).unzip();
                let curve = Series::new(&format!("{name}, a {law}"), x, y);
                Series { colour: Some(i), dashed: law == LAWS[1], ..curve }
            })
            .collect(),
        ..LineFigure::default()
    };
    let threshold = run.config.threshold;
    Panels {
        title: "Where the changes go".into(),
        subtitle: format!("{} random layers each, η = {}", run.config.trials, run.config.eta),
        columns: 2,
        panels: vec![
            panel("converged", &format!("every |ΔW| < {threshold:e}")),
            panel("grown", "some neuron's |ΔW| above its start"),
        ],
    }
}

/// The logarithmic rate of |ΔW| over the last half of the steps, simulated for one neuron that
/// starts at h = 1: rows are η|x|² from [`LARGEST_STEP`] down, columns a over [`RANGE`].
///
/// # Errors
/// Where the device can't be read.
pub fn phase_rates(activation: Activation) -> Result<Vec<Vec<f64>>> {
    let (steps, rows, columns) = DIAGRAM;
    let options = (Kind::Double, Device::Cpu);
    let size = LARGEST_STEP / rows as f64;
    let power = (Tensor::arange(rows, options) * -size + LARGEST_STEP).view([rows, 1]);
    let middle = (RANGE.1 - RANGE.0) / columns as f64;
    let a = Tensor::arange(columns, options) * middle + (RANGE.0 + middle / 2.0);
    let mut layer = ToyLayer {
        activation,
        weight: Tensor::ones([rows, columns, 1, 1], options) / power.sqrt().view([rows, 1, 1, 1]),
        input: power.sqrt().view([rows, 1, 1]).repeat([1, columns, 1]),
        apical: a.view([1, columns, 1]).repeat([rows, 1, 1]),
    };
    let mut half = Tensor::new();
    for t in 0..steps {
        let change = layer.step(1.0).abs().view([rows, columns]);
        if t == steps / 2 {
            half = change.copy();
        }
        if t == steps - 1 {
            let rate = (change / &half).log() / (steps - 1 - steps / 2) as f64;
            // 0 / 0: both have reached zero.
            let rate = rate.nan_to_num(-RATE_LIMIT, RATE_LIMIT, -RATE_LIMIT);
            return Ok(to_host::values(&rate)?
                .chunks(columns as usize)
                .map(<[f64]>::to_vec)
                .collect());
        }
    }
    Ok(Vec::new())
}

fn phase_diagram(activation: Activation) -> Result<MatrixFigure> {
    let (steps, rows, columns) = DIAGRAM;
    let label = |low: f64, high: f64, i: i64, n: i64| low + (high - low) * i as f64 / n as f64;
    let middle = 0.5 / columns as f64 * (RANGE.1 - RANGE.0);
    Ok(MatrixFigure {
        title: format!("When the rule converges: {}", activation.name()),
        subtitle: format!(
            "one neuron, simulated for {steps} steps: blue decays to zero, red grows, white stays"
        ),
        row_axis: "η|x|²".into(),
        column_axis: "multiplier a".into(),
        row_labels: (0..rows)
            .map(|i| format!("{:.1}", label(LARGEST_STEP, 0.0, i, rows)))
            .collect(),
        column_labels: (0..columns)
            .map(|i| format!("{:.2}", label(RANGE.0, RANGE.1, i, columns) + middle))
            .collect(),
        values: phase_rates(activation)?,
        scale: ColourScale {
            map: ColourMap::Diverging,
            range: (-1.0, 1.0),
            label: "ln |ΔW| per step".into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_has_the_bounds_of_the_theory() {
        let (_, rows, columns) = DIAGRAM;
        for activation in Activation::ALL {
            let rates = phase_rates(activation).unwrap();
            for (i, row) in rates.iter().enumerate() {
                for (j, rate) in row.iter().enumerate() {
                    let power = LARGEST_STEP * (1.0 - i as f64 / rows as f64);
                    let a = RANGE.0 + (RANGE.1 - RANGE.0) * (j as f64 + 0.5) / columns as f64;
                    let q = 1.0 + power * (a - 1.0);
                    let at = format!("{activation:?}, a {a}, step {power}: {rate}");
                    match activation {
                        Activation::Linear if q.abs() > 0.05 => {
                            assert!((rate - q.abs().ln()).abs() < 1e-9, "{at}");
                        }
                        Activation::Relu if q > 0.05 => {
                            assert!((rate - q.ln()).abs() < 1e-9, "{at}");
                        }
                        Activation::Relu => assert!(*rate < -1.0, "{at}"),
                        // tanh: to zero within the bound, to a constant or a cycle beyond.
                        Activation::Tanh if q.abs() < 0.98 => assert!(*rate < 0.0, "{at}"),
                        Activation::Tanh if q.abs() > 1.1 => assert!(rate.abs() < 0.02, "{at}"),
                        _ => {}
                    }
                }
            }
        }
    }
}
