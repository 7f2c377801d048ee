//! Two-phase training of networks with apical multipliers: docs/apical.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::apical::ApicalTrain>()
}
