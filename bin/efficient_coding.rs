//! Noisy neurons learn to tell of images within a budget of spikes: docs/efficient_coding.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::efficient_coding::EfficientCoding>()
}
