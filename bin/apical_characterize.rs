//! One phase 1 and one phase 2 of apical multipliers, looked at closely: docs/apical.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::apical::Characterize>()
}
