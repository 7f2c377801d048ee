//! The figures.

use anyhow::Result;
use neuron_lab::lab::figure::{LineFigure, Panels, Reference, Series};
use neuron_lab::lab::statistics::mean_and_sd;

use super::run::{Run, curve};
use super::tables::BEGINNING;
use super::{ENTROPIES, EPOCH, GRADIENTS, GUIDED, LINEARS, NARROW, WIDE};

/// Parts of an epoch over which a curve takes its means.
const PARTS: u32 = 20;

fn panel(title: &str, x_label: &str, y_label: &str, series: Vec<Series>) -> LineFigure {
    LineFigure::new(title, x_label, y_label, series)
}

/// Training loss over an epoch, and over its beginning.
pub fn choices() -> Result<Panels> {
    let loss = "cross-entropy (nats a word)";
    let coloured = |name: &str, label: &str, colour: usize, to: f64, parts: u32| -> Result<_> {
        let runs = Run::seeds(name)?;
        let label = label.replace('`', "");
        Ok((!runs.is_empty())
            .then(|| Series { colour: Some(colour), ..curve(&runs, &label, to, parts) }))
    };
    let mut epoch = Vec::new();
    for (name, label, colour) in EPOCH {
        let steps = Run::read(&format!("{name}-s0"))?.map_or(0.0, |run| run.steps());
        epoch.extend(coloured(name, label, colour, steps, PARTS)?);
    }
    let mut beginning = Vec::new();
    let begun = [
        ("epoch-k1", "K = 1", 0),
        ("epoch-k2", "K = 2", 1),
        ("narrow-k5", "K = 5", 2),
        ("k50", "K = 50", 4),
        ("k75", "K = 75", 6),
    ];
    for (name, label, colour) in begun {
        beginning.extend(coloured(name, label, colour, BEGINNING, 15)?);
    }
    let mut whole = panel("One epoch", "step", loss, epoch);
    // The first part, from ln 1000 = 6.9 on, would hide the differences.
    whole.y_range = Some((3.6, 4.2));
    Ok(Panels {
        title: "Training loss by the number of computation neurons".into(),
        subtitle: "L = 2, d = 64, V = 1000: mean and standard deviation over three seeds; a curve \
                   without a band is of one"
            .into(),
        columns: 2,
        panels: vec![whole, panel("Its first 300 steps, full-ste", "step", loss, beginning)],
    })
}

/// The rows of the notebook's table.
fn rows() -> Vec<f64> {
    (1..=LINEARS.len()).map(|row| row as f64).collect()
}

/// A value of every linear layer, mean over the runs with a band of one standard deviation.
fn over_layers(label: &str, runs: &[Run], value: &dyn Fn(&Run, &str) -> f64) -> Series {
    let each = LINEARS
        .map(|layer| mean_and_sd(&runs.iter().map(|run| value(run, layer)).collect::<Vec<_>>()));
    let edge = |sign: f64| each.iter().map(|(mean, sd)| mean + sign * sd).collect();
    let series = Series::new(label, rows(), edge(0.0)).with_band(edge(-1.0), edge(1.0));
    Series { marker: true, ..series }
}

/// What noise and balance do to the selections of every linear layer.
pub fn guided() -> Result<Panels> {
    let seeds = Run::seeds(GUIDED[0].0)?.len();
    let mut panels = Vec::new();
    for (tag, title, unit) in [
        ("entropy", "Entropy of the selectors", "nats"),
        ("neuron_entropy", "Entropy of each neuron's own selections", "nats"),
        ("dominance", "Neurons that send over 90 % to one", "share"),
        ("never_used", "Pairs that no word uses", "share"),
    ] {
        let mut curves = Vec::new();
        for (name, label, colour) in GUIDED {
            let runs = Run::seeds(name)?;
            if !runs.is_empty() {
                let last = |run: &Run, layer: &str| run.at(&format!("{tag}/{layer}"), run.steps());
                let curve = over_layers(label, &runs, &last);
                curves.push(Series { colour: Some(colour), ..curve });
            }
        }
        let mut figure = panel(title, "row of the table", unit, curves);
        if unit == "nats" {
            figure.references = vec![Reference { label: "ln 5".into(), value: 5f64.ln() }];
        }
        panels.push(figure);
    }
    Ok(Panels {
        title: "Noise and balance".into(),
        subtitle: format!("L = 2, d = 64, K = 5, 2000 steps, {seeds} seeds; {ROWS}"),
        columns: 2,
        panels,
    })
}

/// What the rows of the notebook's table are.
const ROWS: &str = "rows 1 to 6: q, k, v, out_proj, linear1 and linear2 of layer 0, 7 to 12: of layer 1, 13: \
                    linear_out";

/// The notebook's table beside two widths: entropies, and gradients in units of the first linear1's.
pub fn monitoring() -> Result<Panels> {
    let notebook = |values: Vec<f64>| Series {
        marker: true,
        dashed: true,
        colour: Some(6),
        ..Series::new("the notebook's", rows(), values)
    };
    let mut entropies = vec![notebook(ENTROPIES.to_vec())];
    let mut gradients = vec![notebook(GRADIENTS.map(|norm| norm / GRADIENTS[4]).to_vec())];
    for (name, label) in [(WIDE, "d = 256"), (NARROW, "d = 64")] {
        let runs = Run::seeds(name)?;
        let entropy = |run: &Run, layer: &str| run.at(&format!("entropy/{layer}"), run.steps());
        let gradient = |run: &Run, layer: &str| run.gradient(layer) / run.gradient(LINEARS[4]);
        if !runs.is_empty() {
            entropies.push(over_layers(label, &runs, &entropy));
            gradients.push(over_layers(label, &runs, &gradient));
        }
    }
    let row = "row of the table";
    let mut gradient =
        panel("Gradient of a computation neuron", row, "over that of row 5", gradients);
    gradient.y_log = true;
    Ok(Panels {
        title: "The notebook's table at two widths".into(),
        subtitle: format!("L = 2, K = 5, 300 steps, three seeds; {ROWS}"),
        columns: 2,
        panels: vec![panel("Entropy of the selectors", row, "nats", entropies), gradient],
    })
}
