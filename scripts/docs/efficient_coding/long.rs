//! The long runs on photographs: 100 neurons, 18x18 pixels, the original's learning rates.

use std::collections::HashMap;

use anyhow::{Context, Result};
use neuron_lab::efficient_coding::retina::legacy;
use neuron_lab::lab::figure::{
    ColourScale, LineFigure, Panels, Reference, Series, Stroke, Tile, TilesFigure,
};
use neuron_lab::lab::statistics::{mean_and_sd, quantile};
use neuron_lab::lab::tensor::to_host;
use serde_json::{Map, Value};
use tch::{Kind, Tensor};

use super::run::Run;

/// Runs by the name in their folders, with what the page calls them.
const METHODS: [(&str, &str); 7] = [
    ("lagrange", "lagrange"),
    ("exact", "exact, gains smoothed"),
    ("two-losses-1", "two-losses, rates x 1"),
    ("two-losses-10", "two-losses, rates x 10"),
    ("two-losses-100", "two-losses, rates x 100"),
    ("gamma-v1", "gamma-v1"),
    ("gamma-v2", "gamma-v2"),
];
/// Those whose rates have a learning rate of their own, and the reference.
const RATES: [usize; 4] = [0, 2, 3, 4];
/// Those whose gradients and covariances are shown.
const SHOWN: [usize; 2] = [0, 2];
/// Runs that go on from the end of `exact` with another constraint.
const LEAVING: [(&str, &str); 4] = [
    ("exact", "exact, gains smoothed"),
    ("two-losses", "two-losses, rates x 1"),
    ("gamma-v1", "gamma-v1"),
    ("gamma-v2", "gamma-v2"),
];
/// The run that goes on from the end of `lagrange`, with jitter and centring.
const ON: (&str, &str) = ("long-on-lagrange", "lagrange, going on");
const SIDE: usize = 18;
const NEURONS: usize = 100;
/// Neurons whose gradients are shown.
const TILES: usize = 40;
/// Points of a curve of logged values.
const PARTS: usize = 150;
const BINS: usize = 40;

/// A figure of lines or of tiles, by what follows `efficient_coding_` in the name of its file.
pub enum Made {
    /// Curves.
    Panels(&'static str, Panels),
    /// Pictures.
    Tiles(String, TilesFigure),
}

fn runs() -> Result<Vec<(usize, Run)>> {
    let mut found = Vec::new();
    for (place, (name, label)) in METHODS.iter().enumerate() {
        found.extend(Run::docs(&format!("long-{name}"), label)?.map(|run| (place, run)));
    }
    Ok(found)
}

/// The run of `lagrange` and the one that goes on from its end, where both are there.
fn on() -> Result<Option<(Run, Run)>> {
    let (name, label) = METHODS[0];
    let first = Run::docs(&format!("long-{name}"), label)?;
    Ok(first.zip(Run::docs(ON.0, ON.1)?))
}

/// Tensors that a run's last evaluation with pictures left.
fn kept(run: &Run, name: &str) -> Result<HashMap<String, Tensor>> {
    let path = run.folder.join("figures").join(format!("{name}.safetensors"));
    let found = Tensor::read_safetensors(&path).with_context(|| path.display().to_string())?;
    Ok(found.into_iter().collect())
}

fn number(values: &Map<String, Value>, tag: &str) -> Option<f64> {
    values.get(tag).and_then(Value::as_f64)
}

/// By how much the adjustment of the rates in a step changed the KL of its batch.
fn adjustment(values: &Map<String, Value>) -> Option<f64> {
    Some(number(values, "terms/KL_after_rate_step")? - number(values, "terms/KL_before_rate_step")?)
}

/// Prints where every run gets to.
pub fn print() -> Result<()> {
    let runs = runs()?;
    if runs.is_empty() {
        return Ok(());
    }
    println!(
        "\n| constraint | steps | KL at a ninth | at a third | at the end | own KL | rms h | sd of rates \
         over neurons | of mean rates over patches | DC | KKT residual | ON, % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let on = on()?.map(|(_, second)| second);
    for run in runs.iter().map(|(_, run)| run).chain(&on) {
        let last = |tag: &str| run.at(tag, 1.0).0;
        let rates = kept(run, "neurons")?;
        let sd = |name: &str| -> Result<f64> {
            Ok(mean_and_sd(&to_host::values(rates.get(name).context("rates")?)?).1)
        };
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.3} | {:.3} | {:.3} | {:.2} | {:.2} | {:.0} |",
            run.label,
            run.steps(),
            run.at("eval/KL", 1.0 / 9.0).0,
            run.at("eval/KL", 1.0 / 3.0).0,
            last("eval/KL"),
            last("eval/own_KL"),
            last("eval/rate_rms"),
            sd("r")?,
            sd("r_stimulus")?,
            last("eval/dc"),
            last("eval/kkt_residual"),
            100.0 * last("eval/on")
        );
    }
    println!(
        "\n| constraint | change of KL by an adjustment of the rates, bits: mean ± standard error |"
    );
    println!("|---|---|");
    for (_, run) in &runs {
        let changes = run.values(adjustment);
        if !changes.is_empty() {
            let (mean, sd) = mean_and_sd(&changes);
            let error = sd / (changes.len() as f64).sqrt();
            println!("| {} | {mean:.6} ± {error:.6} |", run.label);
        }
    }
    println!(
        "\n| constraint | norm of what a filter descends, median (quartiles) over neurons |\n|---|---|"
    );
    for (_, run) in runs.iter().filter(|(place, _)| SHOWN.contains(place)) {
        let gradients = kept(run, "gradients")?;
        let columns = gradients.get("W_grad").context("W_grad")?;
        let norms = to_host::values(&columns.norm_scalaropt_dim(2.0, 0, false))?;
        let at = |share: f64| quantile(&norms, share);
        println!("| {} | {:.4} ({:.4} to {:.4}) |", run.label, at(0.5), at(0.25), at(0.75));
    }
    println!(
        "\n| constraint | matrix | diagonal | rms off it, 1 batch | all batches | standard error |"
    );
    println!("|---|---|---|---|---|---|");
    let shown = runs.iter().filter(|(place, _)| SHOWN.contains(place)).map(|(_, run)| run);
    for run in shown.chain(&on) {
        let matrices = kept(run, "covariances")?;
        for tag in ["MI_numerator", "MI_denominator", "WCxW"] {
            let whole = matrices.get(tag).context("a covariance")?;
            let diagonal = to_host::scalar(&whole.diagonal(0, 0, 1).mean(Kind::Double))?;
            let of = |part: &str| -> Result<String> {
                let Some(matrix) = matrices.get(&format!("{tag}.{part}")) else {
                    return Ok("-".into());
                };
                Ok(format!("{:.4}", off_diagonal(matrix)?))
            };
            let (first, error) = (of("first_batch")?, of("standard_error")?);
            let all = off_diagonal(whole)?;
            println!("| {} | {tag} | {diagonal:.3} | {first} | {all:.4} | {error} |", run.label);
        }
    }
    Ok(())
}

/// The rms of the entries off the diagonal.
fn off_diagonal(matrix: &Tensor) -> Result<f64> {
    let size = matrix.size()[0] as f64;
    let off = matrix - matrix.diagonal(0, 0, 1).diag(0);
    Ok((to_host::scalar(&off.square().sum(Kind::Double))? / (size * (size - 1.0))).sqrt())
}

/// Every figure whose runs are there.
pub fn figures() -> Result<Vec<Made>> {
    let runs = runs()?;
    let mut made = Vec::new();
    if !runs.is_empty() {
        made.push(Made::Panels("long", learning(&runs)));
        made.push(Made::Panels("rate_steps", rate_steps(&runs)));
    }
    let rates: Vec<&Run> = RATES.iter().filter_map(|place| of_place(&runs, *place)).collect();
    if rates.len() == RATES.len() {
        made.push(Made::Panels("rate_lr", rate_lr(&rates)?));
    }
    let shown: Vec<&Run> = SHOWN.iter().filter_map(|place| of_place(&runs, *place)).collect();
    if shown.len() == SHOWN.len() {
        made.push(Made::Tiles("gradients_raw".into(), gradients(&shown, false)?));
        made.push(Made::Tiles("gradients".into(), gradients(&shown, true)?));
        for tag in ["MI_numerator", "MI_denominator", "WCxW"] {
            made.push(Made::Tiles(tag.to_string(), covariances(&shown, tag, false)?));
        }
        let bytes = covariances(&shown, "MI_numerator", true)?;
        made.push(Made::Tiles("MI_numerator_bytes".into(), bytes));
    }
    if let Some((first, second)) = on()? {
        made.push(Made::Panels("million", million(&first, &second)));
    }
    if let Some(figure) = leaving()? {
        made.push(Made::Panels("leaving", figure));
    }
    Ok(made)
}

fn of_place(runs: &[(usize, Run)], wanted: usize) -> Option<&Run> {
    runs.iter().find(|(place, _)| *place == wanted).map(|(_, run)| run)
}

fn title(what: &str) -> (String, String) {
    (what.into(), format!("photographs, {SIDE}x{SIDE} pixels, {NEURONS} neurons, seed 0"))
}

fn learning(runs: &[(usize, Run)]) -> Panels {
    let panel = |title: &str, y_label: &str, tag: &str| {
        let series = runs.iter().map(|(place, run)| Series {
            colour: Some(*place),
            ..run.curve(tag, |step, _| step as f64)
        });
        LineFigure::new(title, "step", y_label, series.collect())
    };
    let (title, subtitle) = title("Long runs on photographs");
    Panels {
        title,
        subtitle,
        columns: 2,
        panels: vec![
            panel("KL at the target rates", "bits, held-out patches", "eval/KL"),
            LineFigure {
                y_log: true,
                ..panel("Distance of the rates from the target", "rms h", "eval/rate_rms")
            },
            panel("Share of KL's gradient without a price", "KKT residual", "eval/kkt_residual"),
            panel("How much filters are blobs", "DC", "eval/dc"),
        ],
    }
}

/// What a run logged, and then what the one that goes on from its end did.
fn joined(first: &Run, second: &Run, tag: &str) -> Series {
    let past = first.steps();
    let rest = second.curve(tag, |step, _| (past + step) as f64);
    let whole = first.curve(tag, |step, _| step as f64);
    Series {
        x: whole.x.into_iter().chain(rest.x).collect(),
        y: whole.y.into_iter().chain(rest.y).collect(),
        ..Series::new(first.label, Vec::new(), Vec::new())
    }
}

fn million(first: &Run, second: &Run) -> Panels {
    let panel = |title: &str, y_label: &str, tag: &str| {
        LineFigure::new(title, "step", y_label, vec![joined(first, second, tag)])
    };
    let (title, subtitle) =
        title("lagrange, jittered and centred between steps 300 000 and 500 000");
    Panels {
        title,
        subtitle,
        columns: 2,
        panels: vec![
            panel("KL at the target rates", "bits, held-out patches", "eval/KL"),
            panel("Size of the filters", "spatial variance, pixels^2", "train/kernel_variance"),
            panel("Distance of the rates from the target", "rms h", "eval/rate_rms"),
            panel("How much filters are blobs", "DC", "eval/dc"),
        ],
    }
}

/// KL of a batch before the rates are adjusted and what the adjustment changes.
fn rate_steps(runs: &[(usize, Run)]) -> Panels {
    let having = || runs.iter().filter(|(_, run)| !run.values(adjustment).is_empty());
    let curves = |value: &dyn Fn(&Map<String, Value>) -> Option<f64>| -> Vec<Series> {
        let of_run = |(place, run): &(usize, Run)| Series {
            colour: Some(*place),
            ..run.means(PARTS, value)
        };
        having().map(of_run).collect()
    };
    let before = |values: &Map<String, Value>| number(values, "terms/KL_before_rate_step");
    let (title, subtitle) = title("What adjusting the rates costs");
    Panels {
        title,
        subtitle,
        columns: 2,
        panels: vec![
            LineFigure::new("KL before the adjustment", "step", "bits, batch", curves(&before)),
            LineFigure {
                references: vec![Reference { label: String::new(), value: 0.0 }],
                ..LineFigure::new(
                    "Change of KL by the adjustment",
                    "step",
                    "bits, batch",
                    curves(&adjustment),
                )
            },
        ],
    }
}

/// KL, MI and the spread of the rates by the rates' own learning rate.
fn rate_lr(runs: &[&Run]) -> Result<Panels> {
    let curves = |tag: &'static str| -> Vec<Series> {
        runs.iter().map(|run| run.means(PARTS, |values| number(values, tag))).collect()
    };
    let histograms = |name: &str| -> Result<Vec<Series>> {
        let values = runs.iter().map(|run| {
            let rates = kept(run, "neurons")?;
            to_host::values(rates.get(name).context("rates")?)
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        let all = values.iter().flatten().copied();
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let width = (high - low) / BINS as f64;
        let of_run = |(run, values): (&&Run, &Vec<f64>)| {
            let mut counts = vec![0.0; BINS];
            for value in values {
                counts[(((value - low) / width) as usize).min(BINS - 1)] +=
                    1.0 / values.len() as f64;
            }
            let middles = (0..BINS).map(|bin| low + (bin as f64 + 0.5) * width).collect();
            Series { stroke: Stroke::Steps, ..Series::new(run.label, middles, counts) }
        };
        Ok(runs.iter().zip(&values).map(of_run).collect())
    };
    let (title, subtitle) = title("Learning rates of the rates");
    Ok(Panels {
        title,
        subtitle,
        columns: 2,
        panels: vec![
            LineFigure::new("terms/KL", "step", "bits, mean over batches", curves("terms/KL")),
            LineFigure::new("terms/MI", "step", "bits, mean over batches", curves("terms/MI")),
            LineFigure::new("Rates of the neurons", "mean rate", "share", histograms("r")?),
            LineFigure::new(
                "Rates of the patches",
                "mean rate",
                "share",
                histograms("r_stimulus")?,
            ),
        ],
    })
}

/// The constraint's own name, where there is no room for more.
fn short(run: &Run) -> &str {
    run.label.split(',').next().unwrap_or(run.label)
}

/// The gradients that the first filters of each run descend.
fn gradients(runs: &[&Run], normalised: bool) -> Result<TilesFigure> {
    let (mut tiles, mut all) = (Vec::new(), Vec::new());
    for run in runs {
        let gradients = kept(run, "gradients")?;
        let columns = gradients.get("W_grad").context("W_grad")?;
        let columns = match normalised {
            true => columns / columns.norm_scalaropt_dim(2.0, 0, true),
            false => columns.shallow_clone(),
        };
        let values = to_host::values(&columns.tr())?;
        for (neuron, values) in values.chunks(SIDE * SIDE).take(TILES).enumerate() {
            // Over the third picture there is room for a name on both sides.
            let label = if neuron == 2 { short(run).to_string() } else { String::new() };
            all.extend_from_slice(values);
            tiles.push(Tile { label, values: values.to_vec() });
        }
    }
    let (kind, label) = match normalised {
        true => ("each of norm 1", "share"),
        false => ("as they are", "bits a unit of weight"),
    };
    let (title, subtitle) = title(&format!("What filters descend, {kind}"));
    let scale = ColourScale::symmetric_typical(&all, label);
    Ok(TilesFigure { title, subtitle, size: (SIDE, SIDE), columns: TILES / 2, tiles, scale })
}

/// A covariance of each run, from one batch and from all; as the original's image writer had made bytes
/// of it, or as it is.
fn covariances(runs: &[&Run], tag: &str, bytes: bool) -> Result<TilesFigure> {
    let (mut tiles, mut off) = (Vec::new(), Vec::new());
    for run in runs {
        let matrices = kept(run, "covariances")?;
        let batches = to_host::scalar(matrices.get("batches").context("batches")?)?;
        for (name, what) in [
            (format!("{tag}.first_batch"), "1 batch".into()),
            (tag.to_string(), format!("{batches} batches")),
        ] {
            let Some(matrix) = matrices.get(&name) else { continue };
            let values = to_host::values(matrix)?;
            let values: Vec<f64> = match bytes {
                true => values.iter().map(|value| f64::from(legacy::byte(*value))).collect(),
                false => values,
            };
            let others = values.iter().enumerate().filter(|(i, _)| i % (NEURONS + 1) != 0);
            off.extend(others.map(|(_, value)| *value));
            tiles.push(Tile { label: format!("{}, {what}", short(run)), values });
        }
    }
    let (title, subtitle) = title(&match bytes {
        true => format!("{tag} as bytes that wrap around"),
        false => format!("{tag}, colours for what is off the diagonal"),
    });
    let label = if bytes { "byte" } else { "covariance" };
    let scale = ColourScale::symmetric(&off, label);
    Ok(TilesFigure { title, subtitle, size: (NEURONS, NEURONS), columns: 2, tiles, scale })
}

/// KL and rates of runs that begin at the end of another.
fn leaving() -> Result<Option<Panels>> {
    let mut runs = Vec::new();
    for (name, label) in LEAVING {
        runs.extend(Run::docs(&format!("leaving-{name}"), label)?);
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let panel = |title: &str, y_label: &str, tag: &str| {
        let series = runs.iter().map(|run| run.curve(tag, |step, _| step as f64)).collect();
        LineFigure::new(title, "steps since", y_label, series)
    };
    let (title, subtitle) = title("Leaving the end of exact under other constraints");
    Ok(Some(Panels {
        title,
        subtitle,
        columns: 3,
        panels: vec![
            panel("KL at the target rates", "bits, held-out patches", "eval/KL"),
            panel("Distance of the rates from the target", "rms h", "eval/rate_rms"),
            panel("Share of KL's gradient without a price", "KKT residual", "eval/kkt_residual"),
        ],
    }))
}
