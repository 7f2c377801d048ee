//! A hill in the plane with a constraint, and three ways to climb it: the equations of
//! `docs/two_loss_toy.md`.

pub mod hill;
pub mod problem;
