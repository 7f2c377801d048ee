//! The command line `--analyse CHECKPOINT`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use super::analyse::{AnalyseOptions, analyse_checkpoint};
use crate::lab::error::refuse;
use crate::lab::log::console::Console;

/// Analyses the receptive fields of a checkpoint.
#[derive(Debug, Parser)]
#[command(name = "efficient_coding", version)]
struct Flags {
    /// A checkpoint's manifest or tensors, or a folder: its best
    #[arg(long, value_name = "CHECKPOINT")]
    analyse: PathBuf,
    /// Folder of the figures and tables; by default `receptive_fields` in the run's folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of the shuffles that mosaics are compared with
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

/// Whether the command line of this process asks for an analysis.
pub fn asked() -> bool {
    std::env::args_os().any(|word| {
        let word = word.to_string_lossy();
        word == "--analyse" || word.starts_with("--analyse=")
    })
}

/// Does what `--analyse CHECKPOINT` asks for.
///
/// # Errors
/// Exit code 2 for flags that don't go with it; as [`analyse_checkpoint`].
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(help) if !help.use_stderr() => return Err(help.into()),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            return Err(refuse(line.trim_start_matches("error: ").to_string()));
        }
    };
    let Flags { analyse: checkpoint, out, seed, json } = flags;
    let written = analyse_checkpoint(&AnalyseOptions { checkpoint, out, seed })?;
    let console = Console::new(false, false);
    if json {
        console.print(&written.numbers.to_string());
        return Ok(());
    }
    written.analysis.lines().iter().for_each(|line| console.print(line));
    console.print(&format!("figures      {}", written.out.display()));
    Ok(())
}
