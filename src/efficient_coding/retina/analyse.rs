//! The receptive fields of a checkpoint, without training.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tch::Tensor;

use super::config::EfficientCodingConfig;
use super::field_figures;
use super::parameters::FREE;
use super::pictures::NamedFigure;
use super::replicates::part;
use super::state::NAME;
use crate::efficient_coding::coding::shapes;
use crate::efficient_coding::fields::{Analysis, analyse, columns, lines_of_all, spreads};
use crate::lab::figure::{Format, files};
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::{self, Checkpoint};
use crate::lab::store::durable;
use crate::lab::{Action, ActionOption, ActionRequest};

/// `--analyse CHECKPOINT`.
pub(super) const ANALYSE: Action = Action {
    flag: "analyse",
    value_name: "CHECKPOINT",
    help: "Only analyse the receptive fields of a checkpoint: its manifest or tensors, or a folder: \
           its best",
    options: &[ActionOption {
        flag: "out",
        value_name: "DIR",
        help: "Folder of the analysis' figures and tables; by default `receptive_fields` in the \
               run's folder",
    }],
    takes: &["seed", "figure_format"],
    run: analyse_as_asked,
};

/// Does what `--analyse CHECKPOINT` asks for, and says what was found. `--seed` is that of the
/// shuffles that mosaics are compared with.
fn analyse_as_asked(request: &ActionRequest) -> Result<()> {
    let formats = request.settings.get("figure_format").cloned().unwrap_or_default();
    let written = analyse_checkpoint(&AnalyseOptions {
        checkpoint: PathBuf::from(&request.value),
        out: request.options.get("out").map(PathBuf::from),
        seed: request.settings.get("seed").and_then(Value::as_u64).unwrap_or_default(),
        formats: serde_json::from_value(formats)?,
    })?;
    let console = Console::new(request.quiet, false);
    if request.json {
        console.print(&written.numbers.to_string());
        return Ok(());
    }
    lines_of_all(&written.analyses).iter().for_each(|line| console.report(line));
    console.report(&format!("figures      {}", written.out.display()));
    Ok(())
}

/// Which checkpoint is analysed, and where the results go.
#[derive(Debug, Clone)]
pub struct AnalyseOptions {
    /// A checkpoint's manifest or tensors, or a folder: its best.
    pub checkpoint: PathBuf,
    /// Folder of the figures and tables; none for `receptive_fields` in the run's folder.
    pub out: Option<PathBuf>,
    /// Seed of the shuffles that mosaics are compared with.
    pub seed: u64,
    /// The formats of the figures.
    pub formats: Vec<Format>,
}

/// An analysis that is written to its folder.
pub struct WrittenAnalysis {
    /// What was found, of each replicate.
    pub analyses: Vec<Analysis>,
    /// The content of `receptive_fields.json`.
    pub numbers: Value,
    /// The folder.
    pub out: PathBuf,
}

/// Analyses the filters of a checkpoint, and writes figures, tables and `receptive_fields.json`. Of
/// several replicates each has a folder `r<i>` of its own, and the file the numbers of each, their means
/// and their standard deviations.
///
/// # Errors
/// Exit code 1 for a checkpoint that is missing or damaged, or is not of this experiment; where the
/// folder can't be written.
pub fn analyse_checkpoint(options: &AnalyseOptions) -> Result<WrittenAnalysis> {
    let checkpoint = Checkpoint::read(&checkpoint::find(&options.checkpoint, true)?)?;
    let (found, expected) = (&checkpoint.manifest.experiment, NAME);
    let name = options.checkpoint.display();
    ensure!(found == expected, "{name} is a checkpoint of {found}, not of {expected}");
    let config: EfficientCodingConfig =
        serde_json::from_value(Value::Object(checkpoint.manifest.config.clone()))
            .with_context(|| format!("the configuration of {name}"))?;
    let out = options.out.clone().unwrap_or_else(|| default_folder(&checkpoint));
    let replicates = replicates(&checkpoint);
    let mut analyses = Vec::new();
    for replicate in 0..replicates {
        let filters = columns(&filters(&checkpoint, &config, replicate)?)?;
        let analysis = analyse(&filters, config.patch(), options.seed)?;
        let folder = match replicates {
            1 => out.clone(),
            _ => out.join(format!("r{replicate}")),
        };
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for NamedFigure { name, figure, csv } in
            field_figures::draw(&analysis, &filters, config.patch())
        {
            // What it could be drawn from again has no place here: `receptive_fields.json` has the
            // numbers.
            files::write_pictures(&folder, name, &figure, &options.formats)?;
            durable::write(&files::path(&folder, name, "csv"), csv.as_bytes())?;
        }
        analyses.push(analysis);
    }
    let mut numbers = json!({
        "checkpoint": checkpoint.path.display().to_string(),
        "step": checkpoint.manifest.step,
    });
    if let (Some(all), Value::Object(found)) = (numbers.as_object_mut(), json_of_all(&analyses)) {
        all.extend(found);
    }
    durable::write_json(&out.join("receptive_fields.json"), &numbers)?;
    Ok(WrittenAnalysis { analyses, numbers, out })
}

/// The numbers of one population; of several those of each, their means and standard deviations.
fn json_of_all(analyses: &[Analysis]) -> Value {
    if let [one] = analyses {
        return one.to_json();
    }
    let (mut mean, mut sd) = (Map::new(), Map::new());
    for (name, of_all, spread) in spreads(analyses) {
        mean.insert(name.clone(), json!(of_all));
        sd.insert(name, json!(spread));
    }
    let each: Vec<Value> = analyses.iter().map(Analysis::to_json).collect();
    json!({"mean": mean, "sd": sd, "replicates": each})
}

/// How many models a checkpoint has.
pub(super) fn replicates(checkpoint: &Checkpoint) -> usize {
    let count = checkpoint.manifest.config.get("replicates").and_then(Value::as_u64);
    count.map_or(1, |count| count as usize)
}

/// `receptive_fields` in the folder of the checkpoint's run.
fn default_folder(checkpoint: &Checkpoint) -> PathBuf {
    let folder = checkpoint.manifest.config.get("runs").and_then(Value::as_str);
    let runs = Path::new(folder.unwrap_or("runs")).join(NAME);
    runs.join(&checkpoint.manifest.run).join("receptive_fields")
}

/// The filters of one of a checkpoint's models: `[input, neuron]`.
pub(super) fn filters(
    checkpoint: &Checkpoint,
    config: &EfficientCodingConfig,
    replicate: usize,
) -> Result<Tensor> {
    let replicates = replicates(checkpoint);
    let get = |name: &str| {
        let found = checkpoint.tensors.get(name);
        let found =
            found.with_context(|| format!("{} has no {name}", checkpoint.path.display()))?;
        anyhow::Ok(part(found, replicates, replicate))
    };
    let Some(shape) = shapes::of(&config.shape, config.patch(), config.shape_options())? else {
        let inputs = config.patch().inputs();
        return Ok(get(FREE)?.reshape([inputs, -1]));
    };
    let names = shape.initial(1, 0).into_iter().map(|(name, _)| name);
    let parameters = names.map(|name| get(&name)).collect::<Result<Vec<Tensor>>>()?;
    Ok(shape.filters(&parameters))
}
