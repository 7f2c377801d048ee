//! Figures of the layers: single ones through time, the trials, and the phase diagram.

use anyhow::{Context, Result};
use tch::{Kind, Tensor};

use super::state::Toy;
use crate::apical::model::activation::Activation;
use crate::apical::one_layer::census::LAWS;
use crate::apical::one_layer::layer::ToyLayer;
use crate::apical::one_layer::phase_diagram::{
    COLUMNS, ROWS, STEPS, multiplier_of_column, rates, step_of_row,
};
use crate::lab::counts::counted;
use crate::lab::figure::{Cells, ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, Series};
use crate::lab::log::run_log::Log;
use crate::lab::tensor::to_host;

/// Curves of one layer at most.
const SHOWN: usize = 6;

/// Draws `trajectories`, `trials` and `phase_diagram_<activation>`.
///
/// # Errors
/// If the device can't be read.
pub fn draw(run: &Toy, log: &mut Log, step: u64) -> Result<()> {
    let trajectories = trajectories(run)?;
    log.draw("trajectories", step, &trajectories);
    let trials = trials(run, log);
    log.draw("trials", step, &trials);
    for activation in Activation::all() {
        let diagram = phase_diagram(activation)?;
        let name = format!("phase_diagram_{}", activation.name());
        log.draw(&name, step, &diagram);
    }
    Ok(())
}

/// The first trial whose first neuron is active, the second one is not, and, for Gaussian
/// multipliers, a > 1 for the active one, as the notebook shows them; else the first trial.
///
/// # Errors
/// If the device can't be read.
fn example(layer: &ToyLayer, law: usize) -> Result<i64> {
    let row = law as i64;
    let drive = layer.drive().get(row);
    let mut fits = drive.select(-1, 0).gt(0.0);
    if drive.size()[1] > 1 {
        fits = fits.logical_and(&drive.select(-1, 1).le(0.0));
    }
    if LAWS[law] == "gaussian" {
        fits = fits.logical_and(&layer.apical.get(row).select(-1, 0).gt(1.0));
    }
    // argmax of a 0/1 vector is the first 1.
    Ok(to_host::scalar(&fits.to_kind(Kind::Int8).argmax(0, false))? as i64)
}

/// One rectified layer for each law of the multipliers, simulated and in closed form.
fn trajectories(run: &Toy) -> Result<Panels> {
    let mut rectified = run.start.iter().filter(|layer| layer.activation == Activation::Relu);
    let relu = rectified.next().context("no rectified layer to show")?;
    let mut panels = Vec::new();
    for (law, name) in LAWS.iter().enumerate() {
        let trial = example(relu, law)?;
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
            title: format!("a {name}: a = {}", text.join(", ").replace('-', "−")),
            x_label: "time step".into(),
            y_label: "ΔW".into(),
            series,
            ..LineFigure::default()
        });
    }
    Ok(Panels {
        title: "The weight changes of one rectified layer".into(),
        subtitle: format!("one trial each, η = {}", run.config.eta),
        columns: 2,
        panels,
    })
}

/// The curve of each weight, and the closed form over it in dashes.
fn curves(run: &Toy, simulated: &[f64], expected: &[f64]) -> Vec<Series> {
    let (steps, inputs) = (run.steps as usize, run.config.inputs as usize);
    let x: Vec<f64> = (0..steps).map(|t| t as f64).collect();
    let (mut series, mut dashed) = (Vec::new(), Vec::new());
    for (i, (ours, theirs)) in
        simulated.chunks(steps).zip(expected.chunks(steps)).enumerate().take(SHOWN)
    {
        let name = format!("neuron {}, input {}", i / inputs + 1, i % inputs + 1);
        let colour = Some(i);
        series.push(Series { colour, ..Series::new(&name, x.clone(), ours.to_vec()) });
        let form = Series::new("closed form", x.clone(), theirs.to_vec());
        dashed.push(Series { colour: Some(6), dashed: true, ..form });
    }
    series.extend(dashed);
    series
}

/// Shares of the trials through time.
fn trials(run: &Toy, log: &Log) -> Panels {
    let panel = |what: &str, title: &str| LineFigure {
        title: title.into(),
        x_label: "time step".into(),
        y_label: "share of trials".into(),
        y_range: Some((0.0, 1.0)),
        series: Activation::all()
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
        subtitle: format!(
            "{} each, η = {}",
            counted(run.config.trials, "random layer"),
            run.config.eta
        ),
        columns: 2,
        panels: vec![
            panel("converged", &format!("every |ΔW| < {threshold:e}")),
            panel("grown", "some neuron's |ΔW| above its start"),
        ],
    }
}

/// Where the rule converges, over the step size and the multiplier.
fn phase_diagram(activation: Activation) -> Result<MatrixFigure> {
    Ok(MatrixFigure {
        title: format!("When the rule converges: {}", activation.name()),
        subtitle: format!(
            "one neuron, simulated for {STEPS} steps: blue decays to zero, red grows, white stays"
        ),
        row_axis: "η|x|²".into(),
        column_axis: "multiplier a".into(),
        rows: Cells::Linear((0..ROWS).map(step_of_row).collect()),
        columns: Cells::Linear((0..COLUMNS).map(multiplier_of_column).collect()),
        values: rates(activation)?,
        scale: ColourScale::new(ColourMap::Diverging, (-1.0, 1.0), "ln |ΔW| per step"),
    })
}
