//! From a command line to an exit code: what every experiment's binary does.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::{ExitCode, Termination};

use anyhow::Result;

use super::check::{check, print_config};
use super::evaluate::evaluate_only;
use super::experiment::Experiment;
use super::prepare::Environment;
use super::resume::resume;
use super::start::start;
use crate::lab::cli::command;
use crate::lab::error::{backtrace, exit_code, one_line};
use crate::lab::log::console::{Console, output_failure};
use crate::lab::panic::{from_panic, install_hook};
use crate::lab::tensor::{libtorch, memory};

/// The `main` of an experiment's binary. It sets environment variables, so `main` must do nothing
/// before it that starts a thread; [`run`] is for everyone else.
pub fn launch<E: Experiment>() -> ExitCode {
    launch_action(|words| run_in::<E>(words, Environment::Own))
}

/// The `main` of a binary whose command line asks for something else than the experiment itself:
/// `action` gets the words of the command line, the program's name first, and may give an exit code.
pub fn launch_action<T: Termination>(
    action: impl FnOnce(std::env::ArgsOs) -> Result<T>,
) -> ExitCode {
    let quiet = std::env::args_os().any(|argument| argument == "--quiet");
    let console = Console::new(quiet, false);
    // A panic is a mistake of ours: one line, and a backtrace only for who asks for one.
    install_hook();
    let work = || {
        libtorch::check()?;
        action(std::env::args_os())
    };
    let ran = std::panic::catch_unwind(AssertUnwindSafe(work));
    let error = match ran.unwrap_or_else(|payload| Err(from_panic(&*payload))) {
        Ok(ended) => return answered(&console, ended.report()),
        Err(error) => error,
    };
    if let Some(help) = error.downcast_ref::<clap::Error>() {
        console.print(help.to_string().trim_end());
        return answered(&console, ExitCode::SUCCESS);
    }
    console.fail(&one_line(&error));
    if let Some(frames) = backtrace(&error) {
        console.detail(frames.trim_end());
    }
    exit_code(&error)
}

/// The exit code of a program that has done its work, unless nobody can read its answer.
fn answered(console: &Console, code: ExitCode) -> ExitCode {
    let Some(reason) = output_failure() else { return code };
    console.fail(&format!("writing to standard output: {reason}"));
    ExitCode::FAILURE
}

/// Does what a command line asks for, in a process with threads of its own: it leaves the
/// environment alone, so that `--tf32 on` needs one that allows it
/// ([`crate::lab::tensor::device::check_tf32`]).
///
/// # Errors
/// See [`crate::lab::error::Failure`] for the exit codes.
pub fn run<E: Experiment>(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    run_in::<E>(arguments, Environment::Shared)
}

fn run_in<E: Experiment>(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
) -> Result<()> {
    memory::note_sizes(E::SPEC.sizes);
    let invocation = command::parse::<E::Config>(&E::SPEC, arguments)?;
    if let Some((action, request)) = &invocation.asked {
        return (action.run)(request);
    }
    let actions = &invocation.actions;
    if actions.print_config {
        return print_config::<E>(&invocation);
    }
    match (&actions.eval, &actions.check, &actions.resume) {
        (Some(path), _, _) => evaluate_only::<E>(&invocation, path, environment),
        (None, Some(path), _) => check::<E>(path),
        (None, None, Some(asked)) => resume::<E>(&invocation, asked, environment),
        (None, None, None) => start::<E>(&invocation, environment),
    }
}
