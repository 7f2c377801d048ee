//! Continual learning of selector networks. docs/selector_continual.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::selector::SelectorContinual>()
}
