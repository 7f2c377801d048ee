//! One neuron, averaged too early: docs/one_neuron.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::one_neuron::OneNeuron>()
}
