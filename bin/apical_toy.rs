//! One layer under the apical learning rule, beside its closed form: docs/apical.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::apical::Toy>()
}
