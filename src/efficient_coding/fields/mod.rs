//! Receptive fields of a trained model: what each filter is, and how filters tile space.

mod analysis;
mod field;
mod fit;
mod mosaic;
mod table;
mod types;

pub use analysis::{Analysis, CellType, analyse, columns};
pub use field::{Field, radial_profile};
pub use fit::{Fit, GATE, fit};
pub use mosaic::{Compared, Disc, Place, Regularity, alignment, coverage, regularity};
pub use types::groups;

#[cfg(test)]
pub(super) mod tests;
