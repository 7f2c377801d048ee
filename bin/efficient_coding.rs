//! Noisy neurons learn to tell of images within a budget of spikes: docs/efficient_coding.md.

use std::process::ExitCode;

use neuron_lab::efficient_coding::EfficientCoding;
use neuron_lab::efficient_coding::retina::command;
use neuron_lab::lab::{launch, launch_action};

fn main() -> ExitCode {
    if command::asked() { launch_action(command::run) } else { launch::<EfficientCoding>() }
}
