//! Figures of a sweep.

mod labels;
mod modes;
mod networks;
mod optimal;
mod time_courses;
mod trade_off;

use anyhow::{Context, Result};

pub(crate) use self::labels::{noise_title, seeds_and_repeats, subtitle};
pub(crate) use self::time_courses::{panel, pretraining_weights, thinned};
use super::state::SteadyState;
use super::table::table;
use crate::lab::log::run_log::Log;

/// Draws the figures of a run's end.
///
/// # Errors
/// Fails if the sweep has no results, if the device's tensors can't be copied to the host, or if a
/// figure can't be drawn.
pub fn draw(run: &SteadyState, log: &mut Log, step: u64) -> Result<()> {
    let results = run.results.as_ref().context("there was no evaluation before the figures")?;
    let sweep = &run.sweep;
    let tradeoff = trade_off::trade_off(&sweep.axes, results);
    log.draw_with("tradeoff", step, &tradeoff, &table(&sweep.axes, results));
    for (name, panels) in [
        ("gamma", trade_off::against_gamma(&sweep.axes, results)),
        ("networks", networks::networks(&sweep.axes, results)),
        ("modes", modes::modes(run, results)),
        ("optimal", optimal::optimal(&sweep.axes, results)),
        ("pretraining", time_courses::pretraining(run)?),
        ("steady_runs", time_courses::steady_runs(sweep)?),
        ("trajectory", time_courses::trajectory(run)?),
    ] {
        log.draw(name, step, &panels);
    }
    Ok(())
}
