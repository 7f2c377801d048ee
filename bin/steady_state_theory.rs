//! Predicted and simulated speed and noise floor of online LMS: docs/steady_state.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::steady_state::SteadyStateTheory>()
}
