//! `lab runs`.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::record::{Run, Status};
use super::table::{Table, number, plain};
use super::{age, scan};
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::folder;

/// Folders that are no runs, of which this many are named.
const NAMED: usize = 5;

/// Which runs, and how to show them.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which runs
    #[command(flatten)]
    pub chosen: Chosen,
    /// How to sort
    #[arg(long, value_enum, default_value = "started")]
    pub sort: Sort,
    /// Show so many at most, the last ones of the order
    #[arg(long)]
    pub limit: Option<usize>,
    /// Everything that is known of each run, as JSON
    #[arg(long)]
    pub json: bool,
}

/// Filters of runs.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// Only runs with this in `<sweep>/<experiment>/<name>`
    pub which: Option<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Only runs of these statuses, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    pub status: Vec<Status>,
    /// Only runs with this setting, as config.json has it; may be repeated
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Only runs that began within this time: 90s, 15m, 6h, 2d
    #[arg(long, value_name = "TIME")]
    pub newer: Option<String>,
}

/// Orders of `lab runs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// The newest last.
    Started,
    /// By sweep, experiment and name.
    Name,
    /// The largest best result last.
    Best,
    /// The largest folder last.
    Size,
}

/// The runs that were asked for, and what couldn't be read.
///
/// # Errors
/// Where there is no folder of runs, or a filter can't be understood.
pub fn choose(chosen: &Chosen) -> Result<scan::Scan> {
    let mut candidates = scan::candidates(&chosen.runs)?;
    if let Some(which) = &chosen.which {
        let root = chosen.runs.join(scan::SWEEPS);
        candidates.retain(|(path, _)| {
            let inside = path.strip_prefix(&root).or(path.strip_prefix(&chosen.runs));
            inside.unwrap_or(path).to_string_lossy().contains(which.as_str())
        });
    }
    let mut scan = scan::read(&candidates);
    if !chosen.status.is_empty() {
        scan.runs.retain(|run| chosen.status.contains(&run.status));
    }
    if let Some(newer) = &chosen.newer {
        let limit = age::parse(newer)?;
        let young = |run: &Run| run.started.as_deref().and_then(age::since) <= Some(limit);
        scan.runs.retain(|run| run.started.is_some() && young(run));
    }
    for setting in &chosen.settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| refuse(format!("--where {setting}: expected KEY=VALUE")))?;
        let key = key.replace('-', "_");
        scan.runs.retain(|run| has_setting(run, &key, value));
    }
    Ok(scan)
}

fn has_setting(run: &Run, key: &str, value: &str) -> bool {
    let Ok(config) = folder::read_config(&run.path) else { return false };
    let Some(own) = config.get(key) else { return false };
    let equal = own.as_f64().zip(value.parse().ok()).is_some_and(|(a, b): (f64, f64)| a == b);
    equal || plain(own) == value
}

/// Lists runs.
///
/// # Errors
/// As [`choose`].
pub fn list(args: &ListArgs) -> Result<()> {
    let mut scan = choose(&args.chosen)?;
    match args.sort {
        Sort::Name => {}
        Sort::Started => scan.runs.sort_by(|a, b| a.started.cmp(&b.started)),
        Sort::Size => scan.runs.sort_by_key(|run| run.bytes),
        Sort::Best => {
            let key = |run: &Run| run.best.as_ref().and_then(|best| best.value);
            let key = |run: &Run| key(run).unwrap_or(f64::NEG_INFINITY);
            scan.runs.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
    }
    if let Some(limit) = args.limit {
        let first = scan.runs.len().saturating_sub(limit);
        scan.runs.drain(..first);
    }
    let console = Console::new(false, false);
    let problems = problems(&scan);
    if args.json {
        let whole = json!({"runs": scan.runs, "problems": problems});
        console.print(&whole.to_string());
        return Ok(());
    }
    if scan.runs.is_empty() {
        console.print(&format!("no runs in {}", args.chosen.runs.display()));
    } else {
        console.print(table(&scan.runs).text(terminal_width()).trim_end());
    }
    problems.iter().for_each(|problem| console.warn(problem));
    Ok(())
}

fn problems(scan: &scan::Scan) -> Vec<String> {
    let mut problems: Vec<String> =
        scan.runs.iter().flat_map(|run| run.problems.iter().cloned()).collect();
    if !scan.foreign.is_empty() {
        let names: Vec<String> =
            scan.foreign.iter().take(NAMED).map(|path| path.display().to_string()).collect();
        let more = if scan.foreign.len() > NAMED { ", ..." } else { "" };
        let count = scan.foreign.len();
        problems.push(format!("{count} not a run: {}{more}", names.join(", ")));
    }
    problems
}

/// A row for each run.
pub fn table(runs: &[Run]) -> Table {
    let mut table = Table::new(&[
        "run", "status", "seed", "steps", "last", "best", "age", "took", "size", "settings",
    ]);
    for run in runs {
        let text = |value: Option<String>| value.unwrap_or_default();
        let last = run.headline().map(|(tag, value)| format!("{tag} {}", number(value)));
        let best = run.best.as_ref().map(|best| {
            let value = number(best.value.unwrap_or(f64::NAN));
            let same = run.headline().is_some_and(|(tag, _)| tag == best.tag);
            if same { value } else { format!("{} {value}", best.tag) }
        });
        table.rows.push(vec![
            run.id(),
            run.status.name().into(),
            text(run.seed.map(|seed| seed.to_string())),
            text(run.steps.map(|steps| steps.to_string())),
            text(last),
            text(best),
            text(run.started.as_deref().and_then(age::since).map(age::short)),
            text(run.seconds.map(age::short)),
            age::bytes(run.bytes),
            run.settings(),
        ]);
    }
    table.drop_empty_columns();
    table
}

/// Characters in a line of the terminal; none where the output goes elsewhere.
pub fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())??;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}
