//! The program `lab`: finds runs again, compares them, sweeps over settings, and shows the results.
//!
//! It knows no experiment by name: what it needs is in the run folders, or asked of the
//! experiment's own binary.

pub mod age;
pub mod board;
pub mod cli;
pub mod curves;
pub mod diff;
pub mod find;
pub mod groups;
pub mod list;
pub mod page;
pub mod program;
pub mod record;
pub mod report;
pub mod scan;
pub mod show;
pub mod sweep;
pub mod table;
pub mod tensors;

use std::process::ExitCode;

use crate::lab::console::Console;
use crate::lab::error::{exit_code, note_panic, one_line};

/// The `main` of the binary `lab`.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| note_panic(panic.location())));
    let console = Console::new(false, false);
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let (cli, passed) = match cli::parse(words.collect()) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let ran = std::panic::catch_unwind(|| cli::run(cli, passed))
        .unwrap_or_else(|payload| Err(crate::lab::error::from_panic(&*payload)));
    match ran {
        Ok(code) => code,
        Err(error) => {
            console.fail(&one_line(&error));
            exit_code(&error)
        }
    }
}
