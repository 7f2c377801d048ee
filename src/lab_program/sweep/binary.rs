//! An experiment's binary, found by its name and asked what it is.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::lab::error::{closest, refuse};
use crate::lab::store::durable;

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
    },
    /// It can't.
    Refused {
        /// One line.
        error: String,
    },
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
pub fn check(program: &PathBuf, lines: &[Vec<String>]) -> Result<Answer> {
    let name = format!("lab-check-{}-{}.json", std::process::id(), lines.len());
    let file = std::env::temp_dir().join(name);
    durable::write_json(&file, &lines)?;
    let output = Command::new(program).arg("--check").arg(&file).output();
    let _ = std::fs::remove_file(&file);
    let output = output.with_context(|| format!("starting {}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
        bail!("{} is no experiment that can be swept: {said}", program.display());
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} is no experiment of this project", program.display()))
}
