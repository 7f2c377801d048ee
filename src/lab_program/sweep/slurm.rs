//! A sweep as a job array of a Slurm cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::manifest::{Sweep, is_over};
use crate::lab::error::refuse;
use crate::lab::store::{durable, regular};
use crate::lab::train::summary::quoted;

/// The script that is submitted where no other is given.
const TEMPLATE: &str = include_str!("../../../scripts/sweep.sbatch");

/// The file with the numbers of the jobs, one a line, in the sweep's folder.
const JOBS: &str = "slurm/jobs.txt";

/// What Slurm says of an array task: its state, and why it waits or how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// `<job>_<index>`.
    pub id: String,
    /// RUNNING, PENDING, COMPLETED, ...
    pub state: String,
    /// The reason that squeue gives, or the exit code that sacct gives.
    pub note: String,
}

/// Numbers as Slurm's `--array` takes them: `0-4,7`.
fn ranges(indices: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for index in indices {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => parts.push((*index, *index)),
        }
    }
    let part = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

/// Fills in a template.
///
/// # Errors
/// Exit code 2 for a word in double braces that is unknown.
fn fill(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut text = template.to_string();
    for (name, value) in values {
        text = text.replace(&format!("{{{{{name}}}}}"), value);
    }
    match text.split_once("{{") {
        None => Ok(text),
        Some((_, rest)) => {
            let word = rest.split("}}").next().unwrap_or_default();
            let known: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            Err(refuse(format!("--template: {{{{{word}}}}} is unknown (there are {known})")))
        }
    }
}

/// Refuses a sweep's folder whose path can't stand in a job script: an end of a line in it would begin
/// a line of the script's own, and where output goes Slurm puts a number or a name in place of `%`.
///
/// # Errors
/// Exit code 2.
pub fn check_home(home: &Path) -> Result<()> {
    let foreign = |character: char| character.is_control() || character == '%';
    match home.to_str() {
        Some(path) if !path.contains(foreign) => Ok(()),
        Some(_) | None => {
            let path = home.display();
            let why = "% and control characters mean something there";
            Err(refuse(format!("{path}: no path for a job script ({why}); choose another --runs")))
        }
    }
}

/// Submits the points that are neither over nor under way, and gives the job's number; none where
/// there is nothing to do.
///
/// # Errors
/// Where the template is wrong, or Slurm doesn't take the job.
pub fn submit(
    sweep: &Sweep,
    template: Option<&Path>,
    jobs: Option<usize>,
) -> Result<Option<String>> {
    let home = sweep.home();
    check_home(&home)?;
    let mut jobs_known = known_jobs(sweep)?;
    let busy = queued(&jobs_known)?;
    let missing: Vec<usize> = (0..sweep.points.len())
        .filter(|index| !sweep.run(&sweep.points[*index]).is_some_and(|run| is_over(&run)))
        .filter(|index| !busy.contains_key(index))
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let template = match template {
        Some(path) => {
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
        }
        None => TEMPLATE.into(),
    };
    let at_most = jobs.map(|jobs| format!("%{jobs}")).unwrap_or_default();
    let lab = std::env::current_exe().context("finding this program")?;
    let word = |path: &Path| quoted(&path.display().to_string());
    let script = fill(
        &template,
        &[
            ("name", sweep.name.clone()),
            ("array", ranges(&missing) + &at_most),
            ("threads", sweep.threads.to_string()),
            ("home", word(&home)),
            ("lab", word(&lab)),
        ],
    )?;
    fs::create_dir_all(home.join("slurm"))?;
    let path = home.join("slurm/sweep.sbatch");
    durable::write(&path, script.as_bytes())?;
    let mut command = Command::new("sbatch");
    command.arg("--parsable").arg("--chdir").arg(&sweep.folder).arg(&path);
    let said = output(&mut command)?;
    let job = said.trim().split(';').next().unwrap_or_default().to_string();
    jobs_known.push(job.clone());
    durable::write(&home.join(JOBS), (jobs_known.join("\n") + "\n").as_bytes())?;
    Ok(Some(job))
}

/// The numbers of the jobs that were submitted for a sweep, in order.
///
/// # Errors
/// Where they were written down and can't be read: the points would be submitted again.
pub fn known_jobs(sweep: &Sweep) -> Result<Vec<String>> {
    let path = sweep.home().join(JOBS);
    let text = match regular::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("reading {}", path.display()))?,
    };
    let text = String::from_utf8_lossy(&text);
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_number = |line: &&str| !line.is_empty() && line.bytes().all(is_digit);
    Ok(text.lines().filter(is_number).map(str::to_string).collect())
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("starting {name}: is this a machine of a Slurm cluster?"))?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The tasks that are in the queue, by index.
///
/// # Errors
/// Where there is no squeue, but jobs were submitted.
pub fn queued(jobs: &[String]) -> Result<BTreeMap<usize, Task>> {
    if jobs.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Of all jobs, since squeue fails on a number that it has forgotten.
    let said = output(Command::new("squeue").args(["-h", "-r", "-o", "%F_%K|%T|%r"]))?;
    Ok(tasks(&said, jobs))
}

/// The tasks that the cluster's accounts know, by index; empty where it keeps none.
pub fn accounted(jobs: &[String]) -> BTreeMap<usize, Task> {
    let jobs_list = jobs.join(",");
    let format = ["-n", "-P", "-X", "-o", "JobID,State,ExitCode", "-j", &jobs_list];
    let said = output(Command::new("sacct").args(format)).unwrap_or_default();
    tasks(&said, jobs)
}

/// Reads lines `<job>_<index>|state|note` of some jobs; a later line counts more.
fn tasks(text: &str, jobs: &[String]) -> BTreeMap<usize, Task> {
    let line = |line: &str| {
        let mut parts = line.split('|').map(|part| part.trim().to_string());
        let (id, state, note) = (parts.next()?, parts.next()?, parts.next()?);
        let (job, index) = id.split_once('_')?;
        let index = index.parse().ok()?;
        let known = jobs.iter().any(|known| known == job);
        known.then_some((index, Task { id: id.clone(), state, note }))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_templates() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(fill("a {{x}} b", &[("x", "1".into())]).unwrap(), "a 1 b");
        assert!(fill("{{y}}", &[("x", "1".into())]).unwrap_err().to_string().contains("{{y}}"));
        let names = ["name", "array", "threads", "home", "lab"];
        let values: Vec<(&str, String)> = names.iter().map(|name| (*name, "x".into())).collect();
        let script = fill(TEMPLATE, &values).unwrap();
        assert!(script.starts_with("#!") && script.contains("#SBATCH --array=x"));
    }

    #[test]
    fn what_slurm_says() {
        let jobs = ["12".to_string(), "14".to_string()];
        let found =
            tasks("12_0|RUNNING|None\n13_1|PENDING|Priority\n14_0|PENDING|BeginTime\n", &jobs);
        assert_eq!(found.len(), 1);
        let expected =
            Task { id: "14_0".into(), state: "PENDING".into(), note: "BeginTime".into() };
        assert_eq!(found[&0], expected);
        assert!(tasks("12_[0-3]|PENDING|x\n12|y|z\nrubbish", &jobs).is_empty());
    }
}
