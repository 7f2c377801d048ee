//! The state of `steady_state_init`: a sweep over many seeds, and what was measured of them.

use anyhow::Result;

use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::steady_state::measure::initialisation::Initialisation;
use crate::steady_state::trade_off::SteadyState;

/// Pre-training of many seeds, which are told apart by the direction in which the plant sets off.
pub struct SteadyStateInit {
    /// The sweep over the seeds.
    pub base: SteadyState,
    /// What the last evaluation has measured of every seed.
    pub initialisations: Vec<Initialisation>,
}

impl Persist for SteadyStateInit {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.base.save(writer)
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.base.load(reader)
    }
}
