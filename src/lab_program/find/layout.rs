//! Where runs lie under a folder, and what they are called by their place.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of sweeps among those of experiments.
pub const SWEEPS: &str = "sweeps";

/// The file that makes a folder that of a sweep.
pub const MANIFEST: &str = "sweep.json";

/// A folder that may be a run, and the sweep that it is a point of.
pub type Candidate = (PathBuf, Option<String>);

/// The folders in a folder, sorted; hidden ones are left out.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let mut found: Vec<PathBuf> =
        visible.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// The last part of a path.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `<experiment>/<name>` of a run folder, with the sweep before it where it is a point of one.
pub fn id(path: &Path, sweep: Option<&str>) -> String {
    let run = format!("{}/{}", path.parent().map(name).unwrap_or_default(), name(path));
    sweep.map_or(run.clone(), |sweep| format!("{sweep}/{run}"))
}

/// The folder that `inside` counts from, where `path` ends in `inside`.
pub fn start_of(path: &Path, inside: &Path) -> Option<PathBuf> {
    let start = path.ancestors().nth(inside.components().count())?;
    (start.join(inside) == path).then(|| start.into())
}

/// The folders `<experiment>/<name>` in a folder of runs, those of sweeps included.
///
/// # Errors
/// Where there is no such folder.
pub fn candidates(root: &Path) -> Result<Vec<Candidate>> {
    fs::read_dir(root).with_context(|| format!("no folder of runs {}", root.display()))?;
    let mut found = Vec::new();
    let (sweeps, experiments): (Vec<_>, Vec<_>) =
        folders(root).into_iter().partition(|path| name(path) == SWEEPS);
    for experiment in &experiments {
        found.extend(folders(experiment).into_iter().map(|path| (path, None)));
    }
    for sweep in sweeps.iter().flat_map(|path| folders(path)) {
        found.extend(points(&sweep));
    }
    Ok(found)
}

/// The runs of a sweep's folder.
pub fn points(sweep: &Path) -> Vec<Candidate> {
    let results = [String::from("figures"), String::from("slurm")];
    let experiments = folders(sweep).into_iter().filter(|path| !results.contains(&name(path)));
    let runs = experiments.flat_map(|experiment| folders(&experiment));
    runs.map(|path| (path, Some(name(sweep)))).collect()
}
