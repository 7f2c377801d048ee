//! The command-line program `lab`: finds runs again, compares them, sweeps over settings, and shows
//! the results.
//!
//! It knows no experiment by name: what it needs is in the run folders, or asked of the
//! experiment's own binary.

pub mod cli;
pub mod compare;
pub mod find;
pub mod keep;
pub mod redraw;
pub mod report;
pub mod show;
pub mod sweep;
pub mod tensorboard;
pub mod text;

use std::process::ExitCode;

use crate::lab::launch_action;

/// The `main` of the binary `lab`.
pub fn main() -> ExitCode {
    launch_action(|words| {
        let words = words.map(|word| word.to_string_lossy().into_owned());
        let (cli, passed) = cli::parse(words.collect()).map_err(cli::refusal)?;
        cli::run(cli, passed)
    })
}
