//! `--analyse CHECKPOINT`: the receptive fields of a model, without training.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tch::Tensor;

use super::analysis::{Analysis, analyse};
use super::figures;
use crate::efficient_coding::config::EfficientCodingConfig;
use crate::efficient_coding::parameters::FREE;
use crate::efficient_coding::{EfficientCoding, shapes};
use crate::lab::Experiment;
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::{self, Checkpoint};
use crate::lab::store::durable;
use crate::lab::tensor::to_host;

/// Analyses the receptive fields of a checkpoint.
#[derive(Debug, Parser)]
#[command(name = "efficient_coding", version)]
struct Flags {
    /// A checkpoint's manifest or tensors, or a folder: its best
    #[arg(long, value_name = "CHECKPOINT")]
    analyse: PathBuf,
    /// Folder of the figures and tables; by default `receptive_fields` in the run's folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of the shuffles that mosaics are compared with
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

/// Whether a command line asks for an analysis.
pub fn asked() -> bool {
    std::env::args_os().any(|word| {
        let word = word.to_string_lossy();
        word == "--analyse" || word.starts_with("--analyse=")
    })
}

/// Does what `--analyse CHECKPOINT` asks for.
///
/// # Errors
/// Exit code 2 for flags that don't go with it; 1 for a checkpoint that is missing or damaged, or
/// is not of this experiment.
pub fn command(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(help) if !help.use_stderr() => return Err(help.into()),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            return Err(refuse(line.trim_start_matches("error: ").to_string()));
        }
    };
    let checkpoint = Checkpoint::read(&checkpoint::find(&flags.analyse, true)?)?;
    let (found, expected) = (&checkpoint.manifest.experiment, EfficientCoding::NAME);
    let name = flags.analyse.display();
    ensure!(found == expected, "{name} is a checkpoint of {found}, not of {expected}");
    let config: EfficientCodingConfig =
        serde_json::from_value(Value::Object(checkpoint.manifest.config.clone()))
            .with_context(|| format!("the configuration of {name}"))?;
    let filters = columns(&filters(&checkpoint, &config)?)?;
    let analysis = analyse(&filters, config.patch(), flags.seed)?;
    let out = flags.out.unwrap_or_else(|| {
        let folder = checkpoint.manifest.config.get("runs").and_then(Value::as_str);
        let runs = Path::new(folder.unwrap_or("runs")).join(EfficientCoding::NAME);
        runs.join(&checkpoint.manifest.run).join("receptive_fields")
    });
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    for (name, image, csv) in figures::draw(&analysis, &filters, config.patch())? {
        fs::write(out.join(name).with_extension("png"), image.to_png()?)?;
        fs::write(out.join(name).with_extension("csv"), csv)?;
    }
    let mut numbers = json!({
        "checkpoint": checkpoint.path.display().to_string(),
        "step": checkpoint.manifest.step,
    });
    if let (Some(all), Value::Object(found)) = (numbers.as_object_mut(), analysis.to_json()) {
        all.extend(found);
    }
    durable::write_json(&out.join("receptive_fields.json"), &numbers)?;
    let console = Console::new(false, false);
    if flags.json {
        console.print(&numbers.to_string());
        return Ok(());
    }
    report(&analysis).iter().for_each(|line| console.print(line));
    console.print(&format!("figures      {}", out.display()));
    Ok(())
}

/// The filters of a checkpoint: [input, neuron].
fn filters(checkpoint: &Checkpoint, config: &EfficientCodingConfig) -> Result<Tensor> {
    let get = |name: &str| {
        let found = checkpoint.tensors.get(name).map(Tensor::shallow_clone);
        found.with_context(|| format!("{} has no {name}", checkpoint.path.display()))
    };
    let Some(shape) = shapes::of(&config.shape, config.patch())? else {
        let inputs = config.patch().inputs();
        return Ok(get(FREE)?.reshape([inputs, -1]));
    };
    let names = shape.initial(1, 0)?.into_iter().map(|(name, _)| name);
    let parameters = names.map(|name| get(&name)).collect::<Result<Vec<Tensor>>>()?;
    Ok(shape.filters(&parameters))
}

/// Filters as plain numbers: [neuron][input].
///
/// - filters: [input, neuron]
///
/// # Errors
/// Where the device can't be read.
pub fn columns(filters: &Tensor) -> Result<Vec<Vec<f64>>> {
    let inputs = filters.size()[0] as usize;
    Ok(to_host::values(&filters.tr())?.chunks_exact(inputs).map(<[f64]>::to_vec).collect())
}

/// The analysis in a few lines.
pub fn report(analysis: &Analysis) -> Vec<String> {
    let count = analysis.fields.len();
    let on = analysis.fields.iter().filter(|field| field.on).count();
    let mut lines = vec![format!(
        "{count} fields: {on} ON, {} OFF; a difference of Gaussians fits {:.0} %",
        count - on,
        100.0 * analysis.fitted()
    )];
    for found in &analysis.types {
        let regularity = found.regularity.map_or(String::new(), |r| {
            format!(
                ", regularity {:.2} (chance {:.2}, p {:.3}) at a spacing of {:.2} px",
                r.index.value, r.index.chance, r.index.p_above, r.spacing
            )
        });
        lines.push(format!(
            "{}: {} fields, half height at {:.2} px, coverage {:.2}{regularity}",
            found.name,
            found.members.len(),
            found.half_radius,
            found.coverage
        ));
    }
    if let Some(found) = analysis.alignment {
        lines.push(format!(
            "ON to nearest OFF and back: {:.2} px (turned at random {:.2} ± {:.2}; as close p {:.3}, \
             as far p {:.3})",
            found.value, found.chance, found.chance_sd, found.p_below, found.p_above
        ));
    }
    lines
}
