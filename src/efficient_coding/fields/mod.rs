//! Receptive fields of a trained model: what each filter is, and how filters tile space.

mod analysis;
mod clusters;
mod field;
mod fit;
mod mosaic;
mod table;

pub use analysis::{Analysis, CellType, analyse, columns};
pub use clusters::cluster_profiles;
pub use field::{ReceptiveField, radial_profile};
pub use fit::{DogFit, MIN_R2, fit};
pub use mosaic::{Centre, ChanceComparison, Disc, Regularity, alignment, coverage, regularity};
pub use table::{lines_of_all, spreads};

#[cfg(test)]
pub(super) mod tests;
