//! Five tasks one after another, and what is left of the earlier ones: docs/selector_continual.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::selector::SelectorContinual>()
}
