//! The tables and the figures of docs/selector_continual.md, from the runs that
//! `scripts/docs_selector_continual` makes. Prints the tables as Markdown; runs that are not there
//! are left out.

#![allow(clippy::print_stdout)]

mod figures;
mod grid;
mod rates;
mod run;
mod shares;
mod tables;

use std::path::Path;

use anyhow::Result;
use neuron_lab::lab::figure::{Format, files};

fn main() -> Result<()> {
    tables::print_permuted()?;
    tables::print_split()?;
    tables::print_rows()?;
    grid::print_cells()?;
    grid::print_differences()?;
    grid::print_best()?;
    grid::print_rows()?;
    rates::print()?;
    shares::print();
    for (name, figure) in [
        ("permuted", figures::permuted()?),
        ("strengths", figures::strengths()?),
        ("trades", figures::trades()?),
        ("rows", figures::rows()?),
        ("rates", figures::rates()?),
    ] {
        if figure.panels.iter().any(|panel| !panel.series.is_empty()) {
            let file = format!("selector_continual_{name}");
            let drawn =
                if name == "permuted" { figure.clone() } else { figures::with_bars(&figure) };
            let folder = Path::new("docs/figures");
            files::write(folder, &file, &drawn, &figure.to_csv(), &[Format::Png])?;
        }
    }
    Ok(())
}
