//! Draws one figure of every kind into a folder, in every format, and as wide as a column of a journal
//! into the folder `86mm` in it:
//! `cargo run --release --example draw_figures -- /tmp/figures`

use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{
    Cells, ColourScale, Drawing, Format, Limit, LineFigure, MatrixFigure, Panels, Reference,
    Series, Sheet, Spacing, Stroke, Tile, TilesFigure, files,
};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: draw_figures FOLDER")?;
    let folder = Path::new(&folder);
    let narrow = folder.join("86mm");
    std::fs::create_dir_all(&narrow)?;
    let figures: [(&str, &dyn Drawing); 10] = [
        ("accuracy", &accuracy()),
        ("power_law", &power_law()),
        ("noise", &noise()),
        ("bars", &bars()),
        ("circle", &circle()),
        ("panels", &panels()),
        ("matrix", &matrix()),
        ("grid", &grid()),
        ("map", &map()),
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

/// A histogram, error bars, limits, and an outlier beyond the axis.
fn bars() -> Panels {
    let bins: Vec<f64> = (0..40).map(|i| f64::from(i) / 10.0 - 1.95).collect();
    let counts = |shift: f64| -> Vec<f64> {
        bins.iter().map(|x| (1e5 * (-8.0 * (x - shift) * (x - shift)).exp()).floor()).collect()
    };
    let step = |label: &str, shift: f64| Series {
        stroke: Stroke::Steps,
        ..Series::new(label, bins.clone(), counts(shift))
    };
    let histogram = LineFigure {
        y_log: true,
        ..LineFigure::new(
            "A histogram",
            "value",
            "values in a bin",
            vec![step("first layer", -0.3), step("second layer", 0.4)],
        )
    };
    let x = vec![1.0, 2.0, 4.0, 8.0, 16.0];
    let points = |scale: f64| -> Vec<f64> { x.iter().map(|x| scale / x).collect() };
    let series = Series::new("one neuron", x.clone(), points(1.0));
    let bars = Series { marker: true, ..series.with_bars(points(0.8), points(1.3)) };
    let spread = LineFigure {
        x_log: true,
        references: vec![Reference { label: "chance".into(), value: 0.5 }],
        ..LineFigure::new("Error bars", "batch size", "squared error", vec![bars])
    };
    let limits = vec![Limit::Lower, Limit::Exact, Limit::Exact, Limit::Upper, Limit::Upper];
    let edge = Series::new("boundary", x.clone(), vec![4096.0, 1024.0, 64.0, 16.0, 16.0]);
    let limited = LineFigure {
        y_log: true,
        ..LineFigure::new(
            "Limits",
            "rate",
            "width",
            vec![Series { marker: true, colour: Some(1), limits, ..edge }],
        )
    };
    let decay: Vec<f64> = (0..100).map(|i| (-f64::from(i) / 20.0).exp()).collect();
    let jump = decay.iter().enumerate().map(|(i, v)| if i == 70 { -8.5 } else { *v }).collect();
    let outlier =
        Series { colour: Some(2), ..Series::new("loss", (0..100).map(f64::from).collect(), jump) };
    let outlier = LineFigure::new("An outlier", "step", "drop", vec![outlier]).without_outliers();
    Panels {
        title: "Bars, steps, limits and what is beyond an axis".into(),
        subtitle: "one of each".into(),
        columns: 2,
        panels: vec![histogram, spread, limited, outlier],
    }
}

/// Equal units on both axes, and a subtitle that needs two lines.
fn circle() -> LineFigure {
    let angles = (0..=60).map(|i| f64::from(i) * std::f64::consts::TAU / 60.0);
    let (x, y) = angles.map(|a| (5.0 * a.cos(), 5.0 * a.sin())).unzip();
    LineFigure {
        subtitle: "Regularity (by chance): ON 2.03 (1.85), OFF 3.22 (1.87). ON to nearest OFF \
                   (turned at random): 0.55 (0.82 ± 0.15) px"
            .into(),
        equal_units: true,
        ..LineFigure::new("A circle", "pixels", "pixels", vec![Series::new("field", x, y)])
    }
}

/// Few cells on logarithmic axes, with their numbers, and colours from linear to logarithmic.
fn grid() -> MatrixFigure {
    let (rates, widths) = ([0.001, 0.002, 0.005, 0.01, 0.02], [16.0, 64.0, 256.0, 1024.0]);
    let value = |rate: f64, width: f64| (rate * width).powi(2) / 10.0 - 0.1;
    let values: Vec<Vec<f64>> = rates
        .iter()
        .map(|rate| widths.iter().map(|width| value(*rate, *width)).collect())
        .collect();
    MatrixFigure {
        title: "A grid".into(),
        subtitle: "red explodes".into(),
        row_axis: "learning rate".into(),
        column_axis: "neurons a layer".into(),
        rows: Cells::Log(rates.into()),
        columns: Cells::Log(widths.into()),
        scale: ColourScale::symmetric(values.iter().flatten(), "decades")
            .with_spacing(Spacing::SymmetricLog(0.1)),
        values,
    }
}

/// Many cells on linear axes, with colours that don't reach to the largest values.
fn map() -> MatrixFigure {
    let rows: Vec<f64> = (0..40).map(|i| 4.0 - 0.1 * f64::from(i)).collect();
    let columns: Vec<f64> = (0..60).map(|i| -0.975 + 0.05 * f64::from(i)).collect();
    let value = |step: f64, a: f64| (1.0 + step * (a - 1.0)).abs().ln();
    let row = |step: &f64| columns.iter().map(|a| value(*step, *a)).collect();
    MatrixFigure {
        title: "A map".into(),
        subtitle: "blue decays".into(),
        row_axis: "η|x|²".into(),
        column_axis: "multiplier a".into(),
        values: rows.iter().map(row).collect(),
        scale: ColourScale::symmetric(&[1.0], "ln |ΔW| per step"),
        rows: Cells::Linear(rows),
        columns: Cells::Linear(columns),
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
        rows: Cells::Numbered,
        columns: Cells::Numbered,
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
