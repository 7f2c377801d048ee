//! Two losses in the plane, and why a coupled constraint defeats them: docs/two_loss_toy.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::efficient_coding::toy::TwoLossToy>()
}
