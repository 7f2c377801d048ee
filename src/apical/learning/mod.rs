//! How networks with apical multipliers learn: the multipliers by the gradient of the loss in
//! phase 1, the weights by a local rule in phase 2.

pub mod cycle;
pub mod live_runs;
pub mod measure;
pub mod multipliers;
mod phase1;
mod phase2;
pub mod rule;
pub mod split;
pub mod trainer;
