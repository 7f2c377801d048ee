//! An experiment's binary, found by its name and asked what it is.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::lab::error::{closest, refuse};

/// What an experiment says of some command lines.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// Its name.
    pub experiment: String,
    /// Tags of its results.
    pub metrics: Vec<String>,
    /// What it says of each line.
    pub points: Vec<Checked>,
}

/// What a command line stands for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Checked {
    /// It can be run.
    Fine {
        /// Every setting.
        config: Map<String, Value>,
        /// The steps of its plan, where they are known without building it.
        steps: Option<u64>,
        /// Whether it computes on the CPU, also where there is a GPU.
        #[serde(default)]
        on_cpu: bool,
    },
    /// It can't.
    Refused {
        /// One line.
        error: String,
    },
}

impl Checked {
    /// Whether it can be run, and computes on a GPU where there is one.
    pub fn takes_gpu(&self) -> bool {
        match self {
            Self::Fine { on_cpu, .. } => !on_cpu,
            Self::Refused { .. } => false,
        }
    }
}

/// The binary of an experiment: beside this program, or on the path.
///
/// # Errors
/// Exit code 2 where there is none, naming the closest.
pub fn find(experiment: &str) -> Result<PathBuf> {
    let here = std::env::current_exe().context("finding this program's folder")?;
    let here = here.parent().map(PathBuf::from).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let plain = !experiment.is_empty() && !experiment.contains('/');
    let found = std::iter::once(here.clone())
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(experiment))
        .find(|path| plain && path.is_file());
    let Some(found) = found else {
        let entries = std::fs::read_dir(&here).into_iter().flatten().flatten();
        let names: Vec<String> = entries
            .filter(|entry| entry.path().is_file() && entry.path().extension().is_none())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let hint = closest(experiment, names.iter().map(String::as_str));
        let how = "cargo build --release --bins";
        let place = here.display();
        return Err(refuse(format!("{experiment}: no such program in {place}{hint} ({how})")));
    };
    Ok(found)
}

/// Asks a program what command lines stand for.
///
/// # Errors
/// Where it is no experiment of this project.
pub fn check(program: &Path, lines: &[Vec<String>]) -> Result<Answer> {
    // A file in memory, so that it needs no folder and nobody else can put one in its place.
    let asked = memfd_create("lines", MemfdFlags::CLOEXEC).context("making a file in memory")?;
    let mut asked = File::from(asked);
    asked.write_all(&serde_json::to_vec(lines)?)?;
    let mut command = Command::new(program);
    let output = command.args(["--check", "/proc/self/fd/0"]).stdin(asked).output();
    let output = output.with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
        // One that was killed has said nothing.
        let why = if said.is_empty() { output.status.to_string() } else { said };
        bail!("{} is no experiment that can be swept: {why}", program.display());
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} is no experiment of this project", program.display()))
}
