//! The state of `steady_state_theory`.

use anyhow::Result;

use crate::lab::store::{Persist, StateReader, StateWriter};
use crate::steady_state::trade_off::SteadyState;

/// A sweep from the exact minimum, which theory is compared with.
pub struct SteadyStateTheory {
    /// The simulated sweep.
    pub base: SteadyState,
}

impl Persist for SteadyStateTheory {
    fn save(&self, writer: &mut StateWriter) -> Result<()> {
        self.base.save(writer)
    }

    fn load(&mut self, reader: &mut StateReader) -> Result<()> {
        self.base.load(reader)
    }
}
