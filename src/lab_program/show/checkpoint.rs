//! `lab checkpoint`: what is in one, whether it is whole, and a plain state dict of it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::lab::error::refuse;
use crate::lab::log::console::{Console, printable};
use crate::lab::measured::number;
use crate::lab::store::checkpoint::Checkpoint;
use crate::lab::store::durable;
use crate::lab::store::state_writer::is_model;
use crate::lab::tensor::to_host;
use crate::lab_program::find::lookup::find_run;
use crate::lab_program::text::table::{Table, plain};
use crate::lab_program::text::units;

/// Which checkpoint, and what to do with it.
#[derive(Debug, Clone, Args)]
pub struct CheckpointArgs {
    /// A file of a checkpoint, a folder of checkpoints, or a run: its newest
    pub which: String,
    /// Of a folder or a run, the best instead of the newest
    #[arg(long)]
    pub best: bool,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Write the model's tensors as safetensors, without optimizer and state
    #[arg(long, value_name = "FILE")]
    pub to_torch: Option<PathBuf>,
    /// Write them as an .npz
    #[arg(long, value_name = "FILE")]
    pub to_numpy: Option<PathBuf>,
    /// Of networks that were trained together, write this one, from 0
    #[arg(long, value_name = "NUMBER")]
    pub replicate: Option<i64>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// A tensor in a line.
#[derive(Debug)]
struct Line {
    name: String,
    shape: Vec<i64>,
    kind: String,
    norm: f64,
    finite: bool,
}

fn line(name: &str, tensor: &Tensor) -> Result<Line> {
    let wide = tensor.to_kind(Kind::Double);
    Ok(Line {
        name: name.into(),
        shape: tensor.size(),
        kind: format!("{:?}", tensor.kind()).to_lowercase(),
        norm: to_host::scalar(&wide.norm())?,
        finite: to_host::flag(&wide.isfinite().all())?,
    })
}

/// Shows a checkpoint, and writes it in other formats.
///
/// # Errors
/// Where it is not there, not what its manifest says, or can't be written.
pub fn show(args: &CheckpointArgs) -> Result<()> {
    let writes = args.to_torch.is_some() || args.to_numpy.is_some();
    if let Some(index) = args.replicate.filter(|_| !writes) {
        let how = "give --to-torch FILE or --to-numpy FILE, where it is to be written";
        return Err(refuse(format!("--replicate {index}: {how}")));
    }
    let path = PathBuf::from(&args.which);
    let asked = if path.exists() && !path.join("config.json").exists() {
        path
    } else {
        find_run(&args.runs, &args.which)?.checkpoints
    };
    let checkpoint = Checkpoint::open(&asked, args.best)?;
    if !writes {
        return print(&checkpoint, args.json);
    }
    let tensors = state_dict(&checkpoint, args.replicate)?;
    let console = Console::new(false, false);
    if let Some(path) = &args.to_torch {
        write(path, "safetensors", |path| Ok(Tensor::write_safetensors(&tensors, path)?))?;
        console.print(&format!("{}: {} tensors", path.display(), tensors.len()));
    }
    if let Some(path) = &args.to_numpy {
        write(path, "npz", |path| Ok(Tensor::write_npz(&tensors, path)?))?;
        console.print(&format!("{}: {} arrays", path.display(), tensors.len()));
    }
    Ok(())
}

/// Writes a file whose name says its kind.
fn write(path: &Path, kind: &str, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let named = path.extension().is_some_and(|extension| extension == kind);
    if !named {
        return Err(refuse(format!("{}: expected a name that ends in .{kind}", path.display())));
    }
    durable::atomic_write(path, work)
}

/// The model's tensors, of one replicate where there are several and one is asked for.
fn state_dict(checkpoint: &Checkpoint, replicate: Option<i64>) -> Result<Vec<(String, Tensor)>> {
    let manifest = &checkpoint.manifest;
    let count = manifest.config.get("replicates").and_then(Value::as_i64).unwrap_or(1);
    let mut tensors = Vec::new();
    for (name, tensor) in checkpoint.tensors.iter().filter(|(name, _)| is_model(name)) {
        let part = match replicate {
            Some(index) if count > 1 && (0..count).contains(&index) => {
                ensure!(
                    tensor.size().first() == Some(&count),
                    "{name} is shared by all replicates"
                );
                tensor.select(0, index).contiguous()
            }
            Some(index) => {
                return Err(refuse(format!("--replicate {index}: the run has {count}, from 0")));
            }
            None => tensor.shallow_clone(),
        };
        tensors.push((name.clone(), part));
    }
    if tensors.is_empty() {
        bail!("{} has no model: only optimizer and state", checkpoint.path.display());
    }
    Ok(tensors)
}

fn print(checkpoint: &Checkpoint, as_json: bool) -> Result<()> {
    let manifest = &checkpoint.manifest;
    let lines: Vec<Line> = checkpoint
        .tensors
        .iter()
        .map(|(name, tensor)| line(name, tensor))
        .collect::<Result<_>>()?;
    let console = Console::new(false, false);
    if as_json {
        let tensor = |line: &Line| {
            json!({
                "name": line.name, "shape": line.shape, "kind": line.kind,
                "norm": line.norm, "finite": line.finite,
            })
        };
        let tensors: Vec<Value> = lines.iter().map(tensor).collect();
        let file = checkpoint.path.display().to_string();
        let whole = json!({"file": file, "manifest": manifest, "tensors": tensors});
        console.print(&whole.to_string());
        return Ok(());
    }
    let (experiment, run, step) = (&manifest.experiment, &manifest.run, manifest.step);
    let best = if manifest.best { ", the best" } else { "" };
    let say = |line: &str| console.print(&printable(line));
    say(&format!("{}: whole, {}", checkpoint.path.display(), units::bytes(manifest.bytes)));
    say(&format!("{experiment}/{run}, step {step}{best}, saved {}", manifest.saved));
    if let Some(score) = &manifest.score {
        say(&format!("{} {}", score.tag, number(score.value)));
    }
    let mut table = Table::new(&["tensor", "shape", "kind", "norm", "finite"]);
    for line in &lines {
        let finite = if line.finite { "yes" } else { "NO" };
        let shape = plain(&json!(line.shape));
        table.rows.push(vec![
            line.name.clone(),
            format!("[{shape}]"),
            line.kind.clone(),
            number(line.norm),
            finite.into(),
        ]);
    }
    console.print(table.text().trim_end());
    Ok(())
}
