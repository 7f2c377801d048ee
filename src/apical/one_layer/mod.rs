//! One layer with a fixed input under the rule of phase 2: many trials in a batch, their closed
//! form, and where the rule converges.

pub mod census;
pub mod layer;
pub mod phase_diagram;
