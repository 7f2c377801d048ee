//! A transformer of selection and computation neurons learns a text: docs/selector_transformer.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::selector::SelectorTransformer>()
}
