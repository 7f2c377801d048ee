//! Figures of a grid of neurons.

use anyhow::Result;

use super::train::OneNeuron;
use crate::lab::log::Log;

pub fn draw(_run: &OneNeuron, _log: &mut Log, _step: u64) -> Result<()> {
    Ok(())
}
