//! The command `lab report`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::content::document;
use super::html::page;
use super::markdown::{link, markdown};
use crate::lab::log::console::Console;
use crate::lab::store::durable;
use crate::lab_program::find::filter::{RunFilter, select_some};

/// Which runs, and where the page goes.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Which runs
    #[command(flatten)]
    pub filter: RunFilter,
    /// The page; its Markdown goes beside it, and the comparing figures into a folder beside it
    #[arg(long, default_value = "report.html")]
    pub out: PathBuf,
    /// Show the figures of so many runs at most, the newest ones
    #[arg(long, default_value_t = 6)]
    pub figures: usize,
}

/// Writes the page and the same as Markdown.
///
/// # Errors
/// Where no run is chosen, or something can't be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let console = Console::new(false, false);
    let runs = select_some(&args.filter, &console)?;
    let title = args.filter.which.clone().unwrap_or_else(|| "All runs".into());
    let home = args.out.parent().filter(|home| !home.as_os_str().is_empty());
    let home = home.unwrap_or(Path::new("."));
    fs::create_dir_all(home).with_context(|| format!("making {}", home.display()))?;
    let stem = args.out.file_stem().context("--out needs the name of a file")?.to_os_string();
    let mut assets = stem.clone();
    assets.push("-figures");
    let document = document(&title, runs, args.figures, &home.join(assets))?;
    // Links in the Markdown count from its own folder.
    let here = format!("]({}/", link(home));
    let text = markdown(&document).replace(&here, "](");
    durable::write(&home.join(&stem).with_extension("md"), text.as_bytes())?;
    durable::write(&args.out, page(&document).as_bytes())?;
    console.print(&args.out.display().to_string());
    Ok(())
}
