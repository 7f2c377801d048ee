//! The toy layer of `docs/apical.md`: one layer, a fixed input, the rule and its closed form.

pub mod census;
pub mod experiment;
pub mod figures;
pub mod layer;

pub use experiment::Toy;
