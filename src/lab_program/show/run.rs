//! `lab show`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::details::Details;
use crate::lab::counts::counted;
use crate::lab::error::one_line;
use crate::lab::log::console::{Console, printable};
use crate::lab::log::tags::is_of_machine;
use crate::lab::measured::number;
use crate::lab::store::checkpoint::Manifest;
use crate::lab::store::record::EarlyStop;
use crate::lab_program::find::lookup::find_run;
use crate::lab_program::text::table::{Table, plain};
use crate::lab_program::text::units;

/// Shows a run.
///
/// # Errors
/// Where there is no such run.
pub fn show_run(root: &Path, asked: &str, as_json: bool) -> Result<()> {
    let details = Details::read(find_run(root, asked)?);
    let console = Console::new(false, false);
    if as_json {
        let whole = json!({
            "run": details.run,
            "config": details.config,
            "provenance": details.provenance,
            "summary": details.summary,
            "figures": displayed(&details.figures),
            "checkpoints": displayed(&details.checkpoints),
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

/// Paths as text; what is no UTF-8 in them is replaced.
fn displayed(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// A titled table of two columns without its row of headings.
fn section(title: &str, rows: &[(String, String)]) -> String {
    let mut table = Table::new(&["", ""]);
    table.rows = rows.iter().map(|(key, value)| vec![format!("  {key}"), value.clone()]).collect();
    let text = table.text();
    format!("\n{title}\n{}", text.split_once('\n').map_or("", |(_, rows)| rows))
}

fn text(details: &Details) -> String {
    let run = &details.run;
    let steps =
        run.steps.map(|steps| format!(" after {}", counted(steps, "step"))).unwrap_or_default();
    let took = run.seconds.map(|time| format!(", {}", units::short(time))).unwrap_or_default();
    let size = units::bytes(run.bytes);
    let id = printable(&run.id());
    let mut text = format!("{id}: {}{steps}{took}, {size}\n", run.status.name());
    if let Some(note) = &run.labels.note {
        text += &format!("note     {}\n", printable(note));
    }
    if !run.labels.tags.is_empty() {
        text += &format!("tags     {}\n", printable(&run.labels.tags.join(", ")));
    }
    if let Some(EarlyStop { rule, step, tag, best, median }) = &run.stopped {
        let value = |value: &Option<f64>| number(value.unwrap_or(f64::NAN));
        let (best, median) = (value(best), value(median));
        let why = format!("{tag} {best} at step {step}, worse than the {rule}, {median}");
        text += &format!("stopped  {}\n", printable(&why));
    }
    let changed = |(key, value): (&String, &Value)| {
        let mark = if run.changed.contains_key(key) { "*" } else { " " };
        (format!("{mark} {key}"), plain(value))
    };
    let config: Vec<_> = details.config.iter().map(changed).collect();
    text += &section("settings (* differs from the default)", &config);
    text += &section("provenance", &details.origin());
    let shown = details.last_values().iter().filter(|(tag, _)| !is_of_machine(tag));
    let value = |value: &Value| number(value.as_f64().unwrap_or(f64::NAN));
    let rows: Vec<_> = shown.map(|(tag, last)| (tag.clone(), value(last))).collect();
    text += &section("last values", &rows);
    if let Some(best) = &run.best {
        let value = number(best.value.unwrap_or(f64::NAN));
        text += &format!("\nbest {} {value} at step {}\n", printable(&best.tag), best.step);
    }
    text += "\nfigures\n";
    text.extend(displayed(&details.figures).iter().map(|path| format!("  {}\n", printable(path))));
    text += "\ncheckpoints\n";
    for path in &details.checkpoints {
        text += &match Manifest::read(path) {
            Ok(manifest) => {
                let best = if manifest.best { ", the best" } else { "" };
                let file = path.with_file_name(&manifest.file).display().to_string();
                format!("  {}  {}{best}\n", printable(&file), units::bytes(manifest.bytes))
            }
            Err(error) => format!("  {}\n", printable(&one_line(&error))),
        };
    }
    text += &format!("\nrepeat   {}\n", printable(&details.repeat()));
    if run.status.is_broken_off() {
        text += &format!("resume   {}\n", printable(&details.resume()));
    }
    text
}
