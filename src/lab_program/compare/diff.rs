//! `lab diff`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::lab::log::console::Console;
use crate::lab::log::tags::is_of_machine;
use crate::lab::measured::number;
use crate::lab_program::find::lookup::find_run;
use crate::lab_program::show::details::Details;
use crate::lab_program::text::table::{Table, plain};

/// Entries of provenance that say what computed a run.
const CODE: [&str; 8] = [
    "package",
    "package_version",
    "git_commit",
    "git_dirty",
    "neuron_lab",
    "libtorch",
    "device",
    "threads",
];

/// The keys that two objects do not agree in, each with both values.
fn differences(a: &Map<String, Value>, b: &Map<String, Value>) -> Vec<(String, [Value; 2])> {
    let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
    let both = |key: &String| [a, b].map(|map| map.get(key).cloned().unwrap_or_default());
    keys.map(|key| (key.clone(), both(key))).filter(|(_, [a, b])| a != b).collect()
}

/// What changed in the sources between two commits, file by file, where both are known here.
fn changed_files(a: Option<&str>, b: Option<&str>) -> Option<String> {
    // A run of somebody else's has no options for git.
    let is_commit = |text: &&str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (a, b) = (a.filter(is_commit)?, b.filter(is_commit)?);
    let folder = env!("CARGO_MANIFEST_DIR");
    let range = ["diff", "--stat", a, b, "--", "src", "bin", "Cargo.lock"];
    let output = Command::new("git").arg("-C").arg(folder).args(range).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then_some(text)
}

/// The last values of two runs by their tags; results alone, or everything but
/// what the machine says.
fn values(a: &Details, b: &Details, all: bool) -> Vec<(String, [Option<f64>; 2])> {
    let (x, y) = (a.last_values(), b.last_values());
    let wanted = |tag: &&String| {
        let result = a.run.results.contains(tag) || b.run.results.contains(tag);
        if all { !is_of_machine(tag) } else { result }
    };
    let tags: BTreeSet<&String> = x.keys().chain(y.keys()).filter(wanted).collect();
    let both = |tag: &String| [x, y].map(|map| map.get(tag).and_then(Value::as_f64));
    tags.into_iter().map(|tag| (tag.clone(), both(tag))).collect()
}

/// Compares two runs.
///
/// # Errors
/// Where one can't be found.
pub fn diff(root: &Path, asked: [&str; 2], all: bool, as_json: bool) -> Result<()> {
    let a = Details::read(find_run(root, asked[0])?);
    let b = Details::read(find_run(root, asked[1])?);
    let config = differences(&a.config, &b.config);
    let code = |details: &Details| -> Map<String, Value> {
        let process = json!(details.provenance.process);
        CODE.iter().map(|key| ((*key).to_string(), process[*key].clone())).collect()
    };
    let code = differences(&code(&a), &code(&b));
    let values = values(&a, &b, all);
    let console = Console::new(false, false);
    let tell = |rows: &[(String, [Value; 2])]| -> Value {
        rows.iter().map(|(key, both)| (key.clone(), json!(both))).collect::<Map<_, _>>().into()
    };
    if as_json {
        let values: Map<_, _> =
            values.iter().map(|(tag, both)| (tag.clone(), json!(both))).collect();
        let runs = [a.run.id(), b.run.id()];
        let whole =
            json!({"runs": runs, "config": tell(&config), "code": tell(&code), "metrics": values});
        console.print(&whole.to_string());
        return Ok(());
    }
    let names = [a.run.id(), b.run.id()];
    let table = |title: &str, rows: &[(String, [Value; 2])]| {
        let mut table = Table::new(&[title, &names[0], &names[1]]);
        let row = |(key, [a, b]): &(String, [Value; 2])| vec![key.clone(), plain(a), plain(b)];
        table.rows = rows.iter().map(row).collect();
        if rows.is_empty() { format!("{title}: the same\n") } else { table.text() }
    };
    console.print(&table("settings", &config));
    console.print(&table("code", &code));
    let commit = |details: &Details| details.provenance.process.git_commit.clone();
    if let Some(files) = changed_files(commit(&a).as_deref(), commit(&b).as_deref()) {
        console.print(&files);
    }
    let mut metrics = Table::new(&["last value", &names[0], &names[1], "second - first"]);
    let text = |value: Option<f64>| value.map(number).unwrap_or_default();
    metrics.rows = values
        .iter()
        .map(|(tag, [a, b])| {
            let change = a.zip(*b).map(|(a, b)| b - a);
            vec![tag.clone(), text(*a), text(*b), text(change)]
        })
        .collect();
    console.print(metrics.text().trim_end());
    Ok(())
}
