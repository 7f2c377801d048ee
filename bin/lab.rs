//! Runs one can find again, compare, sweep and show: docs/lab.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab_program::main()
}
