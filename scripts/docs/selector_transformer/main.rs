//! The tables and the figures of docs/selector_transformer.md, from the runs that
//! `scripts/docs_selector_transformer` makes. Prints the tables as Markdown; rows whose runs were not
//! made are left out.

#![allow(clippy::print_stdout)]

mod figures;
mod run;
mod tables;

use std::path::Path;

use anyhow::Result;
use neuron_lab::lab::figure::{Drawing, Figure, Format, Panels, files};

const FIGURES: &str = "docs/figures";

/// The runs over one epoch of 1.8 million words at d = 64: name, label, number of its colour.
const EPOCH: [(&str, &str, usize); 5] = [
    ("epoch-k1", "K = 1", 0),
    ("epoch-k2", "K = 2, `full-ste`", 1),
    ("epoch-k2-hidden", "K = 2, `hidden`", 5),
    ("epoch-k5", "K = 5, `full-ste`", 2),
    ("epoch-k5-hidden", "K = 5, `hidden`", 3),
];
/// 2000 steps at K = 5, d = 64, with what leads the selections: name, label, number of its colour.
const GUIDED: [(&str, &str, usize); 4] = [
    ("guided-none", "neither", 2),
    ("guided-gumbel", "Gumbel noise", 0),
    ("guided-loss", "balance loss", 1),
    ("guided-bias", "balance bias", 3),
];
/// 300 steps at K = 5 with d = 256 and with d = 64.
const WIDE: &str = "wide-start";
const NARROW: &str = "narrow-k5";
/// The linear layers of the two layers, in the order of the notebook's table.
const LINEARS: [&str; 13] = [
    "layers.0.self_attn.q_linear",
    "layers.0.self_attn.k_linear",
    "layers.0.self_attn.v_linear",
    "layers.0.self_attn.out_proj",
    "layers.0.linear1",
    "layers.0.linear2",
    "layers.1.self_attn.q_linear",
    "layers.1.self_attn.k_linear",
    "layers.1.self_attn.v_linear",
    "layers.1.self_attn.out_proj",
    "layers.1.linear1",
    "layers.1.linear2",
    "linear_out",
];
/// The notebook's average entropies at K = 5 and two layers, and the means of its gradient norms.
const ENTROPIES: [f64; 13] = [
    0.1973, 0.1855, 0.1774, 0.1594, 1.4446, 1.2696, 1.3825, 1.2469, 1.2617, 1.4093, 1.4803, 1.5308,
    0.2563,
];
const GRADIENTS: [f64; 13] =
    [247.67, 83.95, 9.40, 5.07, 14.87, 4.01, 0.21, 0.24, 3.85, 3.54, 5.36, 6.50, 76.63];

/// Writes a figure into the docs. Curves whose runs are not there stay as the figure has them there,
/// so that a part of the runs can be made anew.
fn save(name: &str, mut figure: Panels) -> Result<()> {
    if figure.panels.iter().all(|panel| panel.series.is_empty()) {
        return Ok(());
    }
    let name = format!("selector_transformer_{name}");
    let path = Path::new(FIGURES).join(format!("{name}.json"));
    if path.is_file()
        && let Figure::Panels(earlier) = files::read(&path)?
    {
        for (panel, earlier) in figure.panels.iter_mut().zip(earlier.panels) {
            for (place, series) in earlier.series.into_iter().enumerate() {
                if panel.series.iter().all(|known| known.label != series.label) {
                    panel.series.insert(place.min(panel.series.len()), series);
                }
            }
        }
    }
    files::write(Path::new(FIGURES), &name, &figure, &figure.to_csv(), &[Format::Png])
}

fn main() -> Result<()> {
    tables::epoch()?;
    tables::wide()?;
    tables::beginnings()?;
    tables::guided()?;
    tables::monitoring()?;
    save("choices", figures::choices()?)?;
    save("guided", figures::guided()?)?;
    save("monitoring", figures::monitoring()?)?;
    for (run, copy) in [("l16-k5-s0", "depth"), ("unscaled-s0", "unscaled")] {
        let from = run::folder(run).join("figures/monitoring.json");
        if from.is_file() {
            let (figure, name) = (files::read(&from)?, format!("selector_transformer_{copy}"));
            files::write(Path::new(FIGURES), &name, &figure, &figure.numbers(), &[Format::Png])?;
        }
    }
    Ok(())
}
