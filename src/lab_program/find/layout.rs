//! Where runs lie under a folder, and what they are called by their place.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serializer;

/// The folder of sweeps among those of experiments.
pub const SWEEPS: &str = "sweeps";

/// The file that makes a folder that of a sweep.
pub const MANIFEST: &str = "sweep.json";

/// A folder that may be a run.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The folder.
    pub path: PathBuf,
    /// The sweep that it is a point of.
    pub sweep: Option<String>,
    /// Symbolic links on the way to it from the folder of runs.
    links: usize,
    /// Device and inode: the folder itself, whatever it is called.
    identity: (u64, u64),
}

impl Candidate {
    /// `<experiment>/<name>`, with the sweep before it where it is a point of one.
    pub fn id(&self) -> String {
        id(&self.path, self.sweep.as_deref())
    }

    /// Whether both are names of one folder.
    pub fn is(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

/// The folders in a folder, sorted; hidden ones are left out. So many links led here.
fn folders(path: &Path, sweep: Option<&str>, links: usize) -> Vec<Candidate> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    let folder = |entry: fs::DirEntry| {
        let path = entry.path();
        let known = fs::metadata(&path).ok().filter(Metadata::is_dir)?;
        let links = links + usize::from(entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        let identity = (known.dev(), known.ino());
        Some(Candidate { path, sweep: sweep.map(str::to_string), links, identity })
    };
    let mut found: Vec<Candidate> = visible.filter_map(folder).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
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

/// A path in JSON; what is no UTF-8 in it is replaced.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The folders `<experiment>/<name>` in a folder of runs, those of sweeps included.
///
/// # Errors
/// Where there is no such folder.
pub fn candidates(root: &Path) -> Result<Vec<Candidate>> {
    fs::read_dir(root).with_context(|| format!("no folder of runs {}", root.display()))?;
    let inside = |folder: &Candidate| folders(&folder.path, None, folder.links);
    let (sweeps, experiments): (Vec<_>, Vec<_>) =
        folders(root, None, 0).into_iter().partition(|folder| name(&folder.path) == SWEEPS);
    let mut found: Vec<Candidate> = experiments.iter().flat_map(inside).collect();
    found.extend(sweeps.iter().flat_map(inside).flat_map(|sweep| points(&sweep)));
    Ok(found)
}

/// The runs of a sweep's folder.
fn points(sweep: &Candidate) -> Vec<Candidate> {
    let results = ["figures", "slurm"];
    let sweep_name = name(&sweep.path);
    folders(&sweep.path, Some(&sweep_name), sweep.links)
        .into_iter()
        .filter(|folder| !results.contains(&name(&folder.path).as_str()))
        .flat_map(|experiment| folders(&experiment.path, Some(&sweep_name), experiment.links))
        .collect()
}

/// Each folder once, so that a run that a symbolic link such as `latest` leads to does not count
/// twice: it is known by its own name, or else by the first of those with the fewest links.
pub fn distinct(found: Vec<Candidate>) -> Vec<Candidate> {
    let mut fewest: HashMap<(u64, u64), usize> = HashMap::new();
    for folder in &found {
        let known = fewest.entry(folder.identity).or_insert(folder.links);
        *known = folder.links.min(*known);
    }
    // Whoever is kept takes the entry out.
    let is_first = |folder: &Candidate| match fewest.get(&folder.identity) {
        Some(known) if *known == folder.links => fewest.remove(&folder.identity).is_some(),
        Some(_) | None => false,
    };
    found.into_iter().filter(is_first).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_that_links_lead_to_is_there_once() {
        let home = tempfile::tempdir().unwrap();
        let (root, away) = (home.path().join("runs"), home.path().join("away"));
        fs::create_dir_all(root.join("toy/a")).unwrap();
        fs::create_dir_all(away.join("b")).unwrap();
        symlink("a", root.join("toy/Latest")).unwrap();
        symlink("toy", root.join("newest")).unwrap();
        symlink(away.join("b"), root.join("toy/b")).unwrap();
        symlink(away.join("b"), root.join("toy/c")).unwrap();
        let all = candidates(&root).unwrap();
        assert_eq!(all.len(), 8);
        let ids = |all: Vec<Candidate>| all.iter().map(Candidate::id).collect::<Vec<_>>();
        assert_eq!(ids(distinct(all)), ["toy/a", "toy/b"]);
    }
}
