//! How the points of a sweep stand, with what Slurm says of them; and one point, for Slurm.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::manifest::{Sweep, is_over, locate};
use super::{results, slurm};
use crate::lab::error::{one_line, refuse};
use crate::lab::log::console::Console;
use crate::lab::measured::number;
use crate::lab::store::folder;
use crate::lab_program::text::table::Table;

/// Longest wait for an earlier process of a point, which may still be saving on another machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Shows how a sweep stands. Once every point is over, the table and the figures are written.
///
/// # Errors
/// Where there is no such sweep, or its results can't be written.
pub fn status(runs: &Path, asked: &str, as_json: bool) -> Result<()> {
    let sweep = Sweep::read(&locate(runs, asked)?)?;
    let console = Console::new(false, false);
    let jobs = slurm::known_jobs(&sweep)?;
    // The files say as much without the cluster, on a laptop that has a copy of them, for example.
    let queued = slurm::queued(&jobs).unwrap_or_else(|error| {
        console.warn(&format!("nothing is known of the queue: {}", one_line(&error)));
        Default::default()
    });
    let accounts = if jobs.is_empty() { Default::default() } else { slurm::accounted(&jobs) };
    let mut header = vec!["point", "status", "steps", "last"];
    if !jobs.is_empty() {
        header.extend(["job", "Slurm", "note"]);
    }
    let mut table = Table::new(&header);
    let (mut over, mut rows) = (0, Vec::new());
    for (index, point) in sweep.points.iter().enumerate() {
        let run = sweep.run(point);
        over += usize::from(run.as_ref().is_some_and(is_over));
        let status = run.as_ref().map_or("not begun", |run| run.status.name());
        let steps = run.as_ref().and_then(|run| run.steps);
        let last = run.as_ref().and_then(|run| run.headline());
        let task = queued.get(&index).or(accounts.get(&index));
        rows.push(json!({
            "point": point.name, "status": status, "steps": steps,
            "job": task.map(|task| &task.id), "slurm": task.map(|task| &task.state),
        }));
        let text = |value: Option<String>| value.unwrap_or_default();
        let mut row = vec![
            point.name.clone(),
            status.into(),
            text(steps.map(|steps| steps.to_string())),
            text(last.map(|(tag, value)| format!("{tag} {}", number(value)))),
        ];
        if !jobs.is_empty() {
            row.extend([
                text(task.map(|task| task.id.clone())),
                text(task.map(|task| task.state.clone())),
                text(task.map(|task| task.note.clone())),
            ]);
        }
        table.rows.push(row);
    }
    let all = sweep.points.len();
    if as_json {
        let whole = json!({"sweep": sweep.name, "points": rows, "over": over});
        console.print(&whole.to_string());
    } else {
        console.print(table.text().trim_end());
        console.print(&format!("{over} of {all} are over"));
    }
    if over == all {
        let table = results::write(&sweep)?;
        if !as_json {
            console.print(&format!("\n{}", table.text().trim_end()));
        }
    }
    Ok(())
}

/// Becomes the process of a point: begins it, or goes on with it. One that is over ends at once.
///
/// # Errors
/// Where there is no such point, or another process keeps it.
pub fn member(home: &Path, index: usize) -> Result<()> {
    let sweep = Sweep::read(home)?;
    let count = sweep.points.len();
    let point = sweep.points.get(index);
    let point = point.ok_or_else(|| refuse(format!("point {index}: the sweep has {count}")))?;
    let begun = Instant::now();
    while folder::is_locked(&sweep.run_folder(point)) && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(500));
    }
    if sweep.run(point).is_some_and(|run| is_over(&run)) {
        return Ok(());
    }
    let program = sweep.find_program()?;
    let mut command = Command::new(&program);
    command.args(sweep.command(point)).current_dir(&sweep.folder);
    // Only an error comes back.
    Err(command.exec()).with_context(|| format!("starting {}", program.display()))
}
