//! `lab runs`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::measured::number;
use crate::lab_program::find::filter::{RunFilter, select};
use crate::lab_program::find::run::Run;
use crate::lab_program::find::scan::Scan;
use crate::lab_program::text::table::Table;
use crate::lab_program::text::units;

/// Folders that are no runs, of which this many are named.
const NAMED: usize = 5;

/// Which runs, and how to show them.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which runs
    #[command(flatten)]
    pub filter: RunFilter,
    /// How to sort
    #[arg(long, value_enum, default_value = "started")]
    pub sort: Sort,
    /// Show so many at most, the last ones of the order
    #[arg(long)]
    pub limit: Option<usize>,
    /// Everything that is known of each run, as JSON
    #[arg(long)]
    pub json: bool,
    /// Show them anew every two seconds, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
}

/// Orders of `lab runs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// The newest last
    Started,
    /// By sweep, experiment and name
    Name,
    /// The largest best result last
    Best,
    /// The largest folder last
    Size,
}

/// Time between two looks of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Lists runs, once or again and again.
///
/// # Errors
/// Where there is no folder of runs, a filter can't be understood, or there is no terminal to watch
/// them on.
pub fn list(args: &ListArgs) -> Result<()> {
    if !args.watch {
        return list_once(args);
    }
    let mut terminal = std::io::stdout();
    if !terminal.is_terminal() {
        return Err(refuse("--watch needs a terminal: leave it out"));
    }
    loop {
        terminal.write_all(CLEAR.as_bytes())?;
        list_once(args)?;
        std::thread::sleep(WATCH_EVERY);
    }
}

fn list_once(args: &ListArgs) -> Result<()> {
    let mut scan = select(&args.filter)?;
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
        console.print(&args.filter.found_none());
    } else {
        console.print(fitted(runs_table(&scan.runs), terminal_width()).trim_end());
    }
    problems.iter().for_each(|problem| console.warn(problem));
    Ok(())
}

/// The table in lines of this width, if there is one: where it is too narrow for all columns, with the
/// run on a line of its own, and without what its name or `lab show` says.
fn fitted(mut table: Table, width: Option<usize>) -> String {
    let Some(width) = width else { return table.text() };
    table.fitted(width).unwrap_or_else(|| {
        table.drop_columns(&["seed", "steps", "took", "size"]);
        table.stacked(width)
    })
}

fn problems(scan: &Scan) -> Vec<String> {
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
pub fn runs_table(runs: &[Run]) -> Table {
    let mut table = Table::new(&[
        "run", "status", "seed", "steps", "last", "best", "age", "took", "size", "tags", "note",
        "settings",
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
            text(run.started.as_deref().and_then(units::since).map(units::short)),
            text(run.seconds.map(units::short)),
            units::bytes(run.bytes),
            run.labels.tags.join(","),
            text(run.labels.note.clone()),
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
