//! Reference trajectories r(t) that the plant is asked to follow.

pub mod kind;
pub mod ou;
pub mod reference;
pub mod sinusoids;
