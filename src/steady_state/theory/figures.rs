//! Figures of theory: the published trade-off, and predictions under simulated points.

use anyhow::{Context, Result};
use tch::no_grad_guard;

use super::overlay::overlay;
use super::state::SteadyStateTheory;
use crate::lab::figure::{LineFigure, Series};
use crate::lab::log::run_log::Log;
use crate::steady_state::learning::theory::Published;

/// Expansions of the published figure.
const PUBLISHED: [f64; 5] = [3.0, 7.0, 11.0, 15.0, 19.0];

/// Draws the figures of a run's end.
///
/// # Errors
/// Fails if the sweep has no results, if the device's tensors can't be copied to the host, or if a
/// figure can't be drawn.
pub fn draw(run: &SteadyStateTheory, log: &mut Log, step: u64) -> Result<()> {
    let _guard = no_grad_guard();
    let published = published();
    log.draw("published", step, &published);
    let results = run.base.results.as_ref();
    let results = results.context("there was no evaluation before the figures")?;
    let panels = overlay(&run.base, results)?;
    log.draw("predicted", step, &panels);
    Ok(())
}

/// The published trade-off: a curve for every expansion through the steps γ = 0.01 ... 0.30 / √q.
fn published() -> LineFigure {
    let curves = Published::default();
    let series = PUBLISHED.map(|q| {
        let gammas = (1..=30).map(|i| 0.01 * f64::from(i) / q.sqrt());
        let points = gammas.map(|gamma| (curves.speed(q, gamma), curves.steady_loss(q, gamma)));
        let (x, y) = points.unzip();
        Series::new(&format!("q = {q}"), x, y)
    });
    LineFigure {
        title: "Published theory".into(),
        x_label: "learning speed (loss per update)".into(),
        y_label: "steady-state loss".into(),
        series: series.into(),
        ..LineFigure::default()
    }
}
