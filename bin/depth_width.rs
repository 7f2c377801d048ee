//! Early descent on ten examples against depth and width: docs/depth_width.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron_lab::lab::launch::<neuron_lab::depth_width::DepthWidth>()
}
