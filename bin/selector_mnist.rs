//! A network of selection and computation neurons learns MNIST: docs/selector_mnist.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::selector::SelectorMnist>()
}
