//! The figures and the tables of docs/apical.md that are of several runs, from the runs that
//! `scripts/docs_apical` makes. Prints the tables as Markdown.

#![allow(clippy::print_stdout)]

mod bounds;
mod explosions;
mod learning;
mod run;

use std::path::Path;

use anyhow::Result;
use neuron_lab::lab::figure::{Drawing, Format, files};

/// Mean squared error of the best predictor that ignores its input, ten classes alike.
const CONSTANT: f64 = 0.09;

/// Writes a figure and its numbers into the docs.
fn save(name: &str, figure: &impl Drawing, numbers: &str) -> Result<()> {
    files::write(Path::new("docs/figures"), name, figure, numbers, &[Format::Png])
}

fn main() {
    for (part, outcome) in [
        ("bounds", bounds::show()),
        ("explosions", explosions::show()),
        ("learning", learning::show()),
    ] {
        if let Err(error) = outcome {
            println!("{part}: left out, {error:#}");
        }
    }
}
