//! What a sweep is: `sweep.json` in its folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::args::reserved;
use super::binary;
use super::grid::{Axis, Point};
use super::median::MedianRule;
use super::search::Search;
use crate::lab::error::refuse;
use crate::lab::store::durable;
use crate::lab::store::folder::check_name;
use crate::lab_program::find::layout::{MANIFEST, SWEEPS, start_of};
use crate::lab_program::find::run::Run;

/// A sweep, as it was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sweep {
    /// Its name, that of its folder.
    pub name: String,
    /// The experiment's name.
    pub experiment: String,
    /// Its binary when it was begun; see [`Sweep::find_program`] for the one that is run.
    pub program: PathBuf,
    /// The folder in which it was started; other paths count from it.
    pub folder: PathBuf,
    /// Flags that all points have.
    pub arguments: Vec<String>,
    /// The settings of the grid.
    pub axes: Vec<Axis>,
    /// How other settings are drawn at random, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Which points are stopped early, where any are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<MedianRule>,
    /// Folder of run folders.
    pub runs: PathBuf,
    /// Folder of checkpoint folders.
    pub checkpoints: PathBuf,
    /// Tags of the results.
    pub results: Vec<String>,
    /// Most threads that a point computes with.
    pub threads: usize,
    /// Whether the points may compute on a GPU.
    pub gpu: bool,
    /// When it was begun, in UTC.
    pub started: String,
    /// The points.
    pub points: Vec<Point>,
    /// Its folder, where that is no longer in the folder in which it was started.
    #[serde(skip)]
    pub moved_to: Option<PathBuf>,
}

impl Sweep {
    /// Reads the manifest of a sweep's folder. Somebody else may have written it: it leads neither to
    /// another folder nor to any program.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let damaged = || format!("{} is damaged", path.display());
        let mut sweep: Self =
            serde_json::from_value(durable::read_json(&path)?).with_context(damaged)?;
        sweep.check().with_context(damaged)?;
        sweep.follow(&folder.canonicalize()?)?;
        Ok(sweep)
    }

    /// Refuses names that are none of a folder, points that come twice, and flags that would lead the
    /// points elsewhere.
    fn check(&self) -> Result<()> {
        let mut known = HashSet::new();
        for name in self.points.iter().map(|point| &point.name) {
            ensure!(known.insert(name), "the point {name:?} comes twice");
        }
        for name in known.into_iter().chain([&self.name, &self.experiment]) {
            ensure!(check_name(name).is_ok(), "{name:?} can't be the name of a folder");
        }
        let own = self.points.iter().flat_map(|point| &point.arguments);
        let foreign = reserved(self.arguments.iter().chain(own));
        ensure!(foreign.is_none(), "{} is not for a sweep", foreign.map_or("", String::as_str));
        Ok(())
    }

    /// The program of the experiment: that of its name beside this one or on the path.
    ///
    /// # Errors
    /// Where there is none, or it is another experiment's.
    pub fn find_program(&self) -> Result<PathBuf> {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let program = binary::find(&name)?;
        let found = binary::check(&program, &[])?.experiment;
        let (path, experiment) = (program.display(), &self.experiment);
        ensure!(found == *experiment, "{path} is {found}, and the sweep is one of {experiment}");
        Ok(program)
    }

    /// Takes the place that the sweep's folder has now for its own. It may have been moved or copied,
    /// alone or with the folder in which the sweep was started.
    fn follow(&mut self, home: &Path) -> Result<()> {
        if !self.home().canonicalize().is_ok_and(|known| known == home) {
            match start_of(home, &self.runs.join(SWEEPS).join(&self.name)) {
                Some(start) => self.folder = start,
                None => self.moved_to = Some(home.into()),
            }
            if !self.folder.is_dir() {
                self.folder = std::env::current_dir()?;
            }
        }
        Ok(())
    }

    /// Writes the manifest into the sweep's folder.
    ///
    /// # Errors
    /// Where the file system refuses it, for example because it is full.
    pub fn write(&self) -> Result<()> {
        durable::write_json(&self.home().join(MANIFEST), self)
    }

    /// The sweep's folder.
    pub fn home(&self) -> PathBuf {
        self.folder.join(self.run_folders())
    }

    /// The folder of the points' run folders, from the one in which the sweep was started.
    fn run_folders(&self) -> PathBuf {
        self.moved_to.clone().unwrap_or_else(|| self.runs.join(SWEEPS).join(&self.name))
    }

    /// The run folder of a point.
    pub fn run_folder(&self, point: &Point) -> PathBuf {
        self.home().join(&self.experiment).join(&point.name)
    }

    /// The run of a point, if it has begun.
    pub fn run(&self, point: &Point) -> Option<Run> {
        Run::read(&self.run_folder(point), Some(&self.name))
    }

    /// The words of the command that begins a point, or goes on with it where it has begun.
    pub fn command(&self, point: &Point) -> Vec<String> {
        let runs = self.run_folders().display().to_string();
        if self.run_folder(point).join("config.json").is_file() {
            let path = Path::new(&runs).join(&self.experiment).join(&point.name);
            return ["--resume", &path.display().to_string(), "--quiet"].map(String::from).into();
        }
        let mut words = self.arguments.clone();
        words.extend(point.arguments.iter().cloned());
        let checkpoints = self.checkpoints.join(SWEEPS).join(&self.name).display().to_string();
        let place =
            ["--name", &point.name, "--runs", &runs, "--checkpoints", &checkpoints, "--quiet"];
        words.extend(place.map(String::from));
        words
    }
}

/// Whether a point that stands so is not to be run any more.
pub fn is_over(run: &Run) -> bool {
    run.status.is_final()
}

/// The folder that a sweep's name or path means.
///
/// # Errors
/// Exit code 2 where there is none.
pub fn locate(runs: &Path, asked: &str) -> Result<PathBuf> {
    let named = runs.join(SWEEPS).join(asked);
    let found = [PathBuf::from(asked), named];
    let found = found.into_iter().find(|path| !asked.is_empty() && path.join(MANIFEST).is_file());
    found.ok_or_else(|| {
        let home = runs.join(SWEEPS);
        let names: Vec<String> = std::fs::read_dir(&home)
            .map(|entries| {
                entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect()
            })
            .unwrap_or_default();
        let hint = crate::lab::error::closest(asked, names.iter().map(String::as_str));
        refuse(format!("no sweep {asked} in {}{hint}", home.display()))
    })
}
