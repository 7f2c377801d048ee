//! What a mistake inside says: one line with the place in our code, and a backtrace for who asks.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::process::{Command, ExitCode};

use neuron_lab::lab::error::Failure;
use neuron_lab::lab::launch_action;
use neuron_lab::lab::tensor::memory::require;
use tch::{Device, Kind, Tensor};

fn matrix() -> Tensor {
    Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))
}

/// The program of the tests below: it fails in the way that `HOW` names. Among the ignored tests it
/// is one of its own, of an error.
#[test]
#[ignore = "a program that the other tests run"]
fn fails() {
    let how = std::env::var("HOW").unwrap_or_else(|_| "error".into());
    let code = launch_action(|_| {
        match how.as_str() {
            "panic" => drop(matrix().matmul(&matrix())),
            "error" => drop(matrix().f_matmul(&matrix())?),
            "no memory for libtorch" => {
                drop(Tensor::zeros([1 << 40, 1 << 20], (Kind::Float, Device::Cpu)))
            }
            "no memory for Rust" => drop(black_box(Vec::<u8>::with_capacity(1 << 62))),
            "a limit" => require(Device::Cpu, 8 << 30, "a model")?,
            "interrupted" => return Err(Failure::Interrupted { signal: 2 }.into()),
            _ => assert_eq!(how, "something else"),
        }
        Ok(())
    });
    assert_ne!(code, ExitCode::SUCCESS);
}

/// The program, which is to fail in this way.
fn program(how: &str, backtrace: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fails", "--ignored", "--nocapture"]);
    command.env("HOW", how).env("RUST_BACKTRACE", backtrace).env_remove("RUST_LIB_BACKTRACE");
    command
}

/// What the program says on standard error.
fn said(how: &str, backtrace: &str) -> String {
    let mut command = program(how, backtrace);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn without_a_backtrace_there_is_one_line_that_names_our_code() {
    for (how, words) in [("panic", "mat1 and mat2"), ("own mistake", "something else")] {
        let said = said(how, "0");
        assert!(said.ends_with('\n') && said.lines().count() == 1, "{said}");
        assert!(said.starts_with("error: internal error, please report it: "), "{said}");
        assert!(said.contains("(at tests/backtrace.rs:"), "{said}");
        assert!(!said.contains("generated"), "{said}");
        assert!(how != "panic" || said.contains(words), "{said}");
    }
    let said = said("error", "0");
    assert!(said.lines().count() == 1 && said.contains("mat1 and mat2"), "{said}");
}

#[test]
fn a_backtrace_has_lines_of_our_files() {
    for how in ["panic", "error", "own mistake"] {
        let said = said(how, "1");
        assert!(said.starts_with("error: "), "{said}");
        assert!(said.contains("tests/backtrace.rs:"), "{said}");
        assert!(said.contains("src/lab/train/launch.rs:"), "{said}");
    }
    assert_eq!(said("interrupted", "1"), "error: interrupted by signal 2 (Ctrl-C)\n");
}

#[test]
fn without_memory_there_is_one_line_and_no_backtrace() {
    let line = said("no memory for libtorch", "1");
    assert!(line.starts_with("error: not enough memory: ") && line.lines().count() == 1, "{line}");
    let mut command = program("no memory for Rust", "1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.starts_with("error: not enough memory: 4611686018427387904 more bytes"), "{line}");
    assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
}

#[test]
fn what_a_limit_of_the_shell_leaves_is_what_there_is() {
    let program = program("a limit", "0");
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -v 4000000; exec "$0" "$@""#]).arg(program.get_program());
    command.args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let free = said.strip_prefix("error: not enough memory: a model needs 8.6 GB, and ").unwrap();
    let free: f64 = free.split(' ').next().unwrap().parse().unwrap();
    assert!(free > 0.0 && free < 4.1, "{said}");
}
