//! Noisy neurons learn to tell of images within a budget of spikes: docs/efficient_coding.md.

use std::process::ExitCode;

use neuron_lab::efficient_coding::{EfficientCoding, fields};
use neuron_lab::lab::{launch, launch_action};

fn main() -> ExitCode {
    if fields::asked() { launch_action(fields::command) } else { launch::<EfficientCoding>() }
}
