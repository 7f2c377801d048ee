//! Writes one of everything that the lab logs to TensorBoard into a folder:
//! `cargo run --release --example write_events -- /tmp/events && tensorboard --logdir /tmp/events`

use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::RgbImage;
use neuron_lab::lab::log::tags::edges;
use neuron_lab::lab::log::tensorboard::{Chart, EventWriter, Histogram};
use serde_json::json;

const TAGS: &[(&str, &str)] = &[
    ("train/loss", "Cross-entropy of the batch, *nats*."),
    ("config", "Every setting of the run."),
    ("weights", "All weights of the first layer."),
    ("gradient", "Black to red, rows are neurons."),
];

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: write_events FOLDER")?;
    let run = Path::new(&folder).join("spiral");
    std::fs::create_dir_all(&run)?;
    let mut board = EventWriter::create(&run)?;
    board.explain(TAGS);
    let settings = json!({"lr": 0.01, "steps": 20, "nesterov": true, "optimizer": "momentum",
        "layers": [64, 64], "limit": null});
    let settings = settings.as_object().context("an object")?;
    board.session_start(0)?;
    board.hparams_start(settings, &["eval/accuracy", "train/loss"])?;
    board.text("config", 0, "| setting | value |\n|---|---|\n| lr | 0.01 |\n")?;
    board.custom_scalars(&[
        Chart::lines("Training", "loss", &["train/loss", "eval/loss (held-out)"]),
        Chart::lines("Training", "odd", &["odd/infinity", "odd/nan"]),
        Chart::lines("Spread", "accuracy", &["eval/accuracy"]).over(8),
    ])?;
    // Steps 12 to 19 were logged before an interruption; the run resumes from a checkpoint at 12.
    for step in 0..20 {
        scalars(&mut board, step, 0.0)?;
    }
    board.sync()?;
    drop(board);
    let mut board = EventWriter::create(&run)?;
    board.explain(TAGS);
    board.session_start(12)?;
    for step in 12..24 {
        scalars(&mut board, step, 100.0)?;
    }
    board.scalar("odd/nan", 0, f64::NAN)?;
    board.scalar("odd/infinity", 0, f64::INFINITY)?;
    for step in 0..3 {
        let values: Vec<f32> = (0..1000).map(|i| (i as f32 / 500.0 - 1.0) * step as f32).collect();
        board.histogram("weights", step, &Histogram::from_values(&values))?;
        board.image("gradient", step, &gradient(40, 20))?;
    }
    board.hparams_end(true)?;
    board.sync()?;
    Ok(())
}

fn scalars(board: &mut EventWriter, step: i64, offset: f64) -> Result<()> {
    let accuracy = 1.0 - (-(step as f64) / 5.0).exp() + offset;
    board.scalar("train/loss", step, 1.0 / (1.0 + step as f64) + offset)?;
    board.scalar("eval/loss (held-out)", step, 1.5 / (1.0 + step as f64) + offset)?;
    board.scalar("eval/accuracy", step, accuracy)?;
    let [lower, upper] = edges("eval/accuracy");
    board.scalar(&lower, step, accuracy - 0.05)?;
    board.scalar(&upper, step, accuracy + 0.05)?;
    Ok(())
}

/// An image that grows red to the right and green downwards.
fn gradient(width: u32, height: u32) -> RgbImage {
    let pixel =
        |row: u32, column: u32| [(column * 255 / width) as u8, (row * 255 / height) as u8, 0];
    let pixels = (0..height).flat_map(|row| (0..width).flat_map(move |column| pixel(row, column)));
    RgbImage { width, height, pixels: pixels.collect() }
}
