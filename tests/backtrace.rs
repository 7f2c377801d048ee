//! What a mistake inside says: one line with the place in our code, and a backtrace for who asks.

#![allow(clippy::unwrap_used)]

use std::process::{Command, ExitCode};

use neuron_lab::lab::error::Failure;
use neuron_lab::lab::launch_action;
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
            "interrupted" => return Err(Failure::Interrupted { signal: 2 }.into()),
            _ => assert_eq!(how, "something else"),
        }
        Ok(())
    });
    assert_ne!(code, ExitCode::SUCCESS);
}

/// What the program says on standard error.
fn said(how: &str, backtrace: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fails", "--ignored", "--nocapture"]);
    command.env("HOW", how).env("RUST_BACKTRACE", backtrace).env_remove("RUST_LIB_BACKTRACE");
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
    assert_eq!(said("interrupted", "1"), "error: interrupted by signal 2\n");
}
