//! Draws one figure of every kind into a folder, in every format, and as wide as a column of a journal
//! into the folder `86mm` in it:
//! `cargo run --release --example draw_figures -- /tmp/figures`

use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{
    ColourScale, Drawing, Format, LineFigure, MatrixFigure, Panels, Reference, Series, Sheet, Tile,
    TilesFigure, files,
};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: draw_figures FOLDER")?;
    let folder = Path::new(&folder);
    let narrow = folder.join("86mm");
    std::fs::create_dir_all(&narrow)?;
    let figures: [(&str, &dyn Drawing); 6] = [
        ("accuracy", &accuracy()),
        ("power_law", &power_law()),
        ("noise", &noise()),
        ("panels", &panels()),
        ("matrix", &matrix()),
        ("tiles", &tiles()),
    ];
    let column = Sheet::paper("86mm".parse()?, None);
    for (name, figure) in figures {
        files::write(folder, name, figure, &figure.numbers(), &Format::ALL)?;
        for format in Format::ALL {
            let bytes = figure.picture(&column)?.encode(format)?;
            files::write_picture(&narrow, name, format, &bytes)?;
        }
    }
    Ok(())
}

/// Curves with bands and reference lines.
fn accuracy() -> LineFigure {
    let epochs: Vec<f64> = (1..=20).map(|e| f64::from(e) * 469.0).collect();
    let curve = |rate: f64, top: f64| -> Vec<f64> {
        epochs.iter().map(|e| top - 0.12 * (-e * rate).exp()).collect()
    };
    let series = |label: &str, rate: f64, top: f64| {
        let y = curve(rate, top);
        let low = y.iter().zip(&epochs).map(|(y, e)| y - 3.0 / e).collect();
        let high = y.iter().zip(&epochs).map(|(y, e)| y + 3.0 / e).collect();
        Series::new(label, epochs.clone(), y).with_band(low, high)
    };
    LineFigure {
        title: "Test accuracy of selected computation neurons".into(),
        subtitle: "mean and standard deviation of 5 seeds, 10 000 test images".into(),
        x_label: "step".into(),
        y_label: "accuracy".into(),
        series: vec![
            series("K = 1", 6e-4, 0.925),
            Series { marker: true, ..series("K = 2, consistent sign", 4e-4, 0.95) },
            Series { marker: true, dashed: true, ..series("K = 2, as printed", 3e-4, 0.935) },
        ],
        references: vec![Reference { label: "notebook: 93.1 %".into(), value: 0.931 }],
        ..LineFigure::default()
    }
}

/// Logarithmic axes.
fn power_law() -> LineFigure {
    let rates: Vec<f64> = (0..=40).map(|i| 10f64.powf(f64::from(i) / 10.0 - 5.0)).collect();
    let series = |power: f64| {
        let y = rates.iter().map(|r| 3.0 * r.powf(power)).collect();
        Series::new(&format!("α = {power}"), rates.clone(), y)
    };
    LineFigure {
        title: "Steady-state loss against learning rate".into(),
        x_label: "learning rate η".into(),
        y_label: "excess loss ⟨L⟩ − L₀".into(),
        x_log: true,
        y_log: true,
        series: [0.5, 1.0, 1.5, 2.0].map(series).into(),
        references: vec![Reference { label: "noise floor".into(), value: 1e-6 }],
        ..LineFigure::default()
    }
}

/// Many points, gaps, and data everywhere, so that the legend goes outside.
fn noise() -> LineFigure {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let x: Vec<f64> = (0..100_000).map(f64::from).collect();
    let flat = x.iter().map(|_| 4e-5 * random()).collect();
    let drift: Vec<f64> =
        x.iter().map(|x| if (4e4..5e4).contains(x) { f64::NAN } else { 1e-5 * random() }).collect();
    LineFigure {
        title: "Gradient noise".into(),
        x_label: "step".into(),
        y_label: "∂L/∂w".into(),
        series: vec![Series::new("all", x.clone(), flat), Series::new("with a gap", x, drift)],
        ..LineFigure::default()
    }
}

/// Small multiples with one legend.
fn panels() -> Panels {
    let panel =
        |title: &str| LineFigure { title: title.into(), subtitle: String::new(), ..accuracy() };
    Panels {
        title: "Four views of one thing".into(),
        subtitle: "mean and standard deviation of 5 seeds".into(),
        columns: 2,
        panels: ["layer 1", "layer 2", "layer 3", "layer 4"].map(panel).into(),
    }
}

/// A signed matrix with a colour bar.
fn matrix() -> MatrixFigure {
    let value = |i: usize, j: usize| {
        (-((i as f64 - j as f64) / 6.0).powi(2)).exp() * (0.4 * (i as f64 - j as f64)).cos()
    };
    let values: Vec<Vec<f64>> = (0..24).map(|i| (0..40).map(|j| value(i, j)).collect()).collect();
    MatrixFigure {
        title: "A covariance".into(),
        subtitle: "one batch of 128".into(),
        row_axis: "output neuron".into(),
        column_axis: "input".into(),
        row_labels: Vec::new(),
        column_labels: Vec::new(),
        scale: ColourScale::symmetric(values.iter().flatten(), "covariance"),
        values,
    }
}

/// Weights as images.
fn tiles() -> TilesFigure {
    let value = |n: usize, i: usize| {
        let (x, y) = ((i % 28) as f64 - 14.0, (i / 28) as f64 - 14.0);
        (-(x * x + y * y) / 60.0).exp() * (x * (n as f64).cos() + y * (n as f64).sin()).sin()
    };
    let tile = |n: usize| Tile {
        label: format!("neuron {}", n + 1),
        values: (0..784).map(|i| value(n, i)).collect(),
    };
    let tiles: Vec<Tile> = (0..16).map(tile).collect();
    TilesFigure {
        title: "Weights of the first layer".into(),
        subtitle: "16 of 64 neurons".into(),
        size: (28, 28),
        columns: 8,
        scale: ColourScale::symmetric(tiles.iter().flat_map(|tile| &tile.values), "weight"),
        tiles,
    }
}
