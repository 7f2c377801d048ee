//! Figures of a selector network.

use anyhow::Result;

use super::train::SelectorMnist;
use crate::lab::log::Log;

/// Draws the figures of a run's end.
pub fn draw(_run: &mut SelectorMnist, _log: &mut Log, _step: u64) -> Result<()> {
    Ok(())
}
