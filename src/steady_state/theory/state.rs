//! The state of `steady_state_theory`.

use crate::steady_state::trade_off::SteadyState;

/// A sweep from the exact minimum, which theory is compared with.
pub struct SteadyStateTheory {
    /// The simulated sweep.
    pub base: SteadyState,
}
