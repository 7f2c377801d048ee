//! `lab show`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::record::{Run, Status};
use super::table::{Table, number, plain};
use super::{age, find};
use crate::lab::log::console::Console;
use crate::lab::store::checkpoint::Manifest;
use crate::lab::store::{durable, folder};
use crate::lab::train::summary::quoted;

/// Everything of a run that `lab show` shows.
#[derive(Debug)]
pub struct Details {
    /// The run.
    pub run: Run,
    /// Its configuration; empty where it can't be read.
    pub config: Map<String, Value>,
    /// Its `provenance.json`; null where it can't be read.
    pub provenance: Value,
    /// Its `summary.json`; null where there is none.
    pub summary: Value,
    /// The pictures.
    pub figures: Vec<PathBuf>,
    /// The manifests of its checkpoints, the newest first.
    pub checkpoints: Vec<PathBuf>,
}

impl Details {
    /// Reads what there is.
    pub fn read(run: Run) -> Self {
        let json = |name: &str| durable::read_json(&run.path.join(name)).unwrap_or_default();
        let mut figures = files(&run.path.join("figures"));
        figures.retain(|path| path.extension().is_some_and(|kind| kind == "png"));
        Self {
            config: folder::read_config(&run.path).unwrap_or_default(),
            provenance: json("provenance.json"),
            summary: json("summary.json"),
            figures,
            checkpoints: Manifest::list(&run.checkpoints),
            run,
        }
    }

    fn program(&self) -> String {
        let first = self.provenance["command"][0].as_str();
        quoted(first.unwrap_or(&self.run.experiment))
    }

    /// The command that repeats the run under another name.
    pub fn repeat(&self) -> String {
        let config = quoted(&self.run.path.join("config.json").display().to_string());
        let init = self.provenance["init_from"]["file"].as_str();
        let init = init.map(|file| format!(" --init-from {}", quoted(file))).unwrap_or_default();
        format!("{} --config {config}{init}", self.program())
    }

    /// The command that goes on with the run.
    pub fn resume(&self) -> String {
        let path = quoted(&self.run.path.display().to_string());
        format!("{} --resume {path}", self.program())
    }

    /// Commit, library, device and host in a line each.
    pub fn origin(&self) -> Vec<(String, String)> {
        let text = |key: &str| plain(&self.provenance[key]);
        let commit = match (&self.provenance["git_commit"], &self.provenance["git_dirty"]) {
            (Value::String(commit), Value::Bool(true)) => format!("{commit} with changes"),
            (Value::String(commit), _) => commit.clone(),
            _ => "unknown".into(),
        };
        let mut rows: Vec<(String, String)> = vec![
            ("code".into(), format!("neuron_lab {}, commit {commit}", text("neuron_lab"))),
            ("libtorch".into(), text("libtorch")),
            ("device".into(), format!("{}, {} threads", text("device"), text("threads"))),
            ("host".into(), text("host")),
            ("started".into(), text("started")),
            ("folder".into(), text("folder")),
            ("command".into(), words(&self.provenance["command"])),
        ];
        if !self.provenance["data"].is_null() {
            rows.push(("data".into(), self.provenance["data"].to_string()));
        }
        let resumed = self.provenance["resumed"].as_array().into_iter().flatten();
        rows.extend(resumed.map(|entry| {
            let (at, when) = (plain(&entry["step"]), plain(&entry["started"]));
            ("resumed".into(), format!("at step {at}, {when}"))
        }));
        rows
    }
}

fn words(command: &Value) -> String {
    let words = command.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Shows a run.
///
/// # Errors
/// Where there is no such run.
pub fn show(root: &Path, asked: &str, as_json: bool) -> Result<()> {
    let details = Details::read(find::run(root, asked)?);
    let console = Console::new(false, false);
    if as_json {
        let whole = json!({
            "run": details.run,
            "config": details.config,
            "provenance": details.provenance,
            "summary": details.summary,
            "figures": details.figures,
            "checkpoints": details.checkpoints,
            "repeat": details.repeat(),
            "resume": details.resume(),
        });
        console.print(&whole.to_string());
        return Ok(());
    }
    console.print(text(&details).trim_end());
    details.run.problems.iter().for_each(|problem| console.warn(problem));
    Ok(())
}

fn section(title: &str, rows: &[(String, String)]) -> String {
    let mut table = Table::new(&["", ""]);
    table.rows = rows.iter().map(|(key, value)| vec![format!("  {key}"), value.clone()]).collect();
    let text = table.text(None);
    format!("\n{title}\n{}", text.split_once('\n').map_or("", |(_, rows)| rows))
}

fn text(details: &Details) -> String {
    let run = &details.run;
    let steps = run.steps.map(|steps| format!(" after {steps} steps")).unwrap_or_default();
    let took = run.seconds.map(|time| format!(", {}", age::short(time))).unwrap_or_default();
    let size = age::bytes(run.bytes);
    let mut text = format!("{}: {}{steps}{took}, {size}\n", run.id(), run.status.name());
    let changed = |(key, value): (&String, &Value)| {
        let mark = if run.changed.contains_key(key) { "*" } else { " " };
        (format!("{mark} {key}"), plain(value))
    };
    let config: Vec<_> = details.config.iter().map(changed).collect();
    text += &section("settings (* differs from the default)", &config);
    text += &section("provenance", &details.origin());
    let metrics = details.summary["metrics"].as_object().unwrap_or(&run.last);
    let shown = metrics.iter().filter(|(tag, _)| !tag.starts_with("time/"));
    let value = |value: &Value| number(value.as_f64().unwrap_or(f64::NAN));
    let rows: Vec<_> = shown.map(|(tag, last)| (tag.clone(), value(last))).collect();
    text += &section("last values", &rows);
    if let Some(best) = &run.best {
        let value = number(best.value.unwrap_or(f64::NAN));
        text += &format!("\nbest {} {value} at step {}\n", best.tag, best.step);
    }
    let paths = |paths: &[PathBuf]| -> String {
        paths.iter().map(|path| format!("  {}\n", path.display())).collect()
    };
    text += &format!("\nfigures\n{}", paths(&details.figures));
    text += "\ncheckpoints\n";
    for path in &details.checkpoints {
        text += &match Manifest::read(path) {
            Ok(manifest) => {
                let best = if manifest.best { ", the best" } else { "" };
                let file = path.with_file_name(&manifest.file);
                format!("  {}  {}{best}\n", file.display(), age::bytes(manifest.bytes))
            }
            Err(error) => format!("  {}\n", crate::lab::error::one_line(&error)),
        };
    }
    text += &format!("\nrepeat   {}\n", details.repeat());
    if !matches!(run.status, Status::Running | Status::Done) {
        text += &format!("resume   {}\n", details.resume());
    }
    text
}
